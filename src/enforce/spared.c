#include "enforce/spared.h"

#include <stddef.h>
#include <stdlib.h>

#include "sys/host.h"
#include "view/builtin.h"
#include "view/protect.h"

void spared_release(struct spared *s)
{
	if (s->cover)
		cover_free(s->cover);
	s->cover = NULL;
	s->n = 0;
}

static bool same_row(const struct spared_row *a, const struct spared_row *b)
{
	return memcmp(a, b, offsetof(struct spared_row, why)) == 0;
}

static bool add(struct spared *s, const uint8_t *address, uint8_t octets, uint8_t prefix, const char *why)
{
	struct spared_row r = { .octets = octets, .prefix = prefix, .why = why };
	memcpy(r.address, address, octets);
	for (unsigned i = 0; i < s->n; i++)
		if (same_row(&s->row[i], &r))
			return true;
	if (s->n == SPARED_MAX)
		return false;
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

static void take_builtin(void *ctx, struct span value, unsigned covers, const char *what)
{
	bool address = value.n && (ascii_digit(value.p[0]) || span_find(value, ':') < value.n);
	if (address) /* else a name */
		(void)!spared_add(ctx, value, what, NULL);
}

void spared_add_builtin(struct spared *s)
{
	builtin_each(take_builtin, s);
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

bool spared_same(const struct spared *a, const struct spared *b)
{
	for (unsigned i = 0; i < a->n && a->n == b->n; i++)
		if (!same_row(&a->row[i], &b->row[i]))
			return false;
	return a->n == b->n;
}

static struct table_key key_of(const struct observable *o)
{
	return (struct table_key){ .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
}

void spared_ready(struct spared *s)
{
	s->cover = cover_new((struct siphash_seed){ 0, 0 }); /* names alone are hashed, and there are none */
	for (unsigned i = 0; i < s->n; i++) {
		const struct spared_row *r = &s->row[i];
		struct value v = { .octets = r->octets, .prefix = r->prefix };
		memcpy(v.address, r->address, r->octets);
		struct observable o = value_observable(&v);
		struct table_key k = key_of(&o);
		(void)!cover_add(s->cover, &k, COVER_ALL, i);
	}
	cover_ready(s->cover);
}

const char *spared_why(const struct spared *s, const struct value *v)
{
	struct observable o = value_observable(v);
	struct table_key k = key_of(&o);
	struct cover_query q;
	struct cover_hit hit;
	const char *special = protect_special(&k);
	if (special)
		return special;
	cover_ask((struct siphash_seed){ 0, 0 }, &k, &q);
	return cover_find(s->cover, &q, &hit) ? s->row[hit.who].why : NULL;
}
