/* For stream*.c alone: what the parts of a stream know of each other. */
#ifndef GATE_STREAM_PARTS_H
#define GATE_STREAM_PARTS_H

#include <pthread.h>

#include "gate/stream.h"

struct feed_parser;

enum {
	STREAM_RECENT = 128,             /* entries that say something, remembered for each lane */
	STREAM_CACHED = 256,             /* events kept for those who ask next ... */
	STREAM_CACHED_OCTETS = 16 << 20, /* ... and their octets, at most */
	STREAM_OPEN = 16,                /* pieces kept open */
};

/** An event, shared by its readers. */
struct stream_block {
	atomic_uint holders;
	uint8_t lane;
	const char *name;
	struct stream_place from, next;
	struct buf text;
};

/** A piece of an import whose records are being told, by the place where that goes on. */
struct stream_piece {
	bool used;
	uint8_t lane;
	struct stream_place at;
	uint64_t next_piece;         /* index behind its last entry */
	struct entry entry;          /* its first */
	struct buf body;
	size_t read;                 /* octets of it that the parser has consumed */
	struct feed_parser *parser;  /* NULL: nothing is left, or it cannot be read */
	uint64_t touched;            /* for throwing out the one that was not used for longest */
};
void stream_piece_release(struct stream_piece *p);

/** What is known of a lane without asking the ledger. */
struct stream_known {
	uint64_t size;
	uint64_t from;               /* those of the entries from here on that say something are in `recent` */
	unsigned first, n;           /* a ring */
	struct { uint64_t index, number; } recent[STREAM_RECENT];
};

struct stream {
	struct ledger *ledger;
	pthread_mutex_t lock;        /* of what follows */
	struct stream_known *lane[LANES_MAX]; /* NULL: there is none yet */
	uint64_t seen;               /* entries up to this number are in them; later ones are not told yet, so that lanes keep their order */
	struct stream_block *cached[STREAM_CACHED]; /* a ring; NULL: free */
	unsigned cached_at;
	size_t cached_octets;
	struct stream_piece open[STREAM_OPEN];
	uint64_t clock;
	uint64_t forgotten;          /* how often; what was read before that is not kept */

	pthread_mutex_t listening;   /* of what follows; held while they are called */
	struct stream_listener *listeners;
	bool runs;                   /* the thread, since somebody joined */

	pthread_mutex_t waking;      /* of what follows */
	pthread_cond_t wakes;
	bool committed, stop;
	pthread_t thread;
};

uint64_t stream_forgotten(struct stream *s);

/** Does an entry say something by itself?  A piece waits for the end of its import, and evidence is for those who fetch it. */
static inline bool stream_says(uint8_t kind)
{
	return kind != ENTRY_FEED && kind != ENTRY_EVIDENCE;
}

/** The first event at `from` of a lane, which is the place of an entry `e` that says something, read out of the ledger.
 *  @param ret_block  held once. */
enum err stream_tell(struct stream *s, clearance clear, const char *lane, const struct entry *e, const struct stream_place *from,
		     struct stream_block **ret_block, struct fault *f) MUST_USE;

#endif
