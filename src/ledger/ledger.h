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

#include "ledger/entry.h"

struct ledger;

/** Make DIR/ledger.db, mode 0600, with no lanes.  @return ERR_EXISTS; ERR_NOTFOUND: no DIR; ERR_FORBIDDEN, ERR_IO. */
enum err ledger_create(const char *dir, struct fault *f) MUST_USE;
/** One process at a time may have it open for writing (the caller's lock sees to that), others for reading meanwhile.
 *  @param writable  false: no writer thread, and entries are not changed; what another process commits is seen.
 *  @return OK; ERR_NOTFOUND: no ledger there; ERR_CORRUPT: not a ledger, or a damaged one; ERR_UNSUPPORTED: written by
 *          a newer version; ERR_FORBIDDEN: permissions; ERR_BUSY, ERR_IO. */
enum err ledger_open(const char *dir, bool writable, struct ledger **ret_ledger, struct fault *f) MUST_USE;
/** Commits what is queued.  Nobody may be using it any more; NULL is taken. */
void ledger_close(struct ledger *l);

/** The audience of a lane is fixed for ever by its first entry, an ENTRY_LANE that is written with it.
 *  @param ret_lane  may be NULL.
 *  @return ERR_EXISTS; ERR_FULL: LANES_MAX of them are there; ERR_SYNTAX, ERR_RANGE: not a name, audience or realm; or
 *          as ledger_wait(). */
enum err ledger_lane_create(struct ledger *l, const char *name, uint8_t tlp, const char *realm, struct lane *ret_lane,
			    struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND also for a lane that `clear` does not show. */
enum err ledger_lane_find(struct ledger *l, clearance clear, const char *name, struct lane *ret_lane) MUST_USE;
/** Visible lanes by number; returns how many were written (at most LANES_MAX). */
unsigned ledger_lanes(struct ledger *l, clearance clear, struct lane ret_lanes[LANES_MAX]);
/** Mask of the lanes whose audience is `tlp` or wider. */
clearance ledger_clearance(struct ledger *l, uint8_t tlp);

/** Queue a submission; its entry number is fixed at once, in order of the calls.  Blocks while the queue is at its cap
 *  of octets or submissions.  What `s` points to must stay until ledger_wait() for this number has returned.
 *  @param ret_number  the number it will have.
 *  @return OK; ERR_RANGE, ERR_SYNTAX, ERR_NOTFOUND (no such lane): it was not queued; ERR_FORBIDDEN: only to read. */
enum err ledger_submit(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f) MUST_USE;
/** Wait until everything up to `number` has been committed or has failed, and say which of both happened to `number`
 *  itself: call it for each number that was submitted (those that are settled are answered at once).
 *  @return OK: durable.  ERR_FULL: no space; ERR_IO ...: the commit that it was in failed and nothing of that is
 *          stored; `f` has the reason.  Later submissions are tried anew: they succeed when there is space again.
 *          ERR_RANGE: no such number was given out. */
enum err ledger_wait(struct ledger *l, uint64_t number, struct fault *f) MUST_USE;
/** Both in one. */
enum err ledger_append(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f) MUST_USE;

/** Number of the last durable entry; 0: none (or, opened to be read, the file could not be). */
uint64_t ledger_last(struct ledger *l);

/** @return ERR_NOTFOUND also when the lane is outside `clear`.  The entry is the caller's: entry_release(). */
enum err ledger_entry(struct ledger *l, clearance clear, uint64_t number, struct entry *ret_entry) MUST_USE;
/** Body octets, appended; its salted digest is checked.
 *  @return ERR_NOTFOUND: as above; ERR_CORRUPT: digest or frame do not hold; then nothing was appended. */
enum err ledger_body(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;

/** Entries with numbers from `from` on that `clear` shows, in order, with their bodies when `bodies`:
 *  those that are durable when it is called.  The entry and its body are lent for the call; no lock or snapshot is held
 *  meanwhile, so the visitor may take its time and use the ledger.  Return other than OK to stop; it is passed on. */
typedef enum err entry_visit(void *ctx, const struct entry *e, struct span body, struct fault *f);
enum err ledger_each(struct ledger *l, clearance clear, uint64_t from, bool bodies, entry_visit *visit, void *ctx,
		     struct fault *f) MUST_USE;

/** All zero for a ledger that was opened to be read. */
void ledger_stats(struct ledger *l, struct ledger_stats *ret_stats);

#endif
