#include "app/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "app/verbs.h"
#include "base/log.h"

enum { CALLERS_MAX = 64, HELLO_S = 10, ARGUMENTS_OCTETS_MAX = 8 << 20, N_FDS = 4 };

struct hello {
	char magic[8];
	uint32_t octets, count;
};

static const char magic[8] = "sipar/1";

/* The address goes through a descriptor of the directory, so that its length does not matter (sun_path is short). */
static int socket_of(const char *dir, struct sockaddr_un *ret_address, int *ret_dir)
{
	*ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir < 0)
		return -1;
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/sipar.sock", *ret_dir);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool send_all(int fd, const void *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p = (const uint8_t *)p + done;
		n -= (size_t)done;
	}
	return true;
}

static bool recv_all(int fd, void *p, size_t n)
{
	while (n) {
		ssize_t done = recv(fd, p, n, 0);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p = (uint8_t *)p + done;
		n -= (size_t)done;
	}
	return true;
}

/* ---- the caller's side ---- */

union fd_control {
	struct cmsghdr header;
	char octets[CMSG_SPACE(N_FDS * sizeof(int))];
};

static bool send_hello(int fd, const struct hello *h, const int fds[N_FDS])
{
	union fd_control control = { 0 };
	struct iovec iov = { (void *)h, sizeof(*h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(N_FDS * sizeof(int));
	memcpy(CMSG_DATA(c), fds, N_FDS * sizeof(int));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(*h);
}

static enum err call(int fd, const int standard[3], int argc, char **argv, int *ret_code, struct fault *f)
{
	struct buf arguments = { 0 };
	int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int fds[N_FDS] = { standard[0], standard[1], standard[2], cwd };
	uint8_t code;
	for (int i = 0; i < argc; i++)
		buf_put(&arguments, argv[i], strlen(argv[i]) + 1);
	struct hello h = { .octets = (uint32_t)arguments.n, .count = (uint32_t)argc };
	memcpy(h.magic, magic, sizeof(magic));
	bool sent = cwd >= 0 && send_hello(fd, &h, fds) && send_all(fd, arguments.p, arguments.n);
	buf_release(&arguments);
	if (cwd >= 0)
		close(cwd);
	if (!sent || !recv_all(fd, &code, 1))
		return fault_set(f, ERR_IO, "the daemon went away before it had answered");
	*ret_code = code;
	return OK;
}

enum err control_call(const char *dir, const int standard[3], int argc, char **argv, int *ret_code, struct fault *f)
{
	struct sockaddr_un address;
	int dir_fd, fd = socket_of(dir, &address, &dir_fd);
	enum err e;
	if (fd < 0)
		e = fault_set(f, ERR_NOTFOUND, "\"%s\" is not a directory that can be opened", dir);
	else if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		e = errno == EACCES ? fault_set(f, ERR_FORBIDDEN, "the daemon of \"%s\" belongs to another user", dir)
				    : fault_set(f, ERR_NOTFOUND, "no daemon listens in \"%s\"", dir);
	else
		e = call(fd, standard, argc, argv, ret_code, f);
	if (fd >= 0)
		close(fd);
	if (dir_fd >= 0)
		close(dir_fd);
	return e;
}

/* ---- the daemon's side ---- */

struct control {
	struct node *node;
	int listening, stop_event, dir_fd;
	pthread_mutex_t mutex;
	pthread_cond_t idle;
	unsigned n;
	int caller[CALLERS_MAX]; /* sockets of the verbs under way */
};

struct conversation {
	struct control *control;
	int socket;
};

/* The descriptors that came are the caller's to close, -1 for those that did not. */
static bool recv_hello(int fd, struct hello *h, int fds[N_FDS])
{
	union fd_control control;
	struct iovec iov = { h, sizeof(*h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	struct cmsghdr *c = got >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	for (int i = 0; i < N_FDS; i++)
		fds[i] = -1;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return false;
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), (n < N_FDS ? n : N_FDS) * sizeof(int));
	return n == N_FDS && got == (ssize_t)sizeof(*h) && memcmp(h->magic, magic, sizeof(magic)) == 0 && h->octets <= ARGUMENTS_OCTETS_MAX && h->count >= 1 &&
	       h->count <= h->octets;
}

/* Split `octets` at their NULs; false unless there are exactly `count` strings. */
static bool split_arguments(char *octets, uint32_t n, uint32_t count, char **argv)
{
	uint32_t k = 0;
	if (n == 0 || octets[n - 1] != 0)
		return false;
	for (uint32_t at = 0; at < n; at += (uint32_t)strlen(octets + at) + 1) {
		if (k == count)
			return false;
		argv[k++] = octets + at;
	}
	argv[k] = NULL;
	return k == count;
}

static int run_verb(struct control *c, int socket, const struct hello *h, const int fds[N_FDS])
{
	char *octets = mem_alloc(h->octets), **argv = mem_alloc((h->count + 2) * sizeof(*argv));
	int code = EXIT_TROUBLE;
	if (recv_all(socket, octets, h->octets) && split_arguments(octets, h->octets, h->count, argv)) {
		const struct verb *v = verb_find(argv[0]);
		struct verb_env env = {
			.dir = node_dir(c->node), .node = c->node, .in = fds[0], .out = fds[1], .err = fds[2], .cwd = fds[3],
			.caller = socket,
		};
		if (v && v->flags & VERB_NODE)
			code = verb_run(v, &env, (int)h->count, argv);
		else
			verb_complain(&env, "the running daemon does not know the verb \"%s\"; is it of another version?", argv[0]);
	}
	free(argv);
	free(octets);
	return code;
}

static void forget(struct control *c, int socket)
{
	pthread_mutex_lock(&c->mutex);
	for (unsigned i = 0; i < c->n; i++)
		if (c->caller[i] == socket) {
			c->caller[i] = c->caller[--c->n];
			break;
		}
	close(socket);
	pthread_cond_signal(&c->idle);
	pthread_mutex_unlock(&c->mutex);
}

static void *converse(void *arg)
{
	struct conversation conv = *(struct conversation *)arg;
	struct hello h;
	int fds[N_FDS];
	free(arg);
	table_reader_init();
	struct timeval patience = { .tv_sec = HELLO_S };
	setsockopt(conv.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	bool good = recv_hello(conv.socket, &h, fds);
	uint8_t code = good ? (uint8_t)run_verb(conv.control, conv.socket, &h, fds) : 0;
	for (int i = 0; i < N_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (good)
		(void)!send_all(conv.socket, &code, 1);
	table_reader_exit();
	forget(conv.control, conv.socket);
	return NULL;
}

static void accept_one(struct control *c)
{
	pthread_t thread;
	int fd = accept4(c->listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL); /* no descriptors left, most likely: others will go */
		return;
	}
	pthread_mutex_lock(&c->mutex);
	bool room = c->n < CALLERS_MAX;
	if (room)
		c->caller[c->n++] = fd;
	pthread_mutex_unlock(&c->mutex);
	if (!room) {
		close(fd);
		return;
	}
	struct conversation *conv = mem_alloc(sizeof(*conv));
	*conv = (struct conversation){ c, fd };
	if (pthread_create(&thread, NULL, converse, conv)) {
		free(conv);
		forget(c, fd);
		return;
	}
	pthread_detach(thread);
}

enum err control_open(struct node *n, struct control **ret_control, struct fault *f)
{
	struct control *c = mem_zalloc(sizeof(*c));
	struct sockaddr_un address;
	c->node = n;
	c->stop_event = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->idle, NULL);
	c->listening = socket_of(node_dir(n), &address, &c->dir_fd);
	(void)unlinkat(c->dir_fd, "sipar.sock", 0);
	mode_t mask = umask(0177);
	bool bound = c->listening >= 0 && bind(c->listening, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		     listen(c->listening, 16) == 0;
	umask(mask);
	if (!bound) {
		fault_set(f, ERR_IO, "\"%s/sipar.sock\" cannot be listened on: %s", node_dir(n), strerror(errno));
		control_close(c);
		return ERR_IO;
	}
	*ret_control = c;
	return OK;
}

void control_run(struct control *c)
{
	struct pollfd fds[] = { { .fd = c->listening, .events = POLLIN }, { .fd = c->stop_event, .events = POLLIN } };
	for (;;) {
		if (poll(fds, COUNT_OF(fds), -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			return;
		if (fds[0].revents)
			accept_one(c);
	}
}

void control_stop(struct control *c)
{
	uint64_t one = 1;
	(void)!write(c->stop_event, &one, sizeof(one));
	pthread_mutex_lock(&c->mutex);
	for (unsigned i = 0; i < c->n; i++)
		shutdown(c->caller[i], SHUT_RD); /* verb_cancelled() sees the end of the stream */
	pthread_mutex_unlock(&c->mutex);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->mutex);
	while (c->n)
		pthread_cond_wait(&c->idle, &c->mutex);
	pthread_mutex_unlock(&c->mutex);
	if (c->listening >= 0)
		close(c->listening);
	(void)unlinkat(c->dir_fd, "sipar.sock", 0);
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	close(c->stop_event);
	pthread_cond_destroy(&c->idle);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}
