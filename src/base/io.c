#include "base/io.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Returns 0 when the caller has gone. */
static int wait_readable(int fd, int caller)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = caller, .events = POLLRDHUP } };
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[1].revents == 0;
}

ssize_t io_read(int fd, int caller, void *p, size_t n)
{
	for (;;) {
		if (caller >= 0 && !wait_readable(fd, caller))
			return IO_GONE;
		ssize_t done = read(fd, p, n);
		if (done >= 0 || (errno != EINTR && errno != EAGAIN))
			return done;
		if (errno == EAGAIN)
			wait_readable(fd, caller);
	}
}
