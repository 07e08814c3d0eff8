/* Hits: how often resolvers and firewalls met what is in force, as a reporter counts it for a period, and nothing of who asked.
 *
 * {"from":1767225600,"seconds":300,"hits":[["evil.example",120,12],["198.51.100.7",9,15]],"merged":[3,7]}
 *
 * Each value with its count and, as the node writes it into its lane (an ENTRY_HITS), the index of the decision that it is of; values with
 * fewer than HITS_LEAST are told as one sum, "merged": how many values, and their hits. */
#ifndef VIEW_HITS_H
#define VIEW_HITS_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/observable.h"

enum {
	HITS_PERIOD_S = 300, HITS_LEAST = 5, HITS_VALUES_MAX = 200000,
	HITS_APART_S = 60,  /**< from one report of a reporter to the next, in the long run ... */
	HITS_AT_ONCE = 5,   /**< ... and so many may come closer together: who is started again tells of a short period */
};
#define HITS_NO_DECISION UINT64_MAX

struct hits_report {
	uint32_t from_s, seconds;
	struct span hits;           /**< JSON: the octets inside the brackets; see hits_next() */
	uint64_t merged_values, merged_hits;
};

/** Append one value to a list that is being made for report.hits.  @param decision  HITS_NO_DECISION: not told. */
void hits_put(struct buf *list, const struct observable *o, uint64_t n, uint64_t decision);
void hits_report_write(const struct hits_report *r, struct buf *out);
/** Strict; report.hits points into `body`.  @return ERR_SYNTAX, ERR_RANGE with a sentence. */
enum err hits_report_read(struct span body, struct hits_report *ret_report, struct fault *f) MUST_USE;
/** The next value of a report that was read; `hits` is shortened by it.  @return false: there is none.
 *  One that is no observable has the kind OBS_NONE. */
bool hits_next(struct span *hits, uint8_t store[OBS_KEY_MAX], struct observable *ret_value, uint64_t *ret_n, uint64_t *ret_decision);

#endif
