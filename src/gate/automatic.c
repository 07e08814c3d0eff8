/* First every key of the table by its own claims, which is quick and needs the writing lock of the node; then those that are left as every
 * face would answer them, with what covers them, the text rules and the protected register, while others go on.
 *
 * A decision is told to more people than most claims: only lanes for those whom the policy names are looked at, since what is blocked would tell of the others.
 * The lane of the decisions is left out: what is blocked is met, and if that made it fresh here a decision would be the reason for its own renewal. */
#include "gate/automatic.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gate/fold.h"

struct candidate {
	uint32_t at;      /* of its key in `keys` */
	uint32_t seen;
	uint8_t kind, prefix, score;
	uint16_t n;
};

struct finding {
	struct node *node;
	const struct policy *a;
	const struct source_set *sources;
	clearance clear;
	uint32_t now_s;
	struct candidate *v;
	size_t n, room;
	struct buf keys;
};

static bool is_enough(const struct finding *g, const struct verdict *v)
{
	return v->listed && v->score >= g->a->min_score && v->n_groups >= g->a->min_sources && g->a->categories >> v->category & 1;
}

static void look_at(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct finding *g = ctx;
	struct table_hits hits;
	struct verdict v;
	if (!(protect_kinds(k->kind) & g->a->kinds) || n < g->a->min_sources || g->keys.n > UINT32_MAX - OBS_KEY_MAX)
		return;
	hits.n = 1;
	hits.hit[0] = (struct table_hit){ .key = *k, .exact = true, .n = n, .claims = claims };
	score_hits(&hits, 1, g->sources, g->clear, k->kind, g->now_s, &v, NULL, NULL);
	if (!is_enough(g, &v))
		return;
	if (g->n == g->room) {
		g->room = g->room ? 2 * g->room : 256;
		g->v = mem_realloc(g->v, g->room * sizeof(*g->v));
	}
	g->v[g->n++] = (struct candidate){ .at = (uint32_t)g->keys.n, .seen = v.seen, .kind = k->kind, .prefix = k->prefix, .score = v.score, .n = k->n };
	buf_put(&g->keys, k->p, k->n);
}

static int by_score(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (a->seen != b->seen)
		return a->seen > b->seen ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

struct until {
	uint32_t s;
};

static void latest(void *ctx, const struct claim *c)
{
	struct until *u = ctx;
	if (c->stance == ACTION_BLOCK && (c->until == 0 || c->until > u->s))
		u->s = c->until ? c->until : UINT32_MAX;
}

/* In force already, for longer than a third of the lease? */
static bool is_decided(const struct finding *g, const struct observable *o)
{
	struct docket *d = node_docket(g->node);
	struct table_key key = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	struct until u = { 0 };
	const struct table_view *v = table_enter(docket_table(d));
	force all = force_of(v, o, docket_tick(d), NULL);
	force_each(v, &key, docket_tick(d), latest, &u);
	table_leave(docket_table(d));
	bool by_another = all && !u.s; /* what covers it, or protects it */
	return by_another || u.s > g->now_s + g->a->lease_s / 3;
}

/* As every face would answer. */
static bool holds(const struct finding *g, const struct observable *o)
{
	struct reputation r;
	struct table *t = node_table(g->node);
	reputation_of(table_enter(t), o, g->clear, g->now_s, &r, NULL, NULL);
	bool yes = is_enough(g, &r.verdict);
	table_leave(t);
	return yes && !is_decided(g, o) && !docket_guarded(node_docket(g->node), o, NULL);
}

enum err automatic_find(struct node *n, const struct policy *a, struct buf *values, unsigned *ret_n, struct fault *f)
{
	struct finding g = { .node = n, .a = a, .clear = ledger_clearance(node_ledger(n), a->audience), .now_s = (uint32_t)(clock_ms() / 1000) };
	struct lane lane;
	unsigned found = 0;
	if (ledger_lane_find(node_ledger(n), CLEARANCE_ALL, DOCKET_LANE, &lane) == OK)
		g.clear &= ~((clearance)1 << lane.number);
	struct fold *fold = node_write_begin(n);
	g.sources = fold_sources(fold);
	enum err e = table_each(node_table(n), source_claim_counts, (void *)g.sources, look_at, &g, f);
	node_write_end(n);
	if (g.n)
		qsort(g.v, g.n, sizeof(*g.v), by_score);
	for (size_t i = 0; e == OK && i < g.n && found < a->max; i++) {
		struct observable o = { .kind = g.v[i].kind, .prefix = g.v[i].prefix, .n = g.v[i].n, .key = g.keys.p + g.v[i].at };
		if (!holds(&g, &o))
			continue;
		decision_value_put(values, &o);
		found++;
	}
	free(g.v);
	buf_release(&g.keys);
	if (e == OK)
		*ret_n = found;
	return e;
}

enum err automatic_run(struct node *n, const struct policy *a, unsigned *ret_n, uint64_t *ret_index, struct fault *f)
{
	struct buf values = { 0 };
	unsigned found = 0;
	enum err e = automatic_find(n, a, &values, &found, f);
	struct decision_op op = { .op = OP_PROPOSE, .action = ACTION_BLOCK, .reason = a->reason, .policy = span_str(a->name), .values = buf_span(&values),
				  .until_s = (uint32_t)(clock_ms() / 1000) + a->lease_s, .why = SPAN_LIT("by policy") };
	if (e == OK && found)
		e = docket_say(node_docket(n), &(struct speaker){ "local", "" }, &op, ret_index, f);
	buf_release(&values);
	if (e == OK)
		*ret_n = found;
	return e;
}
