/* Ledger: the facts.  Lanes of entries, append-only, each a public log (C2SP tlog-tiles) with signed checkpoints, and the
 * vault of their bodies.
 *
 * One SQLite database DIR/ledger.db (WAL, synchronous=FULL).  Nothing above ledger/ knows that.  docs/ledger.md says what is
 * in it, and docs/formats.md what a record is.
 *
 * Submissions from any thread are queued; one writer thread commits what has gathered in one transaction (group commit)
 * and only then do the waiters return: what was acknowledged survives kill -9 and power loss.  Each commit signs a
 * checkpoint of each lane that it adds to, in the same transaction: no checkpoint covers what is not durable.
 *
 * No reading function can be called without a clearance; a lane outside it does not exist for the caller: it is answered,
 * in code and text, as one that was never made.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "ledger/lane.h"
#include "ledger/parcel.h"
#include "ledger/tile.h"

struct ledger;

/* ---- making and opening ---- */

/** Make DIR/ledger.db, mode 0600, with no lanes.
 *  @param name  of the node: a schema-less URL, [a-z0-9.:/-]+, with which the origin of each lane begins; NULL: made from
 *               DIR/node.pub, so that it is never used again after the key is lost.
 *  @return ERR_EXISTS; ERR_NOTFOUND: no DIR, or no key in it; ERR_SYNTAX: the name; ERR_FORBIDDEN, ERR_IO. */
enum err ledger_create(const char *dir, const char *name, struct fault *f) MUST_USE;
/** One process at a time may have it open for writing (the caller's lock sees to that), others for reading meanwhile.
 *  Writing needs DIR/node.key: commits are signed.  Before the first new signature the right edge of each lane is
 *  computed from what is stored, and what does not agree with the last signed root is ERR_CORRUPT.  A ledger of an older
 *  version is migrated, after a backup copy beside it (writable only).
 *  @param writable  false: no writer thread, and entries are not changed; what another process commits is seen.
 *  @return OK; ERR_NOTFOUND: no ledger there; ERR_CORRUPT: not a ledger, or a damaged one; ERR_UNSUPPORTED: written by
 *          a newer version, or by an older one and only to be read; ERR_FORBIDDEN: permissions; ERR_BUSY, ERR_IO. */
enum err ledger_open(const char *dir, bool writable, struct ledger **ret_ledger, struct fault *f) MUST_USE;
/** Commits what is queued.  Nobody may be using it any more; NULL is taken. */
void ledger_close(struct ledger *l);
/** Name of the node. */
const char *ledger_name(const struct ledger *l);

/* ---- lanes ---- */

/** A new lane: name, tlp, realm, members and retention_s of `wanted`; its audience is fixed for ever by its first entry,
 *  an ENTRY_LANE that is written with it.
 *  @param ret_lane  may be NULL.
 *  @return ERR_EXISTS; ERR_FULL: LANES_MAX of them are there; ERR_SYNTAX, ERR_RANGE: not a name, audience or realm; or
 *          as ledger_wait(). */
