/* The TCP listener is bound first, and datagrams come to its port. */
#include "face/rpz_parts.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "sys/key.h"
#include "table/table.h"

enum { BACKLOG = 256, RECEIVE_BUFFER = 1 << 20, PORT_TRIES = 16 };

/* ---- feeds ---- */

static struct rpz_held *held_new(const struct feeds *feeds)
{
	struct rpz_held *h = mem_zalloc(sizeof(*h));
	struct fault f;
	atomic_init(&h->holders, 1);
	h->feeds = feeds_hold(feeds);
	if (rpz_site_make(h->feeds, &h->site, &f))
		log_line(LOG_ERROR, "rpz: not served: %s", f.text);
	return h;
}

void rpz_held_drop(struct rpz_held *h)
{
	if (!h || atomic_fetch_sub(&h->holders, 1) > 1)
		return;
	feeds_drop(h->feeds);
	free(h);
}

struct rpz_held *rpz_held_now(struct rpz_server *s)
{
	pthread_mutex_lock(&s->lock);
	struct rpz_held *h = s->held;
	atomic_fetch_add(&h->holders, 1);
	pthread_mutex_unlock(&s->lock);
	return h;
}

void rpz_server_set_feeds(struct rpz_server *s, const struct feeds *feeds)
{
	struct rpz_held *h = held_new(feeds);
	pthread_mutex_lock(&s->lock);
	struct rpz_held *old = s->held;
	s->held = h;
	pthread_mutex_unlock(&s->lock);
	rpz_held_drop(old);
	atomic_store(&s->other_feeds, true);
	rpz_wake(s);
}

/* ---- content ---- */

/* Whoever changes feeds holds the docket until they are ours: a reading that was opened after that finds others here. */
static enum err check_current(const struct rpz_reading *of, struct feed_reading *r, struct fault *f)
{
	pthread_mutex_lock(&of->server->lock);
	bool current = of->server->held == of->held;
	pthread_mutex_unlock(&of->server->lock);
	if (current)
		return OK;
	feed_reading_free(r);
	return fault_set(f, ERR_BUSY, "the feed was changed meanwhile");
}

static enum err each(void *ctx, const struct feed *feed, feed_visit *visit, void *visit_ctx, uint64_t *ret_serial, struct fault *f)
{
	struct rpz_reading *of = ctx;
	struct feed_reading *r;
	enum err e = feed_read(of->server->docket, feed, &r, f);
	if (e || (e = check_current(of, r, f)) != OK)
		return e;
	return feed_reading_end(r, visit, visit_ctx, ret_serial, f);
}

static enum err since(void *ctx, const struct feed *feed, uint64_t serial, feed_visit *visit, void *visit_ctx, uint64_t *ret_serial,
		      struct fault *f)
{
	struct rpz_reading *of = ctx;
	struct feed same = *feed;
	struct feed_reading *r;
	if (feed->raised && serial >= feed->from)
		same.from = 0; /* who had the zone of before has a lower one */
	enum err e = feed_read_since(of->server->docket, &same, serial, &r, f);
	if (e || (e = check_current(of, r, f)) != OK)
		return e;
	return feed_reading_end(r, visit, visit_ctx, ret_serial, f);
}

void rpz_content_of(struct rpz_reading *r, struct rpz_content *ret_content)
{
	*ret_content = (struct rpz_content){ .each = each, .since = since, .ctx = r };
}

/* ---- who has what ---- */

static const char *how_of(const struct rpz_plan *p)
{
	return p->way == RPZ_TLS ? "xot" : p->asked == RPZ_ASKED_AXFR ? "axfr" : "ixfr";
}

