#include "table/model_test.h"

struct said {
	struct model_key key;
	struct claim claim;
};

/* `n` random claims. */
static struct said *say(struct random *r, unsigned n)
{
	struct said *s = mem_alloc(n * sizeof(*s));
	for (unsigned i = 0; i < n; i++) {
		model_key_random(r, &s[i].key);
		s[i].claim = model_claim_random(r, 7);
	}
	return s;
}

/* All of them through a batch that is stamped after every `piece` claims: entry 10 + number of the piece. */
static struct image *through(struct said *s, unsigned n, unsigned piece, size_t memory, const char *dir,
			     const char *path, uint64_t *ret_dup)
{
	struct batch *b = batch_new(model_seed, dir, memory);
	struct image *m = NULL;
	struct fault f = { 0 };
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(batch_add(b, model_key_of(&s[i].key), &s[i].claim, &f), OK);
		assert_int_equal(batch_count(b), i + 1);
		if ((i + 1) % piece == 0 || i + 1 == n)
			assert_int_equal(batch_stamp(b, 10 + i / piece, (uint16_t)(i / piece), &f), OK);
	}
	if (batch_finish(b, path, &m, ret_dup, &f))
		fail_msg("%s", f.text);
	assert_int_equal(batch_count(b), 0);
	batch_free(b);
	return m;
}

static void spilling_changes_nothing(void **state)
{
	(void)state;
	char *dir = test_dir(), *calm = path_in(dir, "calm.image"), *spilled = path_in(dir, "spilled.image");
	for (unsigned round = 0; round < 4; round++) {
		struct random r = { round };
		unsigned n = 5000;
		struct said *s = say(&r, n);
		struct model model = { 0 };
		uint64_t dup_calm, dup_spilled, dup_unnamed;
		for (unsigned i = 0; i < n; i++) {
			struct claim c = s[i].claim;
			c.entry = 10 + i / 100;
			c.back = (uint16_t)(i / 100);
			model_add(&model, &s[i].key, c);
		}
		struct image *a = through(s, n, 100, 1 << 30, "/nonexistent", calm, &dup_calm);
		struct image *b = through(s, n, 100, 20000, dir, spilled, &dup_spilled);
		struct image *c = through(s, n, 100, 0, dir, NULL, &dup_unnamed);
		struct buf x = { 0 }, y = { 0 };
		read_all(calm, &x);
		read_all(spilled, &y);
		assert_int_equal(x.n, y.n);
		assert_memory_equal(x.p, y.p, x.n);
		assert_int_equal(image_claims(a), model.n);
		assert_int_equal(image_claims(c), model.n);
		assert_int_equal(dup_calm, model.dup);
		assert_int_equal(dup_spilled, model.dup);
		assert_int_equal(dup_unnamed, model.dup);
		for (size_t i = 0; i < model.n; i++) {
			const struct table_key *k = model_key_of(&model.row[i].key);
			const struct claim *claims;
			bool there = false;
			unsigned found = image_find(b, k, &claims);
			for (unsigned j = 0; j < found; j++)
				there |= memcmp(&claims[j], &model.row[i].claim, sizeof(*claims)) == 0;
			assert_true(there);
		}
		assert_int_equal(count_files(dir), 2); /* runs have no names */
		buf_release(&x);
		buf_release(&y);
		image_free(a);
		image_free(b);
		image_free(c);
		model_release(&model);
		free(s);
	}
	free(calm);
	free(spilled);
	remove_dir(dir);
}

static void stamps_what_came_since_the_last(void **state)
{
	(void)state;
	struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 20);
	struct claim c = { .entry = 1, .back = 1 };
	const struct claim *got;
	struct image *m;
	for (unsigned i = 0; i < 6; i++) {
		uint8_t octets[4] = { 192, 0, 2, (uint8_t)i };
		assert_int_equal(batch_add(b, &(struct table_key){ OBS_IPV4, 0, 4, octets }, &c, NULL), OK);
		if (i == 2)
			assert_int_equal(batch_stamp(b, 50, 0, NULL), OK);
		if (i == 4)
			assert_int_equal(batch_stamp(b, 51, 1, NULL), OK);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	static const unsigned entry[] = { 50, 50, 50, 51, 51, 1 }, back[] = { 0, 0, 0, 1, 1, 1 };
	for (unsigned i = 0; i < 6; i++) {
		uint8_t octets[4] = { 192, 0, 2, (uint8_t)i };
		struct table_key k = { OBS_IPV4, 0, 4, octets };
		assert_int_equal(image_find(m, &k, &got), 1);
		assert_int_equal(got->entry, entry[i]);
		assert_int_equal(got->back, back[i]);
	}
	image_free(m);
	batch_free(b);
}

static void counts_records_not_claims(void **state)
{
	(void)state;
	/* Three records on one key: the first says two things, the others repeat what it said first. */
	static const struct { uint8_t category, flags; } said[] = {
		{ 1, CLAIM_FIRST }, { 2, 0 }, { 1, CLAIM_FIRST }, { 2, 0 }, { 1, CLAIM_FIRST },
	};
	struct table_key k = { OBS_DOMAIN, 0, 12, (const uint8_t *)"evil.example" };
	for (unsigned stamp_each = 0; stamp_each < 2; stamp_each++) {
		char *dir = test_dir();
		struct batch *b = batch_new(model_seed, dir, 0);
		struct image *m;
		uint64_t dup;
		for (unsigned i = 0; i < COUNT_OF(said); i++) {
			struct claim c = { .category = said[i].category, .flags = said[i].flags };
			assert_int_equal(batch_add(b, &k, &c, NULL), OK);
			if (stamp_each) /* every claim in a run of its own */
				assert_int_equal(batch_stamp(b, 5, 0, NULL), OK);
		}
		assert_int_equal(batch_finish(b, NULL, &m, &dup, NULL), OK);
		assert_int_equal(dup, 2);
		assert_int_equal(image_keys(m), 1);
		assert_int_equal(image_claims(m), 2);
		image_free(m);
		batch_free(b);
		remove_dir(dir);
	}
}

