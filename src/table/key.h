/* Key: what a claim is on, as the table sees it: kind, prefix length and octets (codec/observable.h has all three). */
#ifndef TABLE_KEY_H
#define TABLE_KEY_H

#include <stdbool.h>

#include "base/siphash.h"
#include "codec/observable.h"

struct table_key {
	uint8_t kind, prefix;
	uint16_t n;
	const uint8_t *p;
};

/** The four octets before a key's own in a record, and in what is hashed. */
static inline uint32_t table_key_header(const struct table_key *k)
{
	uint8_t h[4] = { k->kind, k->prefix, (uint8_t)k->n, (uint8_t)(k->n >> 8) };
	uint32_t header;
	memcpy(&header, h, 4);
	return header;
}

/** Keyed hash of a key, SipHash-1-3 of header and octets. */
uint64_t table_hash(struct siphash_seed seed, const struct table_key *k);

/** An IPv4 address or prefix stands among its like in the order of addresses: its rank there is TABLE_RANK_ADDRESS, or the
 *  length of the prefix, so that a prefix comes before what it covers.  Of another kind, and of one that no parser makes
 *  (host bits, other sizes), -1: these stand behind, in the order of their hash. */
enum { TABLE_RANK_ADDRESS = 33 };

static inline uint32_t table_key_address(const struct table_key *k)
{
	return (uint32_t)k->p[0] << 24 | (uint32_t)k->p[1] << 16 | (uint32_t)k->p[2] << 8 | k->p[3];
}

/** The bits of a network whose length is `rank`. */
static inline uint32_t table_rank_mask(unsigned rank)
{
	return rank == 0 ? 0 : rank >= 32 ? ~0u : ~0u << (32 - rank);
}

static inline int table_key_rank(const struct table_key *k)
{
	if (k->n != 4)
		return -1;
	if (k->kind == OBS_IPV4 && k->prefix == 0)
		return TABLE_RANK_ADDRESS;
	return k->kind == OBS_CIDR4 && k->prefix <= 32 && !(table_key_address(k) & ~table_rank_mask(k->prefix)) ? k->prefix : -1;
}

/** Where a key stands in every image of this seed: its address, or 2^32 plus the upper half of its hash.  Keys of one place
 *  are told apart by table_key_order(). */
static inline uint64_t table_place(struct siphash_seed seed, const struct table_key *k)
{
	return table_key_rank(k) >= 0 ? table_key_address(k) : 1ULL << 32 | table_hash(seed, k) >> 32;
}

/** @return below, equal to or above 0, as strcmp(). */
static inline int table_key_order(const struct table_key *a, const struct table_key *b)
{
	int ra = table_key_rank(a), rb = table_key_rank(b);
	if (ra >= 0 && rb >= 0)
		return ra - rb;
	uint32_t x = table_key_header(a), y = table_key_header(b);
	return x != y ? memcmp(&x, &y, 4) : memcmp(a->p, b->p, a->n);
}

#endif
