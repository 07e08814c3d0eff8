/* The TCP listener is bound first and without SO_REUSEPORT: with that option alone, a second daemon on the same port would
 * silently take half of the packets.  The UDP sockets then share its port; the kernel spreads the askers over them. */
#include "face/dns_loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "face/dns_zone.h"
#include "sys/key.h"

enum { WORKERS_MAX = 256, BACKLOG = 256, RECEIVE_BUFFER = 8 << 20, SEND_BUFFER = 1 << 20, PORT_TRIES = 16 };

struct dns_server {
	struct dns_zone *zone;
	struct sockaddr_storage address;
	socklen_t address_n;
	unsigned workers;
	int stop_fd;
	atomic_bool stop;
	struct dns_decisions decisions;
	pthread_mutex_t consumers;         /* of what follows */
	uint64_t before[DNS_KEY_PLACES];   /* what was counted there before the place was its consumer's */
	struct dns_loop loop[WORKERS_MAX + 1]; /* workers, then TCP */
};

static bool is_wildcard(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static bool turn(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static int open_socket(const struct dns_server *s, int type)
{
	int family = s->address.ss_family, fd = socket(family, type | SOCK_CLOEXEC, 0);
	/* "[::]" is every address of the machine, whatever its sysctl says. */
	if (fd >= 0 && family == AF_INET6 && !turn(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_tcp(const struct dns_server *s)
{
	int fd = open_socket(s, SOCK_STREAM | SOCK_NONBLOCK);
	if (fd >= 0 && turn(fd, SOL_SOCKET, SO_REUSEADDR, 1) && bind(fd, (const void *)&s->address, s->address_n) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_udp(const struct dns_server *s)
{
	int fd = open_socket(s, SOCK_DGRAM), v6 = s->address.ss_family == AF_INET6;
	if (fd < 0)
		return -1;
	/* All of these may be refused: the forced size needs a privilege, and none is worth not to start for. */
	if (!turn(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		turn(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	turn(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	/* Answers are small; nobody's forged "fragmentation needed" shall change how they are sent. */
	turn(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	if (v6)
		turn(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
	bool ok = turn(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (ok && is_wildcard(&s->address))
		ok = v6 ? turn(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : turn(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (ok && bind(fd, (const void *)&s->address, s->address_n) == 0)
		return fd;
	close(fd);
	return -1;
}

static void close_sockets(struct dns_server *s)
{
	for (unsigned i = 0; i <= s->workers; i++) {
		if (s->loop[i].fd >= 0)
			close(s->loop[i].fd);
		s->loop[i].fd = -1;
	}
}

/* All sockets on one port.  @return false with errno. */
static bool open_sockets(struct dns_server *s)
{
	socklen_t n = sizeof(s->address);
	s->loop[s->workers].fd = open_tcp(s);
	bool ok = s->loop[s->workers].fd >= 0 && getsockname(s->loop[s->workers].fd, (void *)&s->address, &n) == 0;
	for (unsigned i = 0; ok && i < s->workers; i++) {
		s->loop[i].fd = open_udp(s);
		ok = s->loop[i].fd >= 0;
	}
	int reason = errno;
	if (!ok)
		close_sockets(s);
	errno = reason;
	return ok;
}

/* A port that the kernel chose for TCP may be taken for UDP: then another one. */
static enum err open_all(struct dns_server *s, const char *text, struct fault *f)
{
	struct sockaddr_storage asked = s->address;
	for (int i = 0; i < (address_port(&asked) ? 1 : PORT_TRIES); i++) {
		s->address = asked;
		if (open_sockets(s))
			return OK;
		if (errno != EADDRINUSE)
			break;
	}
	return fault_set(f, ERR_IO, "DNS cannot listen on \"%s\": %s", text, strerror(errno));
}

static void open_loops(struct dns_server *s, const struct dns_options *o, struct table *t)
{
	struct siphash_seed seed;
	random_octets(&seed, sizeof(seed));
	for (unsigned i = 0; i <= s->workers; i++) {
		struct dns_loop *l = &s->loop[i];
		l->stop_fd = s->stop_fd;
		l->wildcard = is_wildcard(&s->address);
		l->stop = &s->stop;
		l->zone = s->zone;
		l->table = t;
		l->decisions = &s->decisions;
		l->told = dns_told_new(&s->decisions);
		l->consumer = o->keyed ? mem_zalloc(DNS_KEY_PLACES * sizeof(*l->consumer)) : NULL;
		l->rate = o->rate && i < s->workers ? dns_rate_new(o->rate, seed) : NULL;
	}
}

enum err dns_server_open(const struct dns_options *o, struct table *t, struct dns_server **ret_server, struct fault *f)
{
	if (o->workers < 1 || o->workers > WORKERS_MAX)
		return fault_set(f, ERR_RANGE, "not a number of DNS workers from 1 to %d: %u", WORKERS_MAX, o->workers);
	struct dns_server *s = aligned_alloc(_Alignof(struct dns_server), sizeof(*s));
	if (!s)
		return fault_set(f, ERR_IO, "no memory for the DNS server");
	memset(s, 0, sizeof(*s));
	s->workers = o->workers;
	s->stop_fd = -1;
	if (o->decisions)
		s->decisions = *o->decisions;
	pthread_mutex_init(&s->consumers, NULL);
	for (unsigned i = 0; i <= s->workers; i++)
		s->loop[i].fd = -1;
	enum err e = address_parse(o->address, &s->address, &s->address_n, f);
	if (!e)
		e = dns_zone_new(o, &s->zone, f);
	if (!e && (s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		e = fault_set(f, ERR_IO, "no eventfd for the DNS server: %s", strerror(errno));
	if (!e)
		e = open_all(s, o->address, f);
	if (e) {
		dns_server_close(s);
		return e;
	}
	open_loops(s, o, t);
	*ret_server = s;
	return OK;
}

uint16_t dns_server_port(const struct dns_server *s)
{
	return (uint16_t)address_port(&s->address);
}

void dns_server_run(struct dns_server *s, unsigned worker)
{
	table_reader_init();
	if (worker == s->workers)
		dns_tcp_run(&s->loop[worker]);
	else
		dns_udp_run(&s->loop[worker]);
	table_reader_exit();
}

void dns_server_set_clear(struct dns_server *s, clearance clear)
{
	dns_zone_set_clear(s->zone, clear);
}

static uint64_t asked_at(const struct dns_server *s, unsigned place)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i <= s->workers; i++)
		sum += atomic_load_explicit(&s->loop[i].consumer[place], memory_order_relaxed);
	return sum - s->before[place];
}

static void begin_anew(void *ctx, unsigned place)
{
	struct dns_server *s = ctx;
	s->before[place] += asked_at(s, place);
}

void dns_server_set_keys(struct dns_server *s, const struct dns_key *key, unsigned n)
{
	pthread_mutex_lock(&s->consumers);
	dns_zone_set_keys(s->zone, key, n, begin_anew, s);
	pthread_mutex_unlock(&s->consumers);
}

/* A consumer whose key was changed has had several places. */
void dns_server_consumers(struct dns_server *s, void (*visit)(void *ctx, const char *consumer, uint64_t queries), void *ctx)
{
	const struct dns_keys *keys = dns_zone_keys(s->zone);
	pthread_mutex_lock(&s->consumers);
	for (unsigned p = 0; keys && p < DNS_KEY_PLACES; p++) {
		const char *name = dns_keys_name(keys, p);
		unsigned q = 0;
		uint64_t sum = 0;
		if (!name[0])
			continue;
		while (q < p && strcmp(dns_keys_name(keys, q), name) != 0)
			q++;
		if (q < p)
			continue;
		for (; q < DNS_KEY_PLACES; q++)
			if (strcmp(dns_keys_name(keys, q), name) == 0)
				sum += asked_at(s, q);
		visit(ctx, name, sum);
	}
	pthread_mutex_unlock(&s->consumers);
}

void dns_server_stop(struct dns_server *s)
{
	uint64_t one = 1;
	int keep = errno;
	atomic_store(&s->stop, true);
	for (unsigned i = 0; i < s->workers; i++)
		shutdown(s->loop[i].fd, SHUT_RDWR);
	/* Refused only when it is full, and then it is readable already. */
	(void)!write(s->stop_fd, &one, sizeof(one));
	errno = keep;
}

void dns_server_close(struct dns_server *s)
{
	if (!s)
		return;
	close_sockets(s);
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	for (unsigned i = 0; i <= s->workers; i++) {
		dns_told_free(s->loop[i].told);
		dns_rate_free(s->loop[i].rate);
		free(s->loop[i].consumer);
	}
	dns_zone_free(s->zone);
	pthread_mutex_destroy(&s->consumers);
	free(s);
}

void dns_server_count(const struct dns_server *s, struct dns_counters *ret_counters)
{
	uint64_t sum[sizeof(struct dns_counters) / sizeof(uint64_t)] = { 0 };
	for (unsigned i = 0; i <= s->workers; i++)
		for (size_t k = 0; k < COUNT_OF(sum); k++)
			sum[k] += atomic_load_explicit(&s->loop[i].count[k], memory_order_relaxed);
	memcpy(ret_counters, sum, sizeof(sum));
}
