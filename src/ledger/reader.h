/* Reader: what is durable, read by any number of threads.  For ledger/ alone.
 *
 * Every thread that is reading has a connection to itself; those not in use are kept.  The clearance is part of each
 * query, as its first value: see SHOWS in reader.c.  What is meant by each function: see ledger.h. */
#ifndef LEDGER_READER_H
#define LEDGER_READER_H

#include "ledger/entry.h"

struct reader;

/** @return as ledger_open(), which also has looked whether the file is there.  Checks that the lanes are what their
 *  first entries say. */
enum err reader_open(const char *path, struct reader **ret_reader, struct fault *f) MUST_USE;
void reader_close(struct reader *r);

enum err reader_last(struct reader *r, uint64_t *ret_number, struct fault *f) MUST_USE;
enum err reader_lanes(struct reader *r, clearance clear, struct lane ret_lanes[LANES_MAX], unsigned *ret_n,
		      struct fault *f) MUST_USE;
enum err reader_entry(struct reader *r, clearance clear, uint64_t number, struct entry *ret_entry,
		      struct fault *f) MUST_USE;
enum err reader_body(struct reader *r, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;

/** Visible entries with numbers in `from` .. `to`, in order, at most `room` of them, into entries that were zero or
 *  filled before (their token buffers are used again). */
enum err reader_page(struct reader *r, clearance clear, uint64_t from, uint64_t to, struct entry *entries,
		     unsigned room, unsigned *ret_n, struct fault *f) MUST_USE;

#endif
