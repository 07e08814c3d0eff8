/* Inside the puller: what its parts know of each other.  puller.c pulls; puller_tell.c says how it stands. */
#ifndef PEER_PULLER_PARTS_H
#define PEER_PULLER_PARTS_H

#include <pthread.h>

#include "ledger/remote.h"
#include "peer/puller.h"

/* A lane of a peer. */
struct pulled {
	struct pull_status status; /* with the puller's lock */
	struct remote *remote;     /* of the peer's thread, as all that follows */
	uint64_t cosigned;         /* size that was cosigned last */
	int64_t cosign_ms;         /* not before then */
	int64_t cosign_fresh_ms;   /* ... nor what was cosigned already before then */
};

struct station {
	struct station *next;
	struct puller *puller;
	struct peer peer;
	pthread_t thread, watch;   /* the one that pulls, and the one that hears when there is something */
	bool stop, wake;           /* with the lock */
	unsigned failures;         /* in a row */
	struct pulled lane[PEER_LANES_MAX];
	struct buf parcel;
};

/** A cancelled() of fetches: ctx is a struct station. */
bool station_is_stopped(void *ctx);
/** Of lane `i` of the peer, as it stands here when nobody pulls it. */
void pull_status_here(struct node *n, const struct peer *p, unsigned i, struct pull_status *ret_status);
/** The thread that hears. */
void *station_watch(void *arg);

struct puller {
	struct node *node;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct station *stations;
	pthread_mutex_t reloading; /* one at a time */
};

#endif
