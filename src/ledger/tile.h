/* Tiles: how a log is cut into static pieces, by C2SP tlog-tiles.
 *
 *   tile/<L>/<N>[.p/<W>]        W hashes (256 without .p) of level L, from number N * 256 on: each the root of 256^L leaves
 *   tile/entries/<N>[.p/<W>]    an entry bundle: the entries themselves, each with its length in two octets before it
 *   <N> in groups of three digits, all but the last with an "x" in front: 1234067 is x001/x234/067
 */
#ifndef LEDGER_TILE_H
#define LEDGER_TILE_H

#include "base/buf.h"
#include "ledger/merkle.h"

enum { TILE_WIDTH = 256, TILE_OCTETS = TILE_WIDTH * HASH_OCTETS, TILE_LEVELS = 8, TILE_ENTRIES = 255,
       TILE_PATH_MAX = 64, BUNDLE_ENTRY_MAX = 65535 };

struct tile {
	uint8_t level;   /**< 0 .. TILE_LEVELS - 1 (2^63 leaves need no more), or TILE_ENTRIES: a bundle */
	uint16_t width;  /**< 1 .. TILE_WIDTH */
	uint64_t n;
};

/** The row that holds tile `n` of a level of a lane in `tiles` (schema.h). */
static inline int64_t tile_row(unsigned lane, unsigned level, uint64_t n)
{
	return (int64_t)((uint64_t)lane << 56 | (uint64_t)level << 48 | n);
}

/** How many hashes (entries) tile `n` of a level has in a tree of `size`: 0, it is not there, to TILE_WIDTH. */
unsigned tile_width(uint8_t level, uint64_t n, uint64_t size);

/** "tile/0/x001/067.p/5" behind what is in `out`. */
void tile_path(const struct tile *t, struct buf *out);
/** What follows "tile/" in a request: "0/x001/067.p/5", "entries/000".  Strict: one spelling for each tile.
 *  @return OK; ERR_SYNTAX: not a path; ERR_RANGE: a level above 63 (those from TILE_LEVELS to 63 are ERR_NOTFOUND: valid,
 *          and never there), a width of 0 or above 255, a number that does not fit. */
enum err tile_parse(struct span path, struct tile *ret_tile, struct fault *f) MUST_USE;

/** Octets of a tile appended to `out`: t->width hashes of a level, or a bundle of t->width entries. */
typedef enum err tile_get(void *ctx, const struct tile *t, struct buf *out, struct fault *f);

/** A merkle_source over the hash tiles of a tree of `size` leaves.  It asks for each tile as wide as the tree of that size
 *  has it, checks the length of what it gets (ERR_CORRUPT), and keeps the last tile of each level.  One thread at a time. */
struct tile_source {
	tile_get *get;
	void *ctx;
	uint64_t size;
	struct {
		struct tile tile;
		struct buf octets;
	} kept[TILE_LEVELS]; /**< zero-initialised: none */
};
/** Over this tile source, which must outlive it. */
struct merkle_source tile_source_hashes(struct tile_source *s);
void tile_source_release(struct tile_source *s);

/** One more entry at the end of a bundle.  entry.n <= BUNDLE_ENTRY_MAX. */
void bundle_put(struct buf *bundle, struct span entry);
/** The next entry off the front of *rest.  @return OK; ERR_NOTFOUND: there are no more; ERR_CORRUPT: cut off in the middle. */
enum err bundle_next(struct span *rest, struct span *ret_entry) MUST_USE;

#endif
