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
