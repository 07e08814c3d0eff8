#include "table/nest.h"

#include "table/layout.h"

enum { LINE = 64 };

static const struct block *block_at(const struct image *m, uint32_t key)
{
	return m->blocks + key / BLOCK_KEYS;
}

/* The lines that say where a key begins and how long it is. */
static void prefetch_block(const struct block *b)
{
	__builtin_prefetch(b->net);
	__builtin_prefetch(b->rank);
}

void nest_ask(struct nest *n, const struct table_view *v, unsigned query, uint32_t addr, unsigned rank)
{
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
			if (w->end)
				prefetch_block(block_at(m, w->at));
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
			prefetch_block(block_at(m, w->at));
	}
}

/* The last key that does not begin behind the address; without one the walker goes. */
static void find_keys(struct nest *n, const struct table_view *v)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n->n; i++) {
		struct nest_walker w = n->walker[i];
		const struct image *m = v->level[w.level];
		if (!w.end)
			continue;
		uint32_t block = w.at / BLOCK_KEYS, behind = block * BLOCK_KEYS + block_search(&m->blocks[block], w.addr);
		if (behind > w.end)
			behind = w.end;
		if (!behind)
			continue;
		w.at = behind - 1;
		if (w.at / BLOCK_KEYS != block)
			prefetch_block(block_at(m, w.at));
		n->walker[kept++] = w;
	}
	n->n = kept;
}

static void add_hit(struct nest *n, const struct nest_walker *w, const struct block *b)
{
	unsigned i = n->hits[w->query], slot = w->at % BLOCK_KEYS;
	if (i == TABLE_HITS_MAX) {
		n->truncated[w->query] = true;
		return;
	}
	n->hit[w->query][i].key = w->at;
	n->hit[w->query][i].level = w->level;
	n->hit[w->query][i].exact = block_rank(b, slot) == w->rank && block_host_order(b->net[slot]) == w->addr;
	n->hits[w->query]++;
	__builtin_prefetch(b->record);
}

/* Each key that a walker stands on is a hit or not; those without a parent go. */
static void judge(struct nest *n, const struct table_view *v)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n->n; i++) {
		const struct nest_walker *w = &n->walker[i];
		const struct block *b = block_at(v->level[w->level], w->at);
		unsigned slot = w->at % BLOCK_KEYS;
		if (block_covers(b, slot, w->addr, w->rank))
			add_hit(n, w, b);
		if (!(b->rank[slot] & BLOCK_NESTED))
			continue;
		__builtin_prefetch(b->parent);
		n->walker[kept++] = *w;
	}
	n->n = kept;
}

static void climb(struct nest *n, const struct table_view *v)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n->n; i++) {
		struct nest_walker w = n->walker[i];
		const struct image *m = v->level[w.level];
		uint32_t parent = block_at(m, w.at)->parent[w.at % BLOCK_KEYS];
		if (parent >= w.at)
			continue; /* the file lies: a parent stands before */
		w.at = parent;
		prefetch_block(block_at(m, parent));
		n->walker[kept++] = w;
	}
	n->n = kept;
}

static void prefetch_claims(const struct nest *n, const struct table_view *v, unsigned query)
{
	for (unsigned i = 0; i < n->hits[query]; i++) {
		const struct image *m = v->level[n->hit[query][i].level];
		uint32_t key = n->hit[query][i].key, record = block_at(m, key)->record[key % BLOCK_KEYS];
		if (record >= m->units)
			continue;
		const uint8_t *claims = m->records + (size_t)record * 4;
		__builtin_prefetch(claims);
		__builtin_prefetch(claims + sizeof(struct claim) - 1);
	}
}

void nest_run(struct nest *n, const struct table_view *v)
{
	uint64_t asked = 0;
	for (unsigned i = 0; i < n->n; i++)
		asked |= 1ULL << n->walker[i].query;
	find_ranges(n, v);
	find_blocks(n, v);
	find_keys(n, v);
	while (n->n) {
		judge(n, v);
		climb(n, v);
	}
	for (; asked; asked &= asked - 1)
		prefetch_claims(n, v, (unsigned)__builtin_ctzll(asked));
}

void nest_put(const struct nest *n, const struct table_view *v, unsigned query, struct table_hits *hits)
{
	hits->truncated |= n->truncated[query];
	for (unsigned i = 0; i < n->hits[query]; i++) {
		struct table_hit hit = { .exact = n->hit[query][i].exact };
		if (!image_key4_at(v->level[n->hit[query][i].level], n->hit[query][i].key, &hit.key, &hit.claims, &hit.n))
			continue;
		if (hits->n < TABLE_HITS_MAX)
			hits->hit[hits->n++] = hit;
		else
			hits->truncated = true;
	}
}
