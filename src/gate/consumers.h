/* Consumers: who has which serial of a feed since when, from what they asked for; and the clock: how long an unblocking takes to reach each.
 *
 * In memory; faces tell, the command line, metrics and the API read.  Any thread. */
#ifndef GATE_CONSUMERS_H
#define GATE_CONSUMERS_H

#include "base/buf.h"
#include "gate/feed.h"

enum { CONSUMERS_SEEN_MAX = 1024 /**< rows; the one that was heard of least recently makes room */ };

struct consumers;
struct consumers *consumers_new(void);
void consumers_free(struct consumers *c);

/** DIR/consumers: what each has, so that a restart does not forget who still enforces.  A missing file is no error, and what is not
 *  understood in it is left out: it says what was, and the consumers say it again. */
enum err consumers_load(struct consumers *c, const char *dir, struct fault *f) MUST_USE;
/** By rename.  What a consumer is said to have may be behind what it has, never ahead. */
enum err consumers_save(struct consumers *c, const char *dir, struct fault *f) MUST_USE;

/** A row for each feed, consumer and way: RPZ ("soa", "axfr", "ixfr" ...) is one, "http", "lapi", "nft" and others are one each.
 *  @param who   name of the consumer, or its address where it has no key
 *  @param serial  the serial that it has now, or has been given whole and acknowledged; @param how  "soa", "axfr", "ixfr", "http", "lapi", "nft" ... */
void consumers_saw(struct consumers *c, const char *feed, const char *who, uint64_t serial, const char *how, int64_t now_ms);
/** Something was retracted with this serial (less in force), at this time: the clock of everybody who is behind it runs. */
void consumers_retracted(struct consumers *c, uint64_t serial, int64_t at_ms);

/** Whose key, or whose feed (`who` NULL: all of it), is gone is not waited for. */
void consumers_forget(struct consumers *c, const char *feed, const char *who);

/** The serial of a row, and what was noted for it.  @return false: there is none. */
bool consumers_serial(struct consumers *c, const char *feed, const char *who, const char *how, uint64_t *ret_serial, uint32_t *ret_epoch);
/** Note for a row what the feed was when it was taken (feed_epoch()). */
void consumers_epoch(struct consumers *c, const char *feed, const char *who, const char *how, uint32_t epoch);

struct consumer_seen {
	char feed[FEED_NAME_MAX + 1], who[FEED_NAME_MAX + 1], how[8];
	char agent[64];                 /**< "": it has not said */
	uint64_t serial;
	uint32_t epoch;                 /**< 0: not noted */
	int64_t since_ms, last_ms;      /**< has had that serial since; was heard of last */
	uint32_t n_unblocks;            /**< of the last 256 retractions, how many it has seen */
	uint32_t p50_ms, p95_ms, max_ms; /**< how long those took */
	uint64_t behind;                /**< retractions that it has not seen: it still enforces */
	int64_t oldest_ms;              /**< the first of these; 0: none */
};
/** One at a time, under the lock: `i` from 0 on.  @return false: no more. */
bool consumers_get(struct consumers *c, size_t i, struct consumer_seen *ret_seen);
/** What the client calls itself (User-Agent); of a row that is there. */
void consumers_agent(struct consumers *c, const char *feed, const char *who, const char *how, const char *agent);
/** One row as an object. */
void consumer_json(const struct consumer_seen *s, uint64_t serial, struct buf *out);
void consumers_metrics(struct consumers *c, uint64_t serial, struct buf *out);

#endif
