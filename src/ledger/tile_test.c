#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>

#include "ledger/merkle_testing.h"

enum { SIZE = 70000 };

static void widths(void **state)
{
	static const struct {
		uint8_t level;
		uint64_t n, size;
		unsigned width;
	} of[] = {
		/* the example of tlog-tiles: 70,000 entries */
		{ 0, 0, 70000, 256 }, { 0, 272, 70000, 256 }, { 0, 273, 70000, 112 }, { 0, 274, 70000, 0 },
		{ 1, 0, 70000, 256 }, { 1, 1, 70000, 17 }, { 1, 2, 70000, 0 }, { 2, 0, 70000, 1 },
		{ 2, 1, 70000, 0 }, { 3, 0, 70000, 0 }, { TILE_ENTRIES, 272, 70000, 256 },
		{ TILE_ENTRIES, 273, 70000, 112 }, { TILE_ENTRIES, 274, 70000, 0 }, { 0, 0, 0, 0 }, { 0, 0, 1, 1 },
		{ 0, 0, 255, 255 }, { 1, 0, 255, 0 }, { 0, 0, 256, 256 }, { 0, 1, 256, 0 }, { 1, 0, 256, 1 },
		{ 0, 1, 257, 1 }, { 1, 0, 65535, 255 }, { 1, 0, 65536, 256 }, { 2, 0, 65535, 0 },
		{ 2, 0, 65536, 1 }, { 7, 0, INT64_MAX, 127 }, { 7, 1, INT64_MAX, 0 }, { 8, 0, INT64_MAX, 0 },
		{ 63, 0, UINT64_MAX, 0 }, { 0, UINT64_MAX, UINT64_MAX, 0 },
		{ 0, (UINT64_C(1) << 56) - 1, UINT64_MAX, 255 },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++)
		if (tile_width(of[i].level, of[i].n, of[i].size) != of[i].width)
			fail_msg("row %zu: %u", i, tile_width(of[i].level, of[i].n, of[i].size));
}

static void paths(void **state)
{
	static const struct {
		struct tile tile;
		const char *path;
	} of[] = {
		{ { 0, 256, 1234067 }, "tile/0/x001/x234/067" },
		{ { 0, 256, 0 }, "tile/0/000" },
		{ { 0, 112, 273 }, "tile/0/273.p/112" },
		{ { 1, 17, 1 }, "tile/1/001.p/17" },
		{ { 2, 1, 0 }, "tile/2/000.p/1" },
		{ { 0, 5, 1067 }, "tile/0/x001/067.p/5" },
		{ { 7, 255, 999 }, "tile/7/999.p/255" },
		{ { 3, 256, 1000 }, "tile/3/x001/000" },
		{ { TILE_ENTRIES, 256, 1000000 }, "tile/entries/x001/x000/000" },
		{ { TILE_ENTRIES, 255, UINT64_MAX }, "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255" },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct buf out = { 0 };
		struct tile t;
		buf_puts(&out, "https://log.example/");
		tile_path(&of[i].tile, &out);
		struct span path = span_from(buf_span(&out), 20);
		assert_true(span_is(path, of[i].path));
		assert_true(path.n < TILE_PATH_MAX);
		assert_int_equal(tile_parse(span_from(path, 5), &t, NULL), OK);
		assert_int_equal(t.level, of[i].tile.level);
		assert_int_equal(t.width, of[i].tile.width);
		assert_int_equal(t.n, of[i].tile.n);
		buf_release(&out);
	}
}

