/* Input: a file, pipe or descriptor as a stream of octets, with what compressed it (gzip, zstd, xz, bzip2) taken off by its
 * magic number, whatever its name.  Concatenated members are one stream, as gzip -dc and zstd -dc have it. */
#ifndef SYS_INPUT_H
#define SYS_INPUT_H

#include "base/buf.h"
#include "base/err.h"

struct input;

/** Takes `fd` over (also on error).  `name` is for messages.
 *  @param caller  socket of the one who waits for the end of it, or -1: when that one goes away while there is nothing to read,
 *                 ERR_CANCELLED. */
enum err input_open(int fd, int caller, const char *name, struct input **ret_input, struct fault *f) MUST_USE;
/** The same of octets that are there already, as they are: nothing is unpacked.  They are borrowed. */
struct input *input_octets(struct span octets);
void input_close(struct input *in);
/** Append up to `max` octets to `out`.
 *  @param ret_end  true when nothing follows.
 *  @return OK; ERR_CORRUPT: the compressed stream is damaged or cut off (what was read before it is in `out`); ERR_IO. */
enum err input_read(struct input *in, size_t max, struct buf *out, bool *ret_end, struct fault *f) MUST_USE;
/** The same, but returns with what there is as soon as there is an octet or the end, for pipes whose writer takes its time. */
enum err input_read_some(struct input *in, size_t max, struct buf *out, bool *ret_end, struct fault *f) MUST_USE;
/** The descriptor, to wait for. */
int input_fd(const struct input *in);
/** Octets taken from the descriptor so far, and its whole size (0: unknown), for a progress bar. */
void input_progress(const struct input *in, uint64_t *ret_done, uint64_t *ret_size);
/** "gzip", "zstd", "xz", "bzip2" or "none". */
const char *input_packing(const struct input *in);

#endif
