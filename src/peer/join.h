/* Join: a lane of a peer that came in a file (ledger/lanefile.h).  It is held to all that a lane from the wire is held to, and the lane is the same one
 * afterwards: files and the wire may go on from each other.
 *
 * A peer without a URL gets the lane to those that it has, since whoever joins a file says so; one with a URL must have it already. */
#ifndef PEER_JOIN_H
#define PEER_JOIN_H

#include "peer/puller.h"

struct join_io {
	int fd;              /**< the file; may be a pipe */
	int caller;          /**< as io_read() */
	/** From time to time.  @param entries  that were looked at; @param octets  that were read.  @return false: break off. */
	bool (*progress)(void *ctx, uint64_t entries, uint64_t octets);
	void *ctx;
};
struct join_report {
	char lane[LANE_NAME_MAX + 1]; /**< as it is called here; "": the file is none */
	uint64_t joined, size;        /**< entries that were new; entries here now */
	int64_t made_ms;              /**< when the file was written, as it says */
	bool founded;                 /**< the lane is new here */
	bool forked, rolled_back;     /**< another history; both checkpoints are kept (evidence.h) */
};

/** What holds is taken parcel by parcel, durably, and counts; after an error what came before it is taken, and the report says how much.
 *  @param peer  whose it is, as the settings have it; they are written when it gets the lane.
 *  @return ERR_USAGE: not a lane that it may have here; ERR_FORBIDDEN: not signed by its key, or something is held against the lane; ERR_RANGE: entries are
 *          missing between what is here and the file; ERR_CORRUPT, ERR_SYNTAX, ERR_UNSUPPORTED: it does not hold; ERR_MORE: it ends in the middle;
 *          ERR_CANCELLED; ERR_IO; or as node_mirror(). */
enum err peer_join(struct node *n, const struct peer *peer, const struct join_io *io, struct join_report *ret_report, struct fault *f) MUST_USE;

#endif