static void refused_paths(void **state)
{
	static const struct {
		const char *path;
		enum err e;
	} of[] = {
		{ "", ERR_SYNTAX }, { "/", ERR_SYNTAX }, { "0", ERR_SYNTAX }, { "0/", ERR_SYNTAX },
		{ "/000", ERR_SYNTAX }, { "0/0", ERR_SYNTAX }, { "0/00", ERR_SYNTAX }, { "0/0000", ERR_SYNTAX },
		{ "0/00a", ERR_SYNTAX }, { "0/-01", ERR_SYNTAX }, { "0/ 01", ERR_SYNTAX }, { "00/000", ERR_SYNTAX },
		{ "01/000", ERR_SYNTAX }, { "+1/000", ERR_SYNTAX }, { "x/000", ERR_SYNTAX },
		{ "entries", ERR_SYNTAX }, { "entries/", ERR_SYNTAX }, { "Entries/000", ERR_SYNTAX },
		{ "entriesx/000", ERR_SYNTAX }, { "0/x000/001", ERR_SYNTAX }, { "0/x000/x001/001", ERR_SYNTAX },
		{ "0/x001", ERR_SYNTAX }, { "0/x001/", ERR_SYNTAX }, { "0/x001/x067", ERR_SYNTAX },
		{ "0/x01/067", ERR_SYNTAX }, { "0/x0001/067", ERR_SYNTAX }, { "0/001/067", ERR_SYNTAX },
		{ "0/X001/067", ERR_SYNTAX }, { "0//067", ERR_SYNTAX }, { "0/000/", ERR_SYNTAX },
		{ "0/000/1", ERR_SYNTAX }, { "0/000.p", ERR_SYNTAX }, { "0/000.p/", ERR_SYNTAX },
		{ "0/000.p/01", ERR_SYNTAX }, { "0/000.p/1/", ERR_SYNTAX }, { "0/000.p/1/1", ERR_SYNTAX },
		{ "0/000.p/x", ERR_SYNTAX }, { "0/000.p/-1", ERR_SYNTAX }, { "0/000.P/1", ERR_SYNTAX },
		{ "0/000p/1", ERR_SYNTAX }, { "0/x001.p/067", ERR_SYNTAX }, { "0/x001.p/067.p/5", ERR_SYNTAX },
		{ "0/000\n", ERR_SYNTAX }, { "tile/0/000", ERR_SYNTAX }, { "0/000.p/0", ERR_RANGE },
		{ "0/000.p/256", ERR_RANGE }, { "0/000.p/99999999999999999999", ERR_RANGE },
		{ "64/000", ERR_RANGE }, { "255/000", ERR_RANGE }, { "256/000", ERR_RANGE },
		{ "0/x018/x446/x744/x073/x709/x551/616", ERR_RANGE },
		{ "0/x999/x999/x999/x999/x999/x999/x999/999", ERR_RANGE }, { "8/000", ERR_NOTFOUND },
		{ "63/x001/067.p/5", ERR_NOTFOUND }, { "8/00", ERR_SYNTAX }, { "8/000.p/0", ERR_RANGE },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct tile t = { .n = 77 };
		struct fault f = { .text = "" };
		enum err e = tile_parse(span_str(of[i].path), &t, &f);
		if (e != of[i].e || f.code != e || !f.text[0] || t.n != 77)
			fail_msg("\"%s\": %s, %s", of[i].path, err_name(e), f.text);
	}
}

/* What a store of tiles can do wrong. */
enum wrong { NOTHING, SHORT, LONG, WIDER, NARROWER, FLIPPED, FAILS };

struct store {
	struct rows rows;
	enum wrong wrong;
	uint8_t level; /* of which tiles it is wrong */
	unsigned asked;
};

static enum err get(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	struct store *s = ctx;
	enum wrong wrong = t->level == s->level ? s->wrong : NOTHING;
	size_t start = out->n;
	s->asked++;
	if (wrong == FAILS)
		return fault_set(f, ERR_IO, "the disk is on fire");
	enum err e = rows_tile(&s->rows, t, out, f);
	if (wrong == SHORT)
		out->n--;
	if (wrong == LONG)
		buf_putc(out, 0);
	if (wrong == NARROWER)
		out->n -= HASH_OCTETS;
	if (wrong == WIDER) {
		buf_reserve(out, HASH_OCTETS);
		buf_put(out, out->p + start, HASH_OCTETS);
	}
	if (wrong == FLIPPED)
		out->p[start + (size_t)(t->width - 1) * HASH_OCTETS] ^= 1;
	return e;
}

static struct store store;

static int fill(void **state)
{
	rows_fill(&store.rows, SIZE);
	return 0;
}

static int empty(void **state)
{
	rows_release(&store.rows);
	return 0;
}

