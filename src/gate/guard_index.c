/* What lists say and what the docket protects, indexed anew when their numbers say so, and published by one pointer each.  What
 * that replaces is kept until guard_tidy(), so that a renewal never waits for readers and may be asked for anywhere.
 *
 * A domain that a list protects stands for all below it, but for the suffix of a hoster ("github.io"): its customers are not
 * the list's business.  One that a list only knows stands for itself, and so for a block of the whole of it; one name
 * below it may be blocked. */
#include <stdlib.h>

#include "base/clock.h"
#include "gate/guard_parts.h"
#include "sys/suffix.h"

/* ---- what lists say ---- */

void guard_lists_free(struct guard_lists *l)
{
	if (!l)
		return;
	cover_free(l->cover);
	free(l->of);
	free(l);
}

struct indexing {
	struct guard_lists *lists;
	const struct source_set *sources;
	uint8_t met[SOURCES_MAX];
	uint32_t now_s;
};

bool guard_source_counts(const struct source *s)
{
	return !s->removed && s->weight_db != 0;
}

static void remember_source(struct indexing *x, const struct source *s)
{
	struct guard_lists *l = x->lists;
	if (x->met[s->number])
		return;
	x->met[s->number] = 1;
	l->of = mem_realloc(l->of, (l->n + 1) * sizeof(*l->of));
	l->of[l->n++] = (struct guard_source){ .number = s->number, .counts = guard_source_counts(s), .floor = s->floor };
}

static void index_claim(struct indexing *x, const struct table_key *k, const struct claim *c)
{
	if (c->source >= source_count(x->sources))
		return;
	const struct source *s = source_get(x->sources, c->source);
	bool known = c->stance == STANCE_KNOWN;
	remember_source(x, s);
	if (!guard_source_counts(s) || claim_import(c) < s->floor || (c->until && c->until <= x->now_s) || !(c->confidence & protect_kinds(k->kind)))
		return;
	unsigned covers = c->flags & CLAIM_WILDCARD ? COVER_BELOW : c->flags & CLAIM_EXACT || known ? COVER_SELF : COVER_ALL;
	struct span name = span_of(k->p, k->n);
	if (k->kind == OBS_DOMAIN && covers == COVER_ALL && suffix_is_public(name) && !suffix_is_registry(name))
		covers = COVER_SELF;
	(void)!cover_add(x->lists->cover, k, covers, c->source | (known ? GUARD_KNOWN : 0));
}

static void index_key(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	for (const struct claim *c = claims; c < claims + n; c++)
		if (c->stance == STANCE_PROTECTED || c->stance == STANCE_KNOWN)
			index_claim(ctx, k, c);
}

static struct guard_lists *new_lists(const struct guard *g)
{
	struct guard_lists *l = mem_zalloc(sizeof(*l));
	l->cover = cover_new(g->seed);
	return l;
}

static void remember_rule(void *ctx, const struct rule_told *rule)
{
	struct indexing *x = ctx;
	if (rule->source < source_count(x->sources))
		remember_source(x, source_get(x->sources, rule->source));
}

static struct guard_lists *index_lists(const struct guard *g, const struct table_view *v, const struct meaning *m)
{
	struct indexing *x = mem_zalloc(sizeof(*x));
	struct guard_lists *l = x->lists = new_lists(g);
	x->sources = m ? m->sources : NULL;
	x->now_s = (uint32_t)(clock_ms() / 1000);
	for (unsigned i = 0; m && i < v->n; i++)
		image_each(v->level[i], index_key, x);
	if (m)
		rules_each(m->rules, remember_rule, x);
	l->number = atomic_load(&g->renewals) + 1;
	l->change = m ? m->protections : 0;
	l->edition = l->made = m ? m->edition : 0;
	cover_ready(l->cover);
	free(x);
	return l;
}

/* Has a source of these been removed, distrusted, or replaced what it says?  (New claims raise the number of changes.) */
static bool lists_are_old(const struct guard_lists *l, const struct meaning *m)
{
	if (!l)
		return true;
	if (!m || m->edition == l->edition)
		return false;
	if (m->protections != l->change)
		return true;
	for (unsigned i = 0; i < l->n; i++) {
		if (l->of[i].number >= source_count(m->sources))
			return true;
		const struct source *s = source_get(m->sources, l->of[i].number);
		if (guard_source_counts(s) != l->of[i].counts || s->floor != l->of[i].floor)
			return true;
	}
	return false;
}

