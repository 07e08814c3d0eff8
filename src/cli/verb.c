#include "cli/verb.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

bool verb_cancelled(const struct verb_env *env)
{
	char c;
	return env->caller >= 0 && recv(env->caller, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

int verb_signals(sigset_t *ret_before)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, ret_before);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

int verb_write(int fd, struct buf *b)
{
	size_t done = 0;
	int error = 0;
	while (done < b->n && !error) {
		ssize_t n = write(fd, b->p + done, b->n - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 1000);
		else if (n < 0 && errno != EINTR)
			error = errno;
	}
	b->n = 0;
	return error;
}

/* For a caller elsewhere: a full pipe that nobody reads any more must not hold the daemon's thread.  POLLOUT promises PIPE_BUF octets. */
static int write_to_caller(const struct verb_env *env, struct buf *b)
{
	for (size_t done = 0; done < b->n;) {
		struct pollfd fds[] = { { .fd = env->out, .events = POLLOUT }, { .fd = env->caller, .events = POLLRDHUP } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return errno;
		if (fds[1].revents)
			return EPIPE;
		size_t step = b->n - done < PIPE_BUF ? b->n - done : PIPE_BUF;
		ssize_t n = fds[0].revents ? write(env->out, b->p + done, step) : 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

bool verb_out(struct verb_env *env, struct buf *b)
{
	if (!env->write_error)
		env->write_error = env->caller >= 0 ? write_to_caller(env, b) : verb_write(env->out, b);
	b->n = 0;
	return !env->write_error;
}

int verb_run(const struct verb *v, struct verb_env *env, int argc, char **argv)
{
	int code = v->run(env, argc, argv);
	if (!env->write_error || env->write_error == EPIPE)
		return code;
	verb_complain(env, "%s: the output cannot be written: %s", v->name, strerror(env->write_error));
	return EXIT_TROUBLE;
}

void verb_visible(char *text)
{
	for (; *text; text++)
		if ((uint8_t)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void verb_complain(const struct verb_env *env, const char *fmt, ...)
{
	struct buf b = { 0 };
	char text[1200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	verb_visible(text);
	buf_printf(&b, "sipar: %s\n", text);
	(void)verb_write(env->err, &b);
	buf_release(&b);
}

int verb_end(const struct verb_env *env, enum err e, const struct fault *f)
{
	if (e)
		verb_complain(env, "%s", f->text);
	return e == OK ? EXIT_FINE : e == ERR_USAGE ? EXIT_USAGE : EXIT_TROUBLE;
}

void verb_help(const struct verb *v, struct buf *out)
{
	buf_printf(out, "Usage: sipar %s %s\n\n%s.\n\n", v->name, v->usage, v->summary);
	v->options(out);
	if (v->details)
		buf_printf(out, "\n%s", v->details);
}
