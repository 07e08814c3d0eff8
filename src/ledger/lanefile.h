/* Lane file: a lane, or what is new in it, as it is carried to a node that no network leads to: parcels (parcel.h) in a row.
 *
 *   offset size
 *      0     8   "SIPARLN1"
 *      8     8   when it was written, milliseconds since 1970: a hint
 *     16     8   first: index of the first entry in it
 *     24     2   octets of the name of the lane, as it is called there
 *     26     2   octets of its origin
 *     28         name and origin
 *   and then, again and again:
 *            4   octets of the parcel; 0: that was all, and nothing follows
 *                the parcel
 *
 * Integers are big-endian.  Each parcel begins where the one before it ends.  When `first` is not 0, the first of them has no entries, and the checkpoint of
 * that size: whoever has so many sees by it whether what follows goes on from the same history.  The checkpoint of the last one may have a line more: the
 * cosignature of the node itself (C2SP tlog-cosignature), by which it says at what time the lane ended there.
 *
 * Nothing in it is to be believed before it was checked: the head is not signed, the parcels are (mirror.h). */
#ifndef LEDGER_LANEFILE_H
#define LEDGER_LANEFILE_H

#include "base/buf.h"
#include "ledger/entry.h"

enum { LANEFILE_PARCEL_MAX = 120 << 20 };

struct lanefile {
	char lane[LANE_NAME_MAX + 1], origin[ORIGIN_MAX + 1];
	int64_t made_ms;
	uint64_t first;
};

void lanefile_put_head(const struct lanefile *h, struct buf *out);
/** @param n  octets of the parcel that follows; 0: the end. */
void lanefile_put_length(size_t n, struct buf *out);

/** The head.  @param ret_used  octets of it.
 *  @return ERR_MORE: `octets` end in it; ERR_SYNTAX: no such file; ERR_UNSUPPORTED: of another version; ERR_RANGE. */
enum err lanefile_head(struct span octets, struct lanefile *ret_head, size_t *ret_used, struct fault *f) MUST_USE;
/** The next parcel, which is not looked at.  @param ret_used  octets with its length.
 *  @return ERR_MORE: `octets` end in it; ERR_NOTFOUND: that was the last; ERR_RANGE: longer than one is. */
enum err lanefile_next(struct span octets, struct span *ret_parcel, size_t *ret_used, struct fault *f) MUST_USE;

#endif
