/* For gate/ alone: how its writers reach the views of a node. */
#ifndef GATE_NODE_WRITE_H
#define GATE_NODE_WRITE_H

#include "gate/fold.h"
#include "gate/node.h"

/** Lane of what is said about sources. */
#define NODE_LANE "node"

/** One writer at a time: the fold until node_write_end(). */
struct fold *node_write_begin(struct node *n);
void node_write_end(struct node *n);

#endif
