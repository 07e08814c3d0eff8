/* Tidy: the large merges of a node's table, by a thread that does nothing else meanwhile, so that a claim is seen as soon as it
 * is durable, however much else there is to merge. */
#ifndef GATE_TIDY_H
#define GATE_TIDY_H

#include <stdatomic.h>

#include "gate/node.h"

/** From here on somebody calls node_tidy() after each change. */
void node_defer_merges(struct node *n);
/** The merges that are due, one after the other; then a save, if it is time for one.
 *  @param stop  what ends it early when it becomes true.
 *  @return OK; ERR_CANCELLED; ERR_IO ...: the table is as it was, and answers. */
enum err node_tidy(struct node *n, const atomic_bool *stop, struct fault *f) MUST_USE;

#endif
