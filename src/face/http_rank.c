/* A feed that has more than its cap keeps what matters most.  The best are kept in a heap whose root is the least of them. */
#include <stdlib.h>

#include "base/clock.h"
#include "face/http_parts.h"

enum { BATCH = 256 };

struct ranked {
	uint64_t rank; /* score, then the entry that put it in force */
	struct feed_item item;
};

struct ranking {
	struct http_server *server;
	clearance clear;
	struct ranked *heap;
	size_t n, room;
	uint64_t beyond;
	unsigned n_batch;
	struct feed_item batch[BATCH];
	struct observable observable[BATCH];
	uint64_t rank[BATCH];
};

static void sift_down(struct ranked *heap, size_t n, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1;
		for (size_t k = left; k < left + 2 && k < n; k++)
			if (heap[k].rank < heap[least].rank)
				least = k;
		if (least == i)
			return;
		struct ranked t = heap[i];
		heap[i] = heap[least];
		heap[least] = t;
		i = least;
	}
}

static void sift_up(struct ranked *heap, size_t i)
{
	while (i && heap[i].rank < heap[(i - 1) / 2].rank) {
		struct ranked t = heap[i];
		heap[i] = heap[(i - 1) / 2];
		heap[(i - 1) / 2] = t;
		i = (i - 1) / 2;
	}
}

static void keep(struct ranking *g, const struct feed_item *item, uint64_t rank)
{
	if (g->n < g->room) {
		g->heap[g->n] = (struct ranked){ rank, *item };
		sift_up(g->heap, g->n++);
		return;
	}
	g->beyond++;
	if (!g->room || rank <= g->heap[0].rank)
		return;
	g->heap[0] = (struct ranked){ rank, *item };
	sift_down(g->heap, g->n, 0);
}

static void take_score(void *ctx, size_t i, const struct reputation *r)
{
	((struct ranking *)ctx)->rank[i] = (uint64_t)r->verdict.score << 32;
}

static void weigh(struct ranking *g)
{
	struct docket *d = node_docket(g->server->options.node);
	const struct table_view *v = http_table_enter(g->server);
	reputation_batch(v, g->observable, g->n_batch, g->clear, (uint32_t)(clock_ms() / 1000), take_score, g);
	http_table_leave(g->server);
	v = table_enter(docket_table(d));
	for (unsigned i = 0; i < g->n_batch; i++) {
		uint32_t entry = 0;
		(void)force_of(v, &g->observable[i], docket_tick(d), &entry);
		g->rank[i] |= entry;
	}
	table_leave(docket_table(d));
	for (unsigned i = 0; i < g->n_batch; i++)
		keep(g, &g->batch[i], g->rank[i]);
	g->n_batch = 0;
}

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->rank > y->rank ? -1 : x->rank < y->rank;
}

struct feed_item *http_rank(struct http_server *s, struct feed_reading *r, clearance clear, size_t n, size_t *ret_n, uint64_t *ret_beyond)
{
	struct ranking *g = mem_zalloc(sizeof(*g));
	g->server = s;
	g->clear = clear;
	g->room = n;
	g->heap = mem_alloc((n ? n : 1) * sizeof(*g->heap));
	while (feed_next(r, &g->batch[g->n_batch])) {
		g->observable[g->n_batch] = feed_item_observable(&g->batch[g->n_batch]);
		g->observable[g->n_batch].wildcard = false;
		if (++g->n_batch == BATCH)
			weigh(g);
	}
	weigh(g);
	qsort(g->heap, g->n, sizeof(*g->heap), by_rank);
	struct feed_item *items = mem_alloc((g->n ? g->n : 1) * sizeof(*items));
	for (size_t i = 0; i < g->n; i++)
		items[i] = g->heap[i].item;
	*ret_n = g->n;
	*ret_beyond = g->beyond;
	free(g->heap);
	free(g);
	return items;
}
