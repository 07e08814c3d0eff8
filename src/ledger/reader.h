/* Reader: entries and bodies that are durable, read by any number of threads.  For ledger/ alone.  What is meant by each
 * function: see ledger.h. */
#ifndef LEDGER_READER_H
#define LEDGER_READER_H

#include "ledger/pool.h"

/** Are the lanes what their first entries say?  @return ERR_CORRUPT. */
enum err reader_check_lanes(struct pool *p, struct fault *f) MUST_USE;

enum err reader_last(struct pool *p, uint64_t *ret_number, struct fault *f) MUST_USE;
enum err reader_lanes(struct pool *p, clearance clear, struct lane ret_lanes[LANES_MAX], unsigned *ret_n,
		      struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND: there is none, or it may not be seen. */
enum err reader_lane(struct pool *p, clearance clear, unsigned number, struct lane *ret_lane, struct fault *f) MUST_USE;
enum err reader_entry(struct pool *p, clearance clear, uint64_t number, struct entry *ret_entry, struct fault *f) MUST_USE;
enum err reader_find(struct pool *p, clearance clear, uint8_t lane, uint64_t index, uint64_t *ret_number,
		     struct fault *f) MUST_USE;
enum err reader_record(struct pool *p, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;
/** @param salted  the nonce in front of the body. */
enum err reader_body(struct pool *p, clearance clear, uint64_t number, bool salted, struct buf *out, struct fault *f) MUST_USE;
/** Candidates of the index for a hash, newest first, as struct index_hit. */
enum err reader_hits(struct pool *p, uint64_t hash, struct buf *ret_hits, struct fault *f) MUST_USE;

/** Visible entries with numbers in `from` .. `to`, in order, at most `room` of them, into entries that were zero or
 *  filled before (their token buffers are used again).  @param back  from `to` on down. */
enum err reader_page(struct pool *p, clearance clear, uint64_t from, uint64_t to, bool back, struct entry *entries,
		     unsigned room, unsigned *ret_n, struct fault *f) MUST_USE;
/** Those of one lane, with indexes from `from` on. */
enum err reader_lane_page(struct pool *p, clearance clear, uint8_t lane, uint64_t from, struct entry *entries, unsigned room,
			  unsigned *ret_n, struct fault *f) MUST_USE;

#endif
