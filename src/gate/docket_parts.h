/* Inside the docket: what its parts know of each other.  docket.c opens, saves and reads; docket_fold.c makes of the lane what it means;
 * docket_say.c writes to it; docket_hits.c takes reports. */
#ifndef GATE_DOCKET_PARTS_H
#define GATE_DOCKET_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "gate/docket.h"
#include "view/met.h"

struct reporter {
	char party[64];
	uint32_t end_s; /* of the last period that it has told of */
	uint32_t due_s; /* moved on by HITS_APART_S with each report, and never before end_s: how far ahead it is of one a minute */
};

/* The decisions of a peer, whose lane is mirrored here.  What they put in force is in the same table as our own, under the number of their lane
 * (claim.lane; our own have 0, which is no lane of decisions), with no lease: it is taken back when their lane says so, or when their lease ends. */
struct foreign {
	struct lane lane;
	struct decision_set *set;
	uint64_t next, folded;     /* as those of the docket */
};

struct docket {
	char *dir;
	bool writable;
	struct ledger *ledger;
	struct lane lane;
	pthread_mutex_t lock;      /* of all that follows but the table for its readers and the atomics */
	struct table *table;
	struct decision_set *set;
	struct journal *journal;
	struct roster *roster;
	_Atomic uint32_t tick_s;
	_Atomic uint64_t serial;
	_Atomic uint64_t protections;
	uint64_t next;             /* index of the first entry that is not folded into the set */
	uint64_t folded;           /* index of the first one that is not in table and journal */
	uint64_t saved;            /* likewise of what is saved */
	struct foreign *foreign[LANES_MAX];
	unsigned n_foreign;
	uint64_t foreign_saved[LANES_MAX]; /* by lane: what the saved table has of each, from the file */
	bool foreign_changed;      /* ... and it is another by now */
	clearance forgotten;       /* lanes of peers of which nothing counts */
	struct docket_policy policy;
	docket_guard *guard;
	void *guard_ctx;
	struct { void (*call)(void *ctx, uint64_t serial); void *ctx; } listener[DOCKET_LISTENERS_MAX];
	unsigned n_listeners;
	struct met *met;           /* hits by value */
	struct reporter *reporter; /* all that have told of hits */
	size_t n_reporters, reporters_room;
};

/* All of these with the lock. */

/** Fold what is in the lane behind what is folded. */
enum err docket_fold(struct docket *d, struct fault *f) MUST_USE;
/** Fold what is in the mirrored lanes of decisions behind what is folded. */
enum err docket_fold_foreign(struct docket *d, struct fault *f) MUST_USE;
/** Those whose leases are over go out of force; what is protected by now, too. */
enum err docket_expire_foreign(struct docket *d, uint32_t now_s, unsigned *ret_n, struct fault *f) MUST_USE;
enum err docket_recheck_foreign(struct docket *d, unsigned *ret_n, struct fault *f) MUST_USE;
uint32_t docket_next_end_foreign(struct docket *d);
void docket_free_foreign(struct docket *d);

/** An entry of our lane, or of a peer's (NULL: ours), and its body, which may go on in those behind it. */
enum err docket_entry(struct docket *d, const struct foreign *x, uint64_t index, struct entry *ret_entry, struct fault *f) MUST_USE;
enum err docket_body(struct docket *d, const struct entry *e, struct buf *out, struct fault *f) MUST_USE;
enum err docket_read_in(struct docket *d, const struct foreign *x, uint64_t index, struct buf *body, struct buf *store, struct decision_op *ret_op,
			struct fault *f) MUST_USE;
/** Into table and journal.  @param ahead  of a peer: decisions as they will be when all is folded: what is over then is not put in force before. */
enum err docket_fold_force(struct docket *d, const struct foreign *x, const struct decision_set *ahead, const struct decision_op *op,
			   const struct decision_entry *at, struct fault *f) MUST_USE;

/** One that tells of hits, new when it has not yet; until the next call. */
struct reporter *docket_reporter(struct docket *d, const char *party);
/** To the lane, and folded. */
enum err docket_tell(struct docket *d, const char *party, uint8_t kind, uint32_t count, struct span body, uint64_t *ret_index, struct fault *f)
	MUST_USE;
/** What the node itself says: checked, told and folded. */
enum err docket_tell_alone(struct docket *d, struct decision_op *op, struct fault *f) MUST_USE;
/** What is derived, so that the next opening has less to fold. */
enum err docket_save(struct docket *d, struct fault *f) MUST_USE;
/** Without the lock: whoever listens hears of a serial that is no longer `before`. */
void docket_call_listeners(struct docket *d, uint64_t before);

#endif
