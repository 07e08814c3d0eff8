/* Frame Streams: how resolvers send dnstap, over a socket with a handshake or as a file (libfstrm).
 *
 *   a frame      length, 32 bits big-endian; octets
 *   a control    0, 32 bits; length; type, 32 bits; fields.  READY -> ACCEPT, START, frames, STOP -> FINISH; in a file START, frames, STOP
 *
 * A function of octets: sockets are the caller's. */
#ifndef SYS_FSTRM_H
#define SYS_FSTRM_H

#include "base/buf.h"
#include "base/err.h"

enum { FSTRM_FRAME_MAX = 256 << 10 /**< octets of a frame: two DNS messages and what is said of them */ };

struct fstrm;
/** One stream of the content type protobuf:dnstap.Dnstap, from its beginning. */
struct fstrm *fstrm_new(void);
/** NULL is taken. */
void fstrm_free(struct fstrm *s);

/** The frame is valid during the call. */
typedef void fstrm_visit(void *ctx, struct span frame);
/** Take what has come, cut anywhere.
 *  @param reply    what the other side must be sent, appended; nothing in a file
 *  @param ret_end  STOP came: nothing is taken from here on
 *  @return ERR_SYNTAX: no frame stream, or out of order; ERR_UNSUPPORTED: of another content; ERR_RANGE: a frame is too long.  After an
 *          error it is over, too. */
enum err fstrm_take(struct fstrm *s, struct span in, fstrm_visit *visit, void *ctx, struct buf *reply, bool *ret_end, struct fault *f) MUST_USE;

/** Does a file begin as one?  12 octets decide. */
bool fstrm_begins(struct span head);

#endif
