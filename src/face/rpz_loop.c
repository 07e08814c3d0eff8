/* The thread of all sockets: datagrams, the listener, connections between their transfers, NOTIFY.
 *
 * A connection is read until a request is whole.  Short answers are sent at once; a transfer takes the connection out of this loop until it is
 * written, then the next request is looked at: several may come on one connection, and without waiting (RFC 7766).  Over TLS it is the same, behind a
 * handshake that has as long as an idle connection. */
#include "face/rpz_parts.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/octets.h"

enum { IN_SIZE = RPZ_PREFIX + MESSAGE_MAX, EVENTS = 64, DATAGRAMS = 64, CONTROL_SIZE = CMSG_SPACE(sizeof(struct in6_pktinfo)) };
enum { LISTENER = RPZ_CONNECTIONS, SECURE, DATAGRAM, WAKE, STOP, NOTIFY4, NOTIFY6 };
static const struct tls_rules rules = { .alpn = "dot", .only_1_3 = true }; /* RFC 9103 section 7.1 */

struct connection {
	int fd;              /* -1: a free place */
	bool busy;           /* given away with a transfer */
	struct tls_session *tls; /* NULL: in the clear */
	bool shaking;        /* hands */
	uint32_t events;     /* waited for */
	struct sockaddr_storage from;
	uint64_t active_ms;  /* last request or end of a transfer */
	size_t n;
	struct rpz_receipt receipt;
	uint8_t in[IN_SIZE];
};

struct loop {
	struct rpz_server *s;
	struct rpz_held *held;
	struct rpz_notify *notify;
	int epoll;
	uint64_t now_ms;
	uint8_t out[RPZ_SHORT_MAX + RPZ_PREFIX];
	struct connection at[RPZ_CONNECTIONS];
};

static bool watch(struct loop *l, int op, int fd, uint32_t events, uint32_t place)
{
	struct epoll_event e = { .events = events, .data.u32 = place };
	return epoll_ctl(l->epoll, op, fd, &e) == 0;
}

static void drop(struct connection *c)
{
	if (c->tls && !c->shaking)
		tls_session_bye(c->tls);
	tls_session_free(c->tls);
	c->tls = NULL;
	close(c->fd);
	c->fd = -1;
	c->busy = false;
	c->receipt.given = false;
}

/* ---- datagrams ---- */

static void any_interface(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_ifindex = 0;
		struct in6_pktinfo *six = (struct in6_pktinfo *)(void *)CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && !IN6_IS_ADDR_LINKLOCAL(&six->ipi6_addr))
			six->ipi6_ifindex = 0;
	}
}

/* Octets of the answer, in l->out. */
static size_t answer_datagram(struct loop *l, const struct sockaddr_storage *from, struct span request)
{
	const struct rpz_site *site = &l->held->site;
	struct rpz_plan plan;
	struct rpz_result r = { 0 };
	struct rpz_reading reading = { l->s, l->held };
	struct rpz_content content;
	size_t n;
	rpz_content_of(&reading, &content);
	rpz_reply(site, from, RPZ_UDP, docket_serial(l->s->docket), request, l->out, RPZ_SHORT_MAX, &n, &plan);
	if (plan.act == RPZ_TRANSFER) {
		if (rpz_transfer_datagram(&content, site, &plan, l->out, &n, &r, NULL))
			n = 0;
		else if (r.given == RPZ_GIVEN_DIFFERENCE) {
			rpz_count_up(l->s, RPZ_DIFFERENCES, 1);
			rpz_count_up(l->s, RPZ_RECORDS, r.records);
		}
	} else if (plan.asked == RPZ_ASKED_IXFR && plan.allowed)
		rpz_count_up(l->s, RPZ_CURRENT, 1);
	rpz_account(l->s, &plan);
	rpz_saw_request(l->s, site, &plan);
	rpz_plan_release(&plan);
	return n;
}

