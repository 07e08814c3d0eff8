/* Pool: connections that read the database, one for each thread that is reading; those not in use are kept.  For ledger/
 * alone.
 *
 * All that reads what a lane holds is in the table of pool.c, and the clearance is the first value of each: a row of a lane
 * outside it does not exist.  That is the one place where a clearance is looked at. */
#ifndef LEDGER_POOL_H
#define LEDGER_POOL_H

#include "base/siphash.h"
#include "ledger/entry.h"

struct db;
struct query;
struct pool;
struct connection;

/** What can be asked; values from ?2 on behind each. */
enum pool_query {
	Q_LAST,         /**< number of the last entry; no clearance: for the writers */
	Q_LANES,        /**< number, name, tlp, realm, members, retention_s, origin, size, pruned, number of the first entry, peer */
	Q_PAGE,         /**< ?2 <= number <= ?3, at most ?4: number, lane, idx, import, octets, record, is the body gone */
	Q_PAGE_BACK,    /**< the same, newest first */
	Q_LANE_PAGE,    /**< lane ?2, idx >= ?3, at most ?4: as Q_PAGE, by index */
	Q_BODY,         /**< number ?2: octets, record, nonce, frame, lane, idx */
	Q_FIND,         /**< lane ?2, idx ?3: number */
	Q_RECORDS,      /**< lane ?2, ?3 <= idx <= ?4: record, number */
	Q_GONE,         /**< lane ?2, idx ?3: kind, said, reason */
	Q_TILE,         /**< lane ?2, tile id ?3: hashes */
	Q_ROOT,         /**< lane ?2: the last idx, root, signatures, origin */
	Q_ROOT_AT,      /**< lane ?2, idx ?3: idx, root, signatures, origin; no row when no commit ended there */
	Q_COSIGNED,     /**< lane ?2: the greatest size that has cosignatures */
	Q_COSIGNATURES, /**< lane ?2, size ?3: line */
	Q_KEYS,         /**< ring ?2: number, public; no clearance: they are public */
	Q_RECENT,       /**< number > ?2: number, record, objects; for the index */
	Q_WHOLE,        /**< lane ?2, ?3 <= idx <= ?4: number, idx, import, octets, record, root, signatures, nonce, frame */
	Q_ROOTS,        /**< lane ?2, ?3 <= idx <= ?4: idx, root; only where there is one */
	Q_GONE_ALL,     /**< lane ?2: first, last, kind, said, reason */
	POOL_QUERIES,
};

/** @return as ledger_open(), which also has looked whether the file is there. */
enum err pool_open(const char *path, struct pool **ret_pool, struct fault *f) MUST_USE;
void pool_close(struct pool *p);
const char *pool_node(const struct pool *p);
struct siphash_seed pool_seed(const struct pool *p);

enum err pool_take(struct pool *p, struct connection **ret_connection, struct fault *f) MUST_USE;
/** Ends the snapshots of whatever was read. */
void pool_give(struct pool *p, struct connection *c);
/** A query of a connection, its clearance set; the caller sets the rest. */
struct query *pool_query(struct connection *c, enum pool_query which, clearance clear);
struct db *pool_db(struct connection *c);

#endif