void rpz_saw_request(struct rpz_server *s, const struct rpz_site *site, const struct rpz_plan *p)
{
	uint64_t serial;
	uint32_t epoch;
	if (!p->allowed || !s->consumers)
		return;
	const char *feed = site->at[p->zone].feed->name;
	enum rpz_age age = p->asked == RPZ_ASKED_IXFR ? rpz_serial(&site->at[p->zone].zone, p->serial, p->newest, &serial) : RPZ_NEVER;
	if (age == RPZ_SAME || age == RPZ_BEHIND)
		consumers_saw(s->consumers, feed, p->who, serial, how_of(p), clock_ms());
	else if (p->asked == RPZ_ASKED_SOA && consumers_serial(s->consumers, feed, p->who, "soa", &serial, &epoch))
		consumers_saw(s->consumers, feed, p->who, serial, "soa", clock_ms()); /* heard of, with what it had */
}

void rpz_make_receipt(const struct rpz_site *site, const struct rpz_plan *p, const struct rpz_result *result, struct rpz_receipt *ret)
{
	*ret = (struct rpz_receipt){ .given = true, .serial = result->serial };
	memcpy(ret->feed, site->at[p->zone].feed->name, sizeof(ret->feed));
	memcpy(ret->who, p->who, sizeof(ret->who));
	snprintf(ret->how, sizeof(ret->how), "%s", how_of(p));
}

void rpz_saw_receipt(struct rpz_server *s, struct rpz_receipt *r)
{
	if (r->given && s->consumers)
		consumers_saw(s->consumers, r->feed, r->who, r->serial, r->how, clock_ms());
	r->given = false;
}

/* One line for each address and reason, as long as they are among the last so many. */
bool rpz_is_news(struct rpz_server *s, const char *who, const char *why)
{
	char text[RPZ_WHO_MAX + 201];
	snprintf(text, sizeof(text), "%s %s", who, why);
	uint64_t hash = siphash13(s->seed, text, strlen(text));
	for (unsigned i = 0; i < RPZ_ONCE_MAX; i++)
		if (s->once[i] == hash)
			return false;
	s->once[s->n_once++ % RPZ_ONCE_MAX] = hash;
	return true;
}

void rpz_account(struct rpz_server *s, const struct rpz_plan *p)
{
	rpz_count_up(s, RPZ_REQUESTS, 1);
	if (p->way != RPZ_UDP)
		rpz_count_up(s, p->way == RPZ_TLS ? RPZ_REQUESTS_TLS : RPZ_REQUESTS_TCP, 1);
	if (p->asked == RPZ_ASKED_SOA && !p->why)
		rpz_count_up(s, RPZ_SOA, 1);
	if (!p->why)
		return;
	rpz_count_up(s, p->rcode == DNS_REFUSED ? RPZ_REFUSED : p->rcode == RPZ_NOTAUTH ? RPZ_BAD_SIGNATURES : RPZ_MALFORMED, 1);
	if ((p->rcode == DNS_REFUSED || p->rcode == RPZ_NOTAUTH) && rpz_is_news(s, p->who, p->why))
		log_line(LOG_WARNING, "rpz: %s is refused: %s", p->who, p->why);
}

