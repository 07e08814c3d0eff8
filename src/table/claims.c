/* Collapsing takes the maximum of a total order (claim_newer, then the lack of CLAIM_PART) and the union of CLAIM_FIRST: both are
 * associative and commutative, which is what makes the result independent of who was merged with whom. */
#include "table/claims.h"

#include <stdlib.h>

static uint64_t rank(const struct claim *c)
{
	return (uint64_t)c->source << 32 | (uint64_t)c->lane << 24 | (uint64_t)c->category << 16 | (uint64_t)c->stance << 8 |
	       (c->flags & CLAIM_WILDCARD);
}

static int by_rank(const void *a, const void *b)
{
	uint64_t x = rank(a), y = rank(b);
	return x < y ? -1 : x > y;
}

static void sort(struct claim *c, unsigned n)
{
	if (n > 24) {
		qsort(c, n, sizeof(*c), by_rank);
		return;
	}
	for (unsigned i = 1; i < n; i++) {
		struct claim x = c[i];
		uint64_t r = rank(&x);
		unsigned j = i;
		for (; j > 0 && rank(&c[j - 1]) > r; j--)
			c[j] = c[j - 1];
		c[j] = x;
	}
}

static void collapse(struct claim *into, const struct claim *c, uint64_t *dup)
{
	uint8_t first = (into->flags | c->flags) & CLAIM_FIRST;
	*dup += (into->flags & c->flags & CLAIM_FIRST) != 0;
	if (claim_newer(c, into) || (!claim_newer(into, c) && !(c->flags & CLAIM_PART)))
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
