/* DNS face: the reputation as a DNS list (RFC 5782), over UDP and TCP.
 *
 * dns_reply() is one pure function from query octets to answer octets; the sockets are in dns_server.c.  Names under the zone:
 *   7.100.51.198.ZONE          reversed IPv4 octets           TEST.ZONE     listed always (RFC 5782 §5)
 *   <32 nibbles>.ZONE          reversed IPv6                  INVALID.ZONE  never
 *   evil.example.ZONE          a domain                       2.0.0.127.ZONE listed, 1.0.0.127.ZONE never, and ::FFFF:7F00:2 / :1
 * Listed: A 127.0.0.x (x by category, codec/category.h) and TXT with score, categories and sources.  Not listed: NXDOMAIN for whole
 * addresses; NODATA for parts of addresses and for domains, below which something may be listed (RFC 8020, RFC 9156).
 * docs/dns.md has it all for users.
 */
#ifndef FACE_DNS_H
#define FACE_DNS_H

#include "base/err.h"
#include "ledger/ledger.h"
#include "table/table.h"

struct dns_options {
	const char *address;     /**< "127.0.0.1:5300", "[::1]:5300"; port 0: any */
	const char *zone;        /**< "bl.sipar.test" */
	const char *name_server; /**< NS of the zone as its parent delegates it; NULL: NODATA for NS, so that resolvers
				      keep to what the parent says */
	unsigned workers;        /**< UDP sockets with SO_REUSEPORT, one worker thread each */
	clearance clear;         /**< what anonymous askers may see */
	uint8_t min_score;       /**< at least this to be listed, 1..100 */
	uint32_t ttl_s, negative_ttl_s;
};

/** queries = listed + unlisted (apex and parts of addresses too) + errors + refused + dropped (no answer). */
struct dns_counters {
	uint64_t queries, listed, unlisted, errors, refused, truncated, tcp_queries, dropped;
};

enum { DNS_REPLY_MAX = 4096, DNS_QUERY_MAX = 4096 };

struct dns_zone;
/** Parsed options; immutable.
 *  @return ERR_SYNTAX: zone or name server is not a domain name; ERR_RANGE: the zone's name is so long that a reversed IPv6
 *          address does not fit in front of it. */
enum err dns_zone_new(const struct dns_options *o, struct dns_zone **ret_zone, struct fault *f) MUST_USE;
void dns_zone_free(struct dns_zone *z);
/** See dns_server_set_clear(). */
void dns_zone_set_clear(struct dns_zone *z, clearance clear);

/** The answer to one query.  Pure but for the table view.
 *  @param limit  octets that the transport takes, 512 or more: DNS_UDP_MAX (the answer is as short as the query's EDNS
 *                wants it, 512 without), or 65535 over TCP
 *  @param out    room for min(limit, DNS_REPLY_MAX) octets
 *  @return octets written; 0: no answer at all (shorter than a header, a response, ...). */
size_t dns_reply(const struct dns_zone *z, const struct table_view *v, uint32_t now_s, struct span query, size_t limit,
		 uint8_t *out, struct dns_counters *count);

struct dns_server;
/** Bind the UDP sockets and the TCP listener.  @return ERR_IO with the reason. */
enum err dns_server_open(const struct dns_options *o, struct table *t, struct dns_server **ret_server, struct fault *f) MUST_USE;
/** Port that was bound. */
uint16_t dns_server_port(const struct dns_server *s);
/** Loop of one worker thread: 0 .. workers-1 are UDP, `workers` is TCP.  Returns after dns_server_stop(). */
void dns_server_run(struct dns_server *s, unsigned worker);
/** Any thread or signal handler. */
void dns_server_stop(struct dns_server *s);
/** What anonymous askers may see from now on.  Any thread. */
void dns_server_set_clear(struct dns_server *s, clearance clear);
void dns_server_close(struct dns_server *s);
/** Sum over the workers. */
void dns_server_count(const struct dns_server *s, struct dns_counters *ret_counters);

#endif
