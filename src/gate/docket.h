/* Docket: the decisions of a node, opened: their lane, the fold of it, what is in force by value, and the journal of what changed.
 *
 *   propose, approve, unblock ... ──▶ protected? policy? ──▶ ledger (lane "decisions") ──▶ decision set, table ──▶ journal ──▶ faces
 *
 * Serial: each entry that changes what is in force raises it by one, so that it is the same however often the lane is folded.  Leases end by an
 * entry of their own ("expire"), so between two entries nothing changes, and what a consumer has at a serial is one thing.
 *
 * Threads: any; changes are made one at a time under its lock, which readers of the table do not take. */
#ifndef GATE_DOCKET_H
#define GATE_DOCKET_H

#include "gate/journal.h"
#include "ledger/ledger.h"
#include "view/hits.h"
#include "view/policy.h"
#include "view/roster.h"

#define DOCKET_LANE "decisions"

struct docket;

/** What the node's configuration asks for before a decision is in force. */
struct docket_policy {
	unsigned approvals; /**< by others than who proposed it; 0: a proposal is a decision at once */
	unsigned parties;   /**< distinct ones among proposer and approvers */
	uint64_t spike;     /**< hits of one decision in one report that look like a mistake; 0: none do */
	struct policies policies; /**< of automatic decisions */
};

/** Who must not be blocked: asked before anything is proposed or put in force.
 *  @param action  enum action: what may be challenged must not always be blocked
 *  @param out     NULL, or appended: who protects it and why, a clause ("the special-purpose range 10.0.0.0/8 (RFC 1918)", "it is an ...").
 *  @return true: it is protected. */
typedef bool docket_guard(void *ctx, const struct observable *o, uint8_t action, struct buf *out);

/** Open, and fold the lane.  @param dir  the data directory. */
enum err docket_open(const char *dir, bool writable, struct ledger *l, struct docket **ret_docket, struct fault *f) MUST_USE;
void docket_close(struct docket *d);
/** Before others use it.  Without a policy: 1 approval, 2 parties. */
void docket_set_policy(struct docket *d, const struct docket_policy *p);
const struct policies *docket_policies(const struct docket *d);
void docket_set_guard(struct docket *d, docket_guard *guard, void *ctx);
/** Ask it whether that must not be blocked: false when there is none. */
bool docket_guarded(struct docket *d, const struct observable *o, struct buf *out);
/** The same for another action. */
bool docket_guarded_from(struct docket *d, const struct observable *o, uint8_t action, struct buf *out);
/** Who wants to know that the serial has risen; called by the thread that did it, behind its lock.  At most DOCKET_LISTENERS_MAX, before others use it. */
enum { DOCKET_LISTENERS_MAX = 8 };
void docket_listen(struct docket *d, void (*call)(void *ctx, uint64_t serial), void *ctx);

/* ---- writing ---- */

/** Who says it. */
struct speaker {
	const char *party; /**< at most 63 octets */
	const char *by;    /**< the person; "" : nobody in particular */
	bool stranger;     /**< is not told who protects a value: that may be in a lane that they do not see */
};

/** What docket_say() is asked for: `op` of view/decision.h without enacts, which the policy decides (a policy's own decisions are in force at once:
 *  op.policy is not empty).  Values must be canonical (decision_value_put()).
 *  The values are counted here, and who says it is `who`; op->enacts is set, and nothing else of it.  @param ret_index  of the entry in the lane.
 *  @return OK: durable, folded, and seen by every face; ERR_FORBIDDEN: protected, refused by state or policy (see decision_check()); ERR_NOTFOUND:
 *          unblock or unprotect of a value that nothing is on (the fault names a covering one that is); ERR_RANGE: the lease; or as ledger_wait(). */
enum err docket_say(struct docket *d, const struct speaker *who, struct decision_op *op, uint64_t *ret_index, struct fault *f) MUST_USE;
/** Keep a file as evidence.  @param ret_index  of its entry; `out` gets "decisions/INDEX sha256:HEX". */
enum err docket_evidence(struct docket *d, const struct speaker *who, struct span octets, const char *media, struct buf *out,
			 struct fault *f) MUST_USE;
