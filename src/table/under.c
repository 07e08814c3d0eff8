#include "table/table.h"

#include "table/layout.h"

/* How many IPv4 keys of the image do not begin behind `addr`. */
static uint32_t up_to(const struct image *m, uint32_t addr)
{
	uint32_t first, end = image_range(m, addr, &first);
	if (first >= end)
		return first;
	uint32_t n = image_block_of(m, first, end, addr) * BLOCK_KEYS;
	n += block_search(image_block(m, n), addr);
	return n < first ? first : n < end ? n : end;
}

static uint64_t in_prefix4(const struct image *m, uint32_t net, unsigned rank)
{
	if (!m->keys4)
		return 0;
	uint32_t low = net ? up_to(m, net - 1) : 0, high = up_to(m, net | ~table_rank_mask(rank));
	for (; low < high; low++) { /* wider ones, and the prefix itself, that begin where it does */
		const struct block *b = image_block(m, low);
		if (b->net[low % BLOCK_KEYS] != net || (b->rank[low % BLOCK_KEYS] & (BLOCK_NESTED - 1)) > rank)
			break;
	}
	return high - low;
}

static bool equal_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned octets = bits / 8, rest = bits % 8;
	return memcmp(a, b, octets) == 0 && (rest == 0 || (a[octets] ^ b[octets]) >> (8 - rest) == 0);
}

static bool is_under(const struct table_key *k, const struct table_key *over)
{
	if (over->kind == OBS_DOMAIN)
		return k->kind == OBS_DOMAIN && k->n > over->n && k->p[k->n - over->n - 1] == '.' &&
		       memcmp(k->p + k->n - over->n, over->p, over->n) == 0;
	if (over->kind != OBS_CIDR6 || k->n != 16)
		return false;
	return (k->kind == OBS_IPV6 || (k->kind == OBS_CIDR6 && k->prefix > over->prefix)) && equal_bits(k->p, over->p, over->prefix);
}

struct counting {
	const struct table_key *over;
	uint64_t n;
};

static void count(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct counting *c = ctx;
	(void)claims, (void)n;
	c->n += is_under(k, c->over);
}

uint64_t table_under(const struct table_view *v, const struct table_key *k)
{
	struct counting c = { .over = k };
	int rank = table_key_rank(k);
	for (unsigned i = 0; i < v->n; i++)
		if (rank >= 0)
			c.n += in_prefix4(v->level[i], table_key_address(k), (unsigned)rank);
		else if (k->kind == OBS_DOMAIN || k->kind == OBS_CIDR6)
			image_each(v->level[i], count, &c);
	return c.n;
}
