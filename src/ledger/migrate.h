/* Migrate: a ledger of an older version becomes one of this version.  For ledger/ alone. */
#ifndef LEDGER_MIGRATE_H
#define LEDGER_MIGRATE_H

#include "base/err.h"

/** Bring the database at `path`, in `dir`, to STORE_VERSION, in one transaction, after a copy was made beside it
 *  (ledger.db.v1, whole or not there, and kept; one of a migration that was broken off is replaced).
 *  Nothing is done to one of this version.
 *  @return ERR_UNSUPPORTED: of a newer version. */
enum err migrate(const char *dir, const char *path, struct fault *f) MUST_USE;

#endif
