/* Witness: this node cosigns checkpoints of the logs of others, each a continuation of the last one that it has cosigned (C2SP
 * tlog-witness).  So whoever wants to show two people two different logs needs all of its witnesses for it. */
#ifndef LEDGER_WITNESS_H
#define LEDGER_WITNESS_H

#include "ledger/checkpoint.h"
#include "ledger/ledger.h"

/** The last checkpoint of this log that was cosigned; of size 0, when there is none.
 *  @param note  appended; ret_checkpoint->origin points into it, or is `origin`. */
enum err witness_last(struct ledger *l, struct span origin, struct buf *note, struct checkpoint *ret_checkpoint, struct fault *f) MUST_USE;

/** Cosign.  Durable when OK: never again one that this is no continuation of, whoever asks, and however many at once.
 *  @param note, c   the signed note, and the checkpoint that it is: its signature by the log was checked.
 *  @param old_size  of the last that was cosigned, as whoever asks knows it.
 *  @param proof     PROOF(old_size, D[c->size]).
 *  @param line      our line, appended.
 *  @param ret_last  with ERR_BUSY: the size of the last one.
 *  @return ERR_RANGE: old_size > c->size; ERR_BUSY: old_size is not that of the last one, or it has another root at the same size;
 *          ERR_CORRUPT: it is no continuation; ERR_FORBIDDEN: it is a lane of our own, or the ledger was opened to be read; or as
 *          ledger_wait(). */
enum err witness_cosign(struct ledger *l, struct span note, const struct checkpoint *c, uint64_t old_size,
			const struct merkle_proof *proof, uint64_t now_s, struct buf *line, uint64_t *ret_last, struct fault *f) MUST_USE;

/** What a log asks for (C2SP tlog-witness, add-checkpoint); spans point into the body. */
struct witness_request {
	uint64_t old_size;
	struct merkle_proof proof;
	struct span note;
};
/** "old <size>\n", hashes in base64, one a line, a blank line, the signed checkpoint.  Strict; the note itself is not looked at.
 *  @return OK; ERR_SYNTAX, ERR_RANGE, with the line. */
enum err witness_request_parse(struct span body, struct witness_request *ret_request, struct fault *f) MUST_USE;

/** The note with a line more; those of the same key that were in it are left out. */
enum err witness_add_line(struct span note, struct span line, struct buf *out, struct fault *f) MUST_USE;

#endif
