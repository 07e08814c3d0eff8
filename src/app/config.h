/* Configuration: DIR/sipar.conf, "name = value" lines.  The rows of one table are the parser, the defaults, the commented file that
 * init writes and the text of the manual. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "gate/feed.h"
#include "gate/guard.h"
#include "ledger/note.h"
#include "view/blackhole.h"

enum { CONFIG_KEYS_MAX = 64 };
/** Each line of such a setting adds to it. */
struct config_keys {
	unsigned n;
	struct verifier v[CONFIG_KEYS_MAX];
};

struct config {
	char http[128], dns[128], rpz[128], rpz_tls[128]; /**< "ADDR:PORT", or "off" */
	char tls_cert[512], tls_key[512], tls_client_ca[512]; /**< files; "none" */
	char zone[256];
	char name_server[256];     /**< name for NS at the zone's apex, or "none" */
	char audience[32];         /**< widest TLP that anonymous askers see claims of: "clear", "green" ... */
	uint64_t http_threads, dns_workers; /**< 0: one per core */
	uint64_t http_connections;
	uint64_t min_score;        /**< for the DNS face to list, 1..100 */
	uint64_t ttl, negative_ttl; /**< seconds, DNS */
	char txt_url[256];         /**< in TXT, with the value behind it; "none" */
	bool error_codes, dns_keys; /**< face/dns.h: error_codes, keyed */
	uint64_t rate;             /**< UDP answers a second for a network; 0: no limit */
	char public_resolvers[2048], cookie_secret[128]; /**< "none" */
	uint64_t approvals, parties, spike; /**< as struct docket_policy */
	struct own_prefixes bgp_prefixes;
	char bgp_next_hop[64];
	struct policies policies;  /**< likewise */
	uint64_t body_max_mib;     /**< of an HTTP request */
	struct config_keys witnesses; /**< whose cosignatures are taken, NOTE_COSIGNATURE */
	struct guard_settings guard;  /**< what is protected */
	struct feeds feeds;           /**< named selections for snapshots */
	struct config_keys logs;      /**< that are cosigned when they ask for it, NOTE_ED25519 */
};

void config_defaults(struct config *c);
/** Read `dir`/sipar.conf over what is in `c`; a missing file is no error.
 *  @return OK; ERR_USAGE with file and line: unknown name, bad value; ERR_IO. */
enum err config_read(const char *dir, struct config *c, struct fault *f) MUST_USE;
/** The commented file of defaults. */
void config_template(struct buf *out);
/** Number of the audience (enum tlp).  @return ERR_USAGE. */
enum err config_audience(const struct config *c, uint8_t *ret_tlp, struct fault *f) MUST_USE;

#endif
