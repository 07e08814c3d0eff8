/* Lines of a descriptor, for verbs that read values from standard input. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/err.h"
#include "base/span.h"

enum { LINE_MAX_OCTETS = 1 << 16 };

/** Each line without its end; return false to stop.  A line above LINE_MAX_OCTETS is given cut to that.
 *  @param caller  as for io_read().  @return OK, also when the caller has gone; ERR_IO. */
enum err lines_each(int fd, int caller, bool (*visit)(void *ctx, struct span line, uint64_t number), void *ctx, struct fault *f) MUST_USE;

#endif
