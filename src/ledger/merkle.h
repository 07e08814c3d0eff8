/* Merkle tree of a log (RFC 6962 §2.1, the same in RFC 9162 §2.1), over SHA-256.
 *
 *   leaf = SHA-256(0x00 || entry)     node = SHA-256(0x01 || left || right)     empty tree = SHA-256("")
 *
 * Pure but for the reading of stored hashes, which is the caller's.  Any thread.
 */
#ifndef LEDGER_MERKLE_H
#define LEDGER_MERKLE_H

#include "base/err.h"
#include "base/span.h"

/* MERKLE_PROOF_MAX: of consistency, at the largest size. */
enum { HASH_OCTETS = 32, MERKLE_LEVELS = 63, MERKLE_PROOF_MAX = 64 };
#define MERKLE_SIZE_MAX ((UINT64_C(1) << MERKLE_LEVELS) - 1)

void merkle_leaf(struct span entry, uint8_t ret_hash[HASH_OCTETS]);
void merkle_node(const uint8_t left[HASH_OCTETS], const uint8_t right[HASH_OCTETS], uint8_t ret_hash[HASH_OCTETS]);

/** The right edge of a tree: all that is needed to go on.  Plain data; zero-initialised is the empty tree.
 *  hash[k] is meaningful where bit k of size is set: root of the complete subtree of 2^k leaves. */
struct merkle_edge {
	uint64_t size;
	uint8_t hash[MERKLE_LEVELS][HASH_OCTETS];
};
void merkle_edge_add(struct merkle_edge *e, const uint8_t leaf[HASH_OCTETS]);
void merkle_edge_root(const struct merkle_edge *e, uint8_t ret_root[HASH_OCTETS]);

/** Where stored hashes come from: root of the complete subtree of leaves n * 2^level .. (n + 1) * 2^level - 1. */
struct merkle_source {
	enum err (*hash)(void *ctx, unsigned level, uint64_t n, uint8_t ret_hash[HASH_OCTETS], struct fault *f);
	void *ctx;
};
/** The edge, and so the root, of the tree of the first `size` leaves.  @return as the source. */
enum err merkle_edge_load(const struct merkle_source *s, uint64_t size, struct merkle_edge *ret_edge,
			  struct fault *f) MUST_USE;

/** Hashes of a proof, in the order of the RFC (of an inclusion proof: from the leaf to the root). */
struct merkle_proof {
	unsigned n;
	uint8_t hash[MERKLE_PROOF_MAX][HASH_OCTETS];
};
/** PATH(index, D[size]), RFC 6962 §2.1.1.  @return ERR_RANGE: index >= size; or as the source. */
enum err merkle_inclusion(const struct merkle_source *s, uint64_t index, uint64_t size, struct merkle_proof *ret_proof,
			  struct fault *f) MUST_USE;
/** PROOF(old, D[size]), RFC 6962 §2.1.2; empty when old is 0 or size.  @return ERR_RANGE: old > size. */
enum err merkle_consistency(const struct merkle_source *s, uint64_t old, uint64_t size, struct merkle_proof *ret_proof,
			    struct fault *f) MUST_USE;

/** RFC 9162 §2.1.3.2.  @return OK: the leaf is at `index` of the tree of `size` with that root.  ERR_RANGE: index >= size.
 *  ERR_SYNTAX: a proof of another length than such a tree has.  ERR_CORRUPT: it leads to another root. */
enum err merkle_check_inclusion(const uint8_t leaf[HASH_OCTETS], uint64_t index, uint64_t size,
				const struct merkle_proof *p, const uint8_t root[HASH_OCTETS], struct fault *f) MUST_USE;
/** RFC 9162 §2.1.4.2.  From old = 0 everything is consistent, which is no evidence of anything.
 *  @return OK; ERR_RANGE: old > size; ERR_SYNTAX: a proof of another length; ERR_CORRUPT: one of the roots is another (and
 *          with old == size: the roots differ). */
enum err merkle_check_consistency(uint64_t old, const uint8_t old_root[HASH_OCTETS], uint64_t size,
				  const uint8_t root[HASH_OCTETS], const struct merkle_proof *p, struct fault *f) MUST_USE;

#endif
