/* Layout of an image, and the reads on it that must be inlined.  Private to table/; docs/snapshot-format.md is the
 * specification.
 *
 *   offset  size  header (256 octets, native byte order: the mark tells which)
 *        0     8  magic "SIPARIMG"
 *        8     4  version, 1
 *       12     4  mark, 0x01020304
 *       16    16  seed of the hash
 *       32     8  keys
 *       40     8  claims
 *       48     8  keys that are IPv4 prefixes
 *       56     8  lengths of IPv4 prefixes, a bit each
 *       64    24  lengths of IPv6 prefixes, a bit each
 *       88     8  bits of the directory
 *       96    96  4 sections: offset (a multiple of 64), octets, check (8 each)
 *      192     8  octets of the file
 *      200    48  0
 *      248     8  check of the 248 octets before
 *
 *   records    in order of (tag, header, octets): kind 1, prefix 1, length 2, octets padded to 4, claims 20 each
 *   index      keys + 1 of: tag 4, start of the record in units of four octets 4; the last one is where the records end
 *   directory  2^bits + 1 of: number of the first key of the bucket 4, filter 4
 *   masks      65,536 of: lengths of IPv4 prefixes over or in this /16, 4; none when there are fewer than 64
 *
 * tag = hash >> 32; bucket = the top `bits` of the tag, two to four keys in each.  A key sets two bits of its
 * bucket's filter, so that 19 of 20 probes for a key that is not there cost one cache line; one for a key that is
 * there costs three.
 */
#ifndef TABLE_LAYOUT_H
#define TABLE_LAYOUT_H

#include <stdbool.h>

#include "table/claim.h"
#include "table/guard.h"
#include "table/key.h"

enum {
	IMAGE_VERSION = 1,
	IMAGE_MARK = 0x01020304,
	IMAGE_ALIGN = 64,
	IMAGE_BUCKET_KEYS = 4,
	IMAGE_BITS_MAX = 30,
	IMAGE_MASKS = 65536,
	IMAGE_MASKS_FROM = 64,     /* prefixes that make the masks worth their 256 KiB */
	IMAGE_CHECK_CHUNK = 1 << 20,
	IMAGE_RUN_MAX = UINT16_MAX, /* keys of one bucket that a lookup looks at */
};

enum image_section { IMAGE_RECORDS, IMAGE_INDEX, IMAGE_DIRECTORY, IMAGE_LENGTHS, IMAGE_SECTIONS };

struct image_header {
	char magic[8];
	uint32_t version, mark;
	struct siphash_seed seed;
	uint64_t keys, claims, prefixes4, lengths4, lengths6[3];
	uint64_t bits;
	struct { uint64_t at, octets, check; } section[IMAGE_SECTIONS];
	uint64_t octets;
	uint64_t zero[6];
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
	const uint32_t *masks;      /* NULL: none */
	uint32_t keys, units;       /* units: octets of the records / 4 */
	unsigned shift;             /* 32 - bits, up to 32 */
	struct image_header header;
	void *map;                  /* the file, or NULL */
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
	m->keys = (uint32_t)m->header.keys;
	m->units = (uint32_t)(m->header.section[IMAGE_RECORDS].octets / 4);
	m->shift = 32 - (unsigned)m->header.bits;
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

static inline uint64_t image_find_lengths4(const struct image *m, uint32_t addr)
{
	uint64_t all = m->header.lengths4;
	if (!m->masks)
		return all;
	image_touch(m, m->masks + (addr >> 16), sizeof(*m->masks));
	return all & (m->masks[addr >> 16] | 1ULL << 32);
}

/* Check of `n` octets of a section as they are fed in chunks of IMAGE_CHECK_CHUNK (the last may be shorter). */
static inline uint64_t image_check(uint64_t check, const void *p, size_t n)
{
	return siphash13((struct siphash_seed){ check, n }, p, n);
}

#endif
