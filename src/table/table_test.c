#include "table/model_test.h"

#include <pthread.h>

#include "table/table.h"

static struct table *open_table(const char *dir, bool writable, uint64_t *ret_folded)
{
	struct table *t = NULL;
	struct fault f = { 0 };
	if (table_open(dir, model_seed, writable, &t, ret_folded, &f))
		fail_msg("%s", f.text);
	return t;
}

static void push(struct table *t, struct image *m, claim_keep *keep, void *ctx)
{
	struct fault f = { 0 };
	if (table_push(t, m, NULL, NULL, keep, ctx, &f))
		fail_msg("%s", f.text);
}

/* Does `held` concern `asked`, by the words of table.h? */
static bool concerns(const struct table_key *held, const struct table_key *asked)
{
	if (same_key(held, asked))
		return true;
	bool four = held->kind == OBS_CIDR4 && (asked->kind == OBS_IPV4 || asked->kind == OBS_CIDR4);
	bool six = held->kind == OBS_CIDR6 && (asked->kind == OBS_IPV6 || asked->kind == OBS_CIDR6);
	if (four || six) {
		bool address = asked->kind == OBS_IPV4 || asked->kind == OBS_IPV6;
		if (!address && held->prefix >= asked->prefix)
			return false;
		for (unsigned i = 0; i < held->prefix; i++)
			if ((held->p[i / 8] ^ asked->p[i / 8]) & 0x80 >> i % 8)
				return false;
		return true;
	}
	return held->kind == OBS_DOMAIN && asked->kind == OBS_DOMAIN && held->n < asked->n &&
	       asked->p[asked->n - held->n - 1] == '.' &&
	       memcmp(asked->p + asked->n - held->n, held->p, held->n) == 0 && memchr(held->p, '.', held->n);
}

/* Which of equal claims was the first of its record is settled when levels merge, not before. */
static bool model_has_but_for_first(struct model *m, const struct table_key *k, struct claim c)
{
	for (unsigned first = 0; first <= CLAIM_FIRST; first += CLAIM_FIRST) {
		c.flags = (c.flags & (15 - CLAIM_FIRST)) | first;
		if (model_has(m, k, &c))
			return true;
	}
	return false;
}

/* The hits must be what the model says, as claims on keys; levels may repeat what says the same (the model has the
 * newest). */
static void check_hits(struct model *model, const struct table_key *asked, const struct table_hits *hits)
{
	size_t want = 0, got = 0;
	for (size_t i = 0; i < model->n; i++)
		want += concerns(model_key_of(&model->row[i].key), asked);
	for (unsigned i = 0; i < hits->n; i++) {
		const struct table_hit *h = &hits->hit[i];
		assert_true(concerns(&h->key, asked));
		assert_int_equal(h->exact, same_key(&h->key, asked));
		assert_true(h->n > 0);
		for (unsigned j = 0; j < h->n; j++)
			got += model_has_but_for_first(model, &h->key, h->claims[j]);
	}
	assert_int_equal(got, want);
}

struct batch_check {
	struct model *model;
	const struct table_key *key;
	size_t next;
};

static void check_visit(void *ctx, size_t i, const struct table_hits *hits)
{
	struct batch_check *c = ctx;
	assert_int_equal(i, c->next++);
	check_hits(c->model, &c->key[i], hits);
}

static void check_table(struct table *t, struct model *model, struct random *r)
{
	enum { QUERIES = 300 };
	static struct model_key held[QUERIES];
	struct table_key keys[QUERIES];
	struct table_hits hits;
	const struct table_view *v = table_enter(t);
	for (unsigned i = 0; i < QUERIES; i++) {
		model_key_random(r, &held[i]);
		keys[i] = *model_key_of(&held[i]);
		table_lookup(v, &keys[i], &hits);
		check_hits(model, &keys[i], &hits);
	}
	struct batch_check c = { model, keys, 0 };
	table_lookup_batch(v, keys, QUERIES, check_visit, &c);
	assert_int_equal(c.next, QUERIES);
	table_leave(t);
}

