/* Guard: someone who vouches for the octets that an image lies in, piece by piece: asked before a piece is read for the first time.
 * It says no by remembering it: lookups go on, within bounds whatever the octets say, and whoever uses their answers asks it
 * afterwards. */
#ifndef TABLE_GUARD_H
#define TABLE_GUARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct image_guard {
	const uint8_t *from;    /**< where the pieces begin */
	unsigned shift;         /**< they have 2^shift octets */
	_Atomic uint8_t *asked; /**< one for each: not 0 from when `ask` has returned */
	void (*ask)(struct image_guard *g, size_t piece);
};

/** Before the `n` > 0 octets at `p` are read. */
static inline void guard_touch(struct image_guard *g, const void *p, size_t n)
{
	size_t at = (size_t)((const uint8_t *)p - g->from), last = (at + n - 1) >> g->shift;
	for (size_t piece = at >> g->shift; piece <= last; piece++)
		if (UNLIKELY(!atomic_load_explicit(&g->asked[piece], memory_order_acquire)))
			g->ask(g, piece);
}

#endif