static void read_datagrams(struct loop *l)
{
	for (int i = 0; i < DATAGRAMS; i++) {
		uint8_t in[MESSAGE_MAX];
		_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
		struct sockaddr_storage from;
		struct iovec io = { in, sizeof(in) };
		struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &io, .msg_iovlen = 1 };
		if (l->s->any_address) {
			m.msg_control = control;
			m.msg_controllen = sizeof(control);
		}
		ssize_t n = recvmsg(l->s->udp, &m, MSG_DONTWAIT);
		if (n < 0)
			return;
		io.iov_len = m.msg_flags & MSG_TRUNC ? 0 : answer_datagram(l, &from, span_of(in, (size_t)n));
		if (!io.iov_len)
			continue;
		io.iov_base = l->out;
		m.msg_flags = 0;
		if (l->s->any_address)
			any_interface(&m);
		ssize_t sent = sendmsg(l->s->udp, &m, MSG_DONTWAIT);
		rpz_count_up(l->s, RPZ_OCTETS, sent > 0 ? (uint64_t)sent : 0);
	}
}

/* ---- connections ---- */

static void give_away(struct loop *l, struct connection *c, struct rpz_plan *plan)
{
	struct rpz_job *j = mem_zalloc(sizeof(*j));
	watch(l, EPOLL_CTL_DEL, c->fd, 0, 0);
	c->busy = true;
	j->connection = (unsigned)(c - l->at);
	j->fd = c->fd;
	j->tls = c->tls;
	j->from = c->from;
	j->held = l->held;
	atomic_fetch_add(&l->held->holders, 1);
	j->plan = *plan;
	rpz_jobs_put(l->s, j);
}