void rpz_server_metrics(const struct rpz_server *s, struct buf *out)
{
	static const struct { const char *name, *labels, *help; } rows[RPZ_COUNTERS] = {
		[RPZ_REQUESTS] = { "requests", "", "Requests for policy zones" },
		[RPZ_REQUESTS_TCP] = { "requests_tcp", "", "of them over TCP" },
		[RPZ_REQUESTS_TLS] = { "requests_tls", "", "of them over TLS" },
		[RPZ_TLS_FAILED] = { "tls_failed", "", "TLS sessions that did not come about: another version or protocol, or no good certificate" },
		[RPZ_REFUSED] = { "refused", "", "Requests refused: no such zone, or not for this asker" },
		[RPZ_BAD_SIGNATURES] = { "bad_signatures", "", "Requests with a signature that is not good" },
		[RPZ_MALFORMED] = { "malformed", "", "Requests that are none, or of another kind" },
		[RPZ_SOA] = { "soa", "", "Answers to SOA" },
		[RPZ_WHOLE] = { "transfers", "{kind=\"whole\"}", "Answers to AXFR and IXFR" },
		[RPZ_DIFFERENCES] = { "transfers", "{kind=\"difference\"}", NULL },
		[RPZ_CURRENT] = { "transfers", "{kind=\"current\"}", NULL },
		[RPZ_BROKEN] = { "transfers_broken", "", "Transfers that were broken off" },
		[RPZ_GAVE_WAY] = { "transfers_gave_way", "", "of them since they stood still and others waited for their place" },
		[RPZ_OCTETS] = { "octets", "", "Octets sent" },
		[RPZ_RECORDS] = { "records", "", "Records sent in transfers" },
		[RPZ_NOTIFIES] = { "notifies", "", "NOTIFY messages sent, repetitions too" },
		[RPZ_ACKNOWLEDGED] = { "notifies_acknowledged", "", "NOTIFY messages acknowledged" },
		[RPZ_UNWANTED] = { "notifies_refused", "", "NOTIFY messages answered with an error" },
		[RPZ_SILENT] = { "notifies_unanswered", "", "Times that a target of NOTIFY was given up" },
	};
	for (size_t i = 0; i < RPZ_COUNTERS; i++) {
		if (rows[i].help)
			buf_printf(out, "# HELP sipar_rpz_%s_total %s.\n# TYPE sipar_rpz_%s_total counter\n", rows[i].name, rows[i].help,
				   rows[i].name);
		buf_printf(out, "sipar_rpz_%s_total%s %llu\n", rows[i].name, rows[i].labels,
			   (unsigned long long)atomic_load_explicit(&s->count[i], memory_order_relaxed));
	}
}

/* ---- sockets ---- */

