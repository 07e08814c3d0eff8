/* Index: from a hash to the entries where it occurs: of bodies by their digest, of objects inside bodies by their id.
 * For ledger/ alone.
 *
 * An index on random values in a B-tree costs a page for each value that is written.  So this one is written in runs, as a
 * log-structured merge tree: sorted, never changed, and merged when there are RUNS_OF_A_LEVEL of one level.  What has come
 * since the last run is in the rows of the entries themselves, and in memory of the writer.
 *
 * Table `runs`: number (rising), level, n (records), last (entry up to which this run and the ones before have all).
 * Table `chunks`: id = run * 2^20 + chunk; octets: up to INDEX_CHUNK records in order:
 *
 *   0  8  hash   8  4  entry number   12  4  offset in the body, or INDEX_WHOLE: the digest of the body      big-endian
 */
#ifndef LEDGER_INDEX_H
#define LEDGER_INDEX_H

#include "base/buf.h"
#include "base/err.h"

struct db;
struct index;

enum { INDEX_RECORD = 16, INDEX_CHUNK = 240 };
#define INDEX_WHOLE UINT32_MAX

struct index_hit {
	uint64_t number;
	uint32_t offset;
};

extern const char index_schema[];

/** For the writer: `db` is borrowed. */
enum err index_open(struct db *db, struct index **ret_index, struct fault *f) MUST_USE;
void index_close(struct index *x);
/** Hashes of one entry; numbers rise.  What is in no run when a ledger is opened, of entries above index_covered(), must be
 *  added again. */
void index_add(struct index *x, uint64_t hash, uint64_t number, uint32_t offset);
/** The transaction was given up: what was added for entries above `last` is forgotten. */
void index_undo(struct index *x, uint64_t last);
/** Has enough gathered for a run? */
bool index_due(const struct index *x);
/** Between transactions, with all entries up to `last` durable: write a run and merge, in a transaction of its own. */
enum err index_write(struct index *x, uint64_t last, struct fault *f) MUST_USE;

/** Entry up to which the runs have all.  Any connection. */
enum err index_covered(struct db *db, uint64_t *ret_last, struct fault *f) MUST_USE;
/** Hits of a hash in the runs, appended as struct index_hit.  Any connection. */
enum err index_find(struct db *db, uint64_t hash, struct buf *hits, struct fault *f) MUST_USE;

#endif
