#include "view/grams.h"

#include <stdlib.h>

enum { MAP_LOG = 19, MAP_BITS = 1 << MAP_LOG };

static const unsigned width_of[2] = { 8, 4 };

static inline uint64_t key_at(const uint8_t *p, unsigned width)
{
	uint64_t key = 0;
	memcpy(&key, p, width);
	return key;
}

static unsigned bit_of(uint64_t key)
{
	return (unsigned)(key * 0x9e3779b97f4a7c15ULL >> (64 - MAP_LOG));
}

void grams_release(struct grams *g)
{
	for (unsigned w = 0; w < 2; w++) {
		free(g->v[w]);
		free(g->map[w]);
	}
	*g = (struct grams){ 0 };
}

void grams_add(struct grams *g, struct span s, uint32_t id)
{
	unsigned w = s.n < width_of[0];
	if (g->n[w] == g->cap[w]) {
		g->cap[w] = g->cap[w] ? 2 * g->cap[w] : 64;
		g->v[w] = mem_realloc(g->v[w], g->cap[w] * sizeof(*g->v[w]));
	}
	if (!g->map[w])
		g->map[w] = mem_zalloc(MAP_BITS / 8);
	struct gram new = { key_at(s.p, width_of[w]), id };
	g->map[w][bit_of(new.key) / 64] |= 1ULL << bit_of(new.key) % 64;
	g->v[w][g->n[w]++] = new;
	g->sorted = false;
}

static int compare(const void *a, const void *b)
{
	const struct gram *x = a, *y = b;
	return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->id > y->id) - (x->id < y->id);
}

void grams_ready(struct grams *g)
{
	for (unsigned w = 0; w < 2 && !g->sorted; w++)
		if (g->n[w])
			qsort(g->v[w], g->n[w], sizeof(*g->v[w]), compare);
	g->sorted = true;
}

/* Index of the first entry with `key`, or of the first above it. */
static uint32_t lower_bound(const struct gram *v, uint32_t n, uint64_t key)
{
	uint32_t low = 0;
	while (n) {
		uint32_t half = n / 2;
		if (v[low + half].key < key) {
			low += half + 1;
			n -= half + 1;
		} else
			n = half;
	}
	return low;
}

/* One reading of the text; inlined for each width, so that a key is one load. */
static inline void each(const struct grams *g, unsigned w, unsigned width, struct span text, void (*visit)(void *ctx, uint32_t id),
			void *ctx)
{
	for (size_t at = 0; at + width <= text.n; at++) {
		uint64_t key = key_at(text.p + at, width);
		unsigned bit = bit_of(key);
		if (LIKELY(!(g->map[w][bit / 64] >> bit % 64 & 1)))
			continue;
		for (uint32_t i = lower_bound(g->v[w], g->n[w], key); i < g->n[w] && g->v[w][i].key == key; i++)
			visit(ctx, g->v[w][i].id);
	}
}

void grams_each(const struct grams *g, struct span text, void (*visit)(void *ctx, uint32_t id), void *ctx)
{
	if (g->n[0])
		each(g, 0, 8, text, visit, ctx);
	if (g->n[1])
		each(g, 1, 4, text, visit, ctx);
}
