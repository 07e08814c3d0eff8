/* Retraction: what was told is taken back.  It is one more import of the same source in the same lane, so that it reaches everybody whom
 * the claims have reached, in the same ways; nothing is deleted (docs/retract.md).
 *
 * A STIX object with versions is told again, octet for octet but for "revoked":true and a later "modified".  Everything else is taken back
 * by lines of the format "retraction".  The end of the import says by whom and why: {...,"by":"PARTY/PERSON","retracts":"ID","why":"..."}. */
#ifndef GATE_RETRACT_H
#define GATE_RETRACT_H

#include "gate/asker.h"
#include "gate/node.h"

enum { RETRACT_ENTRIES = 16 };

struct retract_done {
	unsigned imports;        /**< one for each lane and source */
	uint64_t entries[RETRACT_ENTRIES]; /**< the first of each, as far as there is room: its number */
	uint64_t claims;         /**< that count no more, without those of objects */
	uint64_t objects;        /**< told again as revoked */
	uint64_t again;          /**< claims of an entry that its source has repeated since: they stay */
	uint64_t before;         /**< that were taken back before */
	uint64_t foreign;        /**< told by another party, and the asker may only take back what its own has told */
};

/** Take back what `id` names: the id of an object (all that its versions claimed); an entry LANE/INDEX (what its body claimed; all of
 *  the import, when it is the first or the end of one); or a value (what is said of just this one).
 *
 *  @param who     what it does not see is not found.  It takes back what its party has told, with RIGHT_RETRACT what anybody has.  Its
 *                 party may be written "PARTY/PERSON" here: both are told, PARTY is who says it
 *  @param source  what this one has told; NULL: all
 *  @param why     for people, UTF-8, at most REASON_MAX octets; NULL or "": not said
 *  @param ret     written also with an error
 *  @return OK: durable, and every face answers with it.  ERR_NOTFOUND: there is nothing of it to take back; ERR_EXISTS: all of it was
 *          taken back before; ERR_FORBIDDEN: there is, but others have told it; ERR_GONE: its body was erased; ERR_SYNTAX, ERR_RANGE: the
 *          id or the reason; ERR_IO ...: of the ledger, what is in ret_done->entries is done. */
enum err retract(struct node *n, const struct asker *who, struct span id, const char *source, const char *why, struct retract_done *ret,
		 struct fault *f) MUST_USE;

#endif
