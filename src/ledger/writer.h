/* Writer: submissions of many threads, committed together by one.  For ledger/ alone. */
#ifndef LEDGER_WRITER_H
#define LEDGER_WRITER_H

#include "ledger/store.h"

struct writer;

/** Open the file and start the thread.  @param key  as store_open(); borrowed. */
enum err writer_start(const char *path, const struct key *key, struct writer **ret_writer, struct fault *f) MUST_USE;
/** Commit what is queued and end the thread.  Nobody may be submitting or waiting. */
void writer_stop(struct writer *w);

/** Queue `n` of them, at most WRITER_GROUP_MAX (of entries of a mirrored lane, WRITER_RING), with numbers in a row, for one transaction.  See ledger_submit(); a
 *  body here has at most BODY_MAX octets.
 *  @param t  copied; what it points to is borrowed as the submission is.  @param ret_number  of the first. */
enum { WRITER_GROUP_MAX = 64, WRITER_RING = 1024 };
enum err writer_submit(struct writer *w, const struct told *t, unsigned n, uint64_t *ret_number, struct fault *f) MUST_USE;
/** Both, and waits: see ledger_append(). */
enum err writer_append(struct writer *w, const struct told *t, unsigned n, uint64_t *ret_number, struct fault *f) MUST_USE;
/** See ledger_wait(). */
enum err writer_wait(struct writer *w, uint64_t number, struct fault *f) MUST_USE;
/** Have the thread do something else with the database between two commits, in a transaction that it commits when `work`
 *  answers OK.  Waits for it. */
typedef enum err writer_work(void *ctx, struct db *db, struct fault *f);
enum err writer_run(struct writer *w, writer_work *work, void *ctx, struct fault *f) MUST_USE;
/** Have everything that was deleted before out of the log, too.  After an error it is tried again until it is done.
 *  @return ERR_BUSY: a reader does not end; ERR_FULL, ERR_IO: the log could not be moved into the file. */
enum err writer_flush(struct writer *w, struct fault *f) MUST_USE;

/** See ledger_on_commit(). */
void writer_on_commit(struct writer *w, void (*call)(void *ctx), void *ctx);
void writer_off_commit(struct writer *w, void *ctx);

/** Of what is durable. */
uint64_t writer_last(struct writer *w);
unsigned writer_lanes(struct writer *w);
void writer_stats(struct writer *w, struct ledger_stats *ret_stats);

#endif
