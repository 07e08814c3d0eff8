/* Digests of what lanes mean, in terms that do not depend on the node: whoever has mirrored a lane has the same one.
 *
 *  SHA-256 of 32 + 8 + 8 octets, each with the least significant first: the sum modulo 2^256 of SHA-256(key) over all keys that have a claim of
 *  the lane that counts; the number of these keys; the number of these claims.  SHA-256(key) is of the key's kind (1), prefix (1) and length (2) and its
 *  octets, then of its claims of the lane, in the order of their octets: index of the entry in the lane (8), seen (4), until (4), category (1),
 *  confidence (1), stance (1), flags without CLAIM_FIRST (1), length of the name of the source (1), and the name, as the entry has it.
 *  As with fold_digest(), it finds accidents; a sum is no protection against someone who chooses the keys. */
#ifndef GATE_LANE_DIGEST_H
#define GATE_LANE_DIGEST_H

#include "gate/node.h"

struct lane_digest {
	char name[LANE_NAME_MAX + 1], origin[ORIGIN_MAX + 1];
	uint64_t size, keys, claims; /**< entries of the lane; what is summed */
	uint8_t digest[32];
};
/** Of all lanes, or of one.  Writers wait meanwhile.  @param name  NULL: of all.  @param ret_digests  room for LANES_MAX.
 *  @return ERR_NOTFOUND: no such lane; or as ledger_each(). */
enum err node_lane_digests(struct node *n, const char *name, struct lane_digest *ret_digests, unsigned *ret_n, struct fault *f) MUST_USE;

#endif
