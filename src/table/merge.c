/* A heap of cursors, one for each image, ordered by place and then key: every image is read once, in order.
 *
 * Images may be in use by readers while they are merged, so a file is read through a second mapping of the same pages
 * (mremap of length 0), which alone is told that it is read in order and which gives back what it has passed:
 * resident memory stays flat, and the readers' mapping keeps its pages.  What is dropped by `keep` is dropped before
 * equal claims collapse, so that the result does not depend on who was merged with whom first. */
#include "table/merge.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "table/claims.h"
#include "table/layout.h"

enum {
	GIVE_BACK = 16 << 20, /* octets that all mappings together may keep of what they have passed ... */
	GIVE_BACK_LEAST = 128 << 10, /* ... but each at least so many */
	FAULT_AROUND = 128 << 10,
};

struct place {
	uint64_t place;
	struct table_key key;
};

struct cursor {
	struct place at;
	const struct claim *claims;
	unsigned n;          /* of them */
	uint32_t i;          /* number of the key */
	struct image m;      /* a copy, whose sections are those of the second mapping */
	uint8_t *mapping;    /* the second mapping, or NULL */
	size_t records_kept, index_kept, blocks_kept; /* octets of it before these were given back */
	size_t keep;         /* octets that may be behind before they are given back */
};

struct merge {
	struct cursor *cursor;
	unsigned n;          /* cursors made */
	unsigned *heap;      /* numbers of cursors that have keys left */
	unsigned heap_n;
	claim_keep *keep;
	void *ctx;
	struct claim *claims;
	size_t claims_n, claims_cap;
	uint64_t dup;
};

static int order(const struct place *a, const struct place *b)
{
	return a->place != b->place ? (a->place < b->place ? -1 : 1) : table_key_order(&a->key, &b->key);
}

static void sift_down(struct merge *g, unsigned i)
{
	for (unsigned child; (child = 2 * i + 1) < g->heap_n; i = child) {
		if (child + 1 < g->heap_n &&
		    order(&g->cursor[g->heap[child + 1]].at, &g->cursor[g->heap[child]].at) < 0)
			child++;
		if (order(&g->cursor[g->heap[i]].at, &g->cursor[g->heap[child]].at) <= 0)
			return;
		unsigned x = g->heap[i];
		g->heap[i] = g->heap[child];
		g->heap[child] = x;
	}
}

static void cursor_init(struct cursor *c, const struct image *m, unsigned n_cursors)
{
	*c = (struct cursor){ .m = *m, .keep = GIVE_BACK / 2 / n_cursors };
	if (c->keep < GIVE_BACK_LEAST)
		c->keep = GIVE_BACK_LEAST;
	if (!m->map)
		return;
	size_t n = (size_t)m->header.octets;
	uint8_t *map = mremap(m->map, 0, n, MREMAP_MAYMOVE);
	if (map == MAP_FAILED)
		return;
	madvise(map, n, MADV_SEQUENTIAL);
	c->mapping = map;
	c->m.records = map + (m->records - (uint8_t *)m->map);
	c->m.index = (const void *)(map + ((const uint8_t *)m->index - (uint8_t *)m->map));
	c->records_kept = (size_t)(c->m.records - map);
	c->index_kept = (size_t)((const uint8_t *)c->m.index - map);
	if (!m->blocks)
		return;
	c->m.blocks = (const void *)(map + ((const uint8_t *)m->blocks - (uint8_t *)m->map));
	c->blocks_kept = (size_t)((const uint8_t *)c->m.blocks - map);
}

/* The cursor has read up to `now` what began at *kept: give the pages back when they have become many.  But not the
 * last ones: the key is read once more when it is written, and a fault there would bring back all the pages around
 * it. */
static void give_back(const struct cursor *c, size_t *kept, const void *now)
{
	size_t read = (size_t)((const uint8_t *)now - c->mapping), from = *kept & ~(size_t)4095;
	if (read <= from + c->keep + FAULT_AROUND)
		return;
	size_t passed = (read - FAULT_AROUND) & ~(size_t)4095;
	madvise(c->mapping + from, passed - from, MADV_DONTNEED);
	*kept = passed;
}

/* Load key number c->i, if there is one. */
static enum err cursor_load(struct cursor *c, bool *ret_more, struct fault *f)
{
	*ret_more = c->i < c->m.header.keys;
	if (!*ret_more)
		return OK;
	uint64_t last = c->at.place;
	bool four = c->i < c->m.keys4, whole = image_nth(&c->m, c->i, &c->at.key, &c->claims, &c->n) && c->n;
	if (whole)
		c->at.place = four ? table_key_address(&c->at.key) : 1ULL << 32 | c->m.index[c->i - c->m.keys4].tag;
	if (!whole || c->at.place < last || (table_key_rank(&c->at.key) >= 0) != four)
		return fault_set(f, ERR_CORRUPT, "image is damaged: key number %u is out of order or out of bounds",
				c->i);
	if (!c->mapping)
		return OK;
	give_back(c, &c->records_kept, c->at.key.p);
	if (four)
		give_back(c, &c->blocks_kept, c->m.blocks + c->i / BLOCK_KEYS);
	else
		give_back(c, &c->index_kept, c->m.index + (c->i - c->m.keys4));
	return OK;
}

