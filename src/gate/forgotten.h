/* Forgotten: mirrored lanes of which nothing counts here any more, though their entries stay: the node has said so of a peer that is gone ("sipar peer
 * forget"), and has not said since that it takes the lane from it again.  A fold of the entries of kind ENTRY_PEER in the lane "node": an op "forget" names
 * lanes that are forgotten, an "add" or "set" those that are not (peer/peers.h has the body). */
#ifndef GATE_FORGOTTEN_H
#define GATE_FORGOTTEN_H

#include "ledger/ledger.h"

/** Those that are now.  @param ret_then  NULL, or those that were when the entries up to number `then` had been told.  @return as ledger_each_in(). */
enum err forgotten_lanes(struct ledger *l, uint64_t then, clearance *ret_then, clearance *ret_now, struct fault *f) MUST_USE;

#endif
