/* A log of made-up leaves held in memory with all its complete subtrees: a merkle_source, and tiles, to test against.
 */
#ifndef LEDGER_MERKLE_TESTING_H
#define LEDGER_MERKLE_TESTING_H

#include <stdlib.h>

#include "ledger/tile.h"

struct rows {
	uint64_t size;
	uint8_t (*row[MERKLE_LEVELS])[HASH_OCTETS]; /**< row[k][n]: of leaves n * 2^k on; size >> k of them */
	uint64_t asked;				    /**< hashes, by merkle_source */
	uint64_t fail_at;			    /**< this many questions are answered, then ERR_IO; 0: never */
};

static inline void rows_fill(struct rows *r, uint64_t size)
{
	*r = (struct rows){ .size = size };
	for (unsigned k = 0; size >> k; k++) {
		r->row[k] = mem_alloc((size >> k) * HASH_OCTETS);
		for (uint64_t n = 0; n < size >> k; n++) {
			if (k)
				merkle_node(r->row[k - 1][2 * n], r->row[k - 1][2 * n + 1], r->row[k][n]);
			else
				merkle_leaf(span_of(&n, sizeof(n)), r->row[0][n]);
		}
	}
}

static inline void rows_release(struct rows *r)
{
	for (unsigned k = 0; k < MERKLE_LEVELS; k++)
		free(r->row[k]);
}

static inline enum err rows_hash(void *ctx, unsigned level, uint64_t n, uint8_t ret_hash[HASH_OCTETS], struct fault *f)
{
	struct rows *r = ctx;
	if (r->fail_at && r->asked == r->fail_at)
		return fault_set(f, ERR_IO, "told to fail");
	r->asked++;
	if (level >= MERKLE_LEVELS || n >= r->size >> level)
		return fault_set(f, ERR_NOTFOUND, "asked for a subtree that is not complete");
	memcpy(ret_hash, r->row[level][n], HASH_OCTETS);
	return OK;
}

/** A tile_get: of the tree of all leaves. */
static inline enum err rows_tile(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	const struct rows *r = ctx;
	if (t->width == 0 || t->width > tile_width(t->level, t->n, r->size))
		return fault_set(f, ERR_NOTFOUND, "asked for a tile that is not there");
	buf_put(out, r->row[8 * t->level][t->n * TILE_WIDTH], (size_t)t->width * HASH_OCTETS);
	return OK;
}

/** MTH(D[from:to]) exactly as RFC 6962 section 2.1 defines it. */
static inline void slow_root(const struct rows *r, uint64_t from, uint64_t to, uint8_t ret_hash[HASH_OCTETS])
{
	uint8_t left[HASH_OCTETS], right[HASH_OCTETS];
	uint64_t k = 1;
	if (to - from == 1) {
		memcpy(ret_hash, r->row[0][from], HASH_OCTETS);
		return;
	}
	while (2 * k < to - from)
		k *= 2;
	slow_root(r, from, from + k, left);
	slow_root(r, from + k, to, right);
	merkle_node(left, right, ret_hash);
}

#endif
