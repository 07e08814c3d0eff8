/* Submit: STIX objects that a party sends into a lane, each judged alone, those that are taken stored together, as one import of the source that has
 * the party's name.
 *
 * Taken is what stix_check() lets through, is not marked more strictly than the lane's audience, and fits what the lane has: the same id and version with other
 * content is refused, so is a version behind one that is revoked, and one of an object that another party has told, unless the role may
 * retract.  What is there already is taken and not stored again.
 */
#ifndef GATE_SUBMIT_H
#define GATE_SUBMIT_H

#include "gate/asker.h"
#include "gate/objects.h"

enum { SUBMIT_OBJECTS_MAX = 1000000 };

struct submit_counts { uint64_t total, taken, stored, refused; };

/** One object of what was sent, in its order; lent for the call.
 *  @param object  its head, as far as it could be read.  @param taken  it is stored, or there already.  @param message  why not, or NULL. */
typedef void submit_told(void *ctx, const struct stix_object *object, bool taken, const char *message);

/** @param asker  with the right to report, and a party.  @param envelope  JSON with a list "objects": a TAXII envelope, a bundle.
 *  @param wait_ms  how long to wait until objects_index() shows them, when they are durable.
 *  @return OK: what was taken is durable, and `told` was called for each; ERR_SYNTAX: not JSON; ERR_UNSUPPORTED: no list of objects; ERR_RANGE: too many; ERR_BUSY: the lane's
 *          objects are not known yet; or as import_finish(): then nothing was taken. */
enum err submit_objects(struct objects *o, const struct asker *asker, const struct lane *lane, struct span envelope, unsigned wait_ms,
			submit_told *told, void *ctx, struct submit_counts *ret_counts, struct fault *f) MUST_USE;

#endif