static bool turn(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static int open_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && family == AF_INET6 && type == SOCK_STREAM && !turn(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_any(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool open_pair(struct rpz_server *s, struct sockaddr_storage *a, socklen_t n)
{
	int family = a->ss_family;
	bool six = family == AF_INET6;
	s->tcp = open_socket(family, SOCK_STREAM);
	s->udp = open_socket(family, SOCK_DGRAM);
	if (s->tcp < 0 || s->udp < 0 || !turn(s->tcp, SOL_SOCKET, SO_REUSEADDR, 1) || (six && !turn(s->udp, IPPROTO_IPV6, IPV6_V6ONLY, 0)))
		return false;
	turn(s->udp, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (is_any(a) && !(six ? turn(s->udp, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : turn(s->udp, IPPROTO_IP, IP_PKTINFO, 1)))
		return false;
	return bind(s->tcp, (const void *)a, n) == 0 && listen(s->tcp, BACKLOG) == 0 && getsockname(s->tcp, (void *)a, &n) == 0 &&
	       bind(s->udp, (const void *)a, n) == 0;
}

static bool open_secure(struct rpz_server *s, struct sockaddr_storage *a, socklen_t n)
{
	s->secure = open_socket(a->ss_family, SOCK_STREAM);
	return s->secure >= 0 && turn(s->secure, SOL_SOCKET, SO_REUSEADDR, 1) && bind(s->secure, (const void *)a, n) == 0 &&
	       listen(s->secure, BACKLOG) == 0 && getsockname(s->secure, (void *)a, &n) == 0;
}

/* A port that the kernel chose for TCP may be taken for UDP: then another one. */
static enum err open_sockets(struct rpz_server *s, const char *text, const struct sockaddr_storage *asked, socklen_t n, struct fault *f)
{
	struct sockaddr_storage a;
	for (int i = 0; i < (address_port(asked) ? 1 : PORT_TRIES); i++) {
		a = *asked;
		if (open_pair(s, &a, n)) {
			s->port = (uint16_t)address_port(&a);
			s->any_address = is_any(&a);
			return OK;
		}
		int reason = errno;
		shut(&s->tcp);
		shut(&s->udp);
		errno = reason;
		if (reason != EADDRINUSE)
			break;
	}
	return fault_set(f, ERR_IO, "RPZ cannot listen on \"%s\": %s", text, strerror(errno));
}

/* NOTIFY comes from the address that serves, since those who hear it know their primary by that; of the other family from any. */
static void open_notify(struct rpz_server *s, const struct sockaddr_storage *a, socklen_t n)
{
	struct sockaddr_storage mine = *a;
	bool six = a->ss_family == AF_INET6;
	if (six)
		((struct sockaddr_in6 *)(void *)&mine)->sin6_port = 0;
	else
		((struct sockaddr_in *)(void *)&mine)->sin_port = 0;
	for (int i = 0; i < 2; i++)
		s->notify_fd[i] = open_socket(i ? AF_INET6 : AF_INET, SOCK_DGRAM);
	if (s->notify_fd[six] >= 0 && bind(s->notify_fd[six], (const void *)&mine, n))
		shut(&s->notify_fd[six]);
}

static void changed(void *ctx, uint64_t serial)
{
	struct rpz_server *s = ctx;
	atomic_store(&s->changed, true);
	rpz_wake(s);
}

void rpz_wake(struct rpz_server *s)
{
	uint64_t one = 1;
	(void)!write(s->wake_fd, &one, sizeof(one)); /* refused only when it is readable already */
}

static enum err open_all(struct rpz_server *s, const struct rpz_options *o, struct fault *f)
{
	struct sockaddr_storage plain, secure;
	socklen_t plain_n, secure_n;
	enum err e = OK;
	if ((s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 || (s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return fault_set(f, ERR_IO, "no eventfd for RPZ: %s", strerror(errno));
	if (o->address && ((e = address_parse(o->address, &plain, &plain_n, f)) || (e = open_sockets(s, o->address, &plain, plain_n, f))))
		return e;
	if (o->tls_address && (e = address_parse(o->tls_address, &secure, &secure_n, f)))
		return e;
	if (o->tls_address && !open_secure(s, &secure, secure_n))
		return fault_set(f, ERR_IO, "RPZ cannot listen on \"%s\" for TLS: %s", o->tls_address, strerror(errno));
	s->secure_port = o->tls_address ? (uint16_t)address_port(&secure) : 0;
	if (o->address)
		open_notify(s, &plain, plain_n);
	else if (o->tls_address)
		open_notify(s, &secure, secure_n);
	return OK;
}

enum err rpz_server_open(const struct rpz_options *o, struct rpz_server **ret_server, struct fault *f)
{
	struct rpz_server *s = mem_zalloc(sizeof(*s));
	s->docket = o->docket;
	s->consumers = o->consumers;
	s->tls = o->tls;
	s->udp = s->tcp = s->secure = s->stop_fd = s->wake_fd = s->notify_fd[0] = s->notify_fd[1] = -1;
	random_octets(&s->seed, sizeof(s->seed));
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	s->held = held_new(o->feeds);
	enum err e = open_all(s, o, f);
	if (e) {
		rpz_server_close(s);
		return e;
	}
	docket_listen(s->docket, changed, s);
	*ret_server = s;
	return OK;
}

uint16_t rpz_server_port(const struct rpz_server *s)
{
	return s->port;
}

uint16_t rpz_server_tls_port(const struct rpz_server *s)
{
	return s->secure_port;
}

void rpz_server_run(struct rpz_server *s, unsigned number)
{
	table_reader_init(); /* the docket's guard may look into a table */
	if (number == 0)
		rpz_loop_run(s);
	else
		rpz_jobs_run(s);
	table_reader_exit();
}

void rpz_server_stop(struct rpz_server *s)
{
	uint64_t one = 1;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stop, true);
	(void)!write(s->stop_fd, &one, sizeof(one));
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
}

static void free_jobs(struct rpz_job *j)
{
	while (j) {
		struct rpz_job *next = j->next;
		tls_session_free(j->tls);
		shut(&j->fd);
		rpz_job_free(j);
		j = next;
	}
}

void rpz_server_close(struct rpz_server *s)
{
	if (!s)
		return;
	free_jobs(s->waiting);
	free_jobs(s->done);
	shut(&s->tcp);
	shut(&s->udp);
	shut(&s->secure);
	shut(&s->stop_fd);
	shut(&s->wake_fd);
	shut(&s->notify_fd[0]);
	shut(&s->notify_fd[1]);
	rpz_held_drop(s->held);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	free(s);
}