static void replace(struct guard *g, struct guard_lists *_Atomic *which, struct guard_lists *by)
{
	struct guard_lists *old = atomic_exchange(which, by);
	if (!old)
		return;
	old->next = g->retired;
	g->retired = old;
}

static bool renew_lists(struct guard *g)
{
	const struct table_view *v = table_enter(g->table);
	const struct meaning *m = v->context;
	struct guard_lists *l = atomic_load_explicit(&g->lists, memory_order_relaxed);
	bool old = lists_are_old(l, m);
	if (old)
		replace(g, &g->lists, index_lists(g, v, m));
	else if (m)
		l->edition = m->edition;
	table_leave(g->table);
	return old;
}

/* ---- what the docket protects ---- */

struct indexing_own {
	struct guard_lists *lists;
	const struct table_view *v;
	uint32_t tick_s;
};

/* Those that hold now, and when the first of them ends. */
static void index_own(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct indexing_own *x = ctx;
	bool protects = false;
	for (const struct claim *c = claims; c < claims + n; c++)
		if (c->stance == ACTION_PROTECT && (c->until == 0 || c->until > x->tick_s)) {
			protects = true;
			x->lists->until_s = c->until && (!x->lists->until_s || c->until < x->lists->until_s) ? c->until : x->lists->until_s;
		}
	struct force_pair p = protects ? force_on(x->v, k, x->tick_s) : (struct force_pair){ 0, 0 };
	unsigned covers = (p.self & FORCE_PROTECT ? COVER_SELF : 0) | (p.below & FORCE_PROTECT ? COVER_BELOW : 0);
	if (covers)
		(void)!cover_add(x->lists->cover, k, covers, 0);
	x->lists->has_others |= covers && k->kind > OBS_DOMAIN;
}

static bool own_is_old(struct guard *g, const struct guard_lists *l)
{
	return !l || l->change != docket_protections(g->docket) || (l->until_s && l->until_s <= docket_tick(g->docket));
}

static bool renew_own(struct guard *g)
{
	struct guard_lists *l = atomic_load_explicit(&g->own, memory_order_relaxed);
	if (!own_is_old(g, l))
		return false;
	l = new_lists(g);
	l->change = docket_protections(g->docket);
	struct indexing_own x = { .lists = l, .v = table_enter(docket_table(g->docket)), .tick_s = docket_tick(g->docket) };
	for (unsigned i = 0; l->change && i < x.v->n; i++)
		image_each(x.v->level[i], index_own, &x);
	table_leave(docket_table(g->docket));
	cover_ready(l->cover);
	replace(g, &g->own, l);
	return true;
}

/* The usual case, without the lock. */
static bool is_current(struct guard *g)
{
	const struct table_view *v = table_enter(g->table);
	const struct meaning *m = v->context;
	const struct guard_lists *l = atomic_load_explicit(&g->lists, memory_order_acquire);
	bool current = l && (!m || atomic_load_explicit(&l->edition, memory_order_relaxed) == m->edition) &&
		       (!g->docket || !own_is_old(g, atomic_load_explicit(&g->own, memory_order_acquire)));
	table_leave(g->table);
	return current;
}

bool guard_renew(struct guard *g)
{
	if (LIKELY(is_current(g)))
		return false;
	pthread_mutex_lock(&g->renewing);
	bool lists = renew_lists(g), own = g->docket && renew_own(g);
	pthread_mutex_unlock(&g->renewing);
	atomic_fetch_add(&g->renewals, lists || own);
	return lists || own;
}

uint64_t guard_renewals(const struct guard *g)
{
	return atomic_load(&g->renewals);
}

void guard_tidy(struct guard *g)
{
	pthread_mutex_lock(&g->renewing);
	struct guard_lists *old = g->retired;
	g->retired = NULL;
	pthread_mutex_unlock(&g->renewing);
	if (old)
		table_wait_readers(g->table);
	for (struct guard_lists *next; old; old = next) {
		next = old->next;
		guard_lists_free(old);
	}
}
