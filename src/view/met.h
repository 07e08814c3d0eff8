/* Met: how often each value was met under the decisions that are in force on it, as reports of hits told.
 *
 * A fold of the reports in the order of their entries: a value is kept by a hash of 64 bits of its key, with its hits and the decision that
 * they were told of last.  What belongs to decisions that are over is dropped when room is made.  One thread at a time. */
#ifndef VIEW_MET_H
#define VIEW_MET_H

#include "table/key.h"

struct met;
/** @param is_over  may the hits of decision `of` be dropped?  It stays so. */
struct met *met_new(struct siphash_seed seed, bool (*is_over)(void *ctx, uint64_t of), void *ctx);
void met_free(struct met *m);
/** `n` more, of a value that decision `of` blocks. */
void met_add(struct met *m, const struct table_key *k, uint64_t of, uint64_t n);
/** At most UINT32_MAX. */
uint32_t met_count(const struct met *m, const struct table_key *k);
/** How many values there are. */
size_t met_values(const struct met *m);

#endif
