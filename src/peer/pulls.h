/* Pulls: the settings of the sources that are pulled, DIR/pulls.conf.
 *
 * A part for each, beginning with its name; the lines in it are those of the rows in pulls.c, "header" as often as there are some:
 *
 *   [vendor]
 *   url = https://feeds.vendor.example/list.csv
 *   every = 600
 *   header = Authorization: Bearer ...
 *
 * URLs and headers may be secrets, so the file has mode 0600 and the ledger has only the name of the host (view/source.h, "pulled_from").
 */
#ifndef PEER_PULLS_H
#define PEER_PULLS_H

#include "base/buf.h"
#include "base/err.h"
#include "ledger/entry.h"
#include "view/source.h"

enum {
	PULL_URL_MAX = 2000, PULL_HEADERS = 4, PULL_HEADER_MAX = 4000, PULL_HOST_MAX = 255,
	PULL_TIMEOUT_S = 600, PULL_TIMEOUT_MAX_S = 86400,
};
#define PULL_OCTETS_DEFAULT (512ULL << 20)
#define PULL_OCTETS_MAX (64ULL << 30)

enum pull_kind { PULL_PLAIN, PULL_TAXII, PULL_MISP };

struct pull {
	char source[SOURCE_NAME_MAX + 1];
	char url[PULL_URL_MAX + 1];            /**< as it was given: https, http, taxii+https ..., misp+https ... */
	char lane[LANE_NAME_MAX + 1];          /**< "": public */
	char format[32], column[128];          /**< "": found out */
	char collection[128];                  /**< TAXII: id, alias or title; "": all that can be read */
	char proxy[512];                       /**< "": those of the environment; "none" */
	char ca_file[512];                     /**< PEM; "": those whom the system trusts */
	char header[PULL_HEADERS][PULL_HEADER_MAX + 1]; /**< "": none */
	uint64_t every_s, timeout_s, max_octets; /**< the last two: 0: as by default */
	bool insecure;                         /**< http also to other machines */
	bool allow_empty;                      /**< as import_options.allow_empty */
};

/** Zero-initialised is empty. */
struct pulls {
	unsigned n, cap;
	struct pull *v;
};
void pulls_release(struct pulls *p);
/** NULL: it is not pulled. */
struct pull *pulls_find(const struct pulls *p, struct span source);
/** In the place of the one of that source, or as one more. */
void pulls_put(struct pulls *p, const struct pull *pull);
/** @return false: there was none. */
bool pulls_remove(struct pulls *p, struct span source);

/** `name` is for messages.  @return ERR_USAGE with the line. */
enum err pulls_parse(struct span text, const char *name, struct pulls *p, struct fault *f) MUST_USE;
void pulls_format(const struct pulls *p, struct buf *out);
/** DIR/pulls.conf; none is empty. */
enum err pulls_read(const char *dir, struct pulls *p, struct fault *f) MUST_USE;
/** Change one and make that durable.  @param pull  NULL: remove it.  One thread at a time writes the file. */
enum err pulls_change(const char *dir, struct span source, const struct pull *pull, struct fault *f) MUST_USE;

/** Are the settings right?  @return ERR_USAGE. */
enum err pull_check(const struct pull *p, struct fault *f) MUST_USE;
enum pull_kind pull_kind(const struct pull *p);
const char *pull_kind_name(enum pull_kind kind);
/** The URL without what says how to read it ("misp+"). */
const char *pull_address(const struct pull *p);
/** May it be asked (https; http to this machine, or where `insecure`), and has it neither user name nor password in it?  ERR_USAGE. */
enum err pull_url_check(const char *url, bool insecure, struct fault *f) MUST_USE;
/** "feeds.vendor.example", without the port. */
void pull_host(const char *url, char ret_host[PULL_HOST_MAX + 1]);
/** Is it the same server: scheme, host and port? */
bool pull_same_server(const char *a, const char *b);
/** For people: without user name, password, query and fragment. */
void pull_url_shown(const char *url, struct buf *out);

#endif
