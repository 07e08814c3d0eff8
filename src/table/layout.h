/* Layout of an image, and the reads on it that must be inlined.  Private to table/; docs/snapshot-format.md is the
 * specification.
 *
 *   offset  size  header (256 octets, native byte order: the mark tells which)
 *        0     8  magic "SIPARIMG"
 *        8     4  version, 2
 *       12     4  mark, 0x01020304
 *       16    16  seed of the hash
 *       32     8  keys
 *       40     8  claims
 *       48     8  keys that stand in the order of addresses
 *       56    24  lengths of IPv6 prefixes, a bit each
 *       80     8  bits of the directory
 *       88     8  bits of the ranges
 *       96   144  6 sections: offset (a multiple of 64), octets, check (8 each)
 *      240     8  octets of the file
 *      248     8  check of the 248 octets before
 *
 *   records    of IPv4 addresses and prefixes, in order: block.h.  Then of the other keys, in order of (tag, header,
 *              octets): kind 1, prefix 1, length 2, octets padded to 4, claims 20 each
 *   index      other keys + 1 of: tag 4, start of the record in units of four octets 4; the last one is where the records end
 *   directory  2^bits + 1 of: number of the first key of the bucket 4, filter 4
 *   blocks     of seven IPv4 keys each: block.h
 *   samples    the first network of each block, as a number, 4
 *   ranges     2^bits + 1 of: how many IPv4 keys begin before this range of addresses, 4
 *
 * tag = hash >> 32; bucket = the top `bits` of the tag, two to four keys in each.  A key sets two bits of its
 * bucket's filter, so that 19 of 20 probes for a key that is not there cost one cache line; one for a key that is
 * there costs three.  An address costs one line of the ranges, one of the samples, one of a block, and one or two for each record
 * that covers it; docs/table.md says why it is so.
 */
#ifndef TABLE_LAYOUT_H
#define TABLE_LAYOUT_H

#include <stdbool.h>

#include "table/block.h"
#include "table/claim.h"
#include "table/guard.h"

enum {
	IMAGE_VERSION = 2,
	IMAGE_MARK = 0x01020304,
	IMAGE_ALIGN = 64,
	IMAGE_BUCKET_KEYS = 4,
	IMAGE_BITS_MAX = 30,
	IMAGE_RANGE_KEYS = 16,
	IMAGE_CHECK_CHUNK = 1 << 20,
	IMAGE_RUN_MAX = UINT16_MAX, /* keys of one bucket that a lookup looks at */
};

enum image_section { IMAGE_RECORDS, IMAGE_INDEX, IMAGE_DIRECTORY, IMAGE_BLOCKS, IMAGE_SAMPLES, IMAGE_RANGES, IMAGE_SECTIONS };

struct image_header {
	char magic[8];
	uint32_t version, mark;
	struct siphash_seed seed;
	uint64_t keys, claims, keys4, lengths6[3];
	uint64_t bits, bits4;
	struct { uint64_t at, octets, check; } section[IMAGE_SECTIONS];
	uint64_t octets;
	uint64_t check;
};

_Static_assert(sizeof(struct image_header) == 256, "as docs/snapshot-format.md says");

struct image_entry {
	uint32_t tag, record;
};

struct image_slot {
	uint32_t first, filter;
};

struct image {
	const struct image_slot *directory;
	const struct image_entry *index;
	const uint8_t *records;
	const struct block *blocks; /* NULL when keys4 is 0, as the two below */
	const uint32_t *samples;
	const uint32_t *ranges;
	uint32_t keys, keys4, units; /* hashed; in the order of addresses; octets of the records / 4 */
	unsigned shift, shift4;      /* 32 - bits, up to 32 */
	struct image_header header;
	void *map;                   /* the file, or NULL */
	void *owned[IMAGE_SECTIONS];
	struct image_guard *guard;  /* or NULL */
};

/* Before the `n` > 0 octets at `p` are read: has their guard looked at them?  Every read of an image by a lookup goes through
 * this; merges read images that have no guard. */
static inline void image_touch(const struct image *m, const void *p, size_t n)
{
	if (UNLIKELY(m->guard != NULL))
		guard_touch(m->guard, p, n);
}

