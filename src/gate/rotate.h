/* Rotation of the node's key: new key, an entry in each lane that says so, new files.  See sys/key.h and ledger_rekey(). */
#ifndef GATE_ROTATE_H
#define GATE_ROTATE_H

#include "gate/node.h"

/** From now on another key signs.  A rotation that was cut off is finished instead of beginning a second one.
 *  @param passphrase  of the new key; empty: none.
 *  @param ret_resumed  the new key was there already, from a rotation that did not end.
 *  @return OK; as key_prepare(), ledger_rekey() and key_replace(): what was not done is done by the next call. */
enum err node_rotate(struct node *n, struct span passphrase, bool *ret_resumed, struct fault *f) MUST_USE;

#endif