/* Who does not read short answers does not want them.  @return false: it is not on its way. */
static bool send_short(struct loop *l, struct connection *c, size_t n)
{
	size_t sent = 0;
	if (c->tls) {
		if (tls_write(c->tls, l->out, n, &sent) != TLS_FINE)
			return false;
	} else {
		ssize_t k = send(c->fd, l->out, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		sent = k > 0 ? (size_t)k : 0;
	}
	rpz_count_up(l->s, RPZ_OCTETS, sent);
	return sent == n;
}

/* A whole request.  @return false: close. */
static bool answer_request(struct loop *l, struct connection *c, struct span request)
{
	const struct rpz_site *site = &l->held->site;
	struct rpz_plan plan;
	size_t n;
	rpz_saw_receipt(l->s, &c->receipt);
	rpz_reply(site, &c->from, c->tls ? RPZ_TLS : RPZ_TCP, docket_serial(l->s->docket), request, l->out + RPZ_PREFIX, RPZ_SHORT_MAX, &n, &plan);
	rpz_account(l->s, &plan);
	rpz_saw_request(l->s, site, &plan);
	c->active_ms = l->now_ms;
	if (plan.act == RPZ_TRANSFER) {
		give_away(l, c, &plan); /* the plan is the job's now */
		return true;
	}
	if (plan.asked == RPZ_ASKED_IXFR && plan.allowed)
		rpz_count_up(l->s, RPZ_CURRENT, 1);
	bool answered = plan.act == RPZ_SEND;
	rpz_plan_release(&plan);
	put_be16(l->out, (uint16_t)n);
	return answered && send_short(l, c, n + RPZ_PREFIX);
}

/* What is in.  @return false: close. */
static bool answer_all(struct loop *l, struct connection *c)
{
	size_t at = 0;
	bool fine = true;
	while (fine && !c->busy && c->n - at >= RPZ_PREFIX) {
		size_t n = get_be16(c->in + at);
		if (n > MESSAGE_MAX)
			return false;
		if (c->n - at - RPZ_PREFIX < n)
			break;
		fine = answer_request(l, c, span_of(c->in + at + RPZ_PREFIX, n));
		at += RPZ_PREFIX + n;
	}
	c->n -= at;
	memmove(c->in, c->in + at, c->n);
	return fine;
}

/* ---- over TLS ---- */

static void watch_for(struct loop *l, struct connection *c, uint32_t events)
{
	if (c->events == events)
		return;
	c->events = events;
	if (!watch(l, EPOLL_CTL_MOD, c->fd, events, (uint32_t)(c - l->at)))
		drop(c);
}

static void tell_failure(struct loop *l, const struct connection *c)
{
	char who[RPZ_WHO_MAX + 1];
	rpz_address_text(&c->from, who);
	rpz_count_up(l->s, RPZ_TLS_FAILED, 1);
	if (rpz_is_news(l->s, who, tls_why(c->tls)))
		log_line(LOG_WARNING, "rpz: no TLS with %s: %s", who, tls_why(c->tls));
}

static void tell_peer(const struct connection *c)
{
	struct tls_peer peer;
	char who[RPZ_WHO_MAX + 1], hex[2 * sizeof(peer.fingerprint)];
	if (!tls_session_peer(c->tls, &peer))
		return;
	rpz_address_text(&c->from, who);
	hex_encode(peer.fingerprint, sizeof(peer.fingerprint), hex);
	log_line(LOG_INFO, "rpz: %s over TLS with the certificate of \"%s\", sha256:%.*s", who, peer.subject, (int)sizeof(hex), hex);
}

/* @return is it done? */
static bool shake(struct loop *l, struct connection *c)
{
	switch (tls_handshake(c->tls)) {
	case TLS_FINE:
		c->shaking = false;
		c->active_ms = l->now_ms;
		tell_peer(c);
		watch_for(l, c, EPOLLIN);
		return c->fd >= 0;
	case TLS_WANT_READ:
		watch_for(l, c, EPOLLIN);
		return false;
	case TLS_WANT_WRITE:
		watch_for(l, c, EPOLLOUT);
		return false;
	default:
		tell_failure(l, c);
		drop(c);
		return false;
	}
}

/* With everything acknowledged: BIND goes without a word of TLS, and who goes with something unread resets the connection. */
static bool has_closed(int fd)
{
	struct tcp_info info;
	socklen_t n = sizeof(info);
	int unacknowledged;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_state == TCP_CLOSE_WAIT &&
	       ioctl(fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

/* One record at most, since of what is in the socket epoll tells again. */
static void read_secure(struct loop *l, struct connection *c)
{
	if (c->shaking && !shake(l, c))
		return;
	do {
		size_t n = 0;
		enum tls_state state = tls_read(c->tls, c->in + c->n, IN_SIZE - c->n, &n);
		if (state == TLS_WANT_READ || state == TLS_WANT_WRITE)
			return;
		if (state == TLS_CLOSED || (state == TLS_CUT && has_closed(c->fd)))
			rpz_saw_receipt(l->s, &c->receipt); /* read to the end, and closed: it has it */
		c->n += n;
		if (state != TLS_FINE || !answer_all(l, c)) {
			drop(c);
			return;
		}
	} while (!c->busy && tls_pending(c->tls));
}

static void read_connection(struct loop *l, struct connection *c)
{
	if (c->tls) {
		read_secure(l, c);
		return;
	}
	ssize_t n = recv(c->fd, c->in + c->n, IN_SIZE - c->n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0)
		rpz_saw_receipt(l->s, &c->receipt); /* read to the end, and closed: it has it */
	c->n += n > 0 ? (size_t)n : 0;
	if (n <= 0 || !answer_all(l, c))
		drop(c);
}

/* A free place; when there is none, or when the address has as many as it may, that of the one of them that is idle for longest.  When all that it
 * has are in transfers, the one that stands still for longest makes room, a moment later. */
static struct connection *make_place(struct loop *l, const struct sockaddr_storage *from)
{
	struct connection *free_one = NULL, *oldest = NULL, *oldest_of_his = NULL;
	unsigned his = 0;
	for (unsigned i = 0; i < RPZ_CONNECTIONS; i++) {
		struct connection *c = &l->at[i];
		if (c->fd < 0) {
			free_one = free_one ? free_one : c;
			continue;
		}
		bool same = rpz_same_address(&c->from, from);
		his += same;
		if (!c->busy && (!oldest || c->active_ms < oldest->active_ms))
			oldest = c;
		if (!c->busy && same && (!oldest_of_his || c->active_ms < oldest_of_his->active_ms))
			oldest_of_his = c;
	}
	if (his < RPZ_PER_ADDRESS && free_one)
		return free_one;
	struct connection *c = his < RPZ_PER_ADDRESS ? oldest : oldest_of_his;
	if (c) {
		drop(c);
		return c;
	}
	return rpz_jobs_give_way(l->s, his < RPZ_PER_ADDRESS ? NULL : from, l->now_ms) ? free_one : NULL;
}

static void accept_one(struct loop *l, bool secure)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	int fd = accept4(secure ? l->s->secure : l->s->tcp, (void *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE) /* the listener stays readable: do not spin */
			poll(NULL, 0, 10);
		return;
	}
	struct connection *c = make_place(l, &from);
	if (!c) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->from = from;
	c->active_ms = l->now_ms;
	c->n = 0;
	c->events = EPOLLIN;
	if (secure) {
		struct tls_credential *credential = tls_source_now(l->s->tls);
		c->tls = tls_session_new(credential, fd, &rules);
		tls_credential_drop(credential);
	}
	c->shaking = secure;
	if (!watch(l, EPOLL_CTL_ADD, fd, EPOLLIN, (uint32_t)(c - l->at)))
		drop(c);
}

/* Who leaves the connection open has what his side has acknowledged. */
static void drop_idle(struct loop *l)
{
	for (unsigned i = 0; i < RPZ_CONNECTIONS; i++) {
		struct connection *c = &l->at[i];
		int unacknowledged;
		if (c->fd < 0 || c->busy || l->now_ms - c->active_ms < RPZ_IDLE_MS)
			continue;
		if (c->receipt.given && ioctl(c->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0)
			rpz_saw_receipt(l->s, &c->receipt);
		drop(c);
	}
}

/* Transfers that have ended: their connections come back. */
static void take_back(struct loop *l)
{
	pthread_mutex_lock(&l->s->lock);
	struct rpz_job *done = l->s->done;
	l->s->done = NULL;
	pthread_mutex_unlock(&l->s->lock);
	while (done) {
		struct rpz_job *j = done;
		struct connection *c = &l->at[j->connection];
		done = j->next;
		c->busy = false;
		c->active_ms = l->now_ms;
		c->receipt = j->receipt;
		c->events = EPOLLIN;
		if (!j->whole || !answer_all(l, c) || (!c->busy && !watch(l, EPOLL_CTL_ADD, c->fd, EPOLLIN, j->connection)))
			drop(c);
		else if (c->tls && !c->busy && tls_pending(c->tls))
			read_secure(l, c);
		rpz_job_free(j);
	}
}

/* ---- NOTIFY ---- */

static void send_notices(struct loop *l)
{
	struct rpz_notice notice;
	while (rpz_notify_next(l->notify, l->now_ms, &notice)) {
		bool six = notice.to.ss_family == AF_INET6;
		int fd = l->s->notify_fd[six];
		socklen_t length = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
		ssize_t n = fd < 0 ? -1 : sendto(fd, notice.message, notice.n, MSG_DONTWAIT, (const void *)&notice.to, length);
		if (n > 0) {
			rpz_count_up(l->s, RPZ_NOTIFIES, 1);
			rpz_count_up(l->s, RPZ_OCTETS, (uint64_t)n);
		}
	}
	rpz_count_up(l->s, RPZ_SILENT, rpz_notify_silent(l->notify));
}

static void read_notices(struct loop *l, int fd)
{
	for (int i = 0; i < DATAGRAMS; i++) {
		uint8_t in[MESSAGE_MAX];
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);
		unsigned rcode;
		bool first;
		ssize_t n = recvfrom(fd, in, sizeof(in), MSG_DONTWAIT, (void *)&from, &length);
		if (n < 0 && errno != ECONNREFUSED)
			return;
		if (n < 0)
			continue;
		switch (rpz_notify_answer(l->notify, &from, span_of(in, (size_t)n), &rcode, &first)) {
		case RPZ_HEARD_YES:
			rpz_count_up(l->s, RPZ_ACKNOWLEDGED, 1);
			break;
		case RPZ_HEARD_NO:
			rpz_count_up(l->s, RPZ_UNWANTED, 1);
			char who[RPZ_WHO_MAX + 1];
			rpz_address_text(&from, who);
			if (first)
				log_line(LOG_WARNING, "rpz: %s does not take NOTIFY: it answers with rcode %u", who, rcode);
			break;
		default:
			break;
		}
	}
}

/* ---- all of it ---- */

static void take_feeds(struct loop *l)
{
	rpz_held_drop(l->held);
	l->held = rpz_held_now(l->s);
	rpz_notify_targets(l->notify, &l->held->site);
}

static void look_around(struct loop *l)
{
	uint64_t ignored;
	(void)!read(l->s->wake_fd, &ignored, sizeof(ignored));
	if (atomic_exchange(&l->s->other_feeds, false))
		take_feeds(l);
	if (atomic_exchange(&l->s->changed, false))
		rpz_notify_changed(l->notify, docket_serial(l->s->docket));
	take_back(l);
}

static void handle(struct loop *l, uint32_t place)
{
	if (place == LISTENER)
		accept_one(l, false);
	else if (place == SECURE)
		accept_one(l, true);
	else if (place == DATAGRAM)
		read_datagrams(l);
	else if (place == WAKE)
		look_around(l);
	else if (place == NOTIFY4 || place == NOTIFY6)
		read_notices(l, l->s->notify_fd[place == NOTIFY6]);
	else if (place < RPZ_CONNECTIONS && l->at[place].fd >= 0 && !l->at[place].busy)
		read_connection(l, &l->at[place]);
}

static int wait_ms(const struct loop *l)
{
	uint64_t when = rpz_notify_when(l->notify);
	return when <= l->now_ms ? 0 : when - l->now_ms < 1000 ? (int)(when - l->now_ms) : 1000;
}

static bool watch_all(struct loop *l)
{
	struct rpz_server *s = l->s;
	const struct { int fd; uint32_t place; } all[] = {
		{ s->tcp, LISTENER }, { s->secure, SECURE }, { s->udp, DATAGRAM }, { s->wake_fd, WAKE }, { s->stop_fd, STOP },
		{ s->notify_fd[0], NOTIFY4 }, { s->notify_fd[1], NOTIFY6 },
	};
	bool fine = l->epoll >= 0;
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (fine && all[i].fd >= 0)
			fine = watch(l, EPOLL_CTL_ADD, all[i].fd, EPOLLIN, all[i].place);
	return fine;
}

void rpz_loop_run(struct rpz_server *s)
{
	struct loop *l = mem_zalloc(sizeof(*l));
	l->s = s;
	l->notify = rpz_notify_new();
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < RPZ_CONNECTIONS; i++)
		l->at[i].fd = -1;
	if (!watch_all(l))
		log_line(LOG_ERROR, "rpz: zones are not served: %s", strerror(errno));
	else {
		take_feeds(l);
		rpz_notify_changed(l->notify, docket_serial(s->docket)); /* whoever was away hears that we are here */
		while (!atomic_load(&s->stop)) {
			struct epoll_event event[EVENTS];
			l->now_ms = clock_mono_ns() / 1000000;
			send_notices(l);
			int n = epoll_wait(l->epoll, event, EVENTS, wait_ms(l));
			l->now_ms = clock_mono_ns() / 1000000;
			for (int i = 0; i < n; i++)
				handle(l, event[i].data.u32);
			drop_idle(l);
			rpz_jobs_press(s, l->now_ms);
		}
	}
	for (unsigned i = 0; i < RPZ_CONNECTIONS; i++)
		if (l->at[i].fd >= 0 && !l->at[i].busy)
			drop(&l->at[i]);
	if (l->epoll >= 0)
		close(l->epoll);
	rpz_notify_free(l->notify);
	rpz_held_drop(l->held);
	free(l);
}
