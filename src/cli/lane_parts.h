/* For lane*.c alone. */
#ifndef CLI_LANE_PARTS_H
#define CLI_LANE_PARTS_H

#include "cli/verb.h"

/** Write the lane from the entry `since` on (or the checkpoint before it) to a file, for another node, and say so.
 *  @return ERR_USAGE: a lane that is for nobody else; ERR_RANGE: it has nothing from there on; ERR_FULL, ERR_IO, ERR_CANCELLED, ERR_CORRUPT. */
enum err lane_export(struct verb_env *env, const struct lane *lane, const char *path, uint64_t since, bool json, struct fault *f) MUST_USE;
/** Say what such a file holds, as it says itself: nothing is verified.  @return ERR_SYNTAX and others: it is none, or not whole. */
enum err lane_show_file(struct verb_env *env, const char *path, bool json, struct fault *f) MUST_USE;

#endif
