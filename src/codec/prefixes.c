/* A row is the address in 16 octets, the family and the length; sorted, a prefix stands in front of what it covers, and the two halves of a
 * wider one stand beside each other when nothing is left between them.  So one pass with a stack does it: what the top covers is dropped,
 * and while the two at the top are halves of one, they become it. */
#include "codec/prefixes.h"

#include <stdlib.h>

#include "codec/ip.h"

enum { V4 = 0, V6 = 1 };

struct row {
	uint8_t family, address[16], length;
};

static struct row *rows(const struct prefixes *p)
{
	return (struct row *)p->octets.p;
}

void prefixes_release(struct prefixes *p)
{
	buf_release(&p->octets);
	p->n = 0;
}

static unsigned octets_of(const struct row *r)
{
	return r->family == V4 ? 4 : 16;
}

void prefixes_add(struct prefixes *p, const struct observable *o)
{
	struct row r = { 0 };
	if (o->kind != OBS_IPV4 && o->kind != OBS_IPV6 && o->kind != OBS_CIDR4 && o->kind != OBS_CIDR6)
		return;
	r.family = o->n == 4 ? V4 : V6;
	r.length = o->kind == OBS_IPV4 ? 32 : o->kind == OBS_IPV6 ? 128 : o->prefix;
	memcpy(r.address, o->key, octets_of(&r));
	ip_mask(r.address, octets_of(&r), r.length);
	buf_put(&p->octets, &r, sizeof(r));
	p->n++;
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct row)); /* as the members stand */
}

static bool covers(const struct row *a, const struct row *b)
{
	uint8_t head[16];
	if (a->family != b->family || a->length > b->length)
		return false;
	memcpy(head, b->address, 16);
	ip_mask(head, octets_of(b), a->length);
	return memcmp(head, a->address, 16) == 0;
}

/* Are they the halves of one that is a bit shorter?  Then `a` becomes that. */
static bool join(struct row *a, const struct row *b)
{
	struct row wide = *a;
	if (a->family != b->family || a->length != b->length || a->length == 0)
		return false;
	wide.length--;
	ip_mask(wide.address, octets_of(a), wide.length);
	if (memcmp(wide.address, a->address, 16) != 0 || !covers(&wide, b))
		return false;
	*a = wide;
	return true;
}

void prefixes_collapse(struct prefixes *p)
{
	struct row *r = rows(p);
	size_t n = 0;
	if (p->n)
		qsort(r, p->n, sizeof(*r), order);
	for (size_t i = 0; i < p->n; i++) {
		if (n && covers(&r[n - 1], &r[i]))
			continue;
		r[n++] = r[i];
		while (n > 1 && join(&r[n - 2], &r[n - 1]))
			n--;
	}
	p->n = n;
	p->octets.n = n * sizeof(*r);
}

struct observable prefixes_at(const struct prefixes *p, size_t i)
{
	const struct row *r = &rows(p)[i];
	bool v4 = r->family == V4, whole = r->length == (v4 ? 32 : 128);
	return (struct observable){
		.kind = v4 ? whole ? OBS_IPV4 : OBS_CIDR4 : whole ? OBS_IPV6 : OBS_CIDR6, .prefix = whole ? 0 : r->length,
		.n = v4 ? 4 : 16, .key = r->address,
	};
}