/* Next key of the cursor at the top of the heap. */
static enum err advance(struct merge *g, struct fault *f)
{
	bool more;
	struct cursor *c = &g->cursor[g->heap[0]];
	c->i++;
	enum err e = cursor_load(c, &more, f);
	if (e)
		return e;
	if (!more)
		g->heap[0] = g->heap[--g->heap_n];
	sift_down(g, 0);
	return OK;
}

static void take(struct merge *g, const struct cursor *c)
{
	if (g->claims_n + c->n > g->claims_cap) {
		g->claims_cap = (g->claims_n + c->n) * 2;
		g->claims = mem_realloc(g->claims, g->claims_cap * sizeof(*g->claims));
	}
	for (unsigned i = 0; i < c->n; i++)
		if (!g->keep || g->keep(g->ctx, &c->claims[i]))
			g->claims[g->claims_n++] = c->claims[i];
}

/* All claims on the least key, from every image that has it. */
static enum err next_key(struct merge *g, struct place *ret_at, struct fault *f)
{
	enum err e;
	*ret_at = g->cursor[g->heap[0]].at;
	g->claims_n = 0;
	do {
		take(g, &g->cursor[g->heap[0]]);
		e = advance(g, f);
	} while (e == OK && g->heap_n && order(ret_at, &g->cursor[g->heap[0]].at) == 0);
	return e;
}

static enum err run(struct merge *g, struct writer *w, const atomic_bool *stop, struct fault *f)
{
	enum err e = OK;
	while (e == OK && g->heap_n) {
		struct place at;
		if (stop && atomic_load_explicit(stop, memory_order_relaxed))
			return fault_set(f, ERR_CANCELLED, "the merge was told to stop");
		e = next_key(g, &at, f);
		if (e)
			break;
		unsigned n = claims_settle(g->claims, (unsigned)g->claims_n, &g->dup);
		if (n)
			e = writer_add(w, at.place, &at.key, g->claims, n, f);
	}
	return e;
}

static enum err open_cursors(struct merge *g, struct image *const *in, unsigned n, struct image_bounds *bounds,
			      struct fault *f)
{
	*bounds = (struct image_bounds){ 0 };
	for (unsigned i = 0; i < n; i++) {
		bool more;
		struct cursor *c = &g->cursor[g->n++];
		cursor_init(c, in[i], n);
		enum err e = cursor_load(c, &more, f);
		if (e)
			return e;
		if (more)
			g->heap[g->heap_n++] = i;
		bounds->keys += in[i]->keys;
		bounds->keys4 += in[i]->keys4;
		bounds->record_octets += in[i]->header.section[IMAGE_RECORDS].octets;
	}
	for (unsigned i = g->heap_n / 2; i-- > 0;)
		sift_down(g, i);
	return OK;
}

static void release(struct merge *g)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->cursor[i].mapping)
			munmap(g->cursor[i].mapping, (size_t)g->cursor[i].m.header.octets);
	free(g->cursor);
	free(g->heap);
	free(g->claims);
}

enum err merge_each(struct image *const *in, unsigned n, claim_keep *keep, void *ctx, image_visit *visit, void *visit_ctx,
		    struct fault *f)
{
	struct merge g = { .keep = keep, .ctx = ctx, .cursor = mem_zalloc((n + 1) * sizeof(*g.cursor)),
			   .heap = mem_zalloc((n + 1) * sizeof(*g.heap)) };
	struct image_bounds bounds;
	enum err e = open_cursors(&g, in, n, &bounds, f);
	while (e == OK && g.heap_n) {
		struct place at;
		e = next_key(&g, &at, f);
		unsigned left = e ? 0 : claims_settle(g.claims, (unsigned)g.claims_n, &g.dup);
		if (left)
			visit(visit_ctx, &at.key, g.claims, left);
	}
	release(&g);
	return e;
}

enum err merge_images(struct image *const *in, unsigned n, claim_keep *keep, void *ctx, const struct image_target *t,
		      struct image **ret_image, uint64_t *ret_dup, struct fault *f)
{
	if (n == 0)
		return fault_set(f, ERR_RANGE, "merge of no images");
	struct siphash_seed seed = in[0]->header.seed;
	for (unsigned i = 1; i < n; i++)
		if (memcmp(&seed, &in[i]->header.seed, sizeof(seed)) != 0)
			return fault_set(f, ERR_CORRUPT, "images of different seeds cannot be merged");
	struct merge g = { .keep = keep, .ctx = ctx, .cursor = mem_zalloc(n * sizeof(*g.cursor)),
			   .heap = mem_zalloc(n * sizeof(*g.heap)) };
	struct image_bounds bounds;
	struct writer *w = NULL;
	enum err e = open_cursors(&g, in, n, &bounds, f);
	if (e == OK)
		e = writer_new(seed, &bounds, t, &w, f);
	if (e == OK)
		e = run(&g, w, t->stop, f);
	if (e == OK)
		e = writer_finish(w, ret_image, f);
	if (e == OK && ret_dup)
		*ret_dup = g.dup;
	writer_free(w);
	release(&g);
	return e;
}

enum err image_merge(struct image *const *in, unsigned n, claim_keep *keep, void *ctx, const char *path,
		     struct image **ret_image, uint64_t *ret_dup, struct fault *f)
{
	struct image_target t = { .kind = path ? IMAGE_AS_FILE : IMAGE_IN_MEMORY, .path = path, .sync = true };
	return merge_images(in, n, keep, ctx, &t, ret_image, ret_dup, f);
}
