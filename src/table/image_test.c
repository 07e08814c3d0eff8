#include "table/model_test.h"

#include "table/layout.h"

static void hash_is_siphash_of_header_and_octets(void **state)
{
	(void)state;
	uint8_t record[4 + 300];
	for (unsigned n = 0; n <= 300; n++) {
		struct table_key k = { .kind = (uint8_t)(n % 12), .prefix = (uint8_t)n, .n = (uint16_t)n,
				.p = record + 4 };
		uint32_t header = table_key_header(&k);
		for (unsigned i = 0; i < n; i++)
			record[4 + i] = (uint8_t)(i * 7 + n);
		memcpy(record, &header, 4);
		assert_true(table_hash(model_seed, &k) == siphash13(model_seed, record, 4 + n));
	}
}

struct walk {
	struct model *model;
	const struct image *image;
	uint64_t keys, claims;
	uint64_t place;
};

static void walk_key(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct walk *w = ctx;
	const struct claim *found;
	uint64_t place = table_place(model_seed, k);
	assert_true(place >= w->place);
	w->place = place;
	w->keys++;
	w->claims += n;
	assert_true(n > 0);
	for (unsigned i = 0; i < n; i++)
		assert_true(model_has(w->model, k, &claims[i]));
	assert_int_equal(image_find(w->image, k, &found), n);
	assert_ptr_equal(found, claims);
}

/* Image and model say the same. */
static void check_image(const struct image *m, struct model *model)
{
	struct walk w = { .model = model, .image = m };
	image_each(m, walk_key, &w);
	assert_int_equal(w.claims, model->n);
	assert_int_equal(image_claims(m), model->n);
	assert_int_equal(image_keys(m), w.keys);
}

static void finds_what_was_put_in_and_nothing_else(void **state)
{
	(void)state;
	char *dir = test_dir(), *path = path_in(dir, "a.image");
	for (unsigned size = 0; size <= 2000; size = size * 3 + 1) {
		struct random r = { size };
		struct model model = { 0 };
		struct image *m = random_image(&r, size, 7, &model), *file, *verified;
		check_image(m, &model);
		assert_int_equal(image_merge(&m, 1, NULL, NULL, path, &file, NULL, NULL), OK);
		check_image(file, &model);
		assert_int_equal(image_octets(file), image_octets(m));
		assert_int_equal(image_open(path, true, &verified, NULL), OK);
		check_image(verified, &model);
		for (unsigned i = 0; i < 500; i++) {
			struct model_key k;
			const struct claim *c;
			unsigned in_model = 0;
			model_key_random(&r, &k);
			for (size_t j = 0; j < model.n; j++)
				in_model += same_key(model_key_of(&model.row[j].key), model_key_of(&k));
			assert_int_equal(image_find(m, model_key_of(&k), &c), in_model);
		}
		image_free(m);
		image_free(file);
		image_free(verified);
		model_release(&model);
	}
	free(path);
	remove_dir(dir);
}

/* The octets of the file that an image makes. */
static void file_of(struct image *m, const char *path, struct buf *ret_octets)
{
	struct image *file;
	struct fault f;
	assert_int_equal(image_merge(&m, 1, NULL, NULL, path, &file, NULL, &f), OK);
	image_free(file);
	read_all(path, ret_octets);
}

static void merging_is_the_same_in_any_order_and_grouping(void **state)
{
	(void)state;
	enum { IMAGES = 7 };
	char *dir = test_dir(), *path = path_in(dir, "merged.image"), *other = path_in(dir, "group.image");
	for (unsigned round = 0; round < 8; round++) {
		struct random r = { round + 1000 };
		struct model model = { 0 };
		struct image *in[IMAGES], *all, *pool[IMAGES];
		struct buf want = { 0 };
		for (unsigned i = 0; i < IMAGES; i++)
			in[i] = pool[i] = random_image(&r, random_below(&r, 300), i % 3, &model);
		assert_int_equal(image_merge(in, IMAGES, NULL, NULL, NULL, &all, NULL, NULL), OK);
		check_image(all, &model);
		file_of(all, path, &want);
		for (unsigned left = IMAGES; left > 1; left--) { /* any two, in memory or in a file */
			unsigned a = random_below(&r, left), b = random_below(&r, left - 1);
			struct image *two[2], *made;
			b += b >= a;
			two[0] = pool[a], two[1] = pool[b];
			assert_int_equal(image_merge(two, 2, NULL, NULL, random_below(&r, 2) ? other : NULL, &made,
					NULL, NULL), OK);
			image_free(two[0]);
			image_free(two[1]);
			pool[b] = pool[left - 1];
			pool[a] = pool[left - 1]; /* whichever of the two it was, its place is gone */
			pool[a < b ? a : b] = made;
			if ((a > b ? a : b) != left - 1)
				pool[a > b ? a : b] = pool[left - 1];
		}
		struct buf got = { 0 };
		file_of(pool[0], path, &got);
		assert_int_equal(got.n, want.n);
		assert_memory_equal(got.p, want.p, want.n);
		buf_release(&got);
		buf_release(&want);
		image_free(pool[0]);
		image_free(all);
		model_release(&model);
	}
	free(path);
	free(other);
	remove_dir(dir);
}

static bool keep_source(void *ctx, const struct claim *c)
{
	return c->source == *(uint16_t *)ctx;
}

