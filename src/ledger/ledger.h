/* Ledger: the facts.  Lanes of entries, append-only, and the vault of their bodies.
 *
 * First form: one SQLite database DIR/ledger.db (WAL, synchronous=FULL).  Nothing above ledger/ knows that.
 *
 * Submissions from any thread are queued; one writer thread commits what has gathered in one transaction (group commit)
 * and only then do the waiters return: what was acknowledged survives kill -9 and power loss.
 * No reading function can be called without a clearance; a lane outside it does not exist for the caller.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/buf.h"
#include "base/err.h"

/** The lanes that a reader may see: bit n for lane number n. */
typedef uint64_t clearance;
enum { LANES_MAX = 64, LANE_NAME_MAX = 31, BODY_MAX = 17 << 20 };
/** Local operator with the data directory in hand. */
#define CLEARANCE_ALL UINT64_MAX

struct ledger;

struct lane {
	uint8_t number;
	char name[LANE_NAME_MAX + 1]; /**< [a-z0-9-]+ */
	uint8_t tlp;                  /**< audience: enum tlp of codec/feed.h, TLP_CLEAR .. TLP_RED */
	char realm[16];               /**< "production" or "exercise" */
	uint64_t size;                /**< entries */
};

enum entry_kind {
	ENTRY_FEED = 1,   /**< a piece of a feed: format and state token say how to read the body */
	ENTRY_SOURCE = 2, /**< a source was added, changed or removed: JSON body */
	ENTRY_LANE = 3,   /**< the first of a lane: its audience */
	ENTRY_ENDED = 4,  /**< an import has ended and counts from here on: JSON body with its counts */
};

enum {
	ENTRY_BEGINS = 1,   /**< first piece of an import */
	ENTRY_SNAPSHOT = 2, /**< of an ENTRY_ENDED: replaces what the source said before */
};

/** What is told to the ledger.  Spans are borrowed until the ticket was waited for. */
struct submission {
	uint8_t lane;
	uint8_t kind, flags;
	uint64_t import;       /**< number of the import's first entry; 0: this is it */
	int64_t time_ms;       /**< when it was received */
	const char *party;     /**< who says it; "local" for the operator; at most 63 octets */
	const char *source;    /**< name of the source, or "" ; at most 63 octets */
	const char *media;     /**< format name; at most 31 octets */
	struct span token;     /**< parser state before this piece */
	uint32_t count;        /**< records in the body */
	struct span body;
};

/** What is read back. */
struct entry {
	uint64_t number;       /**< over all lanes of the node, rising, from 1; gaps are allowed */
	uint64_t index;        /**< in its lane, without gaps, from 0 */
	uint8_t lane, kind, flags;
	uint64_t import;
	int64_t time_ms;
	char party[64], source[64], media[32];
	struct buf token;
	uint32_t count;
	uint32_t body_octets;
	uint8_t digest[32];    /**< SHA-256(nonce || body) */
};
void entry_release(struct entry *e);

/** Make DIR/ledger.db with no lanes.  @return ERR_EXISTS. */
enum err ledger_create(const char *dir, struct fault *f) MUST_USE;
/** @param writable  false: no writer thread, the file is opened read-only.
 *  @return OK; ERR_NOTFOUND: no ledger there; ERR_CORRUPT; ERR_UNSUPPORTED: written by a newer version. */
enum err ledger_open(const char *dir, bool writable, struct ledger **ret_ledger, struct fault *f) MUST_USE;
/** Commits what is queued. */
void ledger_close(struct ledger *l);

enum err ledger_lane_create(struct ledger *l, const char *name, uint8_t tlp, const char *realm, struct lane *ret_lane,
			    struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND also for a lane that `clear` does not show. */
enum err ledger_lane_find(struct ledger *l, clearance clear, const char *name, struct lane *ret_lane) MUST_USE;
/** Visible lanes by number; returns how many were written (at most LANES_MAX). */
unsigned ledger_lanes(struct ledger *l, clearance clear, struct lane ret_lanes[LANES_MAX]);
/** Mask of the lanes whose audience is `tlp` or wider. */
clearance ledger_clearance(struct ledger *l, uint8_t tlp);

/** Queue a submission; its entry number is fixed at once, in order of the calls.
 *  @param ret_number  the number it will have.  Blocks while the queue holds more than its cap of octets. */
enum err ledger_submit(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f) MUST_USE;
/** Wait until every submission up to `number` is durable.  @return OK; ERR_IO, ERR_FULL: that commit failed and nothing of
 *  it is stored; `f` has the reason (disk full ...). */
enum err ledger_wait(struct ledger *l, uint64_t number, struct fault *f) MUST_USE;
/** Both in one. */
enum err ledger_append(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f) MUST_USE;

/** Number of the last durable entry; 0: none. */
uint64_t ledger_last(struct ledger *l);

/** @return ERR_NOTFOUND also when the lane is outside `clear`.  The entry is the caller's: entry_release(). */
enum err ledger_entry(struct ledger *l, clearance clear, uint64_t number, struct entry *ret_entry) MUST_USE;
/** Body octets, appended; its salted digest is checked.  @return ERR_NOTFOUND; ERR_CORRUPT: digest or frame do not hold. */
enum err ledger_body(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;

/** Entries with numbers from `from` on that `clear` shows, in order, with their bodies when `bodies`.
 *  Return other than OK from the visitor to stop; it is passed on. */
typedef enum err entry_visit(void *ctx, const struct entry *e, struct span body, struct fault *f);
enum err ledger_each(struct ledger *l, clearance clear, uint64_t from, bool bodies, entry_visit *visit, void *ctx,
		     struct fault *f) MUST_USE;

/** Commits made, entries and octets stored since opening: for metrics. */
struct ledger_stats { uint64_t commits, entries, body_octets, packed_octets; };
void ledger_stats(struct ledger *l, struct ledger_stats *ret_stats);

#endif
