/* Sighting: a party says that it has met what is listed, or that it is a false positive.
 *
 * It is one more import, of the source "PARTY.sightings", which is made with the least weight when it is not there: that a thing was met makes it
 * hardly worse than it is, but what is said of it fresher.  It goes into the lane of the widest audience in which the value is listed for the
 * party (or, when that lane is another node's, into the one of ours with the next narrower audience), so that it tells nobody
 * of what is listed that he does not know.  What is listed by nothing but the party's own sightings is not: they would be their own evidence.
 */
#ifndef GATE_SIGHTING_H
#define GATE_SIGHTING_H

#include "gate/asker.h"
#include "gate/node.h"

/** @param who     a party.
 *  @param stance  STANCE_SIGHTING or STANCE_FALSE_POSITIVE.
 *  @param seen_s  when.
 *  @param ret_told  of how many of them it was told; the others are not listed.  Also with an error.
 *  @return OK: durable, and every face answers with it; ERR_NOTFOUND: none is listed; ERR_FORBIDDEN: no lane may have it; ERR_EXISTS: the
 *          source is there, as a snapshot; or as import_finish(). The thread is a reader of the table. */
enum err sighting_tell(struct node *n, const struct asker *who, enum stance stance, uint32_t seen_s, const struct observable *o, size_t n_o,
		       size_t *ret_told, struct fault *f) MUST_USE;

#endif
