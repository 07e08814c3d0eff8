/* Octets of a snapshot file; docs/snapshot-format.md is the specification.  Private to snapshot.c and snapshot_write.c.
 *
 *   offset  size  header (1024 octets, native byte order: the mark tells which)
 *        0     8  magic "SIPARSNP"
 *        8     4  version, 1
 *       12     4  mark, 0x01020304
 *       16     8  octets of the file
 *       24     8  time made, milliseconds since 1970
 *       32     8  keys
 *       40     8  claims
 *       48     4  octets of a chunk, a power of two
 *       52     4  number of sections
 *       56     8  where the chunks begin
 *       64    32  public key
 *       96    32  SHA-256 of the section of digests
 *      128   384  16 rows: kind of section 4, zero 4, offset (a multiple of 4096) 8, octets 8
 *      512   128  name of the node, a NUL behind it
 *      640    64  name of the selection, a NUL behind it; "": none
 *      704     4  kinds that were selected (KINDS_*)
 *      708     4  categories, a bit each; 0: all
 *      712     4  least score
 *      716   244  0
 *      960    64  Ed25519 signature of SNAPSHOT_DOMAIN and the 960 octets before
 */
#ifndef VIEW_SNAPSHOT_LAYOUT_H
#define VIEW_SNAPSHOT_LAYOUT_H

#include <stdint.h>

enum {
	SNAPSHOT_VERSION = 1,
	SNAPSHOT_MARK = 0x01020304,
	SNAPSHOT_PAGE = 4096,
	SNAPSHOT_CHUNK = 1 << 16,
	SNAPSHOT_SECTIONS_MAX = 16,
	SNAPSHOT_NODE_MAX = 127,
	SNAPSHOT_FEED_MAX = 63,
	SNAPSHOT_SIGNED = 960,
};

#define SNAPSHOT_MAGIC "SIPARSNP"
#define SNAPSHOT_DOMAIN "sipar snapshot 1\n"

enum snapshot_section { SECTION_DIGESTS = 1, SECTION_VIEWS, SECTION_LANES, SECTION_IMAGE };

struct snapshot_header {
	char magic[8];
	uint32_t version, mark;
	uint64_t octets;
	int64_t made_ms;
	uint64_t keys, claims;
	uint32_t chunk, sections;
	uint64_t chunks_at;
	uint8_t key[32], digests[32];
	struct { uint32_t kind, zero; uint64_t at, octets; } section[SNAPSHOT_SECTIONS_MAX];
	char node[SNAPSHOT_NODE_MAX + 1], feed[SNAPSHOT_FEED_MAX + 1];
	uint32_t kinds, categories, min_score;
	uint8_t zero[244];
	uint8_t signature[64];
};

_Static_assert(sizeof(struct snapshot_header) == 1024, "as docs/snapshot-format.md says");
_Static_assert(__builtin_offsetof(struct snapshot_header, signature) == SNAPSHOT_SIGNED, "as docs/snapshot-format.md says");

/** Multiple of a page that is not below `n`. */
static inline uint64_t snapshot_page(uint64_t n)
{
	return (n + SNAPSHOT_PAGE - 1) & ~(uint64_t)(SNAPSHOT_PAGE - 1);
}

#endif
