#include "table/block.h"

bool block_add(struct block_builder *b, uint32_t addr, unsigned rank, uint32_t record, unsigned claims)
{
	unsigned slot = b->keys % BLOCK_KEYS;
	while (b->depth && b->over[b->depth - 1].end < addr)
		b->depth--;
	if (slot == 0)
		b->block = (struct block){ .zero = { 0 } };
	b->block.net[slot] = block_host_order(addr); /* either way round */
	b->block.record[slot] = record;
	b->block.parent[slot] = b->depth ? b->over[b->depth - 1].key : NO_PARENT;
	b->block.rank[slot] = (uint8_t)(rank | (b->depth ? BLOCK_NESTED : 0));
	b->block.claims[slot] = claims < UINT16_MAX ? (uint16_t)claims : UINT16_MAX;
	if (rank != TABLE_RANK_ADDRESS) {
		b->over[b->depth].key = b->keys;
		b->over[b->depth++].end = addr | ~table_rank_mask(rank);
	}
	return ++b->keys % BLOCK_KEYS == 0;
}

void block_pad(struct block_builder *b)
{
	for (unsigned slot = b->keys % BLOCK_KEYS; slot && slot < BLOCK_KEYS; slot++) {
		b->block.net[slot] = UINT32_MAX;
		b->block.parent[slot] = NO_PARENT;
	}
}
