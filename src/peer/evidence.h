/* Evidence: of a peer that has shown two histories of one log.  DIR/peers/LANE.held, mode 0600:
 *
 *   forked | rolled-back
 *   time, milliseconds since 1970
 *   why, a sentence
 *   (blank line)
 *   the checkpoint that was signed before and is ours, a signed note
 *   --
 *   the one that the peer shows now
 *
 * Both are signed by the same key and exclude each other: that proves it to anybody.  While the file is there nothing is pulled into the lane. */
#ifndef PEER_EVIDENCE_H
#define PEER_EVIDENCE_H

#include "base/buf.h"
#include "base/err.h"

enum { EVIDENCE_WHY_MAX = 300 };

/** Durable when OK.  The first one stays. */
enum err evidence_keep(const char *dir, const char *lane, bool forked, const char *why, struct span ours, struct span theirs, struct fault *f) MUST_USE;
/** Is there some?  @param why  the sentence, shortened. */
bool evidence_find(const char *dir, const char *lane, bool *ret_forked, char why[EVIDENCE_WHY_MAX + 1]);
/** Put it aside, as LANE.held.TIME: it is kept, and holds nothing up any more.  @return ERR_NOTFOUND; ERR_IO. */
enum err evidence_aside(const char *dir, const char *lane, struct fault *f) MUST_USE;

#endif