/* Derive what lookups use from the header, once the sections are in place. */
static inline void image_ready(struct image *m)
{
	m->keys4 = (uint32_t)m->header.keys4;
	m->keys = (uint32_t)(m->header.keys - m->header.keys4);
	m->units = (uint32_t)(m->header.section[IMAGE_RECORDS].octets / 4);
	m->shift = 32 - (unsigned)m->header.bits;
	m->shift4 = 32 - (unsigned)m->header.bits4;
}

/* A count of things for so many in each of 2^b parts: the least b. */
static inline unsigned image_bits(uint64_t n, unsigned each)
{
	unsigned b = 0;
	while (((uint64_t)each << b) < n && b < IMAGE_BITS_MAX)
		b++;
	return b;
}

static inline uint32_t image_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* The bits of a key in its bucket's filter.  The product spreads what the bucket's number has left of the tag. */
static inline uint32_t image_filter(uint32_t tag)
{
	uint32_t h = tag * 0x9E3779B1u;
	return 1u << (h >> 27) | 1u << (h >> 22 & 31);
}

static inline const struct image_slot *image_slot_of(const struct image *m, uint32_t tag)
{
	return m->directory + (uint32_t)((uint64_t)tag >> m->shift);
}

/* The run of the index where `tag` may be.  @return how many; 0: it is not in the image. */
static inline uint32_t image_run(const struct image *m, uint32_t tag, uint32_t *ret_first)
{
	const struct image_slot *s = image_slot_of(m, tag);
	image_touch(m, s, 2 * sizeof(*s));
	uint32_t bits = image_filter(tag), first = s->first, end = s[1].first;
	if ((s->filter & bits) != bits || end > m->keys || first >= end)
		return 0;
	uint32_t run = end - first < IMAGE_RUN_MAX ? end - first : IMAGE_RUN_MAX;
	image_touch(m, m->index + first, (run + (size_t)1) * sizeof(*m->index));
	*ret_first = first;
	return run;
}

