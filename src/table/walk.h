/* Walk: every key of a view, for those who make something of all of them. */
#ifndef TABLE_WALK_H
#define TABLE_WALK_H

#include "table/table.h"

/** Keys of a view, over all its levels: those of IPv4 in the order of addresses, and the others. */
struct walk_count { uint64_t addresses, others; };
void walk_count(const struct table_view *v, struct walk_count *ret_count);

/** Each key of each level, without its claims; one that is in several levels comes several times.  `k` is valid during the call.
 *  Reads all keys, so a guard is asked about all of them.  Reader, between table_enter() and table_leave(). */
typedef void walk_visit(void *ctx, const struct table_key *k);
void walk_keys(const struct table_view *v, walk_visit *visit, void *ctx);

#endif
