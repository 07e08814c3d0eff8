/* Covers (view/cover.h) of what is built in and what the configuration says, which never change, and of what lists and docket protect
 * (guard_index.c) are asked one behind the other, the cheap ones first; what a text means comes last. */
#include "gate/guard.h"

#include <stdlib.h>

#include "gate/guard_parts.h"
#include "sys/key.h"
#include "view/builtin.h"

/* ---- what does not change ---- */

static void add_builtin(void *ctx, struct span value, unsigned covers, const char *what)
{
	guard_fixed_add(ctx, value, covers, what);
}

struct guard *guard_new(struct table *t, struct docket *d)
{
	struct guard *g = mem_zalloc(sizeof(*g));
	g->table = t;
	g->docket = d;
	pthread_mutex_init(&g->renewing, NULL);
	random_octets(&g->seed, sizeof(g->seed));
	guard_fixed_begin(g, &g->builtin);
	builtin_each(add_builtin, &g->builtin);
	cover_ready(g->builtin.cover);
	guard_configure(g, NULL);
	return g;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	guard_fixed_release(&g->builtin);
	guard_fixed_release(&g->config);
	guard_fixed_release(&g->shared);
	guard_fixed_release(&g->cgnat);
	guard_lists_free(atomic_load(&g->lists));
	guard_lists_free(atomic_load(&g->own));
	for (struct guard_lists *l = g->retired, *next; l; l = next) {
		next = l->next;
		guard_lists_free(l);
	}
	pthread_mutex_destroy(&g->renewing);
	free(g);
}

/* ---- the question ---- */

void guard_put_hit(struct buf *out, const struct cover_hit *hit, const char *what, const char *name)
{
	if (!out)
		return;
	if (hit->how != COVER_IS) {
		struct observable o = { .kind = hit->key.kind, .prefix = hit->key.prefix, .n = hit->key.n, .key = hit->key.p };
		bool below = hit->key.kind == OBS_DOMAIN;
		buf_puts(out, hit->how == COVER_OVER ? "it would take " : below ? "it is below " : "it lies in ");
		obs_format(&o, out);
		buf_puts(out, hit->how == COVER_OVER ? " with it: " : ": ");
	}
	buf_puts(out, what);
	if (name) {
		buf_puts(out, " \"");
		buf_puts(out, name);
		buf_putc(out, '"');
	}
}

void guard_put_special(struct buf *out, const char *special)
{
	if (out) {
		buf_puts(out, "the special-purpose range ");
		buf_puts(out, special);
	}
}

static bool fixed_protects(const struct guard_fixed *f, const struct cover_query *q, struct buf *out)
{
	struct cover_hit hit;
	if (!cover_find(f->cover, q, &hit))
		return false;
	guard_put_hit(out, &hit, f->what[hit.who], NULL);
	return true;
}

const char guard_own_text[] = "this node's register (\"sipar protect list\" says since when and why)";

bool guard_own_holds(struct guard *g, const struct table_key *k)
{
	const struct table_view *v = table_enter(docket_table(g->docket));
	struct force_pair p = force_on(v, k, docket_tick(g->docket));
	table_leave(docket_table(g->docket));
	return (p.self | p.below) & FORCE_PROTECT;
}

/* Itself, or what covers it. */
static bool own_of(struct guard *g, const struct observable *o)
{
	const struct table_view *v = table_enter(docket_table(g->docket));
	force f = force_of(v, o, docket_tick(g->docket), NULL);
	table_leave(docket_table(g->docket));
	return f & FORCE_PROTECT;
}

bool guard_own_protects(struct guard *g, const struct observable *o, const struct cover_query *q, struct buf *out)
{
	const struct guard_lists *l = g->docket ? atomic_load_explicit(&g->own, memory_order_acquire) : NULL;
	struct cover_hit hit = { .how = COVER_IS };
	if (!l || (cover_count(l->cover) == 0 && !l->has_others))
		return false;
	bool found = cover_find(l->cover, q, &hit) && guard_own_holds(g, &hit.key);
	if (!found) {
		hit = (struct cover_hit){ .how = COVER_IS };
		found = own_of(g, o);
	}
	if (found)
		guard_put_hit(out, &hit, guard_own_text, NULL);
	return found;
}