static void answers_as_the_model_does(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		char *dir = test_dir();
		struct random r = { round };
		struct model model = { 0 };
		uint64_t folded;
		struct table *t = open_table(dir, true, &folded);
		check_table(t, &model, &r);
		for (unsigned i = 0; i < 12; i++) {
			push(t, random_image(&r, i % 3 ? random_below(&r, 30) : random_below(&r, 400), i, &model),
					NULL, NULL);
			check_table(t, &model, &r);
			if (i % 5 == 4) {
				assert_int_equal(table_save(t, i, span_of(NULL, 0), NULL), OK);
				check_table(t, &model, &r);
				table_close(t);
				t = open_table(dir, i % 2, &folded);
				assert_int_equal(folded, i);
				check_table(t, &model, &r);
				table_close(t);
				t = open_table(dir, true, &folded);
			}
		}
		assert_int_equal(table_compact(t, NULL, NULL, NULL), OK);
		check_table(t, &model, &r);
		struct table_stats stats;
		table_stats(table_enter(t), &stats);
		table_leave(t);
		assert_int_equal(stats.claims, model.n);
		assert_int_equal(stats.levels, 1);
		table_close(t);
		model_release(&model);
		remove_dir(dir);
	}
}

/* In one level no key is counted twice. */
static void what_lies_below(void **state)
{
	(void)state;
	char *dir = test_dir();
	struct random r = { 4 };
	struct model model = { 0 };
	uint64_t folded, all = 0;
	struct table *t = open_table(dir, true, &folded);
	push(t, random_image(&r, 800, 1, &model), NULL, NULL);
	const struct table_view *v = table_enter(t);
	for (unsigned i = 0; i < 2000; i++) {
		struct model_key asked;
		uint64_t n = 0;
		model_key_random(&r, &asked);
		const struct table_key *k = model_key_of(&asked);
		if (k->kind == OBS_DOMAIN && !memchr(k->p, '.', k->n))
			continue;
		for (size_t j = 0; j < model.n; j++) {
			bool first = true;
			for (size_t l = 0; l < j && first; l++)
				first = !same_key(model_key_of(&model.row[l].key), model_key_of(&model.row[j].key));
			n += first && !same_key(k, model_key_of(&model.row[j].key)) && concerns(k, model_key_of(&model.row[j].key));
		}
		assert_int_equal(table_under(v, k), n);
		all += n;
		i += 9; /* the model is slow */
	}
	assert_true(all > 20);
	table_leave(t);
	table_close(t);
	model_release(&model);
	remove_dir(dir);
}

static bool keep_floor(void *ctx, const struct claim *c)
{
	return claim_import(c) >= ((uint32_t *)ctx)[c->source];
}

static void replaced_snapshots_go_when_levels_merge(void **state)
{
	(void)state;
	char *dir = test_dir();
	struct random r = { 77 };
	uint64_t folded;
	uint32_t floors[3] = { 0 };
	struct table *t = open_table(dir, true, &folded);
	struct model all = { 0 };
	for (uint32_t entry = 5; entry < 60; entry += 5) {
		push(t, random_image(&r, 200, entry, &all), keep_floor, floors);
		if (entry % 2)
			floors[entry % 3] = entry;
	}
	assert_int_equal(table_compact(t, keep_floor, floors, NULL), OK);
	struct model kept = { 0 };
	for (size_t i = 0; i < all.n; i++)
		if (keep_floor(floors, &all.row[i].claim))
			model_add(&kept, &all.row[i].key, all.row[i].claim);
	assert_true(kept.n > 0 && kept.n < all.n);
	check_table(t, &kept, &r);
	struct table_stats stats;
	table_stats(table_enter(t), &stats);
	table_leave(t);
	assert_int_equal(stats.claims, kept.n);
	floors[0] = floors[1] = floors[2] = 1000;
	assert_int_equal(table_compact(t, keep_floor, floors, NULL), OK);
	table_stats(table_enter(t), &stats);
	table_leave(t);
	assert_int_equal(stats.levels, 0);
	assert_int_equal(table_save(t, 3, span_of(NULL, 0), NULL), OK);
	table_close(t);
	model_release(&all);
	model_release(&kept);
	remove_dir(dir);
}

static void levels_stay_few(void **state)
{
	(void)state;
	char *dir = test_dir();
	struct random r = { 8 };
	uint64_t folded;
	struct table *t = open_table(dir, true, &folded);
	for (unsigned i = 0; i < 400; i++) {
		push(t, random_image(&r, 3, i, NULL), NULL, NULL);
		const struct table_view *v = table_enter(t);
		for (unsigned l = 1; l < v->n; l++)
			assert_true(image_octets(v->level[l - 1]) >= 4 * image_octets(v->level[l]));
		table_leave(t);
	}
	table_close(t);
	remove_dir(dir);
}

