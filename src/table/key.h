/* Key: what a claim is on, as the table sees it: kind, prefix length and octets (codec/observable.h has all three). */
#ifndef TABLE_KEY_H
#define TABLE_KEY_H

#include <stdbool.h>

#include "base/siphash.h"

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

/** Keyed hash of a key: order and directory of every image made with this seed.  SipHash-1-3 of header and octets. */
uint64_t table_hash(struct siphash_seed seed, const struct table_key *k);

#endif