const char *guard_own(void *guard, const struct observable *o)
{
	struct guard *g = guard;
	return g->docket && docket_protections(g->docket) && own_of(g, o) ? "this node (sipar protect)" : NULL;
}

const char *guard_source_name(const struct table_view *v, uint32_t who)
{
	const struct meaning *m = v->context;
	uint16_t number = (uint16_t)who;
	return m && number < source_count(m->sources) ? source_get(m->sources, number)->name : "?";
}

static bool lists_protect(const struct guard *g, const struct table_view *v, const struct cover_query *q, struct buf *out)
{
	const struct guard_lists *l = atomic_load_explicit(&g->lists, memory_order_acquire);
	struct cover_hit hit;
	if (!l || !cover_find(l->cover, q, &hit))
		return false;
	guard_put_hit(out, &hit, hit.who & GUARD_KNOWN ? "it is known to" : "it is protected by", guard_source_name(v, hit.who));
	return true;
}

bool guard_claims_protect(const struct table_view *v, const struct table_key *k, struct buf *out)
{
	struct meaning const *m = v->context;
	struct table_hits hits;
	if (!m)
		return false;
	table_lookup(v, k, &hits);
	for (unsigned i = 0; i < hits.n; i++)
		for (unsigned j = 0; j < hits.hit[i].n; j++) {
			const struct claim *c = &hits.hit[i].claims[j];
			if (c->stance != STANCE_PROTECTED || c->source >= source_count(m->sources) || (c->flags & CLAIM_EXACT && !hits.hit[i].exact))
				continue;
			const struct source *s = source_get(m->sources, c->source);
			if (!guard_source_counts(s) || claim_import(c) < s->floor || !(c->confidence & protect_kinds(k->kind)))
				continue;
			guard_put_hit(out, &(struct cover_hit){ .how = COVER_IS }, "it is protected by", s->name);
			return true;
		}
	return false;
}

bool guard_rules_protect(const struct table_view *v, const struct observable *o, struct buf *out)
{
	const struct meaning *m = v->context;
	struct rule_hit hit;
	uint8_t store[256];
	struct buf text = { .p = store, .cap = sizeof(store) }; /* addresses and hashes are never longer */
	if (!m || !(rules_kinds(m->rules) & protect_kinds(o->kind)))
		return false;
	struct span as = span_of(o->key, o->n);
	if (o->kind != OBS_DOMAIN && o->kind != OBS_URL && o->kind != OBS_EMAIL) {
		obs_format(o, &text);
		as = buf_span(&text);
	}
	if (!rules_match(m->rules, m->sources, CLEARANCE_ALL, o->kind, as, &hit) || hit.stance != STANCE_PROTECTED)
		return false;
	if (out)
		buf_printf(out, "it meets \"%.200s\", a text rule of \"%s\"", hit.text, source_get(m->sources, hit.source)->name);
	return true;
}

/* What protects the value by its text: what a name is, and text rules.  Reading a text costs more than all the rest (a microsecond, with
 * the lists of MISP), and faces ask about the same values again and again: who was not protected is remembered, by a keyed
 * hash of the value and the number of what was asked. */
