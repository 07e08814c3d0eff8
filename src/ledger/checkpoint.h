/* Checkpoint (C2SP tlog-checkpoint): what a log says it is, as the text of a signed note.
 *
 *   origin            schema-less URL that names the log for ever; the name of the key that signs
 *   size              decimal, entries
 *   root              base64, 44 characters
 *   (extension lines, kept and not understood)
 */
#ifndef LEDGER_CHECKPOINT_H
#define LEDGER_CHECKPOINT_H

#include "ledger/merkle.h"
#include "ledger/note.h"

struct checkpoint {
	struct span origin;          /**< points into the text that was parsed, or is the caller's */
	uint64_t size;
	uint8_t root[HASH_OCTETS];
};

/** The text, with its last newline, appended. */
void checkpoint_put(const struct checkpoint *c, struct buf *out);
/** @return OK; ERR_SYNTAX: no origin, a size with leading zeros or other than digits, a root that is not 32 octets of
 *          strict base64, an empty extension line; ERR_RANGE: a size of 2^63 or more. */
enum err checkpoint_parse(struct span text, struct checkpoint *ret_checkpoint, struct fault *f) MUST_USE;
/** Note and checkpoint in one: what note_parse(), note_check() for `v` and checkpoint_parse() say.  Where v->name is "", the
 *  origin is the name.  @param ret_note  may be NULL. */
enum err checkpoint_open(struct span octets, const struct verifier *v, struct checkpoint *ret_checkpoint,
			 struct note *ret_note, struct fault *f) MUST_USE;

#endif
