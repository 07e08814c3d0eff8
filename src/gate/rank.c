/* A heap whose root is the least of those that are kept. */
#include "gate/rank.h"

#include <stdlib.h>

struct ranked {
	struct standing standing;
	struct feed_item item;
};

struct rank {
	struct ranked *heap;
	size_t n, room;
	uint64_t beyond;
};

static uint64_t weight_of(const struct standing *s)
{
	return (uint64_t)(s->score ? s->score : 1) * s->hits;
}

int rank_order(const struct standing *a, const struct table_key *a_key, const struct standing *b, const struct table_key *b_key)
{
	uint64_t x = weight_of(a), y = weight_of(b);
	if (x != y)
		return x > y ? 1 : -1;
	if (a->score != b->score)
		return a->score > b->score ? 1 : -1;
	if (a->entry != b->entry)
		return a->entry > b->entry ? 1 : -1;
	uint32_t h = table_key_header(a_key), i = table_key_header(b_key);
	return h != i ? memcmp(&i, &h, 4) : memcmp(b_key->p, a_key->p, a_key->n);
}

static int order(const struct ranked *a, const struct ranked *b)
{
	return rank_order(&a->standing, &a->item.key, &b->standing, &b->item.key);
}

struct rank *rank_new(size_t room)
{
	struct rank *r = mem_zalloc(sizeof(*r));
	r->room = room;
	r->heap = mem_alloc((room ? room : 1) * sizeof(*r->heap));
	return r;
}

static void swap(struct ranked *a, struct ranked *b)
{
	struct ranked t = *a;
	*a = *b;
	*b = t;
}

static void sift_down(struct ranked *heap, size_t n)
{
	for (size_t i = 0, least = 0;; i = least) {
		for (size_t k = 2 * i + 1; k < 2 * i + 3 && k < n; k++)
			if (order(&heap[k], &heap[least]) < 0)
				least = k;
		if (least == i)
			return;
		swap(&heap[i], &heap[least]);
	}
}

static void sift_up(struct ranked *heap, size_t i)
{
	for (; i && order(&heap[i], &heap[(i - 1) / 2]) < 0; i = (i - 1) / 2)
		swap(&heap[i], &heap[(i - 1) / 2]);
}

void rank_show(struct rank *r, const struct feed_item *item, const struct standing *s)
{
	struct ranked one = { *s, *item };
	if (r->n < r->room) {
		r->heap[r->n] = one;
		sift_up(r->heap, r->n++);
		return;
	}
	r->beyond++;
	if (!r->room || order(&one, &r->heap[0]) <= 0)
		return;
	r->heap[0] = one;
	sift_down(r->heap, r->n);
}

static int best_first(const void *a, const void *b)
{
	return order(b, a);
}

struct feed_item *rank_end(struct rank *r, size_t *ret_n, uint64_t *ret_beyond)
{
	struct feed_item *items = mem_alloc((r->n ? r->n : 1) * sizeof(*items));
	qsort(r->heap, r->n, sizeof(*r->heap), best_first);
	for (size_t i = 0; i < r->n; i++)
		items[i] = r->heap[i].item;
	*ret_n = r->n;
	*ret_beyond = r->beyond;
	free(r->heap);
	free(r);
	return items;
}
