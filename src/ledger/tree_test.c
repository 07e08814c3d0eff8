/* A tree is compared with the tiles that follow from all leaves at once, by the definition of the specification. */
#include "ledger/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/octets.h"

enum { SIZE = 70000, LEVELS = 17, TILES = SIZE / TILE_WIDTH + 1, USED = 3 };

static uint8_t (*complete[LEVELS])[HASH_OCTETS]; /* [k][n]: of 2^k leaves */

static int make_hashes(void **state)
{
	for (unsigned k = 0; k < LEVELS; k++) {
		complete[k] = mem_alloc(((size_t)SIZE >> k) * sizeof(**complete));
		for (uint32_t n = 0; n < (uint32_t)SIZE >> k; n++) {
			uint8_t entry[4];
			put_be32(entry, n);
			if (k == 0)
				merkle_leaf(span_of(entry, 4), complete[0][n]);
			else
				merkle_node(complete[k - 1][2 * n], complete[k - 1][2 * n + 1], complete[k][n]);
		}
	}
	return 0;
}

static int free_hashes(void **state)
{
	for (unsigned k = 0; k < LEVELS; k++)
		free(complete[k]);
	return 0;
}

static enum err direct(void *ctx, unsigned level, uint64_t n, uint8_t ret_hash[HASH_OCTETS], struct fault *f)
{
	memcpy(ret_hash, complete[level][n], HASH_OCTETS);
	return OK;
}

static void root_of(uint64_t size, uint8_t ret_root[HASH_OCTETS])
{
	struct merkle_source s = { direct, NULL };
	struct merkle_edge edge;
	assert_int_equal(merkle_edge_load(&s, size, &edge, NULL), OK);
	merkle_edge_root(&edge, ret_root);
}

/* ---- what is kept ---- */

static struct kept {
	struct buf tile[USED][TILES];
	unsigned calls;
} kept;

static enum err keep(void *ctx, uint8_t level, uint64_t n, struct span hashes, struct fault *f)
{
	struct kept *k = ctx;
	assert_true(level < USED && n < TILES);
	struct buf *tile = &k->tile[level][n];
	assert_true(hashes.n > tile->n); /* a tile only grows */
	assert_true(tile->n == 0 || memcmp(tile->p, hashes.p, tile->n) == 0);
	tile->n = 0;
	buf_putspan(tile, hashes);
	k->calls++;
	return OK;
}

static void release_kept(void)
{
	for (unsigned level = 0; level < USED; level++)
		for (unsigned n = 0; n < TILES; n++)
			buf_release(&kept.tile[level][n]);
	memset(&kept, 0, sizeof(kept));
}

/* All tiles that a tree of `size` has are kept as wide as it has them, but for the last one of level 0, and no others. */
static void assert_kept(uint64_t size)
{
	for (uint8_t level = 0; level < USED; level++)
		for (unsigned n = 0; n < TILES; n++) {
			unsigned width = tile_width(level, n, size);
			if (level == 0 && width < TILE_WIDTH)
				width = 0;
			assert_int_equal(kept.tile[level][n].n, width * HASH_OCTETS);
			if (width)
				assert_memory_equal(kept.tile[level][n].p, complete[8 * level][n * TILE_WIDTH], width * HASH_OCTETS);
		}
}

static void assert_last(const struct tree *t, uint64_t size)
{
	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		uint64_t hashes = size >> 8 * level, first = hashes / TILE_WIDTH * TILE_WIDTH;
		assert_int_equal(t->level[level].n, (hashes - first) * HASH_OCTETS);
		if (hashes > first)
			assert_memory_equal(t->level[level].p, complete[8 * level][first], (hashes - first) * HASH_OCTETS);
	}
}

static bool looked_at(uint64_t size)
{
	return size < 3 || size % 256 < 2 || size % 256 == 255 || size % 997 == 0 || size == SIZE;
}

static void tiles_as_computed_directly(void **state)
{
	struct tree t = { 0 };
	uint8_t got[HASH_OCTETS], want[HASH_OCTETS];
	for (uint64_t size = 1; size <= SIZE; size++) {
		assert_int_equal(tree_add(&t, complete[0][size - 1], keep, &kept, NULL), OK);
		assert_true(t.edge.size == size);
		if (!looked_at(size))
			continue;
		merkle_edge_root(&t.edge, got);
		root_of(size, want);
		assert_memory_equal(got, want, HASH_OCTETS);
		assert_last(&t, size);
		assert_kept(size);
	}
	/* Nothing was kept more often than it changed. */
	assert_int_equal(kept.calls, SIZE / 256 + SIZE / 256 + SIZE / 65536);
	release_kept();
	tree_release(&t);
}

