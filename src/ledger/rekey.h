/* Rekey: the node's key is replaced, and each lane says so.  For ledger/ alone.
 *
 * Body of an ENTRY_KEY, canonical JSON, hexadecimal:
 *   {"new":"KEY","old":"KEY","origin":"ORIGIN","signatures":["BY OLD","BY NEW"]}
 * What both sign: "sipar key rotation\n<origin>\n<old>\n<new>\n".  The checkpoint of the commit is signed by both, too, so
 * that whoever trusts the old key learns the new one from it. */
#ifndef LEDGER_REKEY_H
#define LEDGER_REKEY_H

#include "ledger/pool.h"
#include "ledger/writer.h"
#include "sys/key.h"

/** From the next commit on `next` signs; it must outlive the writer. */
enum err rekey(struct pool *p, struct writer *w, const struct key *old, const struct key *next, struct fault *f) MUST_USE;

/** Do both signatures of such a body hold, and is it about `origin`?  @return ERR_SYNTAX, ERR_CORRUPT. */
enum err rekey_read(struct span body, struct span origin, uint8_t ret_old[KEY_OCTETS], uint8_t ret_new[KEY_OCTETS],
		    struct fault *f) MUST_USE;

#endif