/* Many prefixes over one address: all of them, longest first; more than a table_hits holds is said. */
static void deep_nests(void **state)
{
	(void)state;
	char *dir = test_dir();
	uint64_t folded;
	struct table *t = open_table(dir, true, &folded);
	struct batch *b = batch_new(model_seed, dir, 1 << 20);
	struct image *m;
	struct claim c = { .source = 1 };
	uint8_t six[16] = { 0 }, four[4] = { 0 };
	char name[255];
	for (unsigned l = 0; l <= 128; l++)
		assert_int_equal(batch_add(b, &(struct table_key){ OBS_CIDR6, (uint8_t)l, 16, six }, &c, NULL), OK);
	for (unsigned l = 0; l <= 32; l++)
		assert_int_equal(batch_add(b, &(struct table_key){ OBS_CIDR4, (uint8_t)l, 4, four }, &c, NULL), OK);
	for (unsigned i = 0; i < 253; i++)
		name[i] = i % 2 ? '.' : 'a';
	for (unsigned i = 0; i <= 250; i += 2) {
		struct table_key k = { OBS_DOMAIN, 0, (uint16_t)(253 - i), (uint8_t *)name + i };
		assert_int_equal(batch_add(b, &k, &c, NULL), OK);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	push(t, m, NULL, NULL);
	struct table_hits hits;
	const struct table_view *v = table_enter(t);
	table_lookup(v, &(struct table_key){ OBS_IPV6, 0, 16, six }, &hits);
	assert_int_equal(hits.n, 129);
	assert_int_equal(hits.hit[0].key.prefix, 128);
	assert_int_equal(hits.hit[128].key.prefix, 0);
	table_lookup(v, &(struct table_key){ OBS_CIDR6, 20, 16, six }, &hits);
	assert_int_equal(hits.n, 21);
	assert_true(hits.hit[0].exact);
	table_lookup(v, &(struct table_key){ OBS_IPV4, 0, 4, four }, &hits);
	assert_int_equal(hits.n, 33);
	assert_int_equal(hits.hit[32].key.prefix, 0);
	table_lookup(v, &(struct table_key){ OBS_CIDR4, 0, 4, four }, &hits);
	assert_int_equal(hits.n, 1);
	table_lookup(v, &(struct table_key){ OBS_DOMAIN, 0, 253, (uint8_t *)name }, &hits);
	assert_int_equal(hits.n, 126);
	assert_int_equal(hits.hit[1].key.n, 251);
	table_lookup(v, &(struct table_key){ OBS_DOMAIN, 0, 1, (uint8_t *)name }, &hits);
	assert_int_equal(hits.n, 0); /* a single label */
	/* Keys that no parser makes. */
	table_lookup(v, &(struct table_key){ OBS_CIDR4, 200, 4, four }, &hits);
	table_lookup(v, &(struct table_key){ OBS_IPV6, 0, 4, six }, &hits);
	table_lookup(v, &(struct table_key){ OBS_DOMAIN, 0, 0, NULL }, &hits);
	table_lookup(v, &(struct table_key){ 255, 255, 3, six }, &hits);
	assert_int_equal(hits.n, 0);
	table_leave(t);
	batch_free(b);
	table_close(t);
	remove_dir(dir);
}

/* Addresses and prefixes of a few networks, many in one block and in many: what covers is found in whatever range, block and
 * level it stands, at both ends of the addresses too. */
static void random_network(struct random *r, unsigned spread, struct table_key *ret_key, uint8_t octets[4])
{
	uint32_t addr = (uint32_t)random_below(r, 4) << 30 | (uint32_t)random_below(r, spread) << (random_below(r, 3) * 8);
	unsigned l = random_below(r, 3) ? 33 : random_below(r, 33);
	addr = random_below(r, 50) ? addr : random_below(r, 2) ? ~0u : 0;
	addr &= table_rank_mask(l);
	octets[0] = (uint8_t)(addr >> 24), octets[1] = (uint8_t)(addr >> 16), octets[2] = (uint8_t)(addr >> 8), octets[3] = (uint8_t)addr;
	*ret_key = (struct table_key){ l == 33 ? OBS_IPV4 : OBS_CIDR4, (uint8_t)(l == 33 ? 0 : l), 4, octets };
}

static void every_network_that_covers(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		enum { KEYS_MAX = 4000, QUERIES = 400 };
		static uint8_t octets[KEYS_MAX][4], asked[QUERIES][4];
		static struct table_key keys[KEYS_MAX], queries[QUERIES];
		struct random r = { round + 77 };
		unsigned n = round < 4 ? 1 + round * 7 : 300u << round % 4, spread = round % 2 ? 300 : 1 << 16, next = 0;
		char *dir = test_dir();
		uint64_t folded;
		struct table *t = open_table(dir, true, &folded);
		struct table_hits hits;
		for (unsigned pushed = 0, part = 3; pushed < n; part--) { /* levels of several sizes */
			struct batch *b = batch_new(model_seed, dir, 1 << 20);
			struct image *m;
			unsigned upto = part > 1 ? n - (n - pushed) / 8 : n;
			for (; pushed < upto; pushed++) {
				struct claim c = { .source = 1 };
				random_network(&r, spread, &keys[pushed], octets[pushed]);
				assert_int_equal(batch_add(b, &keys[pushed], &c, NULL), OK);
			}
			assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
			push(t, m, NULL, NULL);
			batch_free(b);
		}
		const struct table_view *v = table_enter(t);
		for (unsigned q = 0; q < QUERIES; q++) {
			random_network(&r, spread, &queries[q], asked[q]);
			if (q % 4 == 0)
				queries[q] = keys[random_below(&r, n)];
			unsigned want[34] = { 0 }, got[34] = { 0 };
			table_lookup(v, &queries[q], &hits);
			for (unsigned i = 0; i < n; i++) /* levels may repeat a key: whether, not how often */
				if (concerns(&keys[i], &queries[q]))
					want[table_key_rank(&keys[i])] = 1;
			for (unsigned i = 0; i < hits.n; i++) {
				assert_true(concerns(&hits.hit[i].key, &queries[q]));
				assert_int_equal(hits.hit[i].exact, same_key(&hits.hit[i].key, &queries[q]));
				got[table_key_rank(&hits.hit[i].key)] = 1;
			}
			assert_memory_equal(got, want, sizeof(want));
			next += hits.n;
		}
		assert_true(next > 0);
		table_leave(t);
		table_close(t);
		remove_dir(dir);
	}
}

