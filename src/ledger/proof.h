/* Proof file (C2SP tlog-proof): an entry's place in a log, to be checked without the log.
 *
 *   c2sp.org/tlog-proof@v1
 *   extra <base64>                (ours: see below; other logs may leave it out)
 *   index <n>
 *   <base64 hash>                 inclusion proof, from the leaf to the root, one a line
 *   (blank line)
 *   signed checkpoint with its cosignatures
 *
 * Extra, ours: the record's length in two octets big-endian, the record (record.h), and the nonce of its body, 32 octets, or
 * nothing.  It is not covered by the proof as such: whoever checks hashes the record and has the nonce checked by the body.
 */
#ifndef LEDGER_PROOF_H
#define LEDGER_PROOF_H

#include "ledger/checkpoint.h"

enum { PROOF_FILE_MAX = 256 << 10 };

struct proof {
	bool has_extra;
	struct buf extra;            /**< decoded; proof_release() */
	uint64_t index;
	struct merkle_proof path;
	struct span checkpoint;      /**< the signed note, octets as they are; points into what was parsed */
};
void proof_release(struct proof *p);

void proof_put(const struct proof *p, struct buf *out);
/** Strict.  @return OK; ERR_SYNTAX, ERR_RANGE; the fault has the line. */
enum err proof_parse(struct span octets, struct proof *ret_proof, struct fault *f) MUST_USE;

/** Our extra, and back.  Spans point into `extra`; nonce.n is 32 or 0.  @return ERR_SYNTAX: not one of ours. */
void proof_extra_put(struct span record, struct span nonce, struct buf *out);
enum err proof_extra_parse(struct span extra, struct span *ret_record, struct span *ret_nonce, struct fault *f) MUST_USE;

/** Is `leaf` where the proof says, in a log of that checkpoint?  The checkpoint's signature is checked for `v` first.
 *  @return as checkpoint_open() and merkle_check_inclusion(): each failure has a sentence of its own.
 *  @param ret_checkpoint, ret_note  may be NULL; point into what was parsed. */
enum err proof_check(const struct proof *p, const uint8_t leaf[HASH_OCTETS], const struct verifier *v,
		     struct checkpoint *ret_checkpoint, struct note *ret_note, struct fault *f) MUST_USE;

#endif
