/* Collapsing takes the maximum of an order (claim_newer) that is total but for CLAIM_FIRST, and the union of
 * CLAIM_FIRST: both are associative and commutative, which is what makes the result independent of who was merged
 * with whom. */
#include "table/claims.h"

#include <stdlib.h>

static int by_what_they_say(const void *a, const void *b)
{
	uint64_t x = claim_says(a), y = claim_says(b);
	return x < y ? -1 : x > y;
}

static void sort(struct claim *c, unsigned n)
{
	if (n > 24) {
		qsort(c, n, sizeof(*c), by_what_they_say);
		return;
	}
	for (unsigned i = 1; i < n; i++) {
		struct claim x = c[i];
		uint64_t r = claim_says(&x);
		unsigned j = i;
		for (; j > 0 && claim_says(&c[j - 1]) > r; j--)
			c[j] = c[j - 1];
		c[j] = x;
	}
}

static void collapse(struct claim *into, const struct claim *c, uint64_t *dup)
{
	uint8_t first = (into->flags | c->flags) & CLAIM_FIRST;
	*dup += (into->flags & c->flags & CLAIM_FIRST) != 0;
	if (claim_newer(c, into))
		*into = *c;
	into->flags = (uint8_t)((into->flags | first) & 15);
}

unsigned claims_settle(struct claim *c, unsigned n, uint64_t *dup)
{
	if (n < 2)
		return n;
	sort(c, n);
	unsigned kept = 1;
	for (unsigned i = 1; i < n; i++) {
		if (claim_same(&c[kept - 1], &c[i]))
			collapse(&c[kept - 1], &c[i], dup);
		else
			c[kept++] = c[i];
	}
	return kept;
}