static void many_claims_on_one_key(void **state)
{
	(void)state;
	struct table_key k = { OBS_DOMAIN, 0, 12, (const uint8_t *)"evil.example" };
	struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 30);
	const struct claim *got;
	struct image *m;
	for (unsigned i = 0; i < 50000; i++) {
		struct claim c = { .source = (uint16_t)(i * 7919), .seen = i };
		assert_int_equal(batch_add(b, &k, &c, NULL), OK);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	assert_int_equal(image_find(m, &k, &got), 50000);
	for (unsigned i = 1; i < 50000; i++)
		assert_true(got[i - 1].source < got[i].source);
	image_free(m);
	batch_free(b);
}

static void is_empty_and_can_be_used_again(void **state)
{
	(void)state;
	char *dir = test_dir(), *path = path_in(dir, "empty.image");
	struct random r = { 3 };
	struct said *s = say(&r, 100);
	struct batch *b = batch_new(model_seed, dir, 500);
	struct image *m;
	uint64_t dup = 99;
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(batch_finish(b, round == 2 ? path : NULL, &m, &dup, NULL), OK);
		assert_int_equal(image_keys(m), 0);
		assert_int_equal(dup, 0);
		image_free(m);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(batch_add(b, model_key_of(&s[i].key), &s[i].claim, NULL), OK);
		if (round)
			assert_int_equal(batch_stamp(b, 1, 0, NULL), OK);
		assert_int_equal(batch_finish(b, NULL, &m, &dup, NULL), OK);
		assert_true(image_keys(m) > 0);
		image_free(m);
	}
	batch_free(b);
	batch_free(NULL);
	free(s);
	free(path);
	remove_dir(dir);
}

static void a_spill_that_fails_says_so(void **state)
{
	(void)state;
	struct batch *b = batch_new(model_seed, "/nonexistent/directory", 0);
	struct table_key k = { OBS_DOMAIN, 0, 12, (const uint8_t *)"evil.example" };
	struct claim c = { 0 };
	struct fault f;
	assert_int_equal(batch_add(b, &k, &c, &f), OK);
	assert_int_equal(batch_stamp(b, 1, 0, &f), ERR_IO);
	assert_non_null(strstr(f.text, "/nonexistent/directory"));
	assert_int_equal(batch_count(b), 1);
	batch_free(b);
}

/* Several that come together are one, whether any of them has spilled or not. */
static void taken_over_they_are_one(void **state)
{
	(void)state;
	enum { CLAIMS = 4000 };
	char *dir = test_dir(), *path = path_in(dir, "one.image"), *path2 = path_in(dir, "other.image");
	struct random r = { 8 };
	struct said *s = say(&r, CLAIMS);
	for (unsigned round = 0; round < 3; round++) {
		size_t room = round == 0 ? 1 << 20 : round == 1 ? 20000 : 500;
		struct batch *one = batch_new(model_seed, dir, 1 << 20), *part[3];
		struct image *m, *m2;
		struct buf octets = { 0 }, octets2 = { 0 };
		for (unsigned i = 0; i < 3; i++)
			part[i] = batch_new(model_seed, dir, room);
		for (unsigned i = 0; i < CLAIMS; i++) {
			struct batch *b = part[i % (2 + round % 2)]; /* the last may be empty */
			assert_int_equal(batch_add(one, model_key_of(&s[i].key), &s[i].claim, NULL), OK);
			assert_int_equal(batch_add(b, model_key_of(&s[i].key), &s[i].claim, NULL), OK);
			assert_int_equal(batch_stamp(one, i, 0, NULL), OK);
			assert_int_equal(batch_stamp(b, i, 0, NULL), OK);
		}
		assert_int_equal(batch_take(part[0], part[1], NULL), OK);
		assert_int_equal(batch_count(part[1]), 0);
		batch_free(part[1]);
		assert_int_equal(batch_take(part[0], part[2], NULL), OK);
		assert_int_equal(batch_count(part[0]), CLAIMS);
		assert_int_equal(batch_finish(one, path, &m, NULL, NULL), OK);
		assert_int_equal(batch_finish(part[0], path2, &m2, NULL, NULL), OK);
		read_all(path, &octets);
		read_all(path2, &octets2);
		assert_true(span_eq(buf_span(&octets), buf_span(&octets2)));
		image_free(m);
		image_free(m2);
		batch_free(one);
		batch_free(part[0]);
		batch_free(part[2]);
		buf_release(&octets);
		buf_release(&octets2);
	}
	free(s);
	free(path);
	free(path2);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spilling_changes_nothing),
		cmocka_unit_test(stamps_what_came_since_the_last),
		cmocka_unit_test(counts_records_not_claims),
		cmocka_unit_test(many_claims_on_one_key),
		cmocka_unit_test(is_empty_and_can_be_used_again),
		cmocka_unit_test(taken_over_they_are_one),
		cmocka_unit_test(a_spill_that_fails_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