static bool words_protect(struct guard *g, const struct table_view *v, const struct observable *o, const struct cover_query *q, struct buf *out)
{
	const struct meaning *m = v->context;
	const struct guard_lists *l = atomic_load_explicit(&g->lists, memory_order_acquire);
	if (o->kind != OBS_DOMAIN && (!m || !(rules_kinds(m->rules) & protect_kinds(o->kind))))
		return false;
	/* A reader of before the lists were made must not say anything in their name. */
	bool remembers = l && m && m->edition >= l->made;
	uint64_t hash = q->n ? q->hash[0] : table_hash(g->seed, q->key), mark = hash + (l ? l->number : 0) * 0x9E3779B97F4A7C15;
	_Atomic uint64_t *said_no = &g->said_no[hash % GUARD_SAID_NO];
	if (remembers && atomic_load_explicit(said_no, memory_order_relaxed) == mark)
		return false;
	const char *name = o->kind == OBS_DOMAIN ? builtin_name(span_of(o->key, o->n)) : NULL;
	if (name) {
		guard_put_hit(out, &(struct cover_hit){ .how = COVER_IS }, name, NULL);
		return true;
	}
	if (guard_rules_protect(v, o, out))
		return true;
	if (remembers)
		atomic_store_explicit(said_no, mark, memory_order_relaxed);
	return false;
}

/* The owners: they say what is to be done about a page on their own host, too. */
static bool owners_protect(struct guard *g, const struct observable *o, const struct cover_query *q, struct buf *out)
{
	return fixed_protects(&g->config, q, out) || guard_own_protects(g, o, q, out);
}

static bool host_protects(struct guard *g, const struct table_view *v, const struct observable *o, enum action action, struct buf *out)
{
	struct table_key k = guard_key(o);
	struct cover_query q;
	const char *special = protect_special(&k);
	if (UNLIKELY(special)) {
		guard_put_special(out, special);
		return true;
	}
	cover_ask(g->seed, &k, &q);
	return fixed_protects(&g->builtin, &q, out) || owners_protect(g, o, &q, out) || fixed_protects(&g->shared, &q, out) ||
	       (action != ACTION_CHALLENGE && fixed_protects(&g->cgnat, &q, out)) || lists_protect(g, v, &q, out) ||
	       words_protect(g, v, o, &q, out);
}

bool guard_is_all_of_host(const struct observable *o)
{
	struct span url = span_of(o->key, o->n);
	const uint8_t *host = memmem(url.p, url.n, "://", 3);
	struct span rest = host ? span_from(url, (size_t)(host - url.p) + 3) : url;
	return o->kind == OBS_URL && span_find(rest, '/') + 1 >= rest.n;
}

/* A URL, a hash or an e-mail address. */
static bool other_protects(struct guard *g, const struct table_view *v, const struct observable *o, enum action action, struct buf *out)
{
	struct observable host;
	uint8_t store[OBS_KEY_MAX];
	struct table_key k = guard_key(o);
	struct cover_query q;
	cover_ask(g->seed, &k, &q);
	if (guard_own_protects(g, o, &q, out) || guard_claims_protect(v, &k, out) || words_protect(g, v, o, &q, out))
		return true;
	if (obs_host(o, store, &host))
		return false;
	if (guard_is_all_of_host(o))
		return host_protects(g, v, &host, action, out);
	struct table_key at = guard_key(&host);
	const char *special = protect_special(&at);
	if (special) {
		guard_put_special(out, special);
		return true;
	}
	cover_ask(g->seed, &at, &q);
	return owners_protect(g, &host, &q, out);
}

bool guard_protects(struct guard *g, const struct observable *o, enum action action, struct buf *out)
{
	if (o->kind == OBS_NONE)
		return false;
	const struct table_view *v = table_enter(g->table);
	bool found = o->kind <= OBS_DOMAIN ? host_protects(g, v, o, action, out) : other_protects(g, v, o, action, out);
	table_leave(g->table);
	return found;
}

bool guard_at_gate(void *guard, const struct observable *o, uint8_t action, struct buf *out)
{
	(void)guard_renew(guard);
	return guard_protects(guard, o, action, out);
}

bool guard_cgnat(const struct guard *g, const struct observable *o)
{
	struct table_key k = guard_key(o);
	struct cover_query q;
	struct cover_hit hit;
	cover_ask(g->seed, &k, &q);
	return cover_find(g->cgnat.cover, &q, &hit);
}
