/* Rank: which items of a feed are left when it has more than its cap.
 *
 * The first is what has the largest product of score and hits, a score of 0 counting as 1: what nobody meets protects nobody.  Of like ones
 * the higher score, the newer decision, and at last the order of kinds and octets of keys, so that the same things give the same list. */
#ifndef GATE_RANK_H
#define GATE_RANK_H

#include "gate/feed.h"

struct standing {
	uint8_t score;     /**< 0..100 */
	uint32_t hits;
	uint32_t entry;    /**< that put the newest decision on it in force */
};

/** As strcmp(): above 0 when `a` matters more. */
int rank_order(const struct standing *a, const struct table_key *a_key, const struct standing *b, const struct table_key *b_key);

/** The best `room` of all that are shown to it. */
struct rank;
struct rank *rank_new(size_t room);
/** @param item  copied; its key is not. */
void rank_show(struct rank *r, const struct feed_item *item, const struct standing *s);
/** The best first, in an array for free(); `r` is gone.  @param ret_beyond  how many are not among them. */
struct feed_item *rank_end(struct rank *r, size_t *ret_n, uint64_t *ret_beyond);

#endif
