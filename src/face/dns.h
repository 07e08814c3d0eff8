/* DNS face: the reputation and what is decided as a DNS list (RFC 5782), over UDP and TCP.
 *
 * dns_reply() is one function from query octets to answer octets; the sockets are in dns_server.c.  Names under the zone:
 *   7.100.51.198.ZONE          reversed IPv4 octets           TEST.ZONE     listed always (RFC 5782 §5)
 *   <32 nibbles>.ZONE          reversed IPv6                  INVALID.ZONE  never
 *   evil.example.ZONE          a domain                       2.0.0.127.ZONE listed, 1.0.0.127.ZONE never, and ::FFFF:7F00:2 / :1
 *   <hash>.ZONE                hexadecimal or base32          EICAR's test file listed, the empty file never
 *   KEY.ZONE in the place of ZONE, when zones are keyed
 * Listed: A 127.0.0.x (x by category, codec/category.h) and TXT with decision, score, categories and sources.  Not listed: NXDOMAIN for whole
 * addresses; NODATA for parts of addresses and for names, below which something may be listed (RFC 8020, RFC 9156).
 * docs/dns.md has it all for users.
 */
#ifndef FACE_DNS_H
#define FACE_DNS_H

#include <stdatomic.h>

#include "base/err.h"
#include "ledger/ledger.h"
#include "table/table.h"

/** What is decided (gate/docket.h), asked beside the claims. */
struct dns_decisions {
	struct table *table;
	uint32_t (*tick)(void *ctx); /**< see docket_tick() */
	/** Which decision was put in force by ledger entry `entry`: its index in the lane, and the end of its lease (0: none).  Does not wait.
	 *  @return false: not known, or not at this moment. */
	bool (*decision)(void *ctx, uint32_t entry, uint64_t *ret_index, uint32_t *ret_until_s);
	/** Must that not be blocked?  Asked of what is in force once more, so that no forged decision is listed; NULL: nobody is asked. */
	bool (*guarded)(void *ctx, const struct observable *o);
	void *ctx;
};

struct dns_options {
	const char *address;     /**< "127.0.0.1:5300", "[::1]:5300"; port 0: any */
	const char *zone;        /**< "bl.sipar.test" */
	const char *name_server; /**< NS of the zone as its parent delegates it; NULL: NODATA for NS, so that resolvers
				      keep to what the parent says */
	unsigned workers;        /**< UDP sockets with SO_REUSEPORT, one worker thread each */
	clearance clear;         /**< what anonymous askers may see */
	uint8_t min_score;       /**< at least this to be listed, 1..100 */
	uint32_t ttl_s, negative_ttl_s;
	const char *txt_url;     /**< stands in TXT with the value behind it; NULL or "none" */
	bool error_codes;        /**< who may not ask is told by 127.255.255.x, else by REFUSED */
	bool keyed;              /**< only for consumers, see dns_server_set_keys() */
	unsigned rate;           /**< UDP answers a second for one network and worker, at most DNS_RATE_MAX; 0: no limit */
	const char *public_resolvers; /**< addresses and prefixes with commas, from which nobody is answered; NULL or "none" */
	const char *cookie_secret;    /**< one or two of 32 hexadecimal digits with a comma; NULL or "none": one that rolls */
	const struct dns_decisions *decisions; /**< NULL: none; copied */
};

/** queries = listed + unlisted (apex and parts of addresses too) + errors + refused + dropped (no answer) + limited (over the rate,
 *  answered or not).  `blocked` of the listed ones are so by a decision, `cookies` came with a valid one. */
struct dns_counters {
	uint64_t queries, listed, unlisted, errors, refused, truncated, tcp_queries, dropped, limited, blocked, cookies;
};

enum { DNS_REPLY_MAX = 4096, DNS_QUERY_MAX = 4096 };

/** A consumer's key. */
enum { DNS_KEYS_MAX = 256, DNS_CONSUMER_MAX = 127 };
struct dns_key {
	char consumer[DNS_CONSUMER_MAX + 1];
	struct span label; /**< in lower case */
};

struct dns_zone;
/** Parsed options; immutable but for what has a setter.
 *  @return ERR_SYNTAX: zone or name server is not a domain name, or another of the texts is not what it should be; ERR_RANGE: the zone's
 *          name is so long that a reversed IPv6 address (and a key) does not fit in front of it. */
enum err dns_zone_new(const struct dns_options *o, struct dns_zone **ret_zone, struct fault *f) MUST_USE;
void dns_zone_free(struct dns_zone *z);
/** See dns_server_set_clear(). */
void dns_zone_set_clear(struct dns_zone *z, clearance clear);
/** See dns_server_set_keys(). */
void dns_zone_set_keys(struct dns_zone *z, const struct dns_key *key, unsigned n, void (*fresh)(void *ctx, unsigned place), void *ctx);

/** Who asks. */
struct dns_asker {
	struct span address; /**< 4 or 16 octets; lives until the answer is written */
	bool proven;         /**< it is his: over TCP */
};

struct dns_told;
/** What an answer is made from, at one moment. */
struct dns_now {
	const struct table_view *view;
	const struct table_view *decided; /**< NULL: nothing */
	uint32_t now_s, tick_s;
	struct dns_told *told;            /**< the worker's memory of decisions; NULL: they are not named */
	_Atomic uint64_t *consumer;       /**< the worker's counts by place of the key; NULL: not counted */
};

/** The answer to one query.
 *  @param limit  octets that the transport takes, 512 or more: DNS_UDP_MAX (the answer is as short as the query's EDNS
 *                wants it, 512 without), or 65535 over TCP
 *  @param out    room for min(limit, DNS_REPLY_MAX) octets
 *  @return octets written; 0: no answer at all (shorter than a header, a response, ...). */
size_t dns_reply(const struct dns_zone *z, const struct dns_now *now, const struct dns_asker *from, struct span query, size_t limit,
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
/** The keys of consumers, from now on.  Without `keyed` they have no effect.  Any thread. */
void dns_server_set_keys(struct dns_server *s, const struct dns_key *key, unsigned n);
void dns_server_close(struct dns_server *s);
/** Sum over the workers. */
void dns_server_count(const struct dns_server *s, struct dns_counters *ret_counters);
/** Queries of each consumer that has asked or can. */
void dns_server_consumers(struct dns_server *s, void (*visit)(void *ctx, const char *consumer, uint64_t queries), void *ctx);

#endif
