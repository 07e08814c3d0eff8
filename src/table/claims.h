/* Claims on one key, in the one order and without repetition, so that merging gives the same octets in any grouping. */
#ifndef TABLE_CLAIMS_H
#define TABLE_CLAIMS_H

#include "table/claim.h"

/** Sort by what they say (claim_says); of those that say the same the newer stays, and is the first of its record
 *  (CLAIM_FIRST) when any of them was.
 *  @param dup  incremented for each CLAIM_FIRST that collapsed into another.
 *  @return how many stay, at the front. */
unsigned claims_settle(struct claim *c, unsigned n, uint64_t *dup);

#endif
