/* Zstandard (RFC 8878): bodies in the vault are one frame each; input may be a stream of frames. */
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

/** Append the octets of one frame as packer_pack() makes them (content size inside), at most `max`.
 *  @return OK; ERR_CORRUPT (also when octets follow the frame); ERR_RANGE: larger than `max`. */
enum err zstd_unpack(struct span frame, size_t max, struct buf *out, struct fault *f) MUST_USE;

/** Reader of a stream of frames that comes in pieces; needs at most 128 MiB of window. */
struct zstd_reader;
struct zstd_reader *zstd_reader_new(void);
void zstd_reader_free(struct zstd_reader *r);
/** Take octets off the front of `*in`, put at most `cap` octets at `to`.
 *  @param ret_n    octets put, set also with errors.
 *  @param ret_end  true: a frame ends here; what follows, if anything, is another frame.
 *  @return OK; ERR_CORRUPT.  OK with neither an octet taken nor one put: give more. */
enum err zstd_reader_step(struct zstd_reader *r, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end,
			  struct fault *f) MUST_USE;

#endif
