/* One worker, one socket: receive up to 32 queries in one call, look them up together, send the answers in one call.
 *
 * Two system calls a batch and no poll: recvmmsg() blocks for the first packet only (MSG_WAITFORONE), and dns_server_stop()
 * ends that by shutdown() on the socket, which wakes a blocked reader also where there is no connection.
 */
#include "face/dns_loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "face/dns_zone.h"

enum { BATCH = 32 };
/* A query is one name and perhaps some EDNS options.  Sizes that are not a multiple of 4096, so that the first lines of the
 * buffers do not all fall into the same set of the cache. */
enum { IN_SIZE = 1536 + 64, OUT_SIZE = DNS_UDP_MAX + 48, CONTROL_SIZE = CMSG_SPACE(sizeof(struct in6_pktinfo)) };

struct packet {
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
	struct iovec in, out;
	struct dns_asked asked;
};

struct batch_io {
	struct dns_loop *loop;
	struct dns_counters count;
	struct dns_now now;
	struct mmsghdr got[BATCH], send[BATCH];
	struct observable value[BATCH]; /* those to be looked up, and whose they are */
	uint8_t owner[BATCH];
	force force[BATCH];             /* by place in `value`, as the entries */
	uint32_t entry[BATCH];
	struct packet packet[BATCH];
	uint8_t in[BATCH][IN_SIZE], out[BATCH][OUT_SIZE];
};

static struct batch_io *batch_new_io(struct dns_loop *l)
{
	struct batch_io *b = mem_zalloc(sizeof(*b));
	b->loop = l;
	for (unsigned i = 0; i < BATCH; i++) {
		b->packet[i].in = (struct iovec){ b->in[i], IN_SIZE };
		b->got[i].msg_hdr.msg_name = &b->packet[i].from;
		b->got[i].msg_hdr.msg_iov = &b->packet[i].in;
		b->got[i].msg_hdr.msg_iovlen = 1;
		if (l->wildcard)
			b->got[i].msg_hdr.msg_control = b->packet[i].control;
	}
	return b;
}

/* The address asked stays the address that answers; by which interface is the routing table's business, unless the address
 * means nothing without one. */
static void any_interface(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			((struct in_pktinfo *)CMSG_DATA(c))->ipi_ifindex = 0;
		struct in6_pktinfo *six = (struct in6_pktinfo *)CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && !IN6_IS_ADDR_LINKLOCAL(&six->ipi6_addr))
			six->ipi6_ifindex = 0;
	}
}

static void answer(struct batch_io *b, unsigned i, const struct dns_found *found)
{
	b->packet[i].out.iov_base = b->out[i];
	b->packet[i].out.iov_len = dns_zone_write(b->loop->zone, &b->now, &b->packet[i].asked, found, DNS_UDP_MAX, b->out[i], &b->count);
}

static void looked_up(void *ctx, size_t i, const struct reputation *r)
{
	struct batch_io *b = ctx;
	const struct dns_found found = { .verdict = &r->verdict, .force = b->force[i], .entry = b->entry[i] };
	answer(b, b->owner[i], &found);
}

/* @return false: no answer. */
static bool read_one(struct batch_io *b, unsigned i, uint32_t now_ms)
{
	struct dns_asked *a = &b->packet[i].asked;
	const struct dns_asker from = { .address = dns_loop_address(&b->packet[i].from) };
	struct span query = span_of(b->in[i], b->got[i].msg_len);
	if (b->got[i].msg_hdr.msg_flags & MSG_TRUNC || !dns_zone_read(b->loop->zone, &b->now, &from, query, a, &b->count)) {
		b->count.dropped++;
		return false;
	}
	if (LIKELY(!b->loop->rate) || a->proven)
		return true;
	enum dns_rated rated = dns_rate_take(b->loop->rate, a->from, now_ms);
	if (rated == DNS_RATE_SLIP)
		dns_zone_limit(b->loop->zone, a);
	b->count.limited += rated == DNS_RATE_DROP;
	return rated != DNS_RATE_DROP;
}

static void answer_all(struct batch_io *b, unsigned n)
{
	unsigned values = 0;
	b->now = dns_loop_enter(b->loop);
	b->count.queries += n;
	uint32_t now_ms = b->loop->rate ? (uint32_t)clock_ms() : 0;
	for (unsigned i = 0; i < n; i++) {
		const struct dns_asked *a = &b->packet[i].asked;
		b->packet[i].out.iov_len = 0;
		if (!read_one(b, i, now_ms))
			continue;
		if (a->what == ASKED_VALUE && !a->truncated) {
			b->value[values] = a->value;
			b->owner[values++] = (uint8_t)i;
		} else
			answer(b, i, NULL);
	}
	dns_told_force(&b->now, b->value, values, b->force, b->entry);
	reputation_batch(b->now.view, b->value, values, dns_zone_clearance(b->loop->zone), b->now.now_s, looked_up, b);
	dns_loop_leave(b->loop);
}

/* A packet that the kernel will not send (no route back, port 0) is left out, the others go on. */
static void send_all(struct batch_io *b, unsigned n)
{
	unsigned sending = 0, sent = 0;
	for (unsigned i = 0; i < n; i++) {
		if (b->packet[i].out.iov_len == 0)
			continue;
		struct msghdr *m = &b->send[sending++].msg_hdr;
		*m = b->got[i].msg_hdr;
		m->msg_iov = &b->packet[i].out;
		m->msg_flags = 0;
		if (b->loop->wildcard)
			any_interface(m);
	}
	while (sent < sending) {
		int k = sendmmsg(b->loop->fd, b->send + sent, sending - sent, 0);
		if (k > 0)
			sent += (unsigned)k;
		else if (errno != EINTR) {
			b->count.dropped++;
			sent++;
		}
	}
}

void dns_udp_run(struct dns_loop *l)
{
	struct batch_io *b = batch_new_io(l);
	while (!atomic_load_explicit(l->stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < BATCH; i++) {
			b->got[i].msg_hdr.msg_namelen = sizeof(b->packet[i].from);
			b->got[i].msg_hdr.msg_controllen = l->wildcard ? CONTROL_SIZE : 0;
		}
		int n = recvmmsg(l->fd, b->got, BATCH, MSG_WAITFORONE, NULL);
		if (atomic_load_explicit(l->stop, memory_order_relaxed))
			break;
		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS)
				continue;
			log_line(LOG_ERROR, "dns: a worker stops, its socket cannot be read: %s", strerror(errno));
			break;
		}
		answer_all(b, (unsigned)n);
		send_all(b, (unsigned)n);
		dns_loop_publish(l, &b->count);
	}
	free(b);
}
