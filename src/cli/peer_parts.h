/* For peer*.c alone. */
#ifndef CLI_PEER_PARTS_H
#define CLI_PEER_PARTS_H

#include "cli/verb.h"
#include "peer/peers.h"

/** Take a file with a lane of the peer, and say how many entries were new; "-" is env->in.
 *  @param ret_bad  set when it shows another history.  @return as peer_join(), with the name of the file. */
enum err peer_join_file(struct verb_env *env, const struct peer *peer, const char *path, bool json, bool *ret_bad, struct fault *f) MUST_USE;

#endif
