/* gzip (RFC 1952), in pieces: what comes in packed, and what goes out so over HTTP. */
#ifndef SYS_GZIP_H
#define SYS_GZIP_H

#include "base/buf.h"
#include "base/err.h"

/** Reader of one member. */
struct gzip_reader;
struct gzip_reader *gzip_reader_new(void);
/** NULL is taken. */
void gzip_reader_free(struct gzip_reader *r);
/** As unpacker_step() (sys/unpack.h). */
enum err gzip_reader_step(struct gzip_reader *r, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end,
			  struct fault *f) MUST_USE;

/** Writer of one member; for text that is made while it is sent, so fast rather than small. */
struct gzip_writer;
struct gzip_writer *gzip_writer_new(void);
/** NULL is taken. */
void gzip_writer_free(struct gzip_writer *w);
/** Append what comes of the octets; some may be held back until the last piece (`last`, once). */
void gzip_writer_put(struct gzip_writer *w, struct span in, bool last, struct buf *out);

#endif
