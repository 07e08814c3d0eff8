/* Stream: what lanes say, as events: each once and in order, from any place of the past, and who waits is woken when there is more.
 *
 * A reader holds a cursor, the place in each of its lanes, and asks for the next event; nothing is kept for it here, so one that is
 * slow, or comes back after a month, reads on from the ledger.  What was read lately is kept for all (the same few events are asked for
 * by everybody who is up to date).  docs/stream.md has the events and the form of a cursor.
 *
 * An import is told when it has ended: at the place of its ENTRY_ENDED, piece by piece, and never when it did not.  A cursor and the events
 * tell only of lanes that the clearance shows: places are indexes in lanes, which have no gaps for what is hidden.
 *
 * Threads: any.  A thread of its own follows the commits from the first listener on.
 */
#ifndef GATE_STREAM_H
#define GATE_STREAM_H

#include <stdatomic.h>

#include "ledger/ledger.h"

enum {
	STREAM_EVENT_OCTETS = 32 << 10, /**< claims are cut into events of about so much; one record is never cut */
	STREAM_CURSOR_MAX = 8192,       /**< octets of a cursor as text */
};

struct stream;
struct stream *stream_new(struct ledger *l);
/** Nobody listens or reads any more; NULL is fine. */
void stream_free(struct stream *s);

/* ---- cursors ---- */

/** Where in a lane. */
struct stream_place {
	uint64_t index;   /**< what entries below it say is told */
	uint64_t piece;   /**< 0; or the entry `index` ends an import, and its pieces below this index are told, */
	uint64_t records; /**< and of this one so many records that say something */
};
struct stream_lane {
	struct stream_place place;
	uint64_t next;    /**< private: number of the entry that is told next; 0: not looked for */
	uint8_t number;
	char name[LANE_NAME_MAX + 1];
};
/** Plain data: free() it.  The lanes stand by their numbers. */
struct stream_cursor {
	unsigned n;
	struct stream_lane lane[];
};

/** A cursor on the lanes `names`, with commas; empty: on all that `clear` shows.
 *  @param from  a cursor as text: it begins there, and at the start of lanes that are not in it; a number: with one lane, behind so many
 *               of its entries, 0 also with several; empty: with what is committed from now on.
 *  @return OK; ERR_NOTFOUND: no such lane, or none is visible; ERR_SYNTAX: `from` is no cursor on these lanes; ERR_RANGE: it is beyond the end
 *          of a lane: it was given out before the lane was rolled back. */
enum err stream_cursor_open(struct stream *s, clearance clear, struct span names, struct span from, struct stream_cursor **ret_cursor,
			    struct fault *f) MUST_USE;
/** "green/7,public/12.9.300": appended. */
void stream_cursor_put(const struct stream_cursor *c, struct buf *out);
clearance stream_cursor_lanes(const struct stream_cursor *c);

/* ---- reading ---- */

struct stream_event {
	const char *name;  /**< "claims", "retraction", "import", "decision" ...; NULL: there is no more for now */
	struct span data;  /**< a JSON object without a line break; until the event is dropped */
	bool fresh;        /**< others had just read it: it was there; false: it was read out of the ledger */
	void *held;        /**< private */
};
/** The next event of the lanes, in the order in which entries were committed; the cursor is behind it afterwards.
 *  @return OK, also when there is none; ERR_NOTFOUND: a lane is not visible (any more); ERR_CORRUPT, ERR_IO ...: as the ledger, the cursor
 *          stays. */
enum err stream_next(struct stream *s, clearance clear, struct stream_cursor *c, struct stream_event *ret_event, struct fault *f) MUST_USE;
void stream_event_drop(struct stream_event *e);

/** Bodies were erased: what was read of them and is kept for others is given up. */
void stream_forget(struct stream *s);

/* ---- waiting ---- */

/** Somebody who waits; theirs to keep, in place, until stream_leave(). */
struct stream_listener {
	clearance lanes;
	bool any;                  /**< called for every entry, also those that say nothing yet */
	_Atomic uint64_t due_ms;   /**< also called when the monotonic clock passes this (within a second); UINT64_MAX: never */
	void (*call)(void *ctx);   /**< in a thread of the stream's, or another's; quick; may not join or leave */
	void *ctx;
	struct stream_listener *next, **link; /**< private */
};
/** From here on; one that asks for the next event afterwards misses none. */
void stream_join(struct stream *s, struct stream_listener *l);
/** No more calls when this returns. */
void stream_leave(struct stream *s, struct stream_listener *l);
/** Call everybody, whatever they wait for. */
void stream_wake_all(struct stream *s);
/** Entries of a lane as far as those who listen were told; 0: none, or nobody has joined yet. */
uint64_t stream_size(struct stream *s, uint8_t lane);

#endif