/* ---- loading ---- */

static void last_tiles(struct tree *t, uint64_t size)
{
	for (unsigned level = 0; 8 * level < COUNT_OF(complete); level++) { /* no tree here is higher */
		uint64_t hashes = size >> 8 * level, first = hashes / TILE_WIDTH * TILE_WIDTH;
		if (hashes > first)
			buf_put(&t->level[level], complete[8 * level][first], (hashes - first) * HASH_OCTETS);
	}
}

static enum err ignore(void *ctx, uint8_t level, uint64_t n, struct span hashes, struct fault *f)
{
	return OK;
}

static void loads_and_goes_on(uint64_t size)
{
	struct tree t = { 0 };
	uint8_t got[HASH_OCTETS], want[HASH_OCTETS];
	last_tiles(&t, size);
	assert_int_equal(tree_load(&t, size, NULL), OK);
	assert_true(t.edge.size == size);
	merkle_edge_root(&t.edge, got);
	root_of(size, want);
	assert_memory_equal(got, want, HASH_OCTETS);
	for (unsigned i = 0; i < 300 && size < SIZE; i++)
		assert_int_equal(tree_add(&t, complete[0][size++], ignore, NULL, NULL), OK);
	merkle_edge_root(&t.edge, got);
	root_of(size, want);
	assert_memory_equal(got, want, HASH_OCTETS);
	assert_last(&t, size);
	tree_release(&t);
}

static void loaded_at_many_sizes(void **state)
{
	for (uint64_t size = 0; size < 1100; size += size < 260 ? 1 : 7)
		loads_and_goes_on(size);
	for (uint64_t size = 65530; size < 65545; size++)
		loads_and_goes_on(size);
	for (uint64_t size = 1000; size <= SIZE; size += 1511)
		loads_and_goes_on(size);
	loads_and_goes_on(SIZE);
}

static void wrong_number_of_hashes(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 255, 256, 257, 65535, 65536, 65537, SIZE };
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		for (unsigned level = 0; level < TILE_LEVELS; level++) {
			static const int more[] = { 1, -1, HASH_OCTETS, -HASH_OCTETS };
			for (size_t m = 0; m < COUNT_OF(more); m++) {
				struct tree t = { 0 };
				struct fault f = { .text = "" };
				last_tiles(&t, sizes[i]);
				struct buf *b = &t.level[level];
				memset(buf_reserve(b, HASH_OCTETS), 0, HASH_OCTETS);
				if (more[m] < 0 && b->n < HASH_OCTETS) {
					tree_release(&t);
					continue;
				}
				b->n += (size_t)(ptrdiff_t)more[m];
				assert_int_equal(tree_load(&t, sizes[i], &f), ERR_CORRUPT);
				assert_int_equal(f.code, ERR_CORRUPT);
				assert_non_null(strstr(f.text, (char[]){ 'l', 'e', 'v', 'e', 'l', ' ', (char)('0' + level), 0 }));
				tree_release(&t);
			}
		}
}

/* A full tile that was not stored as full, and one that is left of another size. */
static void tiles_of_another_size(void **state)
{
	struct tree t = { 0 };
	last_tiles(&t, 700);
	assert_int_equal(tree_load(&t, 701, NULL), ERR_CORRUPT);
	assert_int_equal(tree_load(&t, 444, NULL), ERR_CORRUPT);
	assert_int_equal(tree_load(&t, 700 + 256, NULL), ERR_CORRUPT);
	assert_int_equal(tree_load(&t, 700, NULL), OK);
	tree_release(&t);
	buf_put(&t.level[0], complete[0], TILE_OCTETS);
	assert_int_equal(tree_load(&t, 256, NULL), ERR_CORRUPT);
	tree_release(&t);
}

static enum err full_disk(void *ctx, uint8_t level, uint64_t n, struct span hashes, struct fault *f)
{
	return fault_set(f, ERR_FULL, "no space");
}

static void errors_of_keep(void **state)
{
	struct tree t = { 0 };
	struct fault f = { .text = "" };
	for (unsigned i = 0; i < 255; i++)
		assert_int_equal(tree_add(&t, complete[0][i], full_disk, NULL, &f), OK);
	assert_int_equal(tree_add(&t, complete[0][255], full_disk, NULL, &f), ERR_FULL);
	assert_string_equal(f.text, "no space");
	tree_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiles_as_computed_directly),
		cmocka_unit_test(loaded_at_many_sizes),
		cmocka_unit_test(wrong_number_of_hashes),
		cmocka_unit_test(tiles_of_another_size),
		cmocka_unit_test(errors_of_keep),
	};
	return cmocka_run_group_tests(tests, make_hashes, free_hashes);
}
