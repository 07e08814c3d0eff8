/* An object is the sum of its members, an array a chain of its values. */
#include "codec/json_same.h"

#include <stdlib.h>

#include "codec/json.h"

struct level {
	uint64_t sum, key;
	bool object;
};

struct digesting {
	struct siphash_seed seed;
	struct level level[JSON_DEPTH_MAX + 1];
	unsigned depth;
	struct buf scratch;
	struct json_reader r;
};

static uint64_t mix(const struct digesting *d, uint64_t kind, uint64_t a, uint64_t b)
{
	const uint64_t words[] = { kind, a, b };
	return siphash24(d->seed, words, sizeof(words));
}

static void put(struct digesting *d, uint64_t value)
{
	struct level *l = &d->level[d->depth];
	if (l->object)
		l->sum += mix(d, 1, l->key, value);
	else
		l->sum = mix(d, 2, l->sum, value);
}

static uint64_t text_digest(struct digesting *d)
{
	struct span s = json_text(&d->r, &d->scratch);
	return siphash24(d->seed, s.p, s.n);
}

static void close_level(struct digesting *d)
{
	const struct level *l = &d->level[d->depth--];
	put(d, mix(d, l->object ? 3 : 4, l->sum, 0));
}

bool json_digest(struct span text, struct siphash_seed seed, uint64_t *ret_digest)
{
	struct digesting *d = mem_alloc(sizeof(*d));
	enum json_token t;
	d->seed = seed;
	d->depth = 0;
	d->level[0] = (struct level){ .sum = 0 };
	d->scratch = (struct buf){ 0 };
	json_init(&d->r, text, true);
	while ((t = json_next(&d->r)) > JSON_ERROR) {
		if (t == JSON_OBJECT || t == JSON_ARRAY)
			d->level[++d->depth] = (struct level){ .object = t == JSON_OBJECT };
		else if (t == JSON_OBJECT_END || t == JSON_ARRAY_END)
			close_level(d);
		else if (t == JSON_KEY)
			d->level[d->depth].key = text_digest(d);
		else if (t == JSON_STRING)
			put(d, mix(d, 5, text_digest(d), 0));
		else if (t == JSON_NUMBER)
			put(d, mix(d, 6, siphash24(seed, d->r.slice.p, d->r.slice.n), 0));
		else
			put(d, mix(d, 7, t, 0));
	}
	*ret_digest = d->level[0].sum;
	buf_release(&d->scratch);
	free(d);
	return t == JSON_END;
}
