/* Pull: one source pulled once. */
#ifndef PEER_PULL_H
#define PEER_PULL_H

#include "gate/import.h"
#include "peer/health.h"
#include "peer/pulls.h"

/** Who waits for it.  Any may be NULL. */
struct pull_watch {
	bool (*cancelled)(void *ctx);
	import_complaint *complain;
	/** From time to time: octets that have come, and records that were read. */
	void (*progress)(void *ctx, uint64_t octets, uint64_t records);
	void *ctx;
	bool anew; /**< whatever tags and digests say, and from the start */
};

struct pull_report {
	bool unchanged;              /**< nothing was written */
	struct import_counts counts; /**< of all its imports */
	unsigned imports;
	uint64_t octets, requests;
};

/** Pull it now.  How it went is in its health (with when it is due next), also when it failed; the counts so far are in `ret_report` in any case.
 *  @return OK; ERR_BUSY: it is being pulled; ERR_CANCELLED (not counted as a failure); anything else: what is in its health, too. */
enum err pull_source(struct node *n, const struct pull *p, const struct pull_watch *w, struct pull_report *ret_report, struct fault *f) MUST_USE;

#endif
