/* Writing a snapshot: its parts become one signed file (view/snapshot.h reads it). */
#ifndef VIEW_SNAPSHOT_WRITE_H
#define VIEW_SNAPSHOT_WRITE_H

#include "base/buf.h"
#include "base/err.h"

struct snapshot_parts {
	const char *node, *feed;      /**< of at most 127 and 63 octets */
	int64_t made_ms;
	uint64_t keys, claims;
	uint32_t kinds, categories, min_score;
	struct span views;            /**< as state_write() makes them */
	struct span lanes;            /**< as snapshot_put_lane() makes them, behind their number (4 octets) */
	struct span image;            /**< the octets of one */
	uint8_t key[32];              /**< whose signature it will be */
};

/** Number of lanes: once, before they are put. */
void snapshot_put_lanes(unsigned n, struct buf *out);
/** The next lane, in the order of the numbers that claims have. */
void snapshot_put_lane(const char *name, uint8_t tlp, struct span checkpoint, struct buf *out);

/** Sign the message by the key of the parts. */
typedef enum err snapshot_sign(void *ctx, struct span message, uint8_t ret_signature[64], struct fault *f);
/** From time to time; false: stop (ERR_CANCELLED). */
typedef bool snapshot_progress(void *ctx, uint64_t octets, uint64_t of);

/** Write all of the file that `fd` is (empty, for writing).  Not synced.
 *  @param progress  may be NULL.
 *  @return OK; ERR_RANGE: a name is too long; ERR_IO, ERR_FULL; ERR_CANCELLED; as `sign`. */
enum err snapshot_write(int fd, const struct snapshot_parts *p, snapshot_sign *sign, snapshot_progress *progress, void *ctx,
			uint64_t *ret_octets, struct fault *f) MUST_USE;

#endif