/* Each complete subtree, of trees of several sizes, is that of the memory; nothing else is told. */
static void hashes_from_tiles(void **state)
{
	static const uint64_t size[] = { 1, 2, 255, 256, 257, 4000, 65535, 65536, 65537, SIZE };
	store.wrong = NOTHING;
	for (size_t i = 0; i < COUNT_OF(size); i++) {
		struct tile_source tiles = { .get = get, .ctx = &store, .size = size[i] };
		struct merkle_source s = tile_source_hashes(&tiles);
		uint8_t hash[HASH_OCTETS];
		struct fault f = { .text = "" };
		for (unsigned k = 0; k < MERKLE_LEVELS; k++) {
			uint64_t n = size[i] >> k;
			for (uint64_t j = k < 3 && n > 600 ? n - 600 : 0; j < n; j++) {
				if (s.hash(s.ctx, k, j, hash, &f))
					fail_msg("%s", f.text);
				assert_memory_equal(hash, store.rows.row[k][j], HASH_OCTETS);
			}
			assert_int_equal(s.hash(s.ctx, k, n, hash, &f), ERR_RANGE);
			assert_int_equal(s.hash(s.ctx, k, UINT64_MAX, hash, &f), ERR_RANGE);
		}
		assert_int_equal(s.hash(s.ctx, 64, 0, hash, &f), ERR_RANGE);
		tile_source_release(&tiles);
	}
}

static void proofs_from_tiles(void **state)
{
	struct tile_source tiles = { .get = get, .ctx = &store, .size = SIZE };
	struct merkle_source s = tile_source_hashes(&tiles);
	struct merkle_edge edge, old;
	struct merkle_proof p;
	uint8_t root[HASH_OCTETS], slow[HASH_OCTETS], old_root[HASH_OCTETS];
	store.wrong = NOTHING;
	slow_root(&store.rows, 0, SIZE, slow);
	assert_int_equal(merkle_edge_load(&s, SIZE, &edge, NULL), OK);
	merkle_edge_root(&edge, root);
	assert_memory_equal(root, slow, HASH_OCTETS);
	for (uint64_t i = 0; i < SIZE; i += 997) {
		assert_int_equal(merkle_inclusion(&s, i, SIZE, &p, NULL), OK);
		assert_int_equal(merkle_check_inclusion(store.rows.row[0][i], i, SIZE, &p, root, NULL), OK);
		assert_int_equal(merkle_edge_load(&s, i, &old, NULL),
				 OK); /* of an older tree: the same tiles have it */
		merkle_edge_root(&old, old_root);
		assert_int_equal(merkle_consistency(&s, i, SIZE, &p, NULL), OK);
		assert_int_equal(merkle_check_consistency(i, old_root, SIZE, root, &p, NULL), OK);
	}
	tile_source_release(&tiles);
}

static void tiles_are_kept(void **state)
{
	struct tile_source tiles = { .get = get, .ctx = &store, .size = SIZE };
	struct merkle_source s = tile_source_hashes(&tiles);
	struct merkle_proof p;
	store.wrong = NOTHING;
	assert_int_equal(merkle_inclusion(&s, SIZE - 1, SIZE, &p, NULL), OK);
	store.asked = 0;
	for (uint64_t i = SIZE - 100; i < SIZE; i++) /* their neighbours, and what the edge is made of, are there */
		assert_int_equal(merkle_inclusion(&s, i, SIZE, &p, NULL), OK);
	assert_int_equal(store.asked, 0);
	assert_int_equal(merkle_inclusion(&s, 1000, SIZE, &p, NULL), OK);
	assert_true(store.asked > 0 && store.asked <= 5);
	/* a tree that grew has the last tile wider: what was kept is asked for again */
	tiles.size = SIZE - 10;
	assert_int_equal(merkle_inclusion(&s, SIZE - 11, tiles.size, &p, NULL), OK);
	tiles.size = SIZE;
	store.asked = 0;
	assert_int_equal(merkle_inclusion(&s, SIZE - 1, SIZE, &p, NULL), OK);
	assert_true(store.asked > 0);
	tile_source_release(&tiles);
}

