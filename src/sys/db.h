/* One SQLite database file: a connection, its queries, and what SQLite's error codes mean here.
 *
 * A connection and its queries belong to one thread at a time (they may wander between threads under a lock).  Several
 * connections to one file may be used at once, in one process or many.  Writing goes through a write-ahead log
 * (FILE-wal, with its index FILE-shm) and is synchronous: what db_commit() has answered OK to survives power loss.
 * Nothing is checkpointed behind the caller's back: see db_checkpoint().
 *
 * Errors: ERR_FULL disk, quota or size limit; ERR_CORRUPT not a database, or a damaged one; ERR_BUSY another process
 * holds it; ERR_EXISTS a constraint; ERR_FORBIDDEN permissions; ERR_NOTFOUND no such file; ERR_IO the rest.
 * Out of memory aborts.
 */
#ifndef SYS_DB_H
#define SYS_DB_H

#include "base/err.h"
#include "base/span.h"

struct db;
struct query;

enum db_access {
	DB_READ,   /**< the file stays as it is (the log's index beside it may be made) */
	DB_WRITE,  /**< the file must exist */
};

/** Make an empty database, mode 0600, in pages of `page_octets` (a power of two up to 65536).  @return ERR_EXISTS. */
enum err db_create(const char *path, unsigned page_octets, struct db **ret_db, struct fault *f) MUST_USE;
/** Open `path` and read its header.  Waits some seconds for a lock before it says ERR_BUSY. */
enum err db_open(const char *path, enum db_access access, struct db **ret_db, struct fault *f) MUST_USE;
/** Queries must be freed before.  The last writer to close takes the log into the file. */
void db_close(struct db *d);

/** One or more statements without values or results. */
enum err db_exec(struct db *d, const char *sql, struct fault *f) MUST_USE;
/** First column of the first row of `sql` as a number; 0 when there is no row. */
enum err db_number(struct db *d, const char *sql, int64_t *ret_value, struct fault *f) MUST_USE;

enum err db_begin(struct db *d, struct fault *f) MUST_USE;
/** Durable when OK; else nothing of the transaction is left. */
enum err db_commit(struct db *d, struct fault *f) MUST_USE;
/** Does nothing outside a transaction. */
void db_rollback(struct db *d);

/** Wait for locks of others, as after db_open(), or answer ERR_BUSY at once. */
void db_wait_for_locks(struct db *d, bool wait);
/** Pages in the write-ahead log after the last commit of this connection. */
unsigned db_log_pages(const struct db *d);
/** Copy the log into the file as far as readers let it: the next commit can then begin the log anew.
 *  @param all  wait some seconds for readers, and leave the log empty; ERR_BUSY when they do not end. */
enum err db_checkpoint(struct db *d, bool all, struct fault *f) MUST_USE;

/** A consistent copy as a new file, mode 0600, durable, while others go on writing: what they have not committed when
 *  it begins is not in it.  After an error no file is left.  @return ERR_EXISTS; ERR_NOTFOUND: no such directory; ERR_FULL. */
enum err db_backup(struct db *d, const char *path, struct fault *f) MUST_USE;

/** Compile one statement, to be run many times.  Its values are ?1, ?2, ... */
enum err db_query(struct db *d, const char *sql, struct query **ret_query, struct fault *f) MUST_USE;
void query_free(struct query *q);

/* Values.  Octets and text are borrowed until query_reset() or query_run(). */
void query_set_int(struct query *q, int place, int64_t value);
void query_set_octets(struct query *q, int place, struct span value);
void query_set_text(struct query *q, int place, const char *value);

/** @param ret_row  true: a row, to be read with query_int() and query_octets(); false: there are no more. */
enum err query_step(struct query *q, bool *ret_row, struct fault *f) MUST_USE;
/** Ready for new values.  Ends the snapshot that its reading held. */
void query_reset(struct query *q);
/** Run to the end and reset: for statements without rows. */
enum err query_run(struct query *q, struct fault *f) MUST_USE;

/* Columns of the row, from 0.  Spans live until the next step or reset. */
int64_t query_int(struct query *q, int column);
struct span query_octets(struct query *q, int column);
bool query_null(struct query *q, int column);

#endif