static void folders_cover_urls(void **state)
{
	(void)state;
	static const char *const listed[] = { "http://a.example/", "http://a.example/b/", "http://a.example/b/c", "http://a.example/b/c/d/", "ftp:nothing" };
	static const struct { const char *url; unsigned hits; bool exact; } asked[] = {
		{ "http://a.example/", 1, true }, { "http://a.example/x", 0, false }, { "http://a.example/?q=/b/", 1, false },
		{ "http://a.example/b", 0, false }, { "http://a.example/b/", 1, true }, { "http://a.example/b/?q", 1, false },
		{ "http://a.example/b/x", 1, false }, { "http://a.example/b/c", 2, true }, { "http://a.example/b/c?d=e/f/", 2, false },
		{ "http://a.example/b/c/d/e/f/g", 2, false }, { "http://a.example/b/c/d/", 2, true }, { "http://a.example.b/b/", 0, false },
		{ "https://a.example/b/", 0, false }, { "ftp:nothing", 1, true }, { "ftp:nothing/b", 0, false }, { "http://", 0, false }, { "", 0, false },
	};
	char *dir = test_dir();
	uint64_t folded;
	struct table *t = open_table(dir, true, &folded);
	struct batch *b = batch_new(model_seed, dir, 1 << 20);
	struct image *m;
	struct claim c = { .source = 1 };
	for (size_t i = 0; i < COUNT_OF(listed); i++) {
		struct table_key k = { OBS_URL, 0, (uint16_t)strlen(listed[i]), (const uint8_t *)listed[i] };
		assert_int_equal(batch_add(b, &k, &c, NULL), OK);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	push(t, m, NULL, NULL);
	const struct table_view *v = table_enter(t);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		struct table_key k = { OBS_URL, 0, (uint16_t)strlen(asked[i].url), (const uint8_t *)asked[i].url };
		struct table_hits hits;
		table_lookup(v, &k, &hits);
		if (hits.n != asked[i].hits || (hits.n && hits.hit[0].exact != asked[i].exact))
			fail_msg("%s: %u hits", asked[i].url, hits.n);
	}
	table_leave(t);
	batch_free(b);
	table_close(t);
	remove_dir(dir);
}

static unsigned dropped;

/* Addresses `first` to before `end`. */
static struct image *addresses(uint32_t first, uint32_t end)
{
	struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 30);
	struct claim c = { .source = 1 };
	struct image *m;
	for (uint32_t i = first; i < end; i++) {
		uint8_t octets[4] = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		assert_int_equal(batch_add(b, &(struct table_key){ OBS_IPV4, 0, 4, octets }, &c, NULL), OK);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	batch_free(b);
	return m;
}

