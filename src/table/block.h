/* Block: sixteen IPv4 addresses and prefixes of an image, in order, so that a search ends in one cache line.  Private to
 * table/.
 *
 *   offset  size  256 octets, aligned to 64
 *        0    64  networks, in network order: where a key's octets are
 *       64    64  where the claims begin, in units of four octets from the beginning of the records
 *      128    64  number of the longest prefix that covers it, lower than its own; NO_PARENT: none
 *      192    16  rank: 33 an address, 0 to 32 a prefix; and 128 when it has a parent
 *      208    32  claims; 65,535: that many or more, up to where the next key's begin
 *      240    16  0
 *
 * Keys nest or are apart, and each stands behind what covers it.  So whatever covers an address is the last key that does
 * not begin behind it, or covers that one: a search gives that key, and its parents are looked at one by one.
 */
#ifndef TABLE_BLOCK_H
#define TABLE_BLOCK_H

#include "table/key.h"

enum { BLOCK_KEYS = 16, BLOCK_NESTED = 128 };
#define NO_PARENT UINT32_MAX

struct block {
	uint32_t net[BLOCK_KEYS], record[BLOCK_KEYS], parent[BLOCK_KEYS];
	uint8_t rank[BLOCK_KEYS];
	uint16_t claims[BLOCK_KEYS];
	uint8_t zero[16];
};

_Static_assert(sizeof(struct block) == 256, "as docs/snapshot-format.md says");

static inline uint32_t block_host_order(uint32_t net)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return net;
#else
	return __builtin_bswap32(net);
#endif
}

/** How many of the sixteen do not begin behind `addr`. */
static inline unsigned block_search(const struct block *b, uint32_t addr)
{
	unsigned n = 0;
	for (unsigned step = BLOCK_KEYS / 2; step; step /= 2)
		n += block_host_order(b->net[n + step - 1]) <= addr ? step : 0;
	return n + (block_host_order(b->net[n]) <= addr);
}

static inline unsigned block_rank(const struct block *b, unsigned slot)
{
	return b->rank[slot] & (BLOCK_NESTED - 1);
}

/** Is the key in `slot` a prefix over `addr` that is not longer than `rank`, or, for an address, that one? */
static inline bool block_covers(const struct block *b, unsigned slot, uint32_t addr, unsigned rank)
{
	unsigned own = block_rank(b, slot);
	return own <= rank && ((block_host_order(b->net[slot]) ^ addr) & table_rank_mask(own)) == 0;
}

/** Fills blocks. */
struct block_builder {
	struct block block;
	uint32_t keys;   /**< added so far; those of the last, unfinished block are keys % BLOCK_KEYS */
	unsigned depth;
	struct { uint32_t key, end; } over[TABLE_RANK_ADDRESS]; /**< prefixes that are still open, outermost first */
};

/** The next key in order.  @return true: the block is full, to be taken before the next call. */
bool block_add(struct block_builder *b, uint32_t addr, unsigned rank, uint32_t record, unsigned claims);
/** Make the unfinished block whole: behind the last key stand keys that are never reached. */
void block_pad(struct block_builder *b);

#endif