enum err ledger_lane_create(struct ledger *l, const struct lane *wanted, struct lane *ret_lane, struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND also for a lane that `clear` does not show. */
enum err ledger_lane_find(struct ledger *l, clearance clear, const char *name, struct lane *ret_lane) MUST_USE;
/** Visible lanes by number; returns how many were written (at most LANES_MAX). */
unsigned ledger_lanes(struct ledger *l, clearance clear, struct lane ret_lanes[LANES_MAX]);
/** Mask of the lanes for all whose audience is `tlp` or wider: those with members are not among them. */
clearance ledger_clearance(struct ledger *l, uint8_t tlp);

/* ---- writing ---- */

/** Queue a submission; its entry number is fixed at once, in order of the calls.  Blocks while the queue is at its cap
 *  of octets or submissions.  What `s` points to must stay until ledger_wait() for this number has returned.
 *  @param ret_number  the number it will have (the first of several, when the body is above BODY_MAX).
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

/** Erase the body of an entry of a feed (all of it, when it is several entries) and its nonce, and say so in its lane, in
 *  one transaction.  When it returns OK the octets are overwritten in the database and its log.
 *  @param reason  for people, UTF-8, 1 to REASON_MAX octets; goes into the lane and into answers.
 *  @param ret_number  of the ENTRY_ERASED; may be NULL.  Written as soon as that is durable: with an error, the body is
 *               erased for every reader, but its octets are still in the database's log (no room, or a reader that does not
 *               end).  Emptying it is tried again, without being asked, until it is done, also after the next opening.
 *  @return ERR_NOTFOUND: no such entry; ERR_GONE: it is erased already; ERR_FORBIDDEN: not of a feed, or only to read;
 *          ERR_SYNTAX, ERR_RANGE: the reason; or as ledger_wait(). */
enum err ledger_erase(struct ledger *l, clearance clear, uint64_t number, const char *reason, uint64_t *ret_number,
		      struct fault *f) MUST_USE;
/** Apply the retention of a lane: erase the bodies of feeds in all entries that were received before now_ms - retention,
 *  up to the first that was not or whose import goes on behind it, and say so in the lane.
 *  @param ret_pruned  how many bodies; 0: there was nothing to do, and nothing was said.  Also with an error: as ledger_erase(). */
enum err ledger_prune(struct ledger *l, uint8_t lane, int64_t now_ms, uint64_t *ret_pruned, struct fault *f) MUST_USE;
/** Sign from the next commit on with the new key that key_rotate() has left in DIR: an ENTRY_KEY in each lane, whose
 *  checkpoints are signed by both keys.  @return ERR_NOTFOUND: there is no new key. */
enum err ledger_rekey(struct ledger *l, struct fault *f) MUST_USE;

/** Who wants to know that something was committed: called behind each commit, when it is durable, by the thread that did it and before
 *  the next one begins: so it must be quick, and may not use the ledger.  At most four; of one that was opened to be read none is called. */
void ledger_on_commit(struct ledger *l, void (*call)(void *ctx), void *ctx);
/** No more, when this returns. */
void ledger_off_commit(struct ledger *l, void *ctx);

/* ---- reading entries ---- */

/** Number of the last durable entry over all lanes, for the writers; 0: none (or, opened to be read, the file could not be). */
uint64_t ledger_last(struct ledger *l);

/** @return ERR_NOTFOUND also when the lane is outside `clear`.  The entry is the caller's: entry_release(). */
enum err ledger_entry(struct ledger *l, clearance clear, uint64_t number, struct entry *ret_entry) MUST_USE;
/** By lane and index: the number.  @return ERR_NOTFOUND. */
enum err ledger_find(struct ledger *l, clearance clear, uint8_t lane, uint64_t index, uint64_t *ret_number) MUST_USE;
/** "LANE/INDEX" or a number, as people write it: the number of an entry that `clear` shows.
 *  @return ERR_NOTFOUND, ERR_SYNTAX, with a sentence. */
enum err ledger_resolve(struct ledger *l, clearance clear, struct span text, uint64_t *ret_number, struct fault *f) MUST_USE;
/** Record of an entry, octet for octet, appended. */
enum err ledger_record(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;
/** Body octets, appended; its salted digest is checked.
 *  @return ERR_NOTFOUND: as above; ERR_GONE: it was erased or pruned, the fault has when and why; ERR_CORRUPT: digest or
 *          frame do not hold, or it is lost; then nothing was appended. */
enum err ledger_body(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;
/** Nonce and body, appended: what the digest is of. */
enum err ledger_salted_body(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;

/** The entry of a lane whose body has this digest.  @return ERR_NOTFOUND. */
enum err ledger_find_digest(struct ledger *l, clearance clear, uint8_t lane, const uint8_t digest[32], uint64_t *ret_number,
			    struct fault *f) MUST_USE;
/** Entries that may hold the object `id` (see struct object), newest first: `octets` is the body from where it begins.  Only
 *  that body is unpacked (and those it goes on in).  The index is of hashes: `match` says whether it is the one.
 *  @return OK: `match` has said so; ERR_NOTFOUND; ERR_GONE: there was one, whose body is erased. */
typedef bool object_match(void *ctx, const struct entry *e, struct span octets);
enum err ledger_object(struct ledger *l, clearance clear, struct span id, object_match *match, void *ctx, struct fault *f) MUST_USE;

/** Entries with numbers from `from` on that `clear` shows, in order, with their bodies when `bodies` (empty for those that
 *  are gone): those that are durable when it is called.  The entry and its body are lent for the call; no lock or
 *  snapshot is held meanwhile, so the visitor may take its time and use the ledger.  Return other than OK to stop; it is
 *  passed on. */
typedef enum err entry_visit(void *ctx, const struct entry *e, struct span body, struct fault *f);
enum err ledger_each(struct ledger *l, clearance clear, uint64_t from, bool bodies, entry_visit *visit, void *ctx,
		     struct fault *f) MUST_USE;
/** The same for one lane, from the index `from` on: costs what is in that lane, however much there is in others.  Without bodies. */
enum err ledger_each_in(struct ledger *l, clearance clear, uint8_t lane, uint64_t from, entry_visit *visit, void *ctx,
			struct fault *f) MUST_USE;
/** From number `to` on down, without bodies: newest first. */
enum err ledger_each_back(struct ledger *l, clearance clear, uint64_t to, entry_visit *visit, void *ctx, struct fault *f) MUST_USE;

/* ---- lanes as logs ---- */

/** The last signed checkpoint, with the cosignatures that came in for it, appended: a signed note.
 *  @return ERR_NOTFOUND: no such lane. */
enum err ledger_checkpoint(struct ledger *l, clearance clear, uint8_t lane, struct buf *out, struct fault *f) MUST_USE;
/** A tile or bundle of the lane as it is now.  Any width up to that of the tile is served.
 *  @return ERR_NOTFOUND: the lane has not so many entries. */
enum err ledger_tile(struct ledger *l, clearance clear, uint8_t lane, const struct tile *t, struct buf *out,
		     struct fault *f) MUST_USE;
/** Proofs in the tree of the first `size` entries, which are durable.  @return as merkle_inclusion(), ERR_NOTFOUND. */
enum err ledger_inclusion(struct ledger *l, clearance clear, uint8_t lane, uint64_t index, uint64_t size,
			  struct merkle_proof *ret_proof, struct fault *f) MUST_USE;
enum err ledger_consistency(struct ledger *l, clearance clear, uint8_t lane, uint64_t old, uint64_t size,
			    struct merkle_proof *ret_proof, struct fault *f) MUST_USE;
/** Receipt of an entry: a proof file (proof.h) with record and, while it is not erased, nonce, appended.  The checkpoint is
 *  the last one with cosignatures if that has the entry, else the last one. */
enum err ledger_receipt(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f) MUST_USE;
/** Take cosignature lines of a checkpoint note of a lane that is ours: those by a key of `witnesses` that hold, of a
 *  size that the lane has had with that root, are stored with it.
 *  @param ret_taken  how many lines.  @return ERR_NOTFOUND: no such lane; ERR_SYNTAX; ERR_CORRUPT: not our root at that size. */
struct verifier;
enum err ledger_cosign(struct ledger *l, clearance clear, uint8_t lane, struct span note, const struct verifier *witnesses,
		       unsigned n, unsigned *ret_taken, struct fault *f) MUST_USE;
/** Public keys that have signed for our lanes of this realm, first to last, 32 octets each; at most `room` are written. */
unsigned ledger_keys(struct ledger *l, const char *realm, uint8_t (*ret_keys)[32], unsigned room);
/** The same of one lane, which may be mirrored. */
unsigned ledger_lane_keys(struct ledger *l, const struct lane *lane, uint8_t (*ret_keys)[32], unsigned room);

/* ---- of others ---- */

/** A stretch of a lane, from an index on, as it goes to a node that mirrors it: a parcel (parcel.h), appended.
 *  @return ERR_NOTFOUND: no such lane; ERR_RANGE: no checkpoint was signed where one is needed (a lane that was migrated). */
enum err ledger_parcel(struct ledger *l, clearance clear, uint8_t lane, uint64_t from, struct buf *out, struct fault *f) MUST_USE;
/** What comes before the parcels from `size` on, for who cannot ask: a parcel without entries, appended, with the last checkpoint that was signed of at most
 *  so many entries.  Its `first` is where they begin; nothing is appended when that is 0.  @return ERR_NOTFOUND: no such lane; ERR_RANGE: it has not so many
 *  entries, or none was signed near. */
enum err ledger_parcel_start(struct ledger *l, clearance clear, uint8_t lane, uint64_t size, struct buf *out, struct fault *f) MUST_USE;

/** Take a parcel into a mirrored lane: everything is checked first (signature, leaves, bodies, root), and then it is one transaction with the
 *  peer's checkpoint; the first one makes the lane.  Nobody else can write into such a lane, and this node signs nothing in it.  It may begin before the lane
 *  ends here: then what is here already is held against it.
 *  @return OK: see ret_done->state.  ERR_FORBIDDEN: not signed by the peer, or a lane of our own; ERR_EXISTS: the origin is mirrored already, under
 *          another name; ERR_CORRUPT, ERR_SYNTAX, ERR_RANGE, ERR_UNSUPPORTED: the parcel does not hold; ERR_BUSY: it begins behind the end of
 *          the lane; ERR_FULL: there are LANES_MAX; or as ledger_wait().  Then nothing is taken; with ERR_IO and ret_done->state MIRROR_GREW it is, and
 *          what is erased is still in the database's log (see ledger_erase()). */
enum err ledger_mirror(struct ledger *l, const struct mirror_order *o, struct span parcel, struct mirror_done *ret_done, struct fault *f) MUST_USE;

/** Witness: the last checkpoint of another log that this node has cosigned, as a note; ERR_NOTFOUND: none. */
enum err ledger_witnessed(struct ledger *l, struct span origin, struct buf *out, struct fault *f) MUST_USE;
/** Keep this one from now on, if the last is still what the caller saw (compare and set, durable when OK).
 *  @param old_size  0: there was none.  @return ERR_BUSY: another was kept meanwhile. */
enum err ledger_witness(struct ledger *l, struct span origin, uint64_t old_size, uint64_t size, struct span note,
			struct fault *f) MUST_USE;

/** The key with which this node cosigns: its name and its production key, of type NOTE_COSIGNATURE.
 *  @return ERR_FORBIDDEN: opened to be read. */
enum err ledger_cosigner(struct ledger *l, struct verifier *ret_verifier, struct fault *f) MUST_USE;
/** Sign the text of a checkpoint with it, and append the line for its note.  witness.h has the rules. */
enum err ledger_cosignature(struct ledger *l, struct span text, uint64_t time_s, struct buf *out, struct fault *f) MUST_USE;

/** Sign a message that is neither checkpoint nor cosignature with the node's production key.  It begins with a line that says
 *  what it is for, so that no signature can be taken for another.
 *  @param public  the key that is to sign.  @return ERR_BUSY: it was replaced meanwhile; ERR_FORBIDDEN: opened to be read. */
enum err ledger_sign(struct ledger *l, const uint8_t public[32], struct span message, uint8_t ret_signature[64], struct fault *f)
	MUST_USE;

/* ---- whole ---- */

/** A consistent copy of the database, `path`, while others go on writing.  @return ERR_EXISTS. */
enum err ledger_backup(struct ledger *l, const char *path, struct fault *f) MUST_USE;

/** Everything checked against everything: each record and its row, each digest, tile, root, signature and checkpoint,
 *  erased bodies against what the lanes say of them.  Goes on after a finding.
 *  @param finding  called for each thing that does not hold, from any of its threads, one call at a time.
 *  @param progress  from time to time; false cancels (ERR_CANCELLED).  Both may be NULL.
 *  @return OK: it went through, see ret_counts->findings (struct verify_counts: entry.h); ERR_IO, ERR_CANCELLED ... */
enum err ledger_verify(struct ledger *l, unsigned threads, void (*finding)(void *ctx, const char *text),
		       bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx, struct verify_counts *ret_counts,
		       struct fault *f) MUST_USE;

/** All zero for a ledger that was opened to be read. */
void ledger_stats(struct ledger *l, struct ledger_stats *ret_stats);

#endif