static void has_addresses(struct table *t, uint32_t first, uint32_t end)
{
	const struct table_view *v = table_enter(t);
	for (uint32_t i = first; i <= end; i += i + 97 < end ? 97 : 1) {
		uint8_t octets[4] = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		struct table_hits hits;
		table_lookup(v, &(struct table_key){ OBS_IPV4, 0, 4, octets }, &hits);
		assert_int_equal(hits.n, i < end);
	}
	table_leave(t);
}

static void merges_of_another_thread(void **state)
{
	(void)state;
	enum { MANY = 70000 }; /* two are more than is merged at once */
	static const atomic_bool yes = true;
	char *dir = test_dir();
	uint64_t folded;
	struct table *t = open_table(dir, true, &folded);
	struct table_stats stats;
	struct fault f;
	table_defer(t);
	assert_null(table_merge_begin(t));
	for (unsigned i = 0; i < 3; i++)
		push(t, addresses(i * MANY, (i + 1) * MANY), NULL, NULL);
	struct table_merge *g = table_merge_begin(t);
	assert_non_null(g);
	assert_null(table_merge_begin(t));
	assert_false(table_save_is_quick(t));
	assert_int_equal(table_merge_run(g, NULL, NULL, &yes, &f), ERR_CANCELLED);
	table_merge_end(t, g);
	has_addresses(t, 0, 3 * MANY);

	/* Pushed while it goes on: above; saved meanwhile: not its file. */
	g = table_merge_begin(t);
	for (unsigned i = 0; i < 5; i++)
		push(t, addresses(3 * MANY + i, 3 * MANY + i + 1), NULL, NULL);
	assert_int_equal(table_merge_run(g, NULL, NULL, NULL, &f), OK);
	has_addresses(t, 0, 3 * MANY + 5);
	assert_int_equal(table_save(t, 1, span_of(NULL, 0), &f), OK);
	table_merge_end(t, g);
	has_addresses(t, 0, 3 * MANY + 5);
	while ((g = table_merge_begin(t))) {
		assert_int_equal(table_merge_run(g, NULL, NULL, NULL, &f), OK);
		table_merge_end(t, g);
	}
	assert_true(table_save_is_quick(t));
	table_stats(table_enter(t), &stats);
	table_leave(t);
	assert_int_equal(stats.keys, 3 * MANY + 5);
	assert_int_equal(stats.levels, 2);
	assert_int_equal(table_save(t, 2, span_of(NULL, 0), &f), OK);

	/* All is replaced while it goes on: what it makes is of no use, and leaves no file. */
	push(t, addresses(4 * MANY, 6 * MANY), NULL, NULL);
	assert_false(table_save_is_quick(t)); /* large, and no file */
	g = table_merge_begin(t);
	assert_non_null(g);
	assert_int_equal(table_replace(t, addresses(7 * MANY, 8 * MANY), NULL, NULL, &f), OK);
	assert_int_equal(table_merge_run(g, NULL, NULL, NULL, &f), OK);
	table_merge_end(t, g);
	has_addresses(t, 7 * MANY, 8 * MANY);
	has_addresses(t, 5 * MANY, 5 * MANY);
	assert_int_equal(table_save(t, 3, span_of(NULL, 0), &f), OK);
	char *sub = path_in(dir, "table");
	assert_int_equal(count_files(sub), 2); /* manifest, image */
	free(sub);
	table_close(t);
	t = open_table(dir, true, &folded);
	assert_int_equal(folded, 3);
	has_addresses(t, 7 * MANY, 8 * MANY);
	table_close(t);
	remove_dir(dir);
}

static void drop(const void *p)
{
	dropped += *(const unsigned *)p;
}

struct tally {
	struct model *model;
	size_t keys, claims;
};

static void tally(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct tally *a = ctx;
	a->keys++;
	a->claims += n;
	for (unsigned i = 0; i < n; i++)
		assert_true(model_has_but_for_first(a->model, k, claims[i]));
}

