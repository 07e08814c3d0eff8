/* Replay: entries of a ledger, read again, as views and one image of claims.  Same entries, same meaning, on every node. */
#ifndef GATE_REPLAY_H
#define GATE_REPLAY_H

#include "gate/intake.h"
#include "ledger/ledger.h"
#include "view/protect.h"

struct replay {
	uint64_t after;             /**< the imports that have ended and the changes of sources up to this entry are in the views
				     *   already, and their claims elsewhere; 0: there is nothing yet */
	clearance forgotten;        /**< lanes of which nothing counts (forgotten.h): the same for what is in the views already */
	struct source_set *sources; /**< the caller's; changed */
	struct rules *rules;        /**< the caller's; changed */
	struct siphash_seed seed;   /**< of the image */
	const char *spill_dir;      /**< for what does not fit in memory */
	/* Results: */
	struct image *image;        /**< the claims that count of imports that ended behind `after`; NULL: none */
	uint64_t last;              /**< everything up to this entry is in views and image */
	bool stale;                 /**< bodies were erased behind `after`: what was folded before may be of them.  Replay from 0;
				     *   views and image are of no use */
};

/** Read what is behind r->after.  A piece whose body is gone says nothing; what stands around it stays.  No import may end
 *  and no source may change meanwhile; pieces may come in.
 *  @return as the ledger; ERR_UNSUPPORTED: a feed format that this build does not know; ERR_CORRUPT; ERR_FULL, ERR_IO: no
 *          room for the image.  After an error the views are of no use and there is no image. */
enum err replay_ledger(struct replay *r, struct ledger *l, struct fault *f) MUST_USE;

/** The source that an entry of a lane speaks of: as it says itself, or, in a lane that is mirrored from `peer`, "PEER.SOURCE" (shortened with a hash when that
 *  is too long), so that trust in it is this node's own.  @param peer  "": the lane is our own. */
void replay_source(const char *peer, const char *source, char ret_name[SOURCE_NAME_MAX + 1]);

/** The count of accepted records in the body of an ENTRY_ENDED (canonical JSON); 0 when it is not there. */
uint64_t replay_accepted(struct span body);

#endif
