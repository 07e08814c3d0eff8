#include "table/block.h"

unsigned block_add(struct block_builder *b, uint32_t addr, unsigned rank, uint32_t record, unsigned claims, uint8_t ret_head[12])
{
	unsigned slot = b->keys % BLOCK_KEYS;
	while (b->depth && b->over[b->depth - 1].end < addr)
		b->depth--;
	uint8_t marked = (uint8_t)(rank | (b->depth ? BLOCK_NESTED : 0));
	const uint8_t head[8] = { marked, (uint8_t)claims, (uint8_t)(claims >> 8), (uint8_t)(claims >> 16),
				  (uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8), (uint8_t)addr };
	memcpy(ret_head, head, sizeof(head));
	if (b->depth)
		memcpy(ret_head + 8, &b->over[b->depth - 1].record, 4);
	unsigned octets = b->depth ? 12 : 8;
	if (slot == 0)
		b->block = (struct block){ .zero = 0 };
	b->block.net[slot] = addr;
	b->block.record[slot] = record;
	b->block.rank[slot] = marked;
	if (rank != TABLE_RANK_ADDRESS) {
		b->over[b->depth].record = record;
		b->over[b->depth++].end = addr | ~table_rank_mask(rank);
	}
	b->keys++;
	return octets;
}

void block_pad(struct block_builder *b)
{
	for (unsigned slot = b->keys % BLOCK_KEYS; slot && slot < BLOCK_KEYS; slot++) {
		b->block.net[slot] = UINT32_MAX;
		b->block.record[slot] = UINT32_MAX;
	}
}
