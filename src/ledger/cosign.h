/* Cosignatures: those that witnesses gave for our checkpoints, and the checkpoints of other logs that we gave ours for.
 * For ledger/ alone.  What is meant by each function: see ledger.h (ledger_cosign, ledger_witnessed, ledger_witness). */
#ifndef LEDGER_COSIGN_H
#define LEDGER_COSIGN_H

#include "ledger/note.h"
#include "ledger/pool.h"

struct writer;

enum err cosign_take(struct pool *p, struct writer *w, clearance clear, uint8_t lane, struct span note,
		     const struct verifier *witnesses, unsigned n, unsigned *ret_taken, struct fault *f) MUST_USE;
enum err cosign_last(struct pool *p, struct span origin, struct buf *out, struct fault *f) MUST_USE;
enum err cosign_keep(struct writer *w, struct span origin, uint64_t old_size, uint64_t size, struct span note,
		     struct fault *f) MUST_USE;

#endif
