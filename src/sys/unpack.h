/* Unpacking of one compressed stream, in pieces, whatever packed it. */
#ifndef SYS_UNPACK_H
#define SYS_UNPACK_H

#include "base/err.h"
#include "base/span.h"

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD, PACKING_XZ, PACKING_BZIP2 };

enum { PACKING_MAGIC_MAX = 10 /**< octets that packing_find() looks at */ };

/** By the magic number at the start of `head`. */
enum packing packing_find(struct span head);
/** "gzip", "zstd", "xz", "bzip2" or "none". */
const char *packing_name(enum packing p);

/** Reader of one member (gzip), frame (zstd) or stream (xz, bzip2).  Not for PACKING_NONE. */
struct unpacker;
struct unpacker *unpacker_new(enum packing p);
void unpacker_free(struct unpacker *u);
/** Take octets off the front of `*in`, put at most `cap` (1 or more, below 2^31) at `to`.
 *  @param ret_n    octets put, set also with errors.
 *  @param ret_end  true: the member ends here; begin again with a new unpacker for what follows.
 *  @return OK; ERR_CORRUPT.  OK with neither an octet taken nor one put: give more. */
enum err unpacker_step(struct unpacker *u, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end,
		       struct fault *f) MUST_USE;

#endif
