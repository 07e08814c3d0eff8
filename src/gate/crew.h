/* Crew: pieces of feeds read from the ledger and parsed by several threads, each into a batch of its own.
 *
 * In what order does not matter: claims carry their entry and import, and a batch keeps the newest of those that say the same.
 * The threads are made when there is enough for them to do, and live until crew_finish().
 */
#ifndef GATE_CREW_H
#define GATE_CREW_H

#include "gate/intake.h"
#include "ledger/ledger.h"

struct crew;

/** @param own  batch of the caller's, for what is too little for threads; and for what they did, in the end. */
struct crew *crew_new(struct ledger *l, struct siphash_seed seed, const char *spill_dir, struct batch *own);
/** Read and parse the body of this piece (copied), of one entry and without text rules; not at all when it is gone.
 *  @return the first error that any piece had. */
enum err crew_take(struct crew *c, const struct piece *p, struct fault *f) MUST_USE;
/** Wait until all is done and in the caller's batch.  @return as crew_take(). */
enum err crew_finish(struct crew *c, struct fault *f) MUST_USE;
/** Also without crew_finish(); NULL is taken. */
void crew_free(struct crew *c);

#endif
