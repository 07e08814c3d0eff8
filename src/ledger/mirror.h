/* Mirror: lanes of other nodes, given and taken in parcels.  For ledger/ alone.  What is meant by each function: see ledger.h (ledger_parcel,
 * ledger_mirror).  One at a time. */
#ifndef LEDGER_MIRROR_H
#define LEDGER_MIRROR_H

#include "ledger/parcel.h"
#include "ledger/pool.h"
#include "ledger/writer.h"

enum err mirror_give(struct pool *p, clearance clear, uint8_t lane, uint64_t from, struct buf *out, struct fault *f) MUST_USE;
enum err mirror_give_start(struct pool *p, clearance clear, uint8_t lane, uint64_t size, struct buf *out, struct fault *f) MUST_USE;
enum err mirror_take(struct pool *p, struct writer *w, const struct mirror_order *o, struct span parcel, struct mirror_done *ret_done,
		     struct fault *f) MUST_USE;

#endif
