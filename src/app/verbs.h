/* Every verb of the program: the rows of cli/ and those of app/. */
#ifndef APP_VERBS_H
#define APP_VERBS_H

#include "cli/verb.h"

extern const struct verb verb_bgp, verb_enforce, verb_feed, verb_init, verb_serve, verb_snapshot;
/** By name; NULL: none. */
const struct verb *verb_find(const char *name);
/** In the order of the help, by index; NULL behind the last. */
const struct verb *verb_at(size_t i);

#endif
