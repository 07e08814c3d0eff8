#include "enforce/spared.h"

#include <stddef.h>
#include <stdio.h>

#include "codec/ip.h"
#include "sys/host.h"
#include "view/protect.h"

/* Do they have an address in common? */
static bool overlap(const struct spared_row *r, const struct value *v)
{
	uint8_t a[16], b[16];
	unsigned bits = r->prefix < v->prefix ? r->prefix : v->prefix;
	if (r->octets != v->octets)
		return false;
	memcpy(a, r->address, r->octets);
	memcpy(b, v->address, v->octets);
	ip_mask(a, r->octets, bits);
	ip_mask(b, v->octets, bits);
	return memcmp(a, b, r->octets) == 0;
}

static bool add(struct spared *s, const uint8_t *address, uint8_t octets, uint8_t prefix, const char *why)
{
	struct spared_row r = { .octets = octets, .prefix = prefix };
	memcpy(r.address, address, octets);
	for (unsigned i = 0; i < s->n; i++)
		if (memcmp(&s->row[i], &r, offsetof(struct spared_row, why)) == 0)
			return true;
	if (s->n == SPARED_MAX)
		return false;
	snprintf(r.why, sizeof(r.why), "%s", why);
	s->row[s->n++] = r;
	return true;
}

enum err spared_add(struct spared *s, struct span text, const char *why, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	if (obs_parse_as(OBS_IPV4, text, store, &o, NULL) || o.kind > OBS_CIDR6)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not an address or prefix", SPAN_ARG(span_head(text, 60)));
	bool whole = o.kind == OBS_IPV4 || o.kind == OBS_IPV6;
	return add(s, o.key, (uint8_t)o.n, whole ? (uint8_t)(8 * o.n) : o.prefix, why) ? OK :
	       fault_set(f, ERR_FULL, "more than %d addresses and prefixes are to be spared", SPARED_MAX);
}

void spared_add_address(struct spared *s, const uint8_t *address, uint8_t octets, const char *why)
{
	(void)add(s, address, octets, (uint8_t)(8 * octets), why);
}

struct telling {
	struct spared *s;
	const char *why;
};

static void take(void *ctx, const uint8_t *address, uint8_t octets)
{
	struct telling *t = ctx;
	spared_add_address(t->s, address, octets, t->why);
}

void spared_add_node(struct spared *s, const char *node)
{
	struct telling t = { s, "the node that is asked" };
	host_find(node, take, &t);
}

void spared_add_host(struct spared *s, const char *resolv_conf)
{
	struct telling t = { s, "an address of this host" };
	host_addresses(take, &t);
	t.why = "a gateway of this host";
	host_gateways(take, &t);
	t.why = "a resolver of this host";
	host_resolvers(resolv_conf, take, &t);
}

const char *spared_why(const struct spared *s, const struct value *v)
{
	struct observable o = value_observable(v);
	struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	const char *special = protect_special(&k);
	if (special)
		return special;
	for (unsigned i = 0; i < s->n; i++)
		if (overlap(&s->row[i], v))
			return s->row[i].why;
	return NULL;
}

bool spared_same(const struct spared *a, const struct spared *b)
{
	return a->n == b->n && memcmp(a->row, b->row, a->n * sizeof(a->row[0])) == 0;
}
