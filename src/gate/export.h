/* Export: what the node says, as far as a clearance shows it, as one signed file for edges (view/snapshot.h).
 *
 * The file tells nothing of lanes outside the clearance: sources, lanes, groups and ledger entries are numbered anew, so that no
 * gap tells how many there are, a source without a claim or rule that it may see is left out, and the hash has a
 * seed of its own.  Claims name ledger entries by their index in their lane.
 *
 * A regular expression that protects is, besides, resolved for each key that it meets: the key gets a claim of the rule's
 * source that protects the key itself.  So whoever cannot try expressions knows of those that meet keys. */
#ifndef GATE_EXPORT_H
#define GATE_EXPORT_H

#include "gate/feed.h"
#include "gate/node.h"

struct export_counts {
	uint64_t keys, claims, octets;
	unsigned sources, rules, lanes;
	int64_t made_ms;
	uint8_t key[32];       /**< who has signed */
};

/** From time to time; false: stop. */
typedef bool export_progress(void *ctx, const char *what, uint64_t done, uint64_t of);

/** Write `name` in the directory that `directory` is a descriptor of: to a file beside it, durable, then renamed.  Readers go on;
 *  imports do not end while the table is read.
 *  @param progress  may be NULL.
 *  @return OK; ERR_IO, ERR_FULL, ERR_FORBIDDEN; ERR_CANCELLED: nothing is left behind. */
enum err export_snapshot(struct node *n, const struct selection *s, int directory, const char *name, export_progress *progress,
			 void *ctx, struct export_counts *ret_counts, struct fault *f) MUST_USE;

#endif
