/* Newest: the STIX objects of a node as they stand, the newest version of each.
 *
 * Everything is read twice, and 16 octets of memory are held for each version. */
#ifndef GATE_NEWEST_H
#define GATE_NEWEST_H

#include "codec/stix_object.h"
#include "gate/node.h"

/** One of them, lent for the call, and where it stands.  false: no more. */
typedef bool newest_visit(void *ctx, const struct lane *lane, const struct entry *e, const struct stix_object *object);

/** Of all objects in the lanes of `clear` that stand (dump.h), in the order of the lanes and their entries.  One whose newest version is revoked is left
 *  out; one that different sources have told in the same version and other words is visited for each.
 *  @param type  "indicator" ...; NULL: all.  @return OK, also when the visitor has had enough; ERR_IO, ERR_CORRUPT: of the ledger.  The thread is a reader of the table. */
enum err newest_each(struct node *n, clearance clear, const char *type, newest_visit *visit, void *ctx, struct fault *f) MUST_USE;

#endif
