/* Store: the connection that writes the database of a ledger, a batch of submissions in one transaction.  For ledger/
 * alone.  One thread at a time. */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include "ledger/entry.h"

struct db;
struct key;
struct store;

enum { STORE_VERSION = 3 };

/** Bodies that are to go with the entry that says so. */
struct removal {
	uint8_t kind;          /**< ENTRY_ERASED or ENTRY_PRUNED */
	uint64_t first, last;  /**< indexes in the lane of the entry; of them the entries of feeds */
	const char *reason;
};

/** An entry of a mirrored lane, as it is where it was written; everything was verified before (mirror.h). */
struct foreign {
	struct span record;    /**< octet for octet */
	struct span nonce;     /**< empty: the body is gone, */
	uint8_t gone_kind;     /**< as an entry of this kind ... */
	uint64_t gone_said;    /**< ... at this index says */
	uint64_t index;
	const struct seal *seal; /**< of the last of a group: the checkpoint that ends with it; else NULL */
};
/** A checkpoint that others have signed: its root, and the signatures that hold. */
struct seal {
	uint8_t root[32];
	unsigned n;
	struct { uint8_t key[32], signature[64]; } by[2];
};

/** A submission with what only the ledger itself can say. */
struct told {
	struct submission s;           /**< s.body.n <= BODY_MAX */
	uint32_t at;                   /**< of a body that was split: where this part begins, for the offsets of objects */
	const struct lane *founds;     /**< the lane that this entry makes, or NULL */
	const struct removal *removes; /**< or NULL */
	const struct key *next_key;    /**< or NULL: sign by both, and then by this one (borrowed from then on) */
	const struct foreign *foreign; /**< or NULL; of `s` count lane, body and objects then */
};

/** Make the file `path`, empty of lanes.  @return ERR_EXISTS. */
enum err store_create(const char *path, const char *name, struct fault *f) MUST_USE;
/** Its tables, empty, in a transaction of the caller. */
enum err store_schema(struct db *db, const char *name, struct fault *f) MUST_USE;
/** Is it a ledger, and of a version that this build knows?  @return ERR_CORRUPT, ERR_UNSUPPORTED. */
enum err store_check(struct db *db, const char *path, struct fault *f) MUST_USE;
/** Version of it; ERR_CORRUPT: not a ledger. */
enum err store_version(struct db *db, const char *path, unsigned *ret_version, struct fault *f) MUST_USE;

/** Trees are loaded and compared with the last signed root of each lane (ERR_CORRUPT).
 *  @param key  signs; borrowed.  @return ERR_FORBIDDEN: it is not the key that signed last. */
enum err store_open(const char *path, const struct key *key, struct store **ret_store, struct fault *f) MUST_USE;
void store_close(struct store *st);

enum err store_begin(struct store *st, struct fault *f) MUST_USE;
/** Add an entry with its body. */
enum err store_put(struct store *st, uint64_t number, const struct told *t, struct fault *f) MUST_USE;
/** Sign the lanes that have grown.  Durable when OK; else nothing since store_begin() is stored. */
enum err store_commit(struct store *st, struct fault *f) MUST_USE;
/** Give up what was put since store_begin(). */
void store_undo(struct store *st);
/** Work that nobody waits for: see index_write(). */
void store_maintain(struct store *st);

/** As of the last commit. */
unsigned store_lanes(const struct store *st);
/** A bit for each lane that is mirrored: nobody here writes into it. */
uint64_t store_mirrored(const struct store *st);
uint64_t store_last(const struct store *st);
const struct ledger_stats *store_stats(const struct store *st);
struct db *store_db(struct store *st);

/** Octets in the write-ahead log, and moving them into the file. */
uint64_t store_log_octets(const struct store *st);
void store_checkpoint(struct store *st);
/** Leave nothing in the log.  @param wait  for readers.  @return ERR_BUSY: they did not end; ERR_FULL, ERR_IO. */
enum err store_empty_log(struct store *st, bool wait, struct fault *f) MUST_USE;

#endif