/* @return what an inclusion proof of the last leaf, or its check, says; nothing is kept of a tile that was refused. */
static enum err with_wrong(enum wrong wrong, uint8_t level, struct fault *f)
{
	struct tile_source tiles = { .get = get, .ctx = &store, .size = SIZE };
	struct merkle_source s = tile_source_hashes(&tiles);
	struct merkle_proof p;
	uint8_t root[HASH_OCTETS];
	slow_root(&store.rows, 0, SIZE, root);
	store.wrong = wrong;
	store.level = level;
	enum err e = merkle_inclusion(&s, 69900, SIZE, &p, f);
	if (e) {
		store.wrong = NOTHING;
		assert_int_equal(merkle_inclusion(&s, 69900, SIZE, &p, NULL), OK);
		assert_int_equal(merkle_check_inclusion(store.rows.row[0][69900], 69900, SIZE, &p, root, NULL), OK);
	} else {
		e = merkle_check_inclusion(store.rows.row[0][69900], 69900, SIZE, &p, root, f);
	}
	tile_source_release(&tiles);
	return e;
}

static void wrong_tiles(void **state)
{
	static const struct {
		enum wrong wrong;
		uint8_t level;
		enum err e;
		const char *says;
	} of[] = {
		{ SHORT, 0, ERR_CORRUPT, "\"tile/0/273.p/112\" has 3583 octets instead of 3584" },
		{ LONG, 0, ERR_CORRUPT, "\"tile/0/273.p/112\" has 3585 octets instead of 3584" },
		{ NARROWER, 0, ERR_CORRUPT, "\"tile/0/273.p/112\" has 3552 octets instead of 3584" },
		{ WIDER, 0, ERR_CORRUPT, "\"tile/0/273.p/112\" has 3616 octets instead of 3584" },
		{ WIDER, 1, ERR_CORRUPT, "\"tile/1/001.p/17\" has 576 octets instead of 544" },
		{ NARROWER, 1, ERR_CORRUPT, "\"tile/1/001.p/17\" has 512 octets instead of 544" },
		{ SHORT, 2, ERR_CORRUPT, "\"tile/2/000.p/1\" has 31 octets instead of 32" },
		{ FLIPPED, 0, ERR_CORRUPT, "leads to another root" },
		{ FLIPPED, 2, ERR_CORRUPT, "leads to another root" }, { FAILS, 0, ERR_IO, "the disk is on fire" },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct fault f = { .text = "" };
		enum err e = with_wrong(of[i].wrong, of[i].level, &f);
		if (e != of[i].e || f.code != e || !strstr(f.text, of[i].says))
			fail_msg("row %zu: %s: %s", i, err_name(e), f.text);
	}
}

static void bundles(void **state)
{
	uint8_t *large = mem_zalloc(BUNDLE_ENTRY_MAX);
	const struct span entry[] = { SPAN_LIT("one"), { large, 0 }, { large, BUNDLE_ENTRY_MAX }, { large, 256 } };
	struct buf bundle = { 0 };
	struct span rest, got;
	for (size_t i = 0; i < COUNT_OF(entry); i++)
		bundle_put(&bundle, entry[i]);
	assert_memory_equal(bundle.p, "\0\003one\0\0\xff\xff", 9);
	rest = buf_span(&bundle);
	for (size_t i = 0; i < COUNT_OF(entry); i++) {
		assert_int_equal(bundle_next(&rest, &got), OK);
		assert_true(span_eq(got, entry[i]));
	}
	assert_int_equal(bundle_next(&rest, &got), ERR_NOTFOUND);
	for (size_t n = 0; n < bundle.n; n++) { /* cut off anywhere: as far as whole entries go */
		uint8_t *cut = mem_alloc(n);	/* so that the sanitizer sees a step beyond */
		if (n)
			memcpy(cut, bundle.p, n);
		rest = span_of(cut, n);
		enum err e;
		while ((e = bundle_next(&rest, &got)) == OK)
			assert_true(got.p + got.n <= cut + n);
		bool whole = n == 0 || n == 5 || n == 7 || n == 7 + 2 + BUNDLE_ENTRY_MAX;
		assert_int_equal(e, whole ? ERR_NOTFOUND : ERR_CORRUPT);
		free(cut);
		if (n == 40)
			n = bundle.n - 300;
	}
	buf_release(&bundle);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths),
		cmocka_unit_test(paths),
		cmocka_unit_test(refused_paths),
		cmocka_unit_test(hashes_from_tiles),
		cmocka_unit_test(proofs_from_tiles),
		cmocka_unit_test(tiles_are_kept),
		cmocka_unit_test(wrong_tiles),
		cmocka_unit_test(bundles),
	};
	return cmocka_run_group_tests(tests, fill, empty);
}
