/* An open-addressed table of indices into the pairs, whose keys stand one behind the other. */
#include "scan/hours.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/siphash.h"
#include "sys/key.h"

enum { FIRST_SLOTS = 256, KEYS_PER_PAIR = 64 };

struct pair {
	size_t at; /* of its key in `keys` */
	uint64_t hash, count;
	int32_t hour;
	uint16_t n;
	uint8_t kind, prefix;
	bool wildcard;
};

struct hours {
	unsigned hour_s;
	pthread_mutex_t lock;
	struct siphash_seed seed;
	struct pair *pairs;
	size_t n, cap, max;
	uint32_t *slots; /* index + 1; 0: free */
	size_t n_slots;
	struct buf keys;
	uint64_t lost;
};

struct hours *hours_new(size_t max, unsigned hour_s)
{
	struct hours *s = mem_zalloc(sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	random_octets(&s->seed, sizeof(s->seed));
	s->max = max;
	s->hour_s = hour_s;
	return s;
}

void hours_free(struct hours *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	buf_release(&s->keys);
	free(s->pairs);
	free(s->slots);
	free(s);
}

void hours_clear(struct hours *s)
{
	s->n = s->keys.n = 0;
	s->lost = 0;
	if (s->slots)
		memset(s->slots, 0, s->n_slots * sizeof(*s->slots));
}

static struct observable observable_of(const struct hours *s, const struct pair *p)
{
	return (struct observable){ .kind = p->kind, .prefix = p->prefix, .wildcard = p->wildcard, .n = p->n, .key = s->keys.p + p->at };
}

static bool is_pair(const struct hours *s, const struct pair *p, const struct pair *wanted, const uint8_t *key)
{
	return p->hash == wanted->hash && p->hour == wanted->hour && p->kind == wanted->kind && p->prefix == wanted->prefix &&
	       p->wildcard == wanted->wildcard && p->n == wanted->n && memcmp(s->keys.p + p->at, key, p->n) == 0;
}

/* Twice the slots. */
static void spread(struct hours *s)
{
	free(s->slots);
	s->n_slots = s->n_slots ? 2 * s->n_slots : FIRST_SLOTS;
	s->slots = mem_zalloc(s->n_slots * sizeof(*s->slots));
	for (size_t i = 0; i < s->n; i++) {
		size_t k = s->pairs[i].hash & (s->n_slots - 1);
		while (s->slots[k])
			k = (k + 1) & (s->n_slots - 1);
		s->slots[k] = (uint32_t)i + 1;
	}
}

static void add(struct hours *s, struct pair p, const uint8_t *key)
{
	if (2 * s->n >= s->n_slots)
		spread(s);
	size_t k = p.hash & (s->n_slots - 1);
	for (; s->slots[k]; k = (k + 1) & (s->n_slots - 1))
		if (is_pair(s, &s->pairs[s->slots[k] - 1], &p, key)) {
			s->pairs[s->slots[k] - 1].count += p.count;
			return;
		}
	if (s->n == s->max || s->keys.n > s->max * KEYS_PER_PAIR) {
		s->lost += p.count;
		return;
	}
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap + s->cap / 2 : FIRST_SLOTS;
		s->pairs = mem_realloc(s->pairs, s->cap * sizeof(*s->pairs));
	}
	p.at = s->keys.n;
	buf_put(&s->keys, key, p.n);
	s->pairs[s->n++] = p;
	s->slots[k] = (uint32_t)s->n;
}

void hours_add_many(struct hours *s, const struct observable *o, int64_t unix_s, uint64_t times)
{
	struct pair p = {
		.count = times, .hour = (int32_t)(unix_s / s->hour_s), .n = o->n, .kind = o->kind, .prefix = o->prefix, .wildcard = o->wildcard,
	};
	p.hash = siphash13(s->seed, o->key, o->n) ^ (uint64_t)(uint32_t)p.hour * 0x9e3779b97f4a7c15u;
	pthread_mutex_lock(&s->lock);
	add(s, p, o->key);
	pthread_mutex_unlock(&s->lock);
}

void hours_add(struct hours *s, const struct observable *o, int64_t unix_s)
{
	hours_add_many(s, o, unix_s, 1);
}

size_t hours_pairs(struct hours *s)
{
	pthread_mutex_lock(&s->lock);
	size_t n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

uint64_t hours_lost(struct hours *s)
{
	pthread_mutex_lock(&s->lock);
	uint64_t n = s->lost;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static int compare(const void *left, const void *right, void *ctx)
{
	const struct hours *s = ctx;
	const struct pair *a = left, *b = right;
	if (a->hour != b->hour)
		return a->hour < b->hour ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	int order = memcmp(s->keys.p + a->at, s->keys.p + b->at, a->n < b->n ? a->n : b->n);
	return order ? order : a->n != b->n ? (a->n < b->n ? -1 : 1) : (int)a->prefix - (int)b->prefix;
}

void hours_each(struct hours *s, hours_visit *visit, void *ctx)
{
	if (!s->n)
		return;
	qsort_r(s->pairs, s->n, sizeof(*s->pairs), compare, s);
	for (size_t i = 0; i < s->n; i++) {
		struct observable o = observable_of(s, &s->pairs[i]);
		if (!visit(ctx, &o, (int64_t)s->pairs[i].hour * s->hour_s, s->pairs[i].count))
			break;
	}
	s->n_slots = s->n_slots ? s->n_slots / 2 : 0; /* the order is another one: find them again */
	if (s->slots)
		spread(s);
}
