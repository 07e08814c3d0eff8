/* Objects: the STIX objects in the lanes of a node, in the order in which they were added, by id, type and version.
 *
 * An object is there from when the import that it came with has ended, and its octets are those of the entry's body; when that is erased or
 * pruned, it is gone.  When it was added (`added_us`) follows from the heads of the lane's entries alone: entries of a feed take, in the
 * order in which their imports ended, the moment of their import or the one behind the last that is given away, whichever is later, and
 * a microsecond for each record.  So it is the same after everything was made anew, after an erasure, and on every node that has the lane.
 *
 * Derived: DIR/objects/LANE, see object_index.h.  A thread of its own follows the ledger.
 */
#ifndef GATE_OBJECTS_H
#define GATE_OBJECTS_H

#include "codec/stix_object.h"
#include "gate/node.h"
#include "gate/object_index.h"

struct objects;

/** Starts the thread; the node is borrowed.
 *  @param complaint  called by it when a lane cannot be followed, which it tries again each second; may be NULL.  @return ERR_IO. */
enum err objects_open(struct node *n, void (*complaint)(const char *text), struct objects **ret_objects, struct fault *f) MUST_USE;
/** Before others stop using the node's writers; NULL is fine. */
void objects_close(struct objects *o);

/** Wait until what the lane has up to this entry is there.  @return ERR_BUSY: not within the time. */
enum err objects_wait(struct objects *o, uint8_t lane, uint64_t number, unsigned timeout_ms) MUST_USE;

/** The lane's index as it is, the caller's to drop; NULL: there is none within that time, since it is being opened or made. */
struct object_index *objects_index(struct objects *o, uint8_t lane, unsigned timeout_ms);

/** Objects that were found, with their octets, in order.  One whose body is gone, or that is not what the index says, is left out.  What is lent
 *  is lent for the call.  @param visit  false: no more. */
typedef bool object_visit(void *ctx, const struct object_ref *ref, const struct stix_object *object);
/** @return ERR_CORRUPT, ERR_IO: of the ledger. */
enum err objects_read(struct objects *o, clearance clear, struct object_index *x, const struct object_ref *refs, unsigned n, object_visit *visit,
		      void *ctx, struct fault *f) MUST_USE;

#endif
