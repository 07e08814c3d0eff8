/* Parcel: a stretch of a lane as one node gives it to another: entries in a row with their bodies, and the signed checkpoint that ends with
 * them.  So whoever has the tree before them can check all of it, and what is checked is a whole state of the lane.
 *
 *   offset size
 *      0     8   "SIPARPC1"
 *      8     8   first: index of the first entry
 *     16     8   size of the lane when it was made: a hint, and not signed
 *     24     4   count: entries; 0: there are none from `first` on
 *     28     4   octets of the note
 *     32         the signed checkpoint; with entries, of the size first + count
 *   count times:
 *            2   octets of the record
 *            4   octets of nonce and body together, at least 32; 0: the body is gone
 *                the record (record.h), octet for octet
 *                nonce and body, or, when they are gone:
 *            1   kind of the entry that says so: ENTRY_ERASED or ENTRY_PRUNED
 *            8   its index in the lane
 *
 * Integers are big-endian.  Nothing in it is to be believed before it was checked (mirror.h). */
#ifndef LEDGER_PARCEL_H
#define LEDGER_PARCEL_H

#include "base/buf.h"
#include "base/err.h"

enum {
	PARCEL_HEAD = 32,
	PARCEL_ENTRIES = 512,           /**< after so many it ends at the next checkpoint; one commit has fewer, */
	PARCEL_ENTRIES_MAX = 1000,      /**< so that there are never more than this */
	PARCEL_OCTETS = 4 << 20,        /**< likewise */
	PARCEL_OCTETS_MAX = 96 << 20,
};

struct parcel {
	uint64_t first, size_there;
	uint32_t count;
	struct span note;
	struct span rest;               /**< private: entries that were not read yet */
	uint32_t left;                  /**< private */
};
struct parcel_entry {
	struct span record;
	struct span salted;             /**< nonce and body; empty: gone */
	uint8_t gone_kind;
	uint64_t gone_said;
};

/** The head; spans point into `octets`.  @return ERR_SYNTAX; ERR_UNSUPPORTED: another version; ERR_RANGE: more than a parcel has. */
enum err parcel_open(struct span octets, struct parcel *ret_parcel, struct fault *f) MUST_USE;
/** The next entry.  @return OK; ERR_NOTFOUND: that was the last, and nothing follows it; ERR_SYNTAX. */
enum err parcel_next(struct parcel *p, struct parcel_entry *ret_entry, struct fault *f) MUST_USE;

/** Head and note, to which entries are added. */
void parcel_put_head(const struct parcel *p, struct buf *out);
void parcel_put_entry(const struct parcel_entry *e, struct buf *out);

/* ---- taking one: ledger_mirror() ---- */

struct record;
/** Where a parcel comes from, and who must have signed it. */
struct mirror_order {
	const char *peer, *lane;        /**< name of the node here, and of the lane there: together it is "PEER.LANE" */
	const uint8_t (*keys)[32];      /**< of the peer, as the operator has them; needed for the first parcel only, or after a loss of its key */
	unsigned n_keys;
	/** The objects in the body of a feed's entry, by rising offset, appended as struct object; ids that point into the body.  NULL: none are kept. */
	void (*objects)(void *ctx, const struct record *r, struct span body, struct buf *ret_objects);
	void *ctx;
	bool only_check;                /**< take nothing; ret_done is what it would be */
};
enum mirror_state {
	MIRROR_LEVEL,     /**< the peer has what is here */
	MIRROR_GREW,      /**< entries were added, durably */
	MIRROR_SMALLER,   /**< the peer has signed that it has fewer than it had signed before: rolled back */
	MIRROR_DIFFERENT, /**< what the peer has signed does not continue what is here by these entries: forked, or they were altered on the way */
};
struct mirror_done {
	enum mirror_state state;
	uint8_t lane;
	bool founded;               /**< the lane is new here */
	bool proved;                /**< MIRROR_DIFFERENT: nothing was altered on the way, the parcel itself shows that another history was signed */
	bool erased;                /**< entries said that bodies are gone, and so they are here */
	uint64_t size, size_there;  /**< entries here by now, and there as the peer says */
	uint64_t first;             /**< MIRROR_GREW: number of the first entry; the others have those behind it */
	uint32_t n;
};

#endif