/* Readers go on with the old table until the new one is whole; its claims are the new ones only, also when it is opened again. */
static void replaced_in_one_statement(void **state)
{
	(void)state;
	char *dir = test_dir();
	struct random r = { 77 };
	struct model old = { 0 }, new = { 0 };
	static const unsigned weight[2] = { 1, 10 };
	uint64_t folded;
	struct fault f;
	struct table *t = open_table(dir, true, &folded);
	for (unsigned i = 1; i < 9; i++)
		push(t, random_image(&r, 40, i, &old), NULL, NULL);
	assert_int_equal(table_save(t, 8, SPAN_LIT("old"), &f), OK);
	struct image *m = random_image(&r, 60, 9, &new);
	check_table(t, &old, &r);
	assert_int_equal(table_replace(t, m, &weight[0], drop, &f), OK);
	assert_ptr_equal(table_enter(t)->context, &weight[0]);
	table_leave(t);
	check_table(t, &new, &r);
	push(t, random_image(&r, 30, 10, &new), NULL, NULL);
	struct tally a = { .model = &new };
	assert_int_equal(table_each(t, NULL, NULL, tally, &a, &f), OK);
	assert_int_equal(a.claims, new.n);
	assert_false(table_is_saved(t, 8));
	assert_int_equal(table_save(t, 8, SPAN_LIT("new"), &f), OK); /* the same number, yet all is new */
	assert_true(table_is_saved(t, 8));
	table_close(t);
	t = open_table(dir, true, &folded);
	check_table(t, &new, &r);
	assert_true(span_is(table_saved_views(t), "new"));
	/* An image of another seed changes nothing. */
	assert_int_equal(table_replace(t, image_empty((struct siphash_seed){ 1, 2 }), NULL, NULL, &f), ERR_CORRUPT);
	check_table(t, &new, &r);
	assert_int_equal(table_replace(t, NULL, NULL, NULL, &f), OK);
	assert_int_equal(table_enter(t)->n, 0);
	table_leave(t);
	a = (struct tally){ .model = &new };
	assert_int_equal(table_each(t, NULL, NULL, tally, &a, &f), OK);
	assert_int_equal(a.keys, 0);
	table_close(t);
	model_release(&old);
	model_release(&new);
	remove_dir(dir);
}

static void contexts_are_dropped_when_replaced(void **state)
{
	(void)state;
	char *dir = test_dir();
	struct random r = { 1 };
	static const unsigned weight[4] = { 1, 10, 100, 1000 };
	uint64_t folded;
	struct fault f;
	struct table *t = open_table(dir, true, &folded);
	dropped = 0;
	assert_int_equal(table_push(t, random_image(&r, 3, 1, NULL), &weight[0], drop, NULL, NULL, &f), OK);
	assert_int_equal(dropped, 0);
	assert_int_equal(table_push(t, NULL, &weight[1], drop, NULL, NULL, &f), OK);
	assert_int_equal(dropped, 1);
	assert_ptr_equal(table_enter(t)->context, &weight[1]);
	table_leave(t);
	/* An image of another seed is refused, but the context counts. */
	struct image *alien = image_empty((struct siphash_seed){ 1, 2 });
	assert_int_equal(table_push(t, alien, &weight[2], drop, NULL, NULL, &f), ERR_CORRUPT);
	assert_int_equal(dropped, 11);
	assert_int_equal(table_save(t, 1, span_of(NULL, 0), &f), OK);
	assert_int_equal(table_compact(t, NULL, NULL, &f), OK);
	assert_ptr_equal(table_enter(t)->context, &weight[2]);
	assert_int_equal(table_enter(t)->n, 1);
	table_leave(t);
	table_leave(t);
	table_close(t);
	remove_dir(dir);
}

static void copy_model(const struct model *from, struct model *to)
{
	free(to->row);
	*to = *from;
	to->row = mem_alloc(from->cap * sizeof(*to->row));
	memcpy(to->row, from->row, from->n * sizeof(*to->row));
}

/* What a crash would leave is what a copy of the directory has: it must open as it was when last saved. */
static void a_crash_leaves_the_last_save(void **state)
{
	(void)state;
	char *dir = test_dir(), *live = path_in(dir, "table");
	struct random r = { 21 };
	struct model model = { 0 }, at_save = { 0 };
	struct span views = { 0 };
	uint64_t folded, saved = 0;
	struct table *t = open_table(dir, true, &folded);
	for (unsigned i = 1; i < 14; i++) {
		push(t, random_image(&r, 40, i, &model), NULL, NULL);
		if (i % 4 == 0) {
			saved = i;
			copy_model(&model, &at_save);
			views = span_of("views of some length, more", 2 * saved);
			assert_int_equal(table_save(t, saved, views, NULL), OK);
		}
		if (i % 3 == 0) /* files that no manifest lists yet, and listed ones that are no level any more */
			assert_int_equal(table_compact(t, NULL, NULL, NULL), OK);
		char *copy = test_dir(), *inside = path_in(copy, "table");
		char *unfinished = path_in(inside, "00000001.image.tmp"), *stray = path_in(inside, "00009999.views");
		copy_dir(live, inside);
		write_all(unfinished, "x", 1);
		write_all(stray, "x", 1);
		struct table *again = open_table(copy, true, &folded);
		assert_int_equal(folded, saved);
		check_table(again, &at_save, &r);
		assert_int_equal(count_files(inside), 1 + table_enter(again)->n + (views.n > 0));
		table_leave(again);
		assert_true(span_eq(table_saved_views(again), views));
		/* Life goes on from there. */
		push(again, random_image(&r, 10, 100, NULL), NULL, NULL);
		assert_int_equal(table_save(again, 100, span_of(NULL, 0), NULL), OK);
		table_close(again);
		free(unfinished);
		free(stray);
		free(inside);
		remove_dir(copy);
	}
	table_close(t);
	model_release(&model);
	model_release(&at_save);
	free(live);
	remove_dir(dir);
}

