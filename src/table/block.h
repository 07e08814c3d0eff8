/* Block: seven IPv4 addresses and prefixes of an image, in order, in one cache line: all that a search reads.  And the record
 * that each leads to.  Private to table/.
 *
 *   offset  size  block, 64 octets, aligned to as many
 *        0    28  networks, as numbers
 *       28    28  where the records begin, in units of four octets from the beginning of the records
 *       56     7  rank: 33 an address, 0 to 32 a prefix; and 128 when it has a parent, the longest prefix that covers it
 *       63     1  0
 *
 *   offset  size  record
 *        0     1  rank, and 128, as in the block
 *        1     3  number of claims, least significant octet first
 *        4     4  network, in network order
 *        8     4  where the record of the parent begins, in units of four octets; only when it has one
 *            20 each  claims
 *
 * Keys nest or are apart, and each stands behind what covers it.  So whatever covers an address is the last key that does
 * not begin behind it, or covers that one: a search gives that key, and from there one goes from parent to parent.
 */
#ifndef TABLE_BLOCK_H
#define TABLE_BLOCK_H

#include "table/key.h"

enum { BLOCK_KEYS = 7, BLOCK_NESTED = 128, RECORD4_CLAIMS_MAX = (1 << 24) - 1 };

struct block {
	uint32_t net[BLOCK_KEYS], record[BLOCK_KEYS];
	uint8_t rank[BLOCK_KEYS], zero;
};

_Static_assert(sizeof(struct block) == 64, "as docs/snapshot-format.md says");

/** How many of the seven do not begin behind `addr`. */
static inline unsigned block_search(const struct block *b, uint32_t addr)
{
	unsigned n = b->net[3] <= addr ? 4 : 0;
	n += b->net[n + 1] <= addr ? 2 : 0; /* n + 1 <= 5, n <= 6 */
	return n + (b->net[n] <= addr);
}

/** Does the network of that rank (with or without BLOCK_NESTED), no longer than `up_to`, have `addr` in it? */
static inline bool block_covers(uint32_t net, unsigned rank, uint32_t addr, unsigned up_to)
{
	rank &= BLOCK_NESTED - 1;
	return rank <= up_to && ((net ^ addr) & table_rank_mask(rank)) == 0;
}

/** Fills blocks. */
struct block_builder {
	struct block block;
	uint32_t keys;   /**< added so far; those of the last, unfinished block are keys % BLOCK_KEYS */
	unsigned depth;
	struct { uint32_t record, end; } over[TABLE_RANK_ADDRESS]; /**< prefixes that are still open, outermost first */
};

/** The next key in order, whose record is at `record`.  Writes what stands before its claims.
 *  @return octets of that, 8 or 12. */
unsigned block_add(struct block_builder *b, uint32_t addr, unsigned rank, uint32_t record, unsigned claims, uint8_t ret_head[12]);
/** Is the block full?  Then it is to be taken before the next key is added. */
static inline bool block_full(const struct block_builder *b)
{
	return b->keys % BLOCK_KEYS == 0;
}
/** Make the unfinished block whole: behind the last key stand some that are never reached. */
void block_pad(struct block_builder *b);

#endif
