/* Bodies in the vault are compressed with zstd. */
#ifndef SYS_ZSTD_H
#define SYS_ZSTD_H

#include "base/buf.h"
#include "base/err.h"

/** One context per thread that compresses; not shared. */
struct packer;
struct packer *packer_new(int level);
void packer_free(struct packer *p);
/** Append one zstd frame (content size inside) of `in` to `out`. */
void packer_pack(struct packer *p, struct span in, struct buf *out);

/** Append the octets of one frame, at most `max` of them.  @return OK; ERR_CORRUPT; ERR_RANGE: larger than `max`. */
enum err zstd_unpack(struct span frame, size_t max, struct buf *out, struct fault *f) MUST_USE;

#endif