/* The views of damage_is_told(), cut, longer, changed and gone; whole again in the end. */
static void damaged_views_are_told(const char *dir)
{
	char *path, *live = path_in(dir, "table");
	struct table *t;
	uint64_t folded;
	struct fault f;
	struct buf octets = { 0 };
	path = path_in(live, "00000002.views");
	read_all(path, &octets);
	assert_true(span_is(buf_span(&octets), "the views"));
	for (size_t i = 0; i < octets.n; i++) {
		octets.p[i] ^= 0x80;
		write_all(path, octets.p, octets.n);
		assert_int_equal(table_open(dir, model_seed, true, &t, &folded, &f), ERR_CORRUPT);
		octets.p[i] ^= 0x80;
		write_all(path, octets.p, i);
		assert_int_equal(table_open(dir, model_seed, true, &t, &folded, &f), ERR_CORRUPT);
	}
	write_all(path, "the views.", 10);
	assert_int_equal(table_open(dir, model_seed, false, &t, &folded, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "00000002.views"));
	unlink(path);
	assert_int_equal(table_open(dir, model_seed, false, &t, &folded, &f), ERR_CORRUPT);
	write_all(path, octets.p, octets.n);
	t = open_table(dir, true, &folded);
	assert_int_equal(folded, 7);
	assert_true(span_is(table_saved_views(t), "the views"));
	assert_int_equal(table_save(t, 7, SPAN_LIT("others"), &f), OK); /* nothing has changed that could change them */
	assert_true(span_is(table_saved_views(t), "the views"));
	table_close(t);
	buf_release(&octets);
	free(path);
	free(live);
}

/* Every way of damaging the directory is told, and dropping it helps. */
static void damage_is_told(void **state)
{
	(void)state;
	char *dir = test_dir(), *live = path_in(dir, "table"), *manifest = path_in(live, "manifest");
	struct random r = { 4 };
	uint64_t folded;
	struct fault f;
	struct table *t = open_table(dir, true, &folded);
	push(t, random_image(&r, 100, 1, NULL), NULL, NULL);
	assert_int_equal(table_save(t, 7, SPAN_LIT("the views"), NULL), OK);
	table_close(t);
	struct buf text = { 0 };
	read_all(manifest, &text);
	for (size_t i = 0; i < text.n; i++) {
		text.p[i] ^= 1;
		write_all(manifest, text.p, text.n);
		enum err e = table_open(dir, model_seed, true, &t, &folded, &f);
		assert_true(e == ERR_CORRUPT || e == ERR_UNSUPPORTED);
		text.p[i] ^= 1;
		write_all(manifest, text.p, i);
		assert_int_equal(table_open(dir, model_seed, true, &t, &folded, &f), ERR_CORRUPT);
	}
	assert_int_equal(count_files(live), 3); /* a damaged manifest costs no image and no views */
	write_all(manifest, text.p, text.n);
	damaged_views_are_told(dir);
	char *image = path_in(live, "00000001.image");
	struct buf octets = { 0 };
	read_all(image, &octets);
	write_all(image, octets.p, octets.n - 1);
	assert_int_equal(table_open(dir, model_seed, true, &t, &folded, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "00000001.image"));
	unlink(image);
	assert_int_equal(table_open(dir, model_seed, false, &t, &folded, &f), ERR_CORRUPT);
	assert_int_equal(table_drop(dir, &f), OK);
	t = open_table(dir, true, &folded);
	assert_int_equal(folded, 0);
	table_close(t);
	assert_int_equal(table_drop("/nonexistent", &f), OK);
	assert_int_equal(table_open("/nonexistent", model_seed, true, &t, &folded, &f), ERR_IO);
	assert_int_equal(table_open("/nonexistent", model_seed, false, &t, &folded, &f), OK);
	assert_int_equal(table_save(t, 1, span_of(NULL, 0), &f), ERR_FORBIDDEN);
	table_close(t);
	buf_release(&text);
	buf_release(&octets);
	free(image);
	free(manifest);
	free(live);
	remove_dir(dir);
}

