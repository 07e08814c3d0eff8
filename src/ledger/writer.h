/* Writer: submissions of many threads, committed together by one.  For ledger/ alone. */
#ifndef LEDGER_WRITER_H
#define LEDGER_WRITER_H

#include "ledger/entry.h"

struct writer;

/** Open the file and start the thread. */
enum err writer_start(const char *path, struct writer **ret_writer, struct fault *f) MUST_USE;
/** Commit what is queued and end the thread.  Nobody may be submitting or waiting. */
void writer_stop(struct writer *w);

/** See ledger_submit().  @param founds  the lane that this entry makes (borrowed as the submission is), or NULL. */
enum err writer_submit(struct writer *w, const struct submission *s, const struct lane *founds, uint64_t *ret_number,
		       struct fault *f) MUST_USE;
/** See ledger_wait(). */
enum err writer_wait(struct writer *w, uint64_t number, struct fault *f) MUST_USE;

/** Of what is durable. */
uint64_t writer_last(struct writer *w);
unsigned writer_lanes(struct writer *w);
void writer_stats(struct writer *w, struct ledger_stats *ret_stats);

#endif
