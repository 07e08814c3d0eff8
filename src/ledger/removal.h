/* Removal: bodies that go while their entries stay, and the entries that say so.  For ledger/ alone; what is meant by each
 * function: see ledger.h.  One at a time. */
#ifndef LEDGER_REMOVAL_H
#define LEDGER_REMOVAL_H

#include "ledger/pool.h"
#include "ledger/writer.h"

enum err removal_erase(struct pool *p, struct writer *w, clearance clear, uint64_t number, const char *reason,
		       uint64_t *ret_number, struct fault *f) MUST_USE;
enum err removal_prune(struct pool *p, struct writer *w, uint8_t lane, int64_t now_ms, uint64_t *ret_pruned,
		       struct fault *f) MUST_USE;

/** Body of an ENTRY_ERASED or ENTRY_PRUNED, canonical JSON: {"first":7,"last":9,"reason":"..."}; of ENTRY_PRUNED `last` is that
 *  before the first whose body stays.  And back: ERR_SYNTAX. */
void removal_body(const struct removal *r, struct buf *out);
enum err removal_read(struct span body, uint64_t *ret_first, uint64_t *ret_last, struct buf *ret_reason, struct fault *f) MUST_USE;

#endif
