#include "table/nest.h"

#include "table/layout.h"

static void prefetch_block(const struct image *m, uint32_t key)
{
	__builtin_prefetch(m->blocks + key / BLOCK_KEYS);
}

static void prefetch_record(const struct image *m, uint32_t at)
{
	const uint8_t *r = m->records + (size_t)at * 4;
	__builtin_prefetch(r);
	__builtin_prefetch(r + 12 + sizeof(struct claim) - 1);
}

void nest_ask(struct nest *n, const struct table_view *v, unsigned query, uint32_t addr, unsigned rank)
{
	n->addr[query] = addr;
	n->rank[query] = (uint8_t)rank;
	for (unsigned level = 0; level < v->n; level++) {
		const struct image *m = v->level[level];
		if (!m->keys4)
			continue;
		n->walker[n->n++] = (struct nest_walker){ .addr = addr, .rank = (uint8_t)rank, .level = (uint8_t)level, .query = (uint8_t)query };
		__builtin_prefetch(m->ranges + (uint32_t)((uint64_t)addr >> m->shift4));
	}
}

static void find_ranges(struct nest *n, const struct table_view *v)
{
	for (struct nest_walker *w = n->walker, *stop = w + n->n; w < stop; w++) {
		const struct image *m = v->level[w->level];
		w->end = image_range(m, w->addr, &w->at);
		if (w->at == w->end) { /* none begins here: the last one before, if there is one */
			w->at = w->end ? w->end - 1 : 0;
			continue;
		}
		__builtin_prefetch(m->samples + w->at / BLOCK_KEYS);
		__builtin_prefetch(m->samples + (w->end - 1) / BLOCK_KEYS);
	}
}

static void find_blocks(struct nest *n, const struct table_view *v)
{
	for (struct nest_walker *w = n->walker, *stop = w + n->n; w < stop; w++) {
		const struct image *m = v->level[w->level];
		if (w->at < w->end)
			w->at = image_block_of(m, w->at, w->end, w->addr) * BLOCK_KEYS;
		if (w->end)
			prefetch_block(m, w->at);
	}
}

/* The last key that does not begin behind the address.  A walker that finds none goes, and one whose key neither covers nor is
 * covered. */
static void find_keys(struct nest *n, const struct table_view *v)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n->n; i++) {
		struct nest_walker w = n->walker[i];
		const struct image *m = v->level[w.level];
		if (!w.end)
			continue;
		const struct block *b = image_block(m, w.at);
		unsigned slot = block_search(b, w.addr);
		uint32_t behind = w.at / BLOCK_KEYS * BLOCK_KEYS + slot;
		if (UNLIKELY(behind > w.end))
			behind = w.end;
		if (!behind)
			continue;
		b = image_block(m, --behind);
		slot = behind % BLOCK_KEYS;
		if (!(b->rank[slot] & BLOCK_NESTED) && !block_covers(b->net[slot], b->rank[slot], w.addr, w.rank))
			continue;
		w.at = b->record[slot];
		w.inside = false;
		prefetch_record(m, w.at);
		n->walker[kept++] = w;
	}
	n->n = kept;
}

static inline void put_hit(const struct nest_hit *h, const struct table_view *v, struct table_hits *hits)
{
	struct table_hit hit = { .exact = h->exact };
	if (image_record4(v->level[h->level], h->record, &hit.key, &hit.claims, &hit.n) && hits->n < TABLE_HITS_MAX)
		hits->hit[hits->n++] = hit;
}

static inline void add_hit(struct nest *n, const struct table_view *v, const struct nest_walker *w, bool exact)
{
	const struct nest_hit hit = { w->at, w->level, exact };
	if (UNLIKELY(n->all))
		put_hit(&hit, v, n->all);
	else if (n->hits[w->query]++ < NEST_FIRST)
		n->first[w->query][n->hits[w->query] - 1] = hit;
}

/* Each record that a walker stands at is a hit or not; on to its parent. */
static void climb(struct nest *n, const struct table_view *v)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n->n; i++) {
		struct nest_walker w = n->walker[i];
		const struct image *m = v->level[w.level];
		struct image_head4 h;
		if (!image_head4(m, w.at, &h))
			continue; /* the file lies */
		w.inside = w.inside || block_covers(h.net, h.rank, w.addr, w.rank);
		if (w.inside)
			add_hit(n, v, &w, h.rank == w.rank && h.net == w.addr);
		if (h.parent >= w.at)
			continue; /* none; or the file lies: a parent stands before */
		w.at = h.parent;
		prefetch_record(m, w.at);
		n->walker[kept++] = w;
	}
	n->n = kept;
}

void nest_run(struct nest *n, const struct table_view *v)
{
	find_ranges(n, v);
	find_blocks(n, v);
	find_keys(n, v);
	while (n->n)
		climb(n, v);
}

/* Few queries have so much, so that the others of the group need no room for it. */
static __attribute__((noinline)) void walk_alone(struct nest *n, const struct table_view *v, unsigned query, struct table_hits *hits)
{
	n->all = hits;
	nest_ask(n, v, query, n->addr[query], n->rank[query]);
	nest_run(n, v);
	n->all = NULL;
}

void nest_put(struct nest *n, const struct table_view *v, unsigned query, struct table_hits *hits)
{
	if (UNLIKELY(n->hits[query] > NEST_FIRST)) {
		walk_alone(n, v, query, hits);
		return;
	}
	for (unsigned i = 0; i < n->hits[query]; i++)
		put_hit(&n->first[query][i], v, hits);
}
