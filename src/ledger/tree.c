/* Wherever merging neighbours gives the root of 256^L leaves, that is the next hash of tile level L: each hash is computed
 * once, for the root and for the tiles. */
#include "ledger/tree.h"

enum { TILE_BITS = 8 };

_Static_assert(1 << TILE_BITS == TILE_WIDTH, "a tile has the height of its bits");

void tree_release(struct tree *t)
{
	for (unsigned i = 0; i < TILE_LEVELS; i++)
		buf_release(&t->level[i]);
}

static enum err add_to_tile(struct tree *t, unsigned level, const uint8_t hash[HASH_OCTETS], tree_keep *keep, void *ctx,
			    struct fault *f)
{
	struct buf *tile = &t->level[level];
	buf_put(tile, hash, HASH_OCTETS);
	bool full = tile->n == TILE_OCTETS;
	enum err e = OK;
	if (full || level > 0)
		e = keep(ctx, (uint8_t)level, t->edge.size >> (TILE_BITS * (level + 1)), buf_span(tile), f);
	if (full)
		tile->n = 0;
	return e;
}

enum err tree_add(struct tree *t, const uint8_t leaf[HASH_OCTETS], tree_keep *keep, void *ctx, struct fault *f)
{
	struct merkle_edge *edge = &t->edge;
	uint8_t hash[HASH_OCTETS];
	unsigned k = 0;
	memcpy(hash, leaf, sizeof(hash));
	for (;; k++) {
		enum err e = k % TILE_BITS ? OK : add_to_tile(t, k / TILE_BITS, hash, keep, ctx, f);
		if (e)
			return e;
		if (!(edge->size >> k & 1))
			break;
		merkle_node(edge->hash[k], hash, hash);
	}
	memcpy(edge->hash[k], hash, sizeof(hash));
	edge->size++;
	return OK;
}

/* The `n` hashes of a tile, fewer than TILE_WIDTH, are complete subtrees of sizes that fall from left to right: one for
 * each bit of n. */
static void load_level(struct tree *t, unsigned level)
{
	const uint8_t *hashes = t->level[level].p;
	size_t n = t->level[level].n / HASH_OCTETS;
	for (unsigned bit = TILE_BITS; bit-- > 0;) {
		if (!(n >> bit & 1))
			continue;
		struct merkle_edge part = { 0 };
		for (unsigned i = 0; i < 1u << bit; i++, hashes += HASH_OCTETS)
			merkle_edge_add(&part, hashes);
		memcpy(t->edge.hash[TILE_BITS * level + bit], part.hash[bit], HASH_OCTETS);
	}
}

enum err tree_load(struct tree *t, uint64_t size, struct fault *f)
{
	t->edge.size = size;
	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		size_t want = (size_t)(size >> (TILE_BITS * level)) % TILE_WIDTH * HASH_OCTETS;
		if (t->level[level].n != want)
			return fault_set(f, ERR_CORRUPT, "the last tile of level %u has %zu octets, and %zu in a tree of %llu", level,
					 t->level[level].n, want, (unsigned long long)size);
		load_level(t, level);
	}
	return OK;
}