static void a_merge_keeps_what_it_is_told_to(void **state)
{
	(void)state;
	struct random r = { 5 };
	struct model model = { 0 }, kept = { 0 };
	uint16_t source = 1;
	struct image *m = random_image(&r, 1500, 7, &model), *less, *none;
	for (size_t i = 0; i < model.n; i++)
		if (model.row[i].claim.source == source)
			model_add(&kept, &model.row[i].key, model.row[i].claim);
	assert_true(kept.n > 0 && kept.n < model.n);
	assert_int_equal(image_merge(&m, 1, keep_source, &source, NULL, &less, NULL, NULL), OK);
	check_image(less, &kept);
	source = 99;
	assert_int_equal(image_merge(&m, 1, keep_source, &source, NULL, &none, NULL, NULL), OK);
	assert_int_equal(image_keys(none), 0);
	image_free(m);
	image_free(less);
	image_free(none);
	model_release(&model);
	model_release(&kept);
}

static void collapsing_counts_records_that_were_there(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		struct random r = { round };
		struct model a = { 0 };
		uint64_t dup_a, dup_b, dup;
		struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 30);
		struct image *in[2], *m;
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned j = 0; j < 400; j++) {
				struct model_key k;
				struct claim c = model_claim_random(&r, 3);
				model_key_random(&r, &k);
				model_add(&a, &k, c);
				assert_int_equal(batch_add(b, model_key_of(&k), &c, NULL), OK);
			}
			assert_int_equal(batch_finish(b, NULL, &in[i], i ? &dup_b : &dup_a, NULL), OK);
		}
		assert_int_equal(image_merge(in, 2, NULL, NULL, NULL, &m, &dup, NULL), OK);
		assert_int_equal(dup_a + dup_b + dup, a.dup);
		check_image(m, &a);
		image_free(in[0]);
		image_free(in[1]);
		image_free(m);
		batch_free(b);
		model_release(&a);
	}
}

static void odd_keys_are_kept(void **state)
{
	(void)state;
	uint8_t octets[65535];
	static const uint16_t sizes[] = { 0, 1, 2, 3, 4, 5, 2048, 65535 };
	struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 30);
	struct claim c = { .source = 4 };
	const struct claim *found;
	struct image *m;
	memset(octets, 'x', sizeof(octets));
	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		struct table_key k = { OBS_URL, 0, sizes[i], octets };
		assert_int_equal(batch_add(b, &k, &c, NULL), OK);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	assert_int_equal(image_keys(m), COUNT_OF(sizes));
	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		struct table_key k = { OBS_URL, 0, sizes[i], octets };
		assert_int_equal(image_find(m, &k, &found), 1);
		assert_int_equal(found->source, 4);
		k.kind = OBS_EMAIL;
		assert_int_equal(image_find(m, &k, &found), 0);
	}
	image_free(m);
	batch_free(b);
}

/* Every flipped octet of a file is noticed when asked for, those of the header always, and no cut passes. */
static void damage_is_refused(void **state)
{
	(void)state;
	char *dir = test_dir(), *path = path_in(dir, "a.image");
	struct random r = { 9 };
	struct image *m = random_image(&r, 40, 7, NULL), *got;
	struct buf file = { 0 };
	struct fault f;
	file_of(m, path, &file);
	struct image_header h;
	memcpy(&h, file.p, sizeof(h));
	for (size_t i = 0; i < file.n; i++) {
		bool padding = i >= sizeof(h);
		for (unsigned s = 0; s < IMAGE_SECTIONS; s++)
			padding &= i < h.section[s].at || i >= h.section[s].at + h.section[s].octets;
		if (padding)
			continue;
		file.p[i] ^= 0x20;
		write_all(path, file.p, file.n);
		enum err e = image_open(path, true, &got, &f);
		assert_true(e == ERR_CORRUPT || e == ERR_UNSUPPORTED);
		assert_non_null(strstr(f.text, "a.image"));
		if (i < sizeof(h))
			assert_int_not_equal(image_open(path, false, &got, &f), OK);
		file.p[i] ^= 0x20;
	}
	for (size_t n = 0; n < file.n; n += 61) {
		write_all(path, file.p, n);
		assert_int_equal(image_open(path, false, &got, &f), ERR_CORRUPT);
	}
	unlink(path);
	assert_int_equal(image_open(path, false, &got, &f), ERR_NOTFOUND);
	assert_int_equal(image_open(dir, false, &got, &f), ERR_IO);
	image_free(m);
	buf_release(&file);
	free(path);
	remove_dir(dir);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
	(void)state;
	char *dir = test_dir(), *path = path_in(dir, "no/such.image"), *taken = path_in(dir, "taken");
	struct random r = { 9 };
	struct image *m = random_image(&r, 10, 7, NULL), *got;
	struct fault f;
	assert_int_equal(image_merge(&m, 1, NULL, NULL, path, &got, NULL, &f), ERR_IO);
	mkdir(taken, 0700); /* a name that a file cannot be renamed to */
	assert_int_equal(image_merge(&m, 1, NULL, NULL, taken, &got, NULL, &f), ERR_IO);
	assert_int_equal(count_files(dir), 1);
	image_free(m);
	free(path);
	free(taken);
	remove_dir(dir);
}

static void images_of_other_seeds_do_not_mix(void **state)
{
	(void)state;
	struct image *in[2] = { image_empty(model_seed), image_empty((struct siphash_seed){ 1, 2 }) }, *m;
	struct fault f;
	assert_int_equal(image_merge(in, 2, NULL, NULL, NULL, &m, NULL, &f), ERR_CORRUPT);
	image_free(in[0]);
	image_free(in[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_siphash_of_header_and_octets),
		cmocka_unit_test(finds_what_was_put_in_and_nothing_else),
		cmocka_unit_test(merging_is_the_same_in_any_order_and_grouping),
		cmocka_unit_test(a_merge_keeps_what_it_is_told_to),
		cmocka_unit_test(collapsing_counts_records_that_were_there),
		cmocka_unit_test(odd_keys_are_kept),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(what_cannot_be_written_leaves_nothing),
		cmocka_unit_test(images_of_other_seeds_do_not_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
