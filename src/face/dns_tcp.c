/* DNS over TCP (RFC 7766): one thread, non-blocking sockets, each message behind two octets of length, many on a
 * connection and without waiting for answers.
 *
 * A connection is a small state machine: write what is pending, else answer what is complete, else read; it goes on until
 * the kernel has nothing to give or to take.  While answers are pending nothing more is read, so a connection holds
 * IN_SIZE octets of queries and OUT_SIZE of answers at most.  Only a complete query resets the idle clock: neither slow
 * writing nor slow reading holds a place for longer than IDLE_MS.  When all places are taken, the connection that is idle
 * for longest makes room.
 */
#include "face/dns_loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

enum { CONNECTIONS = 256, IDLE_MS = 10000, EVENTS = 64, ROUNDS = 16, PREFIX = 2 };
enum { IN_SIZE = PREFIX + DNS_QUERY_MAX, ANSWER_SIZE = PREFIX + DNS_REPLY_MAX, OUT_SIZE = 4 * ANSWER_SIZE };
enum { LISTENER = CONNECTIONS, STOP };

struct connection {
	int fd; /* -1: a free place */
	uint32_t wants;     /* EPOLLIN or EPOLLOUT */
	bool no_more;       /* the other side has sent its last */
	uint64_t active_ms; /* last complete query, or when it began */
	size_t in_n, out_n, out_at;
	struct sockaddr_storage from;
	uint8_t in[IN_SIZE], out[OUT_SIZE];
};

struct doors {
	struct dns_loop *loop;
	struct dns_counters count;
	int epoll;
	uint64_t now_ms;
	struct connection at[CONNECTIONS];
};

static void drop(struct connection *c)
{
	close(c->fd);
	c->fd = -1;
}

static bool watch(struct doors *d, int op, int fd, uint32_t events, uint32_t place)
{
	struct epoll_event e = { .events = events, .data.u32 = place };
	return epoll_ctl(d->epoll, op, fd, &e) == 0;
}

/* A free place; when there is none, that of the connection idle for longest. */
static struct connection *make_place(struct doors *d)
{
	struct connection *oldest = &d->at[0];
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		if (d->at[i].fd < 0)
			return &d->at[i];
		if (d->at[i].active_ms < oldest->active_ms)
			oldest = &d->at[i];
	}
	drop(oldest);
	return oldest;
}

static void accept_one(struct doors *d)
{
	struct sockaddr_storage from = { 0 };
	socklen_t from_n = sizeof(from);
	int fd = accept4(d->loop->fd, (void *)&from, &from_n, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
	if (fd < 0) {
		/* Out of descriptors the listener stays readable: do not spin. */
		if (errno == EMFILE || errno == ENFILE)
			poll(NULL, 0, 10);
		return;
	}
	struct connection *c = make_place(d);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->from = from;
	c->wants = EPOLLIN;
	c->no_more = false;
	c->active_ms = d->now_ms;
	c->in_n = c->out_n = c->out_at = 0;
	if (!watch(d, EPOLL_CTL_ADD, fd, EPOLLIN, (uint32_t)(c - d->at)))
		drop(c);
}

/* Answers to the complete queries that are in.  @return false: what came is no DNS; close. */
static bool answer_complete(struct doors *d, struct connection *c)
{
	size_t at = 0;
	bool fine = true;
	const struct dns_now now = dns_loop_enter(d->loop);
	const struct dns_asker from = { .address = dns_loop_address(&c->from), .proven = true };
	c->out_n = c->out_at = 0;
	while (fine && c->in_n - at >= PREFIX && OUT_SIZE - c->out_n >= ANSWER_SIZE) {
		size_t n = (size_t)c->in[at] << 8 | c->in[at + 1];
		if (n > DNS_QUERY_MAX)
			fine = false;
		else if (c->in_n - at - PREFIX < n)
			break;
		else {
			uint8_t *out = c->out + c->out_n;
			size_t made = dns_reply(d->loop->zone, &now, &from, span_of(c->in + at + PREFIX, n), UINT16_MAX, out + PREFIX,
						&d->count);
			d->count.tcp_queries++;
			fine = made > 0;
			out[0] = (uint8_t)(made >> 8);
			out[1] = (uint8_t)made;
			c->out_n += made ? PREFIX + made : 0;
			c->active_ms = d->now_ms;
			at += PREFIX + n;
		}
	}
	dns_loop_leave(d->loop);
	c->in_n -= at;
	memmove(c->in, c->in + at, c->in_n);
	return fine;
}

/* One step.  @return 1: go on; 0: wait for c->wants; -1: close. */
static int step(struct doors *d, struct connection *c)
{
	ssize_t k;
	if (c->out_at < c->out_n) {
		k = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);
		c->wants = EPOLLOUT;
		if (k > 0)
			c->out_at += (size_t)k;
	} else {
		if (!answer_complete(d, c))
			return -1;
		if (c->out_n)
			return 1;
		if (c->no_more)
			return -1;
		k = recv(c->fd, c->in + c->in_n, IN_SIZE - c->in_n, 0);
		c->wants = EPOLLIN;
		c->no_more = k == 0;
		if (k > 0)
			c->in_n += (size_t)k;
	}
	if (k >= 0)
		return 1;
	return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -1;
}

static void serve(struct doors *d, struct connection *c)
{
	uint32_t wanted = c->wants;
	int more = 1;
	for (int i = 0; i < ROUNDS && more > 0; i++)
		more = step(d, c);
	/* The others' turn; but what is read already raises no event, so ask for one that is there at once. */
	if (more > 0)
		c->wants = EPOLLOUT;
	if (more < 0 || (c->wants != wanted && !watch(d, EPOLL_CTL_MOD, c->fd, c->wants, (uint32_t)(c - d->at))))
		drop(c);
}

static void drop_idle(struct doors *d)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (d->at[i].fd >= 0 && d->now_ms - d->at[i].active_ms >= IDLE_MS)
			drop(&d->at[i]);
}

void dns_tcp_run(struct dns_loop *l)
{
	struct doors *d = mem_zalloc(sizeof(*d));
	d->loop = l;
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		d->at[i].fd = -1;
	if (d->epoll < 0 || !watch(d, EPOLL_CTL_ADD, l->fd, EPOLLIN, LISTENER) ||
	    !watch(d, EPOLL_CTL_ADD, l->stop_fd, EPOLLIN, STOP))
		log_line(LOG_ERROR, "dns: TCP is not served: %s", strerror(errno));
	else
		while (!atomic_load_explicit(l->stop, memory_order_relaxed)) {
			struct epoll_event event[EVENTS];
			int n = epoll_wait(d->epoll, event, EVENTS, 1000);
			d->now_ms = clock_mono_ns() / 1000000;
			for (int i = 0; i < n; i++) {
				uint32_t place = event[i].data.u32;
				if (place == LISTENER)
					accept_one(d);
				else if (place < CONNECTIONS && d->at[place].fd >= 0)
					serve(d, &d->at[place]);
			}
			drop_idle(d);
			dns_loop_publish(l, &d->count);
		}
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (d->at[i].fd >= 0)
			drop(&d->at[i]);
	if (d->epoll >= 0)
		close(d->epoll);
	free(d);
}
