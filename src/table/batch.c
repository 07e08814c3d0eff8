/* Claims lie in an arena as records of one claim each, in the order in which they came; beside it an array of (address or
 * tag, where) of eight octets for each of the two orders is what gets sorted, by three passes of a radix sort.  Then the arena is read in that order,
 * prefetching ahead, equal keys stand side by side, and the image is written in one pass.
 *
 * When a batch holds more than its cap, that image goes to a scratch file without a name, and all of them merge at
 * the end. */
#include "table/batch.h"

#include <stdlib.h>

#include "base/buf.h"
#include "codec/observable.h"
#include "table/claims.h"
#include "table/layout.h"
#include "table/merge.h"

enum {
	DIGIT = 11, DIGITS = 1 << DIGIT, PASSES = 3, /* 3 * 11 >= 32 bits */
	SMALL = 64,                                  /* fewer are sorted by insertion */
	AHEAD = 12,
	UNSTAMPED_MAX = 1 << 30,                     /* octets beyond the cap that may wait for a stamp */
};

#define MEMORY_MAX ((size_t)8 << 30) /* so that every place has a number of 32 bits */

struct place {
	uint32_t tag, at; /* the lower half of table_place(); in the arena, in units of four octets */
};

/* Keys of one order: by address, by hash. */
struct places {
	struct place *v;
	size_t n, cap, stamped;
};

enum { BY_ADDRESS, BY_HASH, ORDERS };

struct batch {
	struct siphash_seed seed;
	char *spill_dir;
	size_t memory_octets;
	struct buf arena;
	struct places places[ORDERS];
	struct image **run;
	unsigned n_runs;
	uint64_t count, dup;
};

struct batch *batch_new(struct siphash_seed seed, const char *spill_dir, size_t memory_octets)
{
	struct batch *b = mem_zalloc(sizeof(*b));
	b->seed = seed;
	b->spill_dir = mem_strdup(spill_dir);
	b->memory_octets = memory_octets < MEMORY_MAX ? memory_octets : MEMORY_MAX;
	return b;
}

static void drop_memory(struct batch *b)
{
	buf_release(&b->arena);
	b->arena = (struct buf){ 0 };
	for (unsigned o = 0; o < ORDERS; o++) {
		free(b->places[o].v);
		b->places[o] = (struct places){ 0 };
	}
}

static void drop_runs(struct batch *b)
{
	for (unsigned i = 0; i < b->n_runs; i++)
		image_free(b->run[i]);
	free(b->run);
	b->run = NULL;
	b->n_runs = 0;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	drop_memory(b);
	drop_runs(b);
	free(b->spill_dir);
	free(b);
}

uint64_t batch_count(const struct batch *b)
{
	return b->count;
}

static size_t in_memory(const struct batch *b)
{
	return b->places[BY_ADDRESS].n + b->places[BY_HASH].n;
}

/* What sorting and the places take counts too. */
static size_t octets(const struct batch *b)
{
	return b->arena.n + in_memory(b) * 2 * sizeof(struct place);
}

static void grow(struct batch *b, struct places *p, size_t more)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->v = mem_realloc(p->v, p->cap * sizeof(*p->v));
	}
	if (b->arena.cap - b->arena.n < more) {
		b->arena.cap = b->arena.cap * 2 + more + 1024;
		b->arena.p = mem_realloc(b->arena.p, b->arena.cap);
		writer_huge(b->arena.p, b->arena.cap);
	}
}

enum err batch_add(struct batch *b, const struct table_key *k, const struct claim *c, struct fault *f)
{
	size_t padded = image_pad(k->n), size = 4 + padded + sizeof(*c);
	if (UNLIKELY(octets(b) > b->memory_octets && octets(b) - b->memory_octets > UNSTAMPED_MAX))
		return fault_set(f, ERR_FULL, "batch is full: %zu octets of claims have no ledger entry yet",
				octets(b));
	uint64_t place = table_place(b->seed, k);
	struct places *order = &b->places[place >> 32];
	grow(b, order, size);
	uint8_t *p = b->arena.p + b->arena.n;
	uint32_t header = table_key_header(k);
	memset(p + padded, 0, 4); /* the last word of the octets, which has the padding; without octets the header */
	memcpy(p, &header, 4);
	memcpy(p + 4, k->p, k->n);
	memcpy(p + 4 + padded, c, sizeof(*c));
	order->v[order->n++] = (struct place){ (uint32_t)place, (uint32_t)(b->arena.n / 4) };
	b->arena.n += size;
	b->count++;
	return OK;
}

