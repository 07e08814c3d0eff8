/* Ranges of addresses of one family, made as few as they can be: what lies in others is left out, and what adjoins becomes one.
 * What they cover is exactly what was put in.  For sets of intervals, which hold no two that overlap. */
#ifndef ENFORCE_RANGES_H
#define ENFORCE_RANGES_H

#include "base/buf.h"

struct range {
	uint8_t first[16], last[16]; /**< the first `octets` of each; the others are 0 */
};

/** Zero-initialised, with `octets` set, is empty. */
struct ranges {
	uint8_t octets;      /**< of an address: 4 or 16 */
	size_t n;
	struct buf store;    /**< private */
};

void ranges_release(struct ranges *r);
/** None any more. */
void ranges_clear(struct ranges *r);
/** Everything from `address` on that has its first `prefix` bits; bits behind them are taken for 0. */
void ranges_add(struct ranges *r, const uint8_t *address, unsigned prefix);
void ranges_add_from_to(struct ranges *r, const uint8_t *first, const uint8_t *last);
/** After the last one and before the first is read: sort, and make them few. */
void ranges_collapse(struct ranges *r);
/** The one at `i` < n, after ranges_collapse(). */
const struct range *ranges_at(const struct ranges *r, size_t i);

typedef void ranges_visit(void *ctx, const struct range *range);
/** What must go and what must come so that `from` becomes `to`; a range of which a part goes is one that goes and others that come.
 *  Both collapsed, or at least sorted without overlaps. */
void ranges_difference(const struct ranges *from, const struct ranges *to, ranges_visit *gone, ranges_visit *come, void *ctx);

#endif
