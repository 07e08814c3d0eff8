/* A feed that has more than its cap: what is said of its items, and how often they were met, looked up for many at once. */
#include <stdlib.h>

#include "base/clock.h"
#include "face/http_parts.h"
#include "gate/rank.h"

enum { BATCH = 256 };

struct weighing {
	struct http_server *server;
	clearance clear;
	struct rank *rank;
	unsigned n;
	struct feed_item item[BATCH];
	struct observable observable[BATCH];
	struct standing standing[BATCH];
	uint32_t hits[BATCH];
};

static void take_score(void *ctx, size_t i, const struct reputation *r)
{
	((struct weighing *)ctx)->standing[i].score = r->verdict.score;
}

static void weigh(struct weighing *g)
{
	struct docket *d = node_docket(g->server->options.node);
	const struct table_view *v = http_table_enter(g->server);
	reputation_batch(v, g->observable, g->n, g->clear, (uint32_t)(clock_ms() / 1000), take_score, g);
	http_table_leave(g->server);
	docket_met(d, g->observable, g->n, g->hits);
	v = table_enter(docket_table(d));
	for (unsigned i = 0; i < g->n; i++) {
		g->standing[i].hits = g->hits[i];
		g->standing[i].entry = 0;
		(void)force_of(v, &g->observable[i], docket_tick(d), &g->standing[i].entry);
	}
	table_leave(docket_table(d));
	for (unsigned i = 0; i < g->n; i++)
		rank_show(g->rank, &g->item[i], &g->standing[i]);
	g->n = 0;
}

struct feed_item *http_rank(struct http_server *s, struct feed_reading *r, clearance clear, size_t n, size_t *ret_n, uint64_t *ret_beyond)
{
	struct weighing *g = mem_zalloc(sizeof(*g));
	g->server = s;
	g->clear = clear;
	g->rank = rank_new(n);
	while (feed_next(r, &g->item[g->n])) {
		g->observable[g->n] = feed_item_observable(&g->item[g->n]);
		g->observable[g->n].wildcard = false;
		if (++g->n == BATCH)
			weigh(g);
	}
	weigh(g);
	struct feed_item *items = rank_end(g->rank, ret_n, ret_beyond);
	free(g);
	return items;
}
