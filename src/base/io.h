/* Reading from a descriptor on behalf of somebody who may go away meanwhile. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <sys/types.h>

enum { IO_GONE = -2 };

/** read(2), begun again when a signal interrupts it; while there is nothing to read, `caller` is watched (-1: nobody).
 *  @return as read(2); IO_GONE when the caller's end of that socket is closed. */
ssize_t io_read(int fd, int caller, void *p, size_t n);

#endif
