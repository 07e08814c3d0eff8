/* The blocks say all about an IPv4 key, so its record is not read.  Other keys stand in their records, in the order of the index:
 * both are read from end to end. */
#include "table/walk.h"

#include "table/layout.h"

void walk_count(const struct table_view *v, struct walk_count *ret_count)
{
	*ret_count = (struct walk_count){ 0 };
	for (unsigned i = 0; i < v->n; i++) {
		ret_count->addresses += v->level[i]->keys4;
		ret_count->others += v->level[i]->keys;
	}
}

static void walk_addresses(const struct image *m, walk_visit *visit, void *ctx)
{
	for (uint32_t i = 0; i < m->keys4; i++) {
		const struct block *b = image_block(m, i);
		unsigned slot = i % BLOCK_KEYS, rank = b->rank[slot] & (BLOCK_NESTED - 1);
		uint32_t net = b->net[slot];
		bool address = rank == TABLE_RANK_ADDRESS;
		if (rank > TABLE_RANK_ADDRESS)
			continue; /* the file lies */
		const uint8_t octets[4] = { (uint8_t)(net >> 24), (uint8_t)(net >> 16), (uint8_t)(net >> 8), (uint8_t)net };
		visit(ctx, &(struct table_key){ .kind = address ? OBS_IPV4 : OBS_CIDR4, .prefix = (uint8_t)(address ? 0 : rank), .n = 4, .p = octets });
	}
}

static void walk_others(const struct image *m, walk_visit *visit, void *ctx)
{
	for (uint32_t i = 0; i < m->keys; i++) {
		struct table_key k;
		const uint8_t *end;
		image_touch(m, m->index + i, 2 * sizeof(*m->index));
		if (image_key_at(m, i, &k, &end))
			visit(ctx, &k);
	}
}

void walk_keys(const struct table_view *v, walk_visit *visit, void *ctx)
{
	for (unsigned i = 0; i < v->n; i++) {
		walk_addresses(v->level[i], visit, ctx);
		walk_others(v->level[i], visit, ctx);
	}
}