static struct table_key key_at(const struct batch *b, struct place at)
{
	const uint8_t *r = b->arena.p + (size_t)at.at * 4;
	return (struct table_key){ .kind = r[0], .prefix = r[1], .n = (uint16_t)(r[2] | r[3] << 8), .p = r + 4 };
}

static struct claim *claim_of(const struct table_key *k)
{
	return (struct claim *)(uintptr_t)(k->p + image_pad(k->n));
}

static void sort_small(struct place *a, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct place x = a[i];
		size_t j = i;
		for (; j > 0 && a[j - 1].tag > x.tag; j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
}

/* By tag; equal ones stay in their order. */
static void sort(struct place **a, size_t n)
{
	if (n < SMALL) {
		sort_small(*a, n);
		return;
	}
	uint32_t (*count)[DIGITS] = mem_zalloc(PASSES * sizeof(*count));
	struct place *from = *a, *to = mem_alloc(n * sizeof(*to));
	writer_huge(to, n * sizeof(*to));
	for (size_t i = 0; i < n; i++)
		for (unsigned pass = 0; pass < PASSES; pass++)
			count[pass][from[i].tag >> pass * DIGIT & (DIGITS - 1)]++;
	for (unsigned pass = 0; pass < PASSES; pass++) {
		uint32_t sum = 0;
		for (unsigned d = 0; d < DIGITS; d++) {
			uint32_t here = count[pass][d];
			count[pass][d] = sum;
			sum += here;
		}
		for (size_t i = 0; i < n; i++)
			to[count[pass][from[i].tag >> pass * DIGIT & (DIGITS - 1)]++] = from[i];
		struct place *swap = from;
		from = to;
		to = swap;
	}
	free(to);
	free(count);
	*a = from;
}

static int by_key(const void *x, const void *y, void *batch)
{
	struct table_key a = key_at(batch, *(const struct place *)x), b = key_at(batch, *(const struct place *)y);
	return table_key_order(&a, &b);
}

/* The claims of the places [from, to), whose tag is one but whose keys need not be. */
static enum err put_group(struct batch *b, uint64_t order, struct place *from, struct place *to, struct writer *w, struct fault *f)
{
	size_t places = (size_t)(to - from);
	struct claim few[16], *claims = places <= COUNT_OF(few) ? few : mem_alloc(places * sizeof(*claims));
	uint64_t place = order << 32 | from->tag;
	bool one_key = true;
	for (struct place *p = from + 1; p < to && one_key; p++)
		one_key = by_key(from, p, b) == 0;
	if (!one_key)
		qsort_r(from, places, sizeof(*from), by_key, b);
	enum err e = OK;
	while (from < to && e == OK) {
		struct table_key k = key_at(b, *from);
		unsigned n = 0;
		for (struct place *p = from; from < to && (one_key || by_key(p, from, b) == 0); from++) {
			struct table_key same = key_at(b, *from);
			claims[n++] = *claim_of(&same);
		}
		n = claims_settle(claims, n, &b->dup);
		e = writer_add(w, place, &k, claims, n, f);
	}
	if (claims != few)
		free(claims);
	return e;
}

static enum err put_places(struct batch *b, uint64_t order, struct writer *w, struct fault *f)
{
	struct places *all = &b->places[order];
	enum err e = OK;
	sort(&all->v, all->n);
	for (size_t i = 0; i < all->n && e == OK;) {
		struct place *p = all->v + i, *end = all->v + all->n;
		if (p + AHEAD < end)
			__builtin_prefetch(b->arena.p + (size_t)p[AHEAD].at * 4);
		if (LIKELY(p + 1 == end || p[1].tag != p->tag)) {
			struct table_key k = key_at(b, *p);
			e = writer_add(w, order << 32 | p->tag, &k, claim_of(&k), 1, f);
			i++;
			continue;
		}
		struct place *stop = p + 1;
		while (stop < end && stop->tag == p->tag)
			stop++;
		e = put_group(b, order, p, stop, w, f);
		i = (size_t)(stop - all->v);
	}
	return e;
}

/* What is in memory as one image; the memory is then empty. */
static enum err put_memory(struct batch *b, const struct image_target *t, struct image **ret_image, struct fault *f)
{
	struct image_bounds bounds = { .keys4 = b->places[BY_ADDRESS].n, .keys = b->places[BY_HASH].n, .record_octets = b->arena.n };
	struct writer *w;
	enum err e = writer_new(b->seed, &bounds, t, &w, f);
	if (e)
		return e;
	if ((e = put_places(b, BY_ADDRESS, w, f)) == OK)
		e = put_places(b, BY_HASH, w, f);
	if (e == OK)
		e = writer_finish(w, ret_image, f);
	writer_free(w);
	if (e == OK)
		drop_memory(b);
	return e;
}

static enum err spill(struct batch *b, struct fault *f)
{
	struct image_target t = { .kind = IMAGE_AS_SCRATCH, .path = b->spill_dir };
	struct image *run;
	enum err e = put_memory(b, &t, &run, f);
	if (e)
		return e;
	b->run = mem_realloc(b->run, (b->n_runs + 1) * sizeof(struct image *));
	b->run[b->n_runs++] = run;
	return OK;
}

enum err batch_stamp(struct batch *b, uint32_t entry, uint16_t back, struct fault *f)
{
	for (struct places *p = b->places; p < b->places + ORDERS; p++)
		for (; p->stamped < p->n; p->stamped++) {
			struct table_key k = key_at(b, p->v[p->stamped]);
			struct claim *c = claim_of(&k);
			c->entry = entry;
			c->back = back;
		}
	return octets(b) > b->memory_octets ? spill(b, f) : OK;
}

enum err batch_take(struct batch *b, struct batch *other, struct fault *f)
{
	enum err e = in_memory(other) ? spill(other, f) : OK;
	if (e)
		return e;
	b->run = mem_realloc(b->run, (b->n_runs + other->n_runs + 1) * sizeof(struct image *));
	for (unsigned i = 0; i < other->n_runs; i++)
		b->run[b->n_runs++] = other->run[i];
	b->count += other->count;
	b->dup += other->dup;
	other->n_runs = 0;
	other->count = other->dup = 0;
	return OK;
}

enum err batch_finish(struct batch *b, const char *path, struct image **ret_image, uint64_t *ret_dup, struct fault *f)
{
	struct image_target t = { .kind = path ? IMAGE_AS_FILE : IMAGE_IN_MEMORY, .path = path, .sync = true };
	uint64_t dup = 0;
	enum err e = OK;
	if (in_memory(b) == 0 && b->n_runs == 0 && !path) {
		*ret_image = image_empty(b->seed);
	} else if (b->n_runs == 0) {
		e = put_memory(b, &t, ret_image, f);
	} else {
		/* What did not fit in memory as a batch should not have to as an image: "in memory" is then a file
		 * without a name. */
		if (!path)
			t = (struct image_target){ .kind = IMAGE_AS_SCRATCH, .path = b->spill_dir };
		if (in_memory(b))
			e = spill(b, f);
		if (e == OK)
			e = merge_images(b->run, b->n_runs, NULL, NULL, &t, ret_image, &dup, f);
	}
	if (e)
		return e;
	if (ret_dup)
		*ret_dup = b->dup + dup;
	drop_runs(b);
	b->count = b->dup = 0;
	return OK;
}

enum err batch_finish_mapped(struct batch *b, struct image **ret_image, struct fault *f)
{
	struct image_target t = { .kind = IMAGE_AS_SCRATCH, .path = b->spill_dir };
	enum err e = in_memory(b) || !b->n_runs ? spill(b, f) : OK;
	if (e == OK && b->n_runs == 1)
		*ret_image = b->run[--b->n_runs];
	else if (e == OK)
		e = merge_images(b->run, b->n_runs, NULL, NULL, &t, ret_image, NULL, f);
	if (e)
		return e;
	drop_runs(b);
	b->count = b->dup = 0;
	return OK;
}
