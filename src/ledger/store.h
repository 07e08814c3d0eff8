/* Store: the connection that writes the database of a ledger, a batch of submissions in one transaction.  For ledger/
 * alone.  One thread at a time. */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include "ledger/entry.h"

struct db;
struct store;

/** Make the file `path`, empty of lanes.  @return ERR_EXISTS. */
enum err store_create(const char *path, struct fault *f) MUST_USE;
/** Is it a ledger, and of a version that this build knows?  @return ERR_CORRUPT, ERR_UNSUPPORTED. */
enum err store_check(struct db *db, const char *path, struct fault *f) MUST_USE;

enum err store_open(const char *path, struct store **ret_store, struct fault *f) MUST_USE;
void store_close(struct store *st);

enum err store_begin(struct store *st, struct fault *f) MUST_USE;
/** Add an entry with its body.  @param founds  the lane that this entry makes, or NULL. */
enum err store_put(struct store *st, uint64_t number, const struct submission *s, const struct lane *founds,
		   struct fault *f) MUST_USE;
/** Durable when OK; else nothing since store_begin() is stored. */
enum err store_commit(struct store *st, struct fault *f) MUST_USE;
/** Give up what was put since store_begin(). */
void store_undo(struct store *st);

/** As of the last commit. */
unsigned store_lanes(const struct store *st);
uint64_t store_last(const struct store *st);
const struct ledger_stats *store_stats(const struct store *st);

/** Octets in the write-ahead log, and moving them into the file. */
uint64_t store_log_octets(const struct store *st);
void store_checkpoint(struct store *st);

#endif
