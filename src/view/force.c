#include "view/force.h"

static bool same_key(const struct table_key *a, const struct table_key *b)
{
	return a->kind == b->kind && a->prefix == b->prefix && a->n == b->n && (a->p == b->p || memcmp(a->p, b->p, a->n) == 0);
}

/* The table may hold one thing several times, a level each. */
static bool is_newest(const struct table_hits *h, const struct table_key *k, const struct claim *c)
{
	for (unsigned i = 0; i < h->n; i++)
		for (unsigned j = 0; j < h->hit[i].n; j++) {
			const struct claim *d = &h->hit[i].claims[j];
			if (d != c && claim_same(c, d) && claim_newer(d, c) && same_key(&h->hit[i].key, k))
				return false;
		}
	return true;
}

/* The clock of a docket stands at 0 until the first lease ends. */
static bool lasts(const struct claim *c, uint32_t tick_s)
{
	return c->until == 0 || (c->until > tick_s && c->until != FORCE_ENDED);
}

static bool stands(const struct table_hits *h, const struct table_key *k, const struct claim *c, uint32_t tick_s)
{
	return lasts(c, tick_s) && is_newest(h, k, c);
}

static force says(const struct claim *c)
{
	switch (c->stance) {
	case ACTION_BLOCK:
		return 1U << (c->category & 7);
	case ACTION_CHALLENGE:
		return 1U << (FORCE_CHALLENGES + (c->category & 7));
	default:
		return FORCE_PROTECT;
	}
}

void force_each(const struct table_view *v, const struct table_key *k, uint32_t tick_s, force_visit *visit, void *ctx)
{
	struct table_hits h;
	table_lookup(v, k, &h);
	for (unsigned i = 0; i < h.n; i++)
		for (unsigned j = 0; h.hit[i].exact && j < h.hit[i].n; j++)
			if (stands(&h, k, &h.hit[i].claims[j], tick_s))
				visit(ctx, &h.hit[i].claims[j]);
}

struct adding {
	struct force_pair p;
	bool has_below;
};

static void add(void *ctx, const struct claim *c)
{
	struct adding *a = ctx;
	if (!(c->flags & CLAIM_WILDCARD))
		a->p.self |= says(c);
	if (a->has_below && !(c->flags & CLAIM_EXACT))
		a->p.below |= says(c);
}

struct force_pair force_on(const struct table_view *v, const struct table_key *k, uint32_t tick_s)
{
	struct adding a = { .has_below = k->kind == OBS_DOMAIN };
	force_each(v, k, tick_s, add, &a);
	return a.p;
}

struct force_pair force_pair_of(const struct table_key *k, const struct claim *claims, unsigned n, uint32_t tick_s)
{
	struct adding a = { .has_below = k->kind == OBS_DOMAIN };
	for (unsigned i = 0; i < n; i++)
		if (lasts(&claims[i], tick_s))
			add(&a, &claims[i]);
	return a.p;
}

static struct table_key key_of(const struct observable *o)
{
	return (struct table_key){ .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
}

static force of_hits(const struct table_hits *h, const struct observable *o, uint32_t tick_s, uint32_t *ret_entry)
{
	uint32_t newest = 0;
	force all = 0;
	for (unsigned i = 0; i < h->n; i++) {
		const struct table_hit *hit = &h->hit[i];
		bool exact = hit->exact && !o->wildcard;
		for (unsigned j = 0; j < hit->n; j++) {
			const struct claim *c = &hit->claims[j];
			if ((c->flags & (exact ? CLAIM_WILDCARD : CLAIM_EXACT)) || !stands(h, &hit->key, c, tick_s))
				continue;
			all |= says(c);
			newest = c->entry > newest ? c->entry : newest;
		}
	}
	*ret_entry = newest;
	return all & FORCE_PROTECT ? FORCE_PROTECT : all;
}

force force_of(const struct table_view *v, const struct observable *o, uint32_t tick_s, uint32_t *ret_entry)
{
	struct table_key key = key_of(o);
	struct table_hits h;
	uint32_t entry;
	table_lookup(v, &key, &h);
	force all = of_hits(&h, o, tick_s, &entry);
	if (ret_entry)
		*ret_entry = entry;
	return all;
}

enum { MANY = 64 };

struct many {
	const struct observable *o;
	uint32_t tick_s;
	force *force;
	uint32_t *entry;
};

static void one_of_many(void *ctx, size_t i, const struct table_hits *hits)
{
	const struct many *m = ctx;
	m->force[i] = of_hits(hits, &m->o[i], m->tick_s, &m->entry[i]);
}

void force_of_many(const struct table_view *v, const struct observable *o, size_t n, uint32_t tick_s, force *ret_force, uint32_t *ret_entry)
{
	for (size_t done = 0; done < n;) {
		struct table_key key[MANY];
		size_t some = n - done < MANY ? n - done : MANY;
		struct many m = { .o = o + done, .tick_s = tick_s, .force = ret_force + done, .entry = ret_entry + done };
		for (size_t i = 0; i < some; i++)
			key[i] = key_of(&o[done + i]);
		table_lookup_batch(v, key, some, one_of_many, &m);
		done += some;
	}
}

bool force_keep(void *ctx, const struct claim *c)
{
	uint32_t tick_s = *(const uint32_t *)ctx;
	return lasts(c, tick_s) || c->stance == ACTION_PROTECT || c->seen + (uint64_t)LEASE_MAX_S > tick_s;
}
