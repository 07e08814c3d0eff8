/* A tree of n leaves is, level by level from the leaves up, a row of nodes; number i of level k stands over the leaves
 * from i * 2^k on.  All but the last of a row are complete.  The last one, number (n - 1) >> k, may stand over fewer
 * leaves than 2^k, and is then the fold of the complete subtrees that the low k bits of n name, from the smallest to
 * the largest: the right edge.  When it is a left child there is nothing to its right, and it passes to the next level
 * as it is.
 *
 * So a path from node i of level k to the root is one loop over the levels: the sibling of an odd node is on its left
 * and complete; that of an even one is on its right and complete or the last of its row; an even one that is itself the
 * last has none. Both kinds of proof are such paths: an inclusion proof starts at a leaf, a consistency proof at the
 * largest complete subtree that ends where the old tree did. */
#include "ledger/merkle.h"

#include <inttypes.h>

#include "sys/digest.h"

void merkle_leaf(struct span entry, uint8_t ret_hash[HASH_OCTETS])
{
	static const uint8_t prefix = 0;
	sha256_two(span_of(&prefix, 1), entry, ret_hash);
}

void merkle_node(const uint8_t left[HASH_OCTETS], const uint8_t right[HASH_OCTETS], uint8_t ret_hash[HASH_OCTETS])
{
	static const uint8_t prefix = 1;
	sha256_three(span_of(&prefix, 1), span_of(left, HASH_OCTETS), span_of(right, HASH_OCTETS), ret_hash);
}

static bool same(const uint8_t a[HASH_OCTETS], const uint8_t b[HASH_OCTETS])
{
	return memcmp(a, b, HASH_OCTETS) == 0;
}

void merkle_edge_add(struct merkle_edge *e, const uint8_t leaf[HASH_OCTETS])
{
	uint8_t hash[HASH_OCTETS];
	unsigned k = 0;
	memcpy(hash, leaf, HASH_OCTETS);
	for (; e->size >> k & 1; k++)
		merkle_node(e->hash[k], hash, hash);
	memcpy(e->hash[k], hash, HASH_OCTETS);
	e->size++;
}

void merkle_edge_root(const struct merkle_edge *e, uint8_t ret_root[HASH_OCTETS])
{
	if (e->size == 0) {
		sha256_two((struct span){ 0 }, (struct span){ 0 }, ret_root);
		return;
	}
	unsigned k = (unsigned)__builtin_ctzll(e->size);
	memcpy(ret_root, e->hash[k], HASH_OCTETS);
	while (++k < MERKLE_LEVELS)
		if (e->size >> k & 1)
			merkle_node(e->hash[k], ret_root, ret_root);
}

static enum err size_ok(uint64_t size, struct fault *f)
{
	return size <= MERKLE_SIZE_MAX
		       ? OK
		       : fault_set(f, ERR_RANGE, "a log of %" PRIu64 " entries is larger than a log can be", size);
}

enum err merkle_edge_load(const struct merkle_source *s, uint64_t size, struct merkle_edge *ret_edge, struct fault *f)
{
	struct merkle_edge edge = { .size = size };
	enum err e = size_ok(size, f);
	for (unsigned k = 0; k < MERKLE_LEVELS && e == OK; k++)
		if (size >> k & 1)
			e = s->hash(s->ctx, k, (size >> k) - 1, edge.hash[k], f);
	if (e == OK)
		*ret_edge = edge;
	return e;
}

/* The last node of the row of `level`, which is not complete: of the leaves that the low bits of the size count. */
static enum err edge_node(const struct merkle_source *s, unsigned level, uint64_t size, uint8_t ret_hash[HASH_OCTETS],
			  struct fault *f)
{
	bool begun = false;
	for (unsigned k = 0; k < level; k++) {
		uint8_t hash[HASH_OCTETS];
		enum err e;
		if (!(size >> k & 1))
			continue;
		if ((e = s->hash(s->ctx, k, (size >> k) - 1, begun ? hash : ret_hash, f)))
			return e;
		if (begun)
			merkle_node(hash, ret_hash, ret_hash);
		begun = true;
	}
	return OK;
}

static enum err node_at(const struct merkle_source *s, unsigned level, uint64_t n, uint64_t size,
			uint8_t ret_hash[HASH_OCTETS], struct fault *f)
{
	return n < size >> level ? s->hash(s->ctx, level, n, ret_hash, f) : edge_node(s, level, size, ret_hash, f);
}

/* Has node `n` of a row that ends with number `last` a sibling? */
static bool has_sibling(uint64_t n, uint64_t last)
{
	return n & 1 || n < last;
}

static unsigned path_length(uint64_t n, uint64_t last)
{
	unsigned length = 0;
	for (; last; n >>= 1, last >>= 1)
		length += has_sibling(n, last);
	return length;
}

/* Append the siblings from node `n` of `level` to the root. */
static enum err path_from(const struct merkle_source *s, unsigned level, uint64_t n, uint64_t size,
			  struct merkle_proof *p, struct fault *f)
{
	for (uint64_t last = (size - 1) >> level; last; n >>= 1, last >>= 1, level++) {
		enum err e;
		if (!has_sibling(n, last))
			continue;
		if ((e = node_at(s, level, n ^ 1, size, p->hash[p->n], f)))
			return e;
		p->n++;
	}
	return OK;
}

static enum err index_ok(uint64_t index, uint64_t size, struct fault *f)
{
	if (index < size)
		return size_ok(size, f);
	return fault_set(f, ERR_RANGE, "index %" PRIu64 " is outside a log of %" PRIu64 " entries", index, size);
}