/** Ends the leases that end at `now_s` or before, by one entry.  @param ret_n  how many decisions.  */
enum err docket_expire(struct docket *d, uint32_t now_s, unsigned *ret_n, struct fault *f) MUST_USE;
/** When the next one ends; 0: never. */
uint32_t docket_next_end(struct docket *d);
/** Ask the guard again for all that is in force: after the register has changed.  A decision on one value that is protected by now is suspended; of a
 *  decision on several, those that are go out of force.  @param ret_n  how many did. */
enum err docket_recheck(struct docket *d, unsigned *ret_n, struct fault *f) MUST_USE;

/** What became of a report. */
struct hits_taken {
	unsigned alarms; /**< decisions that have so many hits, of those that are not suspended, too */
	uint32_t wait_s; /**< with ERR_FULL: when the next may come */
	struct entry entry; /**< of it, the first of several; number 0: there is none.  The caller's: entry_release() */
	uint64_t last;   /**< the last of them */
	struct buf body; /**< as it was written; the caller's */
};
void hits_taken_release(struct hits_taken *t);

/** Take a report of who->party: one entry, with the decision of each value; what is not in force, or has
 *  fewer than HITS_LEAST, is left out (and counted as merged).  By node_hits() alone, which folds it into the table of claims, too.  A blocking of names
 *  for phishing, malware or exploitation that has policy.spike hits or more is suspended until a person has looked: nobody visits a
 *  fresh fake so often, but many visit a shop.
 *  @return ERR_EXISTS: this reporter has told of this time, or a later one; ERR_FULL: it has told of many short ones, see HITS_APART_S;
 *          ERR_RANGE: a time far from now; ERR_SYNTAX. */
enum err docket_hits(struct docket *d, const struct speaker *who, const struct hits_report *r, struct hits_taken *ret_taken, struct fault *f)
	MUST_USE;

/** Entries came into mirrored lanes of decisions: what peers have decided is in force here, too, from now on, and what they take back is not.  Their
 *  word does not protect anything here; what is protected here stays out of it.  Once at the beginning, too, when the guard is set. */
enum err docket_mirrored(struct docket *d, struct fault *f) MUST_USE;

/* ---- reading ---- */

/** The decisions, for as long as it is held (nobody decides meanwhile). */
const struct decision_set *docket_hold(struct docket *d);
/** The same without waiting.  NULL: somebody decides at this moment. */
const struct decision_set *docket_try_hold(struct docket *d);
void docket_let(struct docket *d);
/** The decisions of the `i`-th mirrored lane, while the docket is held; NULL: there are not so many.  @param ret_lane  its name, "PEER.decisions". */
const struct decision_set *docket_foreign(struct docket *d, unsigned i, const char **ret_lane);
enum err docket_foreign_values(struct docket *d, unsigned i, uint64_t index, struct buf *out, struct fault *f) MUST_USE;
/** The values of a decision, in the form of decision_op.values, appended.  Not while it is held. */
enum err docket_values(struct docket *d, uint64_t index, struct buf *out, struct fault *f) MUST_USE;

/** How often each of `n` values was met under what is in force on it: on just that key (wildcard or not). */
void docket_met(struct docket *d, const struct observable *o, size_t n, uint32_t *ret_hits);

/** The table of what is in force: a registered reader (table_reader_init()), never waits.  table_leave(docket_table()) ends it. */
struct table *docket_table(struct docket *d);
/** Leases that end at this second or before are over: for force_of(). */
uint32_t docket_tick(struct docket *d);
uint64_t docket_serial(struct docket *d);

/** The net changes since `serial`, which was the newest once.  @return ERR_NOTFOUND: it never was, or the journal does not go back so far. */
enum err docket_since(struct docket *d, uint64_t serial, struct turns *ret_turns, struct fault *f) MUST_USE;
/** Everything in force: a roster (the caller's to drop), and what changed since it was made (for feed_read(): a key that is in both is as
 *  the turn says). */
enum err docket_full(struct docket *d, struct roster **ret_roster, struct turns *ret_since, struct fault *f) MUST_USE;

/** What entry `index` of the lane says; spans point into the two buffers, the caller's.  @return ERR_GONE, ERR_SYNTAX ... */
enum err docket_read(struct docket *d, uint64_t index, struct buf *body, struct buf *store, struct decision_op *ret_op, struct fault *f) MUST_USE;
/** How often something has been protected or unprotected: rises behind the change of the table. */
uint64_t docket_protections(struct docket *d);

/** When the serial became what it is: the time of the entry, ms; 0: not known any more. */
int64_t docket_time_of(struct docket *d, uint64_t serial);

#endif
