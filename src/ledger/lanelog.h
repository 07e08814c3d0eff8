/* Lanelog: a lane read as a public log: tiles, checkpoints, proofs, receipts.  For ledger/ alone.  What is meant by each
 * function: see ledger.h. */
#ifndef LEDGER_LANELOG_H
#define LEDGER_LANELOG_H

#include "ledger/checkpoint.h"
#include "ledger/pool.h"
#include "ledger/tile.h"

enum err lanelog_tile(struct pool *p, clearance clear, uint8_t lane, const struct tile *t, struct buf *out,
		      struct fault *f) MUST_USE;
enum err lanelog_checkpoint(struct pool *p, clearance clear, uint8_t lane, struct buf *out, struct fault *f) MUST_USE;
/** That of a size at which one was signed.  @return ERR_NOTFOUND: none was. */
enum err lanelog_checkpoint_at(struct pool *p, clearance clear, uint8_t lane, uint64_t size, struct buf *out, struct fault *f) MUST_USE;
enum err lanelog_inclusion(struct pool *p, clearance clear, uint8_t lane, uint64_t index, uint64_t size,
			   struct merkle_proof *ret_proof, struct fault *f) MUST_USE;
enum err lanelog_consistency(struct pool *p, clearance clear, uint8_t lane, uint64_t old, uint64_t size,
			     struct merkle_proof *ret_proof, struct fault *f) MUST_USE;
enum err lanelog_receipt(struct pool *p, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;
/** Root of the first `size` entries. */
enum err lanelog_root(struct pool *p, clearance clear, uint8_t lane, uint64_t size, uint8_t ret_root[HASH_OCTETS],
		      struct fault *f) MUST_USE;
/** The right edge of their tree. */
enum err lanelog_edge(struct pool *p, clearance clear, uint8_t lane, uint64_t size, struct merkle_edge *ret_edge, struct fault *f) MUST_USE;
/** Public keys of a ring (lane_ring()) by their numbers in the ledger, 1 to 255; zero where there is none. */
enum err lanelog_keys(struct pool *p, const char *ring, uint8_t ret_keys[256][32], unsigned *ret_last, struct fault *f) MUST_USE;
/** The checkpoint of a lane at a size, as a note without cosignatures, from what is stored with the entry that it ends with. */
void lanelog_note(const struct checkpoint *c, struct span signatures, uint8_t keys[256][32], struct buf *out);

#endif
