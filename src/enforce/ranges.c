#include "enforce/ranges.h"

#include <stdlib.h>

#include "codec/ip.h"

static struct range *all(const struct ranges *r)
{
	return (struct range *)(void *)r->store.p;
}

void ranges_release(struct ranges *r)
{
	buf_release(&r->store);
	r->n = 0;
}

void ranges_clear(struct ranges *r)
{
	r->store.n = r->n = 0;
}

void ranges_add_from_to(struct ranges *r, const uint8_t *first, const uint8_t *last)
{
	struct range one = { { 0 }, { 0 } };
	memcpy(one.first, first, r->octets);
	memcpy(one.last, last, r->octets);
	buf_put(&r->store, &one, sizeof(one));
	r->n++;
}

void ranges_add(struct ranges *r, const uint8_t *address, unsigned prefix)
{
	uint8_t first[16], last[16];
	memcpy(first, address, r->octets);
	ip_mask(first, r->octets, prefix);
	memcpy(last, first, r->octets);
	for (unsigned bit = prefix; bit < 8u * r->octets; bit++)
		last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	ranges_add_from_to(r, first, last);
}

static int by_first(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct range));
}

/* Does `b`, which does not begin before `a`, begin in it or right behind it? */
static bool touches(const struct range *a, const struct range *b, unsigned octets)
{
	uint8_t behind[16];
	if (memcmp(b->first, a->last, octets) <= 0)
		return true;
	memcpy(behind, a->last, octets);
	for (unsigned i = octets; i-- > 0 && ++behind[i] == 0;)
		;
	return memcmp(b->first, behind, octets) == 0; /* behind the highest is 0, and nothing begins there that is not before it */
}

void ranges_collapse(struct ranges *r)
{
	struct range *v = all(r);
	size_t n = 0;
	if (r->n)
		qsort(v, r->n, sizeof(*v), by_first);
	for (size_t i = 0; i < r->n; i++) {
		if (n == 0 || !touches(&v[n - 1], &v[i], r->octets))
			v[n++] = v[i];
		else if (memcmp(v[i].last, v[n - 1].last, r->octets) > 0)
			memcpy(v[n - 1].last, v[i].last, r->octets);
	}
	r->n = n;
	r->store.n = n * sizeof(*v);
}

const struct range *ranges_at(const struct ranges *r, size_t i)
{
	return &all(r)[i];
}

void ranges_difference(const struct ranges *from, const struct ranges *to, ranges_visit *gone, ranges_visit *come, void *ctx)
{
	for (int pass = 0; pass < 2; pass++) { /* what goes first */
		size_t a = 0, b = 0;
		while (a < from->n || b < to->n) {
			int order = a == from->n ? 1 : b == to->n ? -1 : by_first(ranges_at(from, a), ranges_at(to, b));
			if (order < 0 && pass == 0)
				gone(ctx, ranges_at(from, a));
			if (order > 0 && pass == 1)
				come(ctx, ranges_at(to, b));
			a += order <= 0;
			b += order >= 0;
		}
	}
}
