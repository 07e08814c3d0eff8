/* Inside feeds: what feed_set.c asks of feed.c. */
#ifndef GATE_FEED_PARTS_H
#define GATE_FEED_PARTS_H

#include "gate/feed.h"

/** Where NOTIFY goes: "ADDR:PORT" with commas, checked.  @return ERR_USAGE. */
enum err feed_targets_set(char to[FEED_TEXT_MAX + 1], struct span value, struct fault *f) MUST_USE;

#endif