enum err merkle_inclusion(const struct merkle_source *s, uint64_t index, uint64_t size, struct merkle_proof *ret_proof,
			  struct fault *f)
{
	struct merkle_proof p;
	enum err e;
	p.n = 0;
	if ((e = index_ok(index, size, f)) || (e = path_from(s, 0, index, size, &p, f)))
		return e;
	ret_proof->n = p.n;
	memcpy(ret_proof->hash, p.hash, p.n * sizeof(p.hash[0]));
	return OK;
}

static enum err old_ok(uint64_t old, uint64_t size, struct fault *f)
{
	if (old <= size)
		return size_ok(size, f);
	return fault_set(f, ERR_RANGE, "a log of %" PRIu64 " entries is no continuation of one of %" PRIu64, size, old);
}

/* The largest complete subtree that ends with leaf `old` - 1: its number; its level in *ret_level. */
static uint64_t old_end(uint64_t old, unsigned *ret_level)
{
	*ret_level = (unsigned)__builtin_ctzll(old);
	return (old - 1) >> *ret_level;
}

enum err merkle_consistency(const struct merkle_source *s, uint64_t old, uint64_t size, struct merkle_proof *ret_proof,
			    struct fault *f)
{
	struct merkle_proof p;
	unsigned level;
	enum err e;
	p.n = 0;
	if ((e = old_ok(old, size, f)))
		return e;
	if (old && old < size) {
		uint64_t n = old_end(old, &level);
		if (n) { /* else it is the whole old tree, and the verifier has its root */
			if ((e = s->hash(s->ctx, level, n, p.hash[0], f)))
				return e;
			p.n = 1;
		}
		if ((e = path_from(s, level, n, size, &p, f)))
			return e;
	}
	ret_proof->n = p.n;
	memcpy(ret_proof->hash, p.hash, p.n * sizeof(p.hash[0]));
	return OK;
}

enum err merkle_check_inclusion(const uint8_t leaf[HASH_OCTETS], uint64_t index, uint64_t size,
				const struct merkle_proof *p, const uint8_t root[HASH_OCTETS], struct fault *f)
{
	uint8_t hash[HASH_OCTETS];
	enum err e = index_ok(index, size, f);
	if (e)
		return e;
	unsigned length = path_length(index, size - 1), i = 0;
	if (p->n != length)
		return fault_set(f, ERR_SYNTAX,
				 "inclusion proof has %u hashes; that of entry %" PRIu64 " in a log of %" PRIu64
				 " has %u",
				 p->n, index, size, length);
	memcpy(hash, leaf, HASH_OCTETS);
	for (uint64_t n = index, last = size - 1; last; n >>= 1, last >>= 1) {
		if (!has_sibling(n, last))
			continue;
		if (n & 1)
			merkle_node(p->hash[i++], hash, hash);
		else
			merkle_node(hash, p->hash[i++], hash);
	}
	if (!same(hash, root))
		return fault_set(f, ERR_CORRUPT,
				 "inclusion proof of entry %" PRIu64
				 " leads to another root than that of the log of %" PRIu64 " entries",
				 index, size);
	return OK;
}

/* Both roots from the subtree at the end of the old tree, level by level: what is on the left was in the old tree too.
 */
static void fold_both(const struct merkle_proof *p, unsigned i, uint64_t n, uint64_t last, uint8_t old[HASH_OCTETS],
		      uint8_t new[HASH_OCTETS])
{
	for (; last; n >>= 1, last >>= 1) {
		if (!has_sibling(n, last))
			continue;
		if (n & 1) {
			merkle_node(p->hash[i], old, old);
			merkle_node(p->hash[i], new, new);
		} else {
			merkle_node(new, p->hash[i], new);
		}
		i++;
	}
}

static enum err length_fault(const struct merkle_proof *p, uint64_t old, uint64_t size, unsigned length,
			     struct fault *f)
{
	return fault_set(f, ERR_SYNTAX,
			 "consistency proof has %u hashes; that from a log of %" PRIu64 " entries to one of %" PRIu64
			 " has %u",
			 p->n, old, size, length);
}

enum err merkle_check_consistency(uint64_t old, const uint8_t old_root[HASH_OCTETS], uint64_t size,
				  const uint8_t root[HASH_OCTETS], const struct merkle_proof *p, struct fault *f)
{
	uint8_t was[HASH_OCTETS], is[HASH_OCTETS];
	unsigned level;
	enum err e = old_ok(old, size, f);
	if (e)
		return e;
	if (old == 0 || old == size) {
		if (p->n)
			return length_fault(p, old, size, 0, f);
		if (old && !same(old_root, root))
			return fault_set(f, ERR_CORRUPT,
					 "there are two logs of %" PRIu64 " entries: their roots differ", size);
		return OK;
	}
	uint64_t n = old_end(old, &level), last = (size - 1) >> level;
	unsigned own = n ? 1 : 0, length = own + path_length(n, last);
	if (p->n != length)
		return length_fault(p, old, size, length, f);
	memcpy(was, own ? p->hash[0] : old_root, HASH_OCTETS);
	memcpy(is, was, HASH_OCTETS);
	fold_both(p, own, n, last, was, is);
	if (!same(was, old_root))
		return fault_set(
			f, ERR_CORRUPT,
			"consistency proof leads to another root than that of the old log of %" PRIu64 " entries", old);
	if (!same(is, root))
		return fault_set(f, ERR_CORRUPT,
				 "consistency proof leads to another root than that of the new log of %" PRIu64
				 " entries",
				 size);
	return OK;
}