static inline size_t image_pad(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Octets of key number `i` < keys.  @return false when the file lies about it. */
static inline bool image_key_at(const struct image *m, uint32_t i, struct table_key *ret_key, const uint8_t **ret_end)
{
	uint64_t start = m->index[i].record, end = m->index[i + 1].record;
	if (end > m->units || start >= end)
		return false;
	const uint8_t *r = m->records + start * 4;
	image_touch(m, r, (size_t)(end - start) * 4);
	uint16_t n = (uint16_t)(r[2] | r[3] << 8);
	if (4 + image_pad(n) > (end - start) * 4)
		return false;
	*ret_key = (struct table_key){ .kind = r[0], .prefix = r[1], .n = n, .p = r + 4 };
	*ret_end = m->records + end * 4;
	return true;
}

/* The claims of a key of image_key_at(). */
static inline unsigned image_claims_at(const struct table_key *k, const uint8_t *end, const struct claim **ret_claims)
{
	const uint8_t *c = k->p + image_pad(k->n);
	*ret_claims = (const struct claim *)(const void *)c;
	return (unsigned)((size_t)(end - c) / sizeof(struct claim));
}

/* The claims on exactly `k` among the `run` keys from `first`. */
static inline unsigned image_match(const struct image *m, uint32_t first, uint32_t run, uint32_t tag,
				   const struct table_key *k, struct table_key *ret_key,
				   const struct claim **ret_claims)
{
	for (const struct image_entry *e = m->index + first, *end = e + run; e < end; e++) {
		const uint8_t *stop;
		if (e->tag == tag && image_key_at(m, (uint32_t)(e - m->index), ret_key, &stop) &&
		    table_key_header(ret_key) == table_key_header(k) && memcmp(ret_key->p, k->p, k->n) == 0)
			return image_claims_at(ret_key, stop, ret_claims);
	}
	return 0;
}

/* The keys of the range of `addr` are those from *ret_first up to the answer; every key before *ret_first begins before
 * them. */
static inline uint32_t image_range(const struct image *m, uint32_t addr, uint32_t *ret_first)
{
	const uint32_t *r = m->ranges + (uint32_t)((uint64_t)addr >> m->shift4);
	image_touch(m, r, 2 * sizeof(*r));
	uint32_t end = r[1] < m->keys4 ? r[1] : m->keys4;
	*ret_first = r[0] < end ? r[0] : end;
	return end;
}

/* The block in which the last of the keys [first, end) that does not begin behind `addr` is, if one of them is. */
static inline uint32_t image_block_of(const struct image *m, uint32_t first, uint32_t end, uint32_t addr)
{
	uint32_t low = first / BLOCK_KEYS, n = (end - 1) / BLOCK_KEYS - low; /* of the blocks behind `low` */
	while (n) {
		uint32_t half = n / 2 + n % 2;
		image_touch(m, &m->samples[low + half], sizeof(*m->samples));
		low += m->samples[low + half] <= addr ? half : 0;
		n -= half;
	}
	return low;
}

/* The block of key number `i` < keys4. */
static inline const struct block *image_block(const struct image *m, uint32_t i)
{
	const struct block *b = m->blocks + i / BLOCK_KEYS;
	image_touch(m, b, sizeof(*b));
	return b;
}

/* What stands before the claims of an IPv4 key. */
struct image_head4 {
	uint32_t net, parent, claims; /* as a number; UINT32_MAX: none; where they begin, as the record */
	unsigned n, rank;
	const uint8_t *octets;        /* of the network */
};

/* The head of the record at `at`.  @return false: there is none. */
static inline bool image_head4(const struct image *m, uint32_t at, struct image_head4 *ret_head)
{
	if ((uint64_t)at + 3 > m->units)
		return false;
	const uint8_t *r = m->records + (size_t)at * 4;
	image_touch(m, r, 12);
	bool nested = r[0] & BLOCK_NESTED;
	*ret_head = (struct image_head4){ .parent = UINT32_MAX, .claims = at + 2 + nested, .n = r[1] | (unsigned)r[2] << 8 | (unsigned)r[3] << 16,
					  .rank = r[0] & (BLOCK_NESTED - 1), .octets = r + 4 };
	memcpy(&ret_head->net, r + 4, 4);
#if __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
	ret_head->net = __builtin_bswap32(ret_head->net);
#endif
	if (nested)
		memcpy(&ret_head->parent, r + 8, 4);
	return true;
}

/* The key and claims of such a record.  @return false when the file lies about it. */
static inline bool image_record4(const struct image *m, uint32_t at, struct table_key *ret_key, const struct claim **ret_claims, unsigned *ret_n)
{
	struct image_head4 h;
	if (!image_head4(m, at, &h) || h.rank > TABLE_RANK_ADDRESS || h.n == 0 ||
	    (uint64_t)h.claims + (uint64_t)h.n * (sizeof(struct claim) / 4) > m->units)
		return false;
	image_touch(m, m->records + (size_t)h.claims * 4, h.n * sizeof(struct claim));
	bool address = h.rank == TABLE_RANK_ADDRESS;
	*ret_key = (struct table_key){ .kind = address ? OBS_IPV4 : OBS_CIDR4, .prefix = (uint8_t)(address ? 0 : h.rank), .n = 4, .p = h.octets };
	*ret_claims = (const struct claim *)(const void *)(m->records + (size_t)h.claims * 4);
	*ret_n = h.n;
	return true;
}

/* Number `i` of all, the IPv4 ones first. */
static inline bool image_nth(const struct image *m, uint32_t i, struct table_key *ret_key, const struct claim **ret_claims,
			     unsigned *ret_n)
{
	const uint8_t *end;
	if (i < m->keys4)
		return image_record4(m, image_block(m, i)->record[i % BLOCK_KEYS], ret_key, ret_claims, ret_n);
	if (!image_key_at(m, i - m->keys4, ret_key, &end))
		return false;
	*ret_n = image_claims_at(ret_key, end, ret_claims);
	return true;
}

/* Check of `n` octets of a section as they are fed in chunks of IMAGE_CHECK_CHUNK (the last may be shorter). */
static inline uint64_t image_check(uint64_t check, const void *p, size_t n)
{
	return siphash13((struct siphash_seed){ check, n }, p, n);
}

#endif
