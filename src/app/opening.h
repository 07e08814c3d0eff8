/* Opening: a data directory with what its configuration says about decisions. */
#ifndef APP_OPENING_H
#define APP_OPENING_H

#include "app/config.h"
#include "gate/node.h"

/** node_open() with DIR/sipar.conf over `c` (defaults first).  @return also ERR_USAGE: the configuration cannot be read. */
enum err opening(const char *dir, unsigned wait_ms, struct config *c, struct node **ret_node, struct fault *f) MUST_USE;

#endif
