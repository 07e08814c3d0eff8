/* The register for people: every reason that there is, what the docket protects, and counts.  Looks at everything. */
#include "gate/guard_parts.h"
#include "view/builtin.h"

const char *guard_part_name(enum guard_part p)
{
	static const char *const names[GUARD_PARTS] = { "range", "name", "built-in", "configuration", "own", "list", "rule" };
	return p < GUARD_PARTS ? names[p] : "?";
}

enum { TAKEN_TOLD = 3 /* of what a block would take with it, by part */ };

struct telling {
	struct guard *g;
	const struct table_view *v;
	enum guard_part part;
	const struct guard_fixed *fixed; /* NULL: of lists or the docket */
	bool taking;                     /* now those that a block would take with it, else the others */
	unsigned taken;
	guard_visit *visit;
	void *ctx;
	struct buf clause;
};

static void tell(struct telling *t, enum guard_part part)
{
	t->visit(t->ctx, part, buf_span(&t->clause));
	t->clause.n = 0;
}

static void tell_hit(void *ctx, const struct cover_hit *hit)
{
	struct telling *t = ctx;
	if ((hit->how == COVER_OVER) != t->taking || (t->part == GUARD_OWN && !guard_own_holds(t->g, &hit->key)))
		return;
	if (t->taking && t->taken++ >= TAKEN_TOLD)
		return;
	if (t->fixed)
		guard_put_hit(&t->clause, hit, t->fixed->what[hit->who], NULL);
	else if (t->part == GUARD_OWN)
		guard_put_hit(&t->clause, hit, guard_own_text, NULL);
	else
		guard_put_hit(&t->clause, hit, hit->who & GUARD_KNOWN ? "it is known to" : "it is protected by", guard_source_name(t->v, hit->who));
	tell(t, t->part);
}

static void tell_cover(struct telling *t, const struct cover *c, const struct guard_fixed *fixed, enum guard_part part, const struct table_key *k)
{
	t->part = part;
	t->fixed = fixed;
	t->taking = false;
	cover_each(c, k, tell_hit, t);
	t->taking = true;
	t->taken = 0;
	cover_each(c, k, tell_hit, t);
	if (t->taken > TAKEN_TOLD) {
		buf_printf(&t->clause, "it would take %u more with it", t->taken - TAKEN_TOLD);
		tell(t, part);
	}
}

static void tell_owners(struct telling *t, const struct table_key *k)
{
	const struct guard_lists *own = atomic_load(&t->g->own);
	tell_cover(t, t->g->config.cover, &t->g->config, GUARD_CONFIG, k);
	if (own)
		tell_cover(t, own->cover, NULL, GUARD_OWN, k);
}

static void tell_special(struct telling *t, const struct table_key *k)
{
	const char *special = protect_special(k);
	if (!special)
		return;
	guard_put_special(&t->clause, special);
	tell(t, GUARD_RANGE);
}

static void tell_host(struct telling *t, const struct observable *o)
{
	struct table_key k = guard_key(o);
	const char *name = o->kind == OBS_DOMAIN ? builtin_name(span_of(o->key, o->n)) : NULL;
	const struct guard_lists *lists = atomic_load(&t->g->lists);
	tell_special(t, &k);
	if (name) {
		buf_puts(&t->clause, name);
		tell(t, GUARD_NAME);
	}
	tell_cover(t, t->g->builtin.cover, &t->g->builtin, GUARD_BUILTIN, &k);
	tell_owners(t, &k);
	tell_cover(t, t->g->shared.cover, &t->g->shared, GUARD_CONFIG, &k);
	tell_cover(t, t->g->cgnat.cover, &t->g->cgnat, GUARD_CONFIG, &k);
	if (lists)
		tell_cover(t, lists->cover, NULL, GUARD_LIST, &k);
	if (guard_rules_protect(t->v, o, &t->clause))
		tell(t, GUARD_RULE);
}

static void tell_other(struct telling *t, const struct observable *o)
{
	struct observable host;
	uint8_t store[OBS_KEY_MAX];
	struct table_key k = guard_key(o);
	struct cover_query q;
	cover_ask(t->g->seed, &k, &q);
	if (guard_own_protects(t->g, o, &q, &t->clause))
		tell(t, GUARD_OWN);
	if (guard_claims_protect(t->v, &k, &t->clause))
		tell(t, GUARD_LIST);
	if (guard_rules_protect(t->v, o, &t->clause))
		tell(t, GUARD_RULE);
	if (obs_host(o, store, &host))
		return;
	k = guard_key(&host);
	if (guard_is_all_of_host(o)) {
		tell_host(t, &host);
		return;
	}
	tell_special(t, &k);
	tell_owners(t, &k);
}

void guard_each(struct guard *g, const struct observable *o, guard_visit *visit, void *ctx)
{
	struct telling t = { .g = g, .visit = visit, .ctx = ctx };
	(void)guard_renew(g);
	t.v = table_enter(g->table);
	if (o->kind != OBS_NONE)
		(o->kind <= OBS_DOMAIN ? tell_host : tell_other)(&t, o);
	table_leave(g->table);
	buf_release(&t.clause);
}

struct owning {
	struct guard *g;
	const struct table_view *v;
	guard_own_visit *visit;
	void *ctx;
	const struct claim *claim; /* of this level */
	bool stands;
	uint64_t n;
};

static void find_claim(void *ctx, const struct claim *c)
{
	struct owning *w = ctx;
	w->stands |= c == w->claim;
}

/* A key stands in several levels; of its claims each stands in one. */
static void own_key(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct owning *w = ctx;
	for (const struct claim *c = claims; c < claims + n; c++) {
		if (c->stance != ACTION_PROTECT)
			continue;
		w->claim = c;
		w->stands = false;
		force_each(w->v, k, docket_tick(w->g->docket), find_claim, w);
		w->n += w->stands;
		if (w->stands && w->visit)
			w->visit(w->ctx, &(struct guard_entry){ .entry = c->entry, .until_s = c->until, .value = {
				.kind = k->kind, .prefix = k->prefix, .wildcard = c->flags & CLAIM_WILDCARD, .n = k->n, .key = k->p } });
	}
}

static uint64_t each_own(struct guard *g, guard_own_visit *visit, void *ctx)
{
	struct owning w = { .g = g, .visit = visit, .ctx = ctx };
	if (!g->docket || !docket_protections(g->docket))
		return 0;
	w.v = table_enter(docket_table(g->docket));
	for (unsigned i = 0; i < w.v->n; i++)
		image_each(w.v->level[i], own_key, &w);
	table_leave(docket_table(g->docket));
	return w.n;
}

void guard_own_each(struct guard *g, guard_own_visit *visit, void *ctx)
{
	(void)each_own(g, visit, ctx);
}

void guard_counts(struct guard *g, uint64_t ret_count[GUARD_PARTS])
{
	(void)guard_renew(g);
	const struct table_view *v = table_enter(g->table);
	const struct meaning *m = v->context;
	memset(ret_count, 0, GUARD_PARTS * sizeof(*ret_count));
	ret_count[GUARD_BUILTIN] = cover_count(g->builtin.cover);
	ret_count[GUARD_CONFIG] = cover_count(g->config.cover) + cover_count(g->shared.cover) + cover_count(g->cgnat.cover);
	ret_count[GUARD_OWN] = each_own(g, NULL, NULL);
	ret_count[GUARD_LIST] = cover_count(atomic_load(&g->lists)->cover);
	ret_count[GUARD_RULE] = m ? rules_count(m->rules) : 0;
	table_leave(g->table);
}