/* The writer pushes claims of rising time on the same keys; a reader must never see a key go, nor time run back. */
enum { SHARED_KEYS = 50, PUSHES = 150 };

struct shared {
	struct table *t;
	unsigned end;
};

static void shared_key(unsigned i, uint8_t octets[4], struct table_key *ret_key)
{
	octets[0] = 198, octets[1] = 51, octets[2] = 100, octets[3] = (uint8_t)i;
	*ret_key = (struct table_key){ OBS_IPV4, 0, 4, octets };
}

static uint32_t newest(const struct table_hits *hits)
{
	uint32_t seen = 0;
	for (unsigned i = 0; i < hits->n; i++)
		for (unsigned j = 0; j < hits->hit[i].n; j++)
			seen = hits->hit[i].claims[j].seen > seen ? hits->hit[i].claims[j].seen : seen;
	return seen;
}

static void *reader(void *arg)
{
	struct shared *s = arg;
	uint32_t last[SHARED_KEYS] = { 0 };
	uintptr_t wrong = 0;
	table_reader_init();
	while (!__atomic_load_n(&s->end, __ATOMIC_ACQUIRE)) {
		const struct table_view *v = table_enter(s->t);
		for (unsigned i = 0; i < SHARED_KEYS; i++) {
			uint8_t octets[4];
			struct table_key k;
			struct table_hits hits;
			shared_key(i, octets, &k);
			table_lookup(v, &k, &hits);
			uint32_t seen = newest(&hits);
			wrong += seen < last[i] || (v->context && seen + 1 < *(const uint32_t *)v->context);
			last[i] = seen;
		}
		table_leave(s->t);
	}
	table_reader_exit();
	return (void *)wrong;
}

static void drop_number(const void *p)
{
	free((void *)(uintptr_t)p);
}

static void readers_and_a_writer(void **state)
{
	(void)state;
	char *dir = test_dir();
	uint64_t folded;
	struct shared s = { open_table(dir, true, &folded), 0 };
	pthread_t thread[2];
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader, &s), 0);
	struct batch *b = batch_new(model_seed, dir, 1 << 20);
	for (uint32_t push_n = 1; push_n <= PUSHES; push_n++) {
		struct image *m;
		struct fault f = { 0 };
		uint32_t *context = mem_alloc(sizeof(*context));
		*context = push_n;
		for (unsigned i = 0; i < SHARED_KEYS; i++) {
			uint8_t octets[4];
			struct table_key k;
			struct claim c = { .entry = push_n, .seen = push_n, .source = (uint16_t)(push_n % 40) };
			shared_key(i, octets, &k);
			assert_int_equal(batch_add(b, &k, &c, &f), OK);
		}
		assert_int_equal(batch_finish(b, NULL, &m, NULL, &f), OK);
		assert_int_equal(table_push(s.t, m, context, drop_number, NULL, NULL, &f), OK);
		if (push_n % 20 == 0)
			assert_int_equal(table_save(s.t, push_n, span_of(NULL, 0), &f), OK);
		if (push_n % 70 == 0)
			assert_int_equal(table_compact(s.t, NULL, NULL, &f), OK);
	}
	__atomic_store_n(&s.end, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 2; i++) {
		void *wrong;
		pthread_join(thread[i], &wrong);
		assert_null(wrong);
	}
	assert_int_equal(table_push(s.t, NULL, NULL, drop_number, NULL, NULL, NULL), OK);
	table_close(s.t);
	batch_free(b);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_as_the_model_does),
		cmocka_unit_test(what_lies_below),
		cmocka_unit_test(replaced_snapshots_go_when_levels_merge),
		cmocka_unit_test(levels_stay_few),
		cmocka_unit_test(deep_nests),
		cmocka_unit_test(every_network_that_covers),
		cmocka_unit_test(folders_cover_urls),
		cmocka_unit_test(merges_of_another_thread),
		cmocka_unit_test(contexts_are_dropped_when_replaced),
		cmocka_unit_test(replaced_in_one_statement),
		cmocka_unit_test(a_crash_leaves_the_last_save),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(readers_and_a_writer),
	};
	table_reader_init();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	table_reader_exit();
	return failed;
}
