/* Puller: keeps the lanes of the peers (peers.h) mirrored while the daemon runs.  A thread for each peer asks for what it has not got, in parcels;
 * all of it is verified before it counts (ledger_mirror()).  Lanes of decisions come first in each round, so that what is taken back there is taken
 * back here before anything else.
 *
 * A peer that shows another history of a log than before is not followed: both checkpoints are kept (evidence.h), and the lane waits for the operator. */
#ifndef PEER_PULLER_H
#define PEER_PULLER_H

#include "peer/evidence.h"
#include "peer/peers.h"

struct puller;

/** With the peers of DIR/peers.conf; known to the node from then on.  @return as peers_read(). */
enum err puller_start(struct node *n, struct puller **ret_puller, struct fault *f) MUST_USE;
/** No thread of it runs any more, and it has no lanes; puller_metrics() may still ask.  NULL is taken. */
void puller_stop(struct puller *p);
/** Stops it first when it runs.  NULL is taken. */
void puller_free(struct puller *p);
/** The file was changed, or evidence put aside: peers that are new or other are begun, those that are gone are ended. */
enum err puller_reload(struct puller *p, struct fault *f) MUST_USE;

enum pull_state {
	PULL_OK,          /**< all that the peer has */
	PULL_BEHIND,      /**< it has more */
	PULL_STARTING,    /**< not asked yet */
	PULL_UNREACHABLE, /**< it does not answer */
	PULL_REFUSED,     /**< it answers, and not with what holds */
	PULL_ROLLED_BACK, /**< it has signed that it has fewer entries than it had signed before */
	PULL_FORKED,      /**< it has signed another history than before */
	PULL_OFFLINE,     /**< the peer has no URL: what it tells comes in files (join.h) */
	PULL_STOPPED,     /**< nothing pulls: the daemon does not run */
};
/** "ok", "behind", ..., "ROLLED BACK", "FORKED". */
const char *pull_state_name(enum pull_state s);
/** Does somebody have to look at it? */
bool pull_state_is_bad(enum pull_state s);

struct pull_status {
	char peer[PEER_NAME_MAX + 1], lane[LANE_NAME_MAX + 1]; /**< the lane as it is called here */
	enum pull_state state;
	uint64_t size, there;     /**< entries here, and there as far as we know */
	int64_t contact_ms;       /**< when it last answered; 0: never */
	int64_t level_ms;         /**< when we last had all that it has; 0: never */
	uint64_t octets;          /**< that have come over the wire since the daemon began */
	char why[EVIDENCE_WHY_MAX + 1];
};
/** All lanes of all peers, or of one; also when nothing runs.  @param name  NULL: of all.  @param ret_n  how many.
 *  @return the caller's to free. */
struct pull_status *pull_statuses(struct node *n, const struct peers *peers, const char *name, unsigned *ret_n);
/** Metrics of what runs, appended: of the mirrored lanes that are in `clear`.  Any thread. */
void puller_metrics(struct puller *p, clearance clear, struct buf *out);

#endif
