#include "cli/verb.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

bool verb_cancelled(const struct verb_env *env)
{
	char c;
	return env->caller >= 0 && recv(env->caller, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool verb_flush(int fd, struct buf *b)
{
	size_t done = 0;
	while (done < b->n) {
		ssize_t n = write(fd, b->p + done, b->n - done);
		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 1000);
		else if (n < 0 && errno != EINTR)
			break;
		else if (n > 0)
			done += (size_t)n;
	}
	bool whole = done == b->n;
	b->n = 0;
	return whole;
}

void verb_complain(const struct verb_env *env, const char *fmt, ...)
{
	struct buf b = { 0 };
	char text[1200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&b, "sipar: %s\n", text);
	verb_flush(env->err, &b);
	buf_release(&b);
}

void verb_help(const struct verb *v, struct buf *out)
{
	buf_printf(out, "Usage: sipar %s %s\n\n%s.\n\n", v->name, v->usage, v->summary);
	v->options(out);
	if (v->details)
		buf_printf(out, "\n%s", v->details);
}
