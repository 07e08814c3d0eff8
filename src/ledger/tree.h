/* Tree: the right edge of a lane's Merkle tree, and the tiles that are not full yet, as the writer keeps them.  For ledger/
 * alone.  One thread at a time. */
#ifndef LEDGER_TREE_H
#define LEDGER_TREE_H

#include "ledger/tile.h"

/** Zero-initialised is the empty tree. */
struct tree {
	struct merkle_edge edge;
	struct buf level[TILE_LEVELS]; /**< hashes of the last tile of each level, fewer than TILE_WIDTH */
};
void tree_release(struct tree *t);

/** A tile to be stored, in place of what there was under the same level and number.
 *  Of level 0 only full ones: the last one can be computed from the entries. */
typedef enum err tree_keep(void *ctx, uint8_t level, uint64_t n, struct span hashes, struct fault *f);
/** Append a leaf.  @return as `keep`; after an error the tree is not to be used before it was loaded again. */
enum err tree_add(struct tree *t, const uint8_t leaf[HASH_OCTETS], tree_keep *keep, void *ctx, struct fault *f) MUST_USE;

/** The tree of `size` leaves from its last tiles, which the caller has put into t->level.
 *  @return ERR_CORRUPT: a level has another number of hashes than such a tree. */
enum err tree_load(struct tree *t, uint64_t size, struct fault *f) MUST_USE;

#endif
