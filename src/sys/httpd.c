/* One request is one exchange: made when its request line is read, freed when its answer is sent or its connection lost.
 * libmicrohttpd calls respond() for it when the header is read, for each piece of its body, and when it is whole. */
#include "sys/httpd.h"

#include <microhttpd.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/num.h"
#include "sys/tls.h"

enum {
	MEMORY_MAX = 32 << 10,
	CONNECTIONS_MAX = 1024,
	CONNECTIONS_OF_ONE_MAX = 128,
	IDLE_S = 30,
	BODIES_MAX = 16,      /* times body_max, for all bodies at once */
	PIECE = 32 << 10,
	PIECE_OF_WAITING = 256, /* used for HTTP/1.0 alone: with chunks the library takes the connection's own memory */
	KEPT_WHILE_WAITING = 512,
	SEND_BUFFER = 128 << 10, /* of an answer that waits */
	DRAIN_TIMES = 4,      /* of a body that is refused, this many times body_max are read */
	DRAIN_MS = 5000,
	LINGER_MS = 250,      /* for connections that are not answered, when it is closed */
	CONTENT_TOO_LARGE = 413, /* its name differs between versions of the library */
};

struct httpd {
	struct httpd_options options;
	struct MHD_Daemon *daemon;
	unsigned port;
	atomic_uint exchanges;       /* under way */
	atomic_size_t body_octets;   /* held by them */
	atomic_bool closing;
	pthread_mutex_t lock;
	struct stream *waiting;      /* answers that wait, or could */
};

struct exchange {
	struct httpd *httpd;
	struct http_request request;
	bool begun;                  /* its header was seen */
	size_t body_octets;          /* its share of httpd->body_octets */
	uint64_t received;
	char target[];
};

struct http_wait {
	pthread_mutex_t lock;
	struct MHD_Connection *asleep; /* NULL: its pull is under way, or will be called without being woken */
	bool news;                   /* since its pull began */
};

/* An answer that comes in pieces. */
struct stream {
	struct http_answer answer;
	struct httpd *httpd;
	struct MHD_Connection *connection;
	struct stream *next, **link; /* of those with `pull` */
	size_t sent;                 /* of answer.body */
	bool over;
};

const char *http_request_header(const struct http_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

void http_request_peer(const struct http_request *q, char ret_text[ADDRESS_TEXT_MAX])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(q->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	char text[ADDRESS_TEXT_MAX];
	if (info && info->client_addr)
		memcpy(&a, info->client_addr,
		       info->client_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	address_format(&a, text);
	char *end = strrchr(text, ':'), *begin = text;
	if (end)
		*end = 0;
	if (*begin == '[') {
		begin++;
		begin[strcspn(begin, "]")] = 0;
	}
	snprintf(ret_text, ADDRESS_TEXT_MAX, "%s", begin);
}

size_t http_request_address(const struct http_request *q, uint8_t ret[16])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(q->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr && info->client_addr->sa_family == AF_INET)
		return memcpy(ret, &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr, 4), 4;
	if (info && info->client_addr && info->client_addr->sa_family == AF_INET6)
		return memcpy(ret, &((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr, 16), 16;
	return 0;
}

/* ---- TLS ---- */

/* What a connection over TLS has: the credential that it began with, and whom the client has shown itself to be. */
struct secured {
	struct tls_credential *credential;
	bool looked, shown;
	uint8_t fingerprint[32];
};

/* The library knows one certificate for all time; so each connection gets the one of now, before its handshake. */
static void connection_notified(void *cls, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct httpd *h = cls;
	struct secured *own = *context;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		*context = own = mem_zalloc(sizeof(*own));
		own->credential = tls_source_now(h->options.tls);
		if (info && info->tls_session)
			tls_lend(own->credential, info->tls_session);
	} else if (own) {
		*context = NULL;
		tls_credential_drop(own->credential);
		free(own);
	}
}

bool http_request_certificate(const struct http_request *q, uint8_t ret_fingerprint[32])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(q->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct secured *own = info ? info->socket_context : NULL;
	if (!own)
		return false;
	if (!own->looked) {
		const union MHD_ConnectionInfo *tls = MHD_get_connection_info(q->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		own->shown = tls && tls->tls_session && tls_lent_peer(tls->tls_session, own->fingerprint);
		own->looked = true;
	}
	if (own->shown)
		memcpy(ret_fingerprint, own->fingerprint, sizeof(own->fingerprint));
	return own->shown;
}

void http_answer_header(struct http_answer *a, const char *name, const char *value)
{
	if (a->n_headers == HTTP_HEADERS_MAX)
		return;
	a->header[a->n_headers].name = name;
	snprintf(a->header[a->n_headers++].value, HTTP_HEADER_VALUE_MAX, "%s", value);
}

/* RFC 9112 §3.2.2: a server must take the absolute form too; what it serves does not depend on the host. */
static struct span origin_form(struct span target)
{
	size_t colon = span_find(target, ':');
	if (!target.n || target.p[0] == '/' || !span_starts(span_from(target, colon), SPAN_LIT("://")))
		return target;
	struct span rest = span_from(target, colon + 3);
	return span_from(rest, span_find(rest, '/'));
}

static void *exchange_new(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct httpd *h = cls;
	struct span target = origin_form(span_str(uri ? uri : ""));
	size_t n = target.n < HTTP_TARGET_MAX ? target.n : HTTP_TARGET_MAX;
	struct exchange *x = mem_alloc(sizeof(*x) + n);
	*x = (struct exchange){ .httpd = h };
	if (n)
		memcpy(x->target, target.p, n);
	x->request = (struct http_request){
		.target = span_of(x->target, n),
		.refusal = target.n > HTTP_TARGET_MAX ? MHD_HTTP_URI_TOO_LONG : 0,
		.connection = connection,
	};
	atomic_fetch_add_explicit(&h->exchanges, 1, memory_order_relaxed);
	return x;
}

static void exchange_over(void *cls, struct MHD_Connection *connection, void **exchange,
			  enum MHD_RequestTerminationCode how)
{
	struct exchange *x = *exchange;
	if (!x)
		return;
	*exchange = NULL;
	buf_release(&x->request.body);
	atomic_fetch_sub_explicit(&x->httpd->body_octets, x->body_octets, memory_order_relaxed);
	atomic_fetch_sub_explicit(&x->httpd->exchanges, 1, memory_order_release);
	free(x);
}

/* ---- answers that wait ---- */

struct http_wait *http_wait_new(void)
{
	struct http_wait *w = mem_zalloc(sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	return w;
}

void http_wait_free(struct http_wait *w)
{
	if (!w)
		return;
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void http_wait_wake(struct http_wait *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->asleep)
		MHD_resume_connection(w->asleep);
	else
		w->news = true;
	w->asleep = NULL;
	pthread_mutex_unlock(&w->lock);
}

/* Nobody knows what is in a buffer that we are asked to fill, so its pages may go back to the system while the connection sleeps: that is
 * nearly all of its memory. */
static void give_back(char *buffer, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)buffer + page - 1) & ~(page - 1), to = ((uintptr_t)buffer + n) & ~(page - 1);
	if (to > from)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/* @return false: there is news, or the server closes. */
static bool fall_asleep(struct stream *s, char *buffer, size_t n)
{
	struct http_wait *w = s->answer.wait;
	pthread_mutex_lock(&w->lock);
	bool sleeps = !w->news && !atomic_load(&s->httpd->closing);
	w->news = false;
	if (sleeps) {
		give_back(buffer, n);
		w->asleep = s->connection;
		MHD_suspend_connection(s->connection);
	}
	pthread_mutex_unlock(&w->lock);
	return sleeps;
}

/* The system would let megabytes pile up for one that reads slowly, and say that there is room again when a third of them is gone: on a slow
 * line that takes longer than we wait for a sign of life. */
static void limit_send_buffer(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	const int n = SEND_BUFFER;
	if (info)
		(void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
}

static void stream_enlist(struct stream *s)
{
	limit_send_buffer(s->connection);
	struct httpd *h = s->httpd;
	pthread_mutex_lock(&h->lock);
	s->next = h->waiting;
	s->link = &h->waiting;
	if (s->next)
		s->next->link = &s->next;
	h->waiting = s;
	pthread_mutex_unlock(&h->lock);
}

static void stream_leave(struct stream *s)
{
	pthread_mutex_lock(&s->httpd->lock);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	pthread_mutex_unlock(&s->httpd->lock);
}

/* The library cannot be stopped while connections sleep. */
static void wake_all(struct httpd *h)
{
	pthread_mutex_lock(&h->lock);
	for (struct stream *s = h->waiting; s; s = s->next)
		http_wait_wake(s->answer.wait);
	pthread_mutex_unlock(&h->lock);
}

/* @return octets; 0: asleep. */
static ssize_t waiting_read(void *cls, uint64_t pos, char *to, size_t max)
{
	struct stream *s = cls;
	struct buf *piece = &s->answer.body;
	while (s->sent == piece->n) {
		if (s->over || atomic_load(&s->httpd->closing))
			return MHD_CONTENT_READER_END_OF_STREAM;
		s->sent = piece->n = 0;
		enum http_next next = s->answer.pull(s->answer.ctx, piece);
		s->over = next == HTTP_OVER;
		if (next != HTTP_WAIT || piece->n)
			continue;
		if (piece->cap > KEPT_WHILE_WAITING)
			buf_release(piece);
		if (fall_asleep(s, to, max))
			return 0;
	}
	size_t n = piece->n - s->sent < max ? piece->n - s->sent : max;
	memcpy(to, piece->p + s->sent, n);
	s->sent += n;
	return (ssize_t)n;
}

static void stream_free(void *cls)
{
	struct stream *s = cls;
	if (s->answer.pull)
		stream_leave(s);
	buf_release(&s->answer.body);
	if (s->answer.release)
		s->answer.release(s->answer.ctx);
	free(s);
}

static ssize_t stream_read(void *cls, uint64_t pos, char *to, size_t max)
{
	struct stream *s = cls;
	struct buf *piece = &s->answer.body;
	while (s->sent == piece->n) {
		if (s->over)
			return MHD_CONTENT_READER_END_OF_STREAM;
		s->sent = piece->n = 0;
		s->over = !s->answer.more(s->answer.ctx, piece);
	}
	size_t n = piece->n - s->sent < max ? piece->n - s->sent : max;
	memcpy(to, piece->p + s->sent, n);
	s->sent += n;
	return (ssize_t)n;
}

static struct MHD_Response *response_new(struct exchange *x, struct http_answer *a)
{
	struct MHD_Response *r;
	if (a->more || a->pull) {
		struct stream *s = mem_alloc(sizeof(*s));
		*s = (struct stream){ .answer = *a, .httpd = x->httpd, .connection = x->request.connection };
		if (a->pull)
			stream_enlist(s);
		r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, a->pull ? PIECE_OF_WAITING : PIECE,
						      a->pull ? waiting_read : stream_read, s, stream_free);
		if (!r)
			stream_free(s);
	} else {
		enum MHD_ResponseMemoryMode mode = a->body.n ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT;
		r = MHD_create_response_from_buffer(a->body.n, a->body.p, mode);
		if (!r || !a->body.n)
			buf_release(&a->body);
	}
	return r;
}

/* Of an answer in pieces libmicrohttpd sends the end, "0", to HEAD as well, where the next answer is expected: none may come there. */
static bool ends_unsaid(const struct http_request *q, const struct http_answer *a)
{
	return (a->more || a->pull) && strcmp(q->method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* Let the handler answer.  @return MHD_NO closes the connection. */
static enum MHD_Result ask(struct exchange *x)
{
	struct httpd *h = x->httpd;
	struct http_answer a = { 0 };
	h->options.handle(h->options.ctx, &x->request, &a);
	if (!a.status)
		return x->request.incomplete ? MHD_YES : MHD_NO;
	struct MHD_Response *r = response_new(x, &a);
	if (!r)
		return MHD_NO;
	if (a.type)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a.type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_SERVER, h->options.server);
	for (unsigned i = 0; i < a.n_headers; i++)
		MHD_add_response_header(r, a.header[i].name, a.header[i].value);
	if (atomic_load_explicit(&h->closing, memory_order_relaxed) || ends_unsaid(&x->request, &a))
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	enum MHD_Result result = MHD_queue_response(x->request.connection, a.status, r);
	MHD_destroy_response(r);
	return result;
}

/* The header is read.  Only a client that waits for leave to send its body (RFC 9110 §10.1.1) is refused now: another would
 * lose the answer when the connection is closed under what it is sending, so its body is read on, unless that is no end of
 * octets. */
static enum MHD_Result begin(struct exchange *x)
{
	struct http_request *q = &x->request;
	const char *length = http_request_header(q, MHD_HTTP_HEADER_CONTENT_LENGTH);
	size_t max = x->httpd->options.body_max;
	uint64_t n = 0;
	if (length && num_parse_u64(span_str(length), UINT64_MAX, &n) == ERR_RANGE)
		n = UINT64_MAX;
	if (n > max && !q->refusal)
		q->refusal = CONTENT_TOO_LARGE;
	bool waits = http_request_header(q, MHD_HTTP_HEADER_EXPECT) != NULL;
	if (strcmp(q->method, MHD_HTTP_METHOD_POST) && strcmp(q->method, MHD_HTTP_METHOD_PUT))
		return MHD_YES; /* of other methods the library reads the body in any case */
	if (!waits && n / DRAIN_TIMES <= max)
		return MHD_YES;
	q->incomplete = true;
	enum MHD_Result result = ask(x);
	q->incomplete = false;
	return result;
}

/* A body that is refused in the middle is read on, as the library can answer only then, but not for long. */
static enum MHD_Result collect(struct exchange *x, const char *data, size_t n)
{
	struct http_request *q = &x->request;
	struct httpd *h = x->httpd;
	size_t max = h->options.body_max;
	x->received += n;
	if (x->received > max && !q->refusal)
		q->refusal = CONTENT_TOO_LARGE;
	if (!q->refusal) {
		x->body_octets += n;
		if (atomic_fetch_add_explicit(&h->body_octets, n, memory_order_relaxed) + n > max * BODIES_MAX)
			q->refusal = MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	if (!q->refusal) {
		buf_put(&q->body, data, n);
		return MHD_YES;
	}
	buf_release(&q->body);
	atomic_fetch_sub_explicit(&h->body_octets, x->body_octets, memory_order_relaxed);
	x->body_octets = 0;
	return x->received / DRAIN_TIMES > max ? MHD_NO : MHD_YES;
}

static enum MHD_Result respond(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
			       const char *version, const char *upload, size_t *upload_n, void **exchange)
{
	struct exchange *x = *exchange;
	if (!x)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		x->request.method = method;
		return begin(x);
	}
	if (!*upload_n)
		return ask(x);
	size_t n = *upload_n;
	*upload_n = 0;
	return collect(x, upload, n);
}

/* Targets are taken as they were sent; the library's own reading of them is not used. */
static size_t leave_escaped(void *cls, struct MHD_Connection *connection, char *s)
{
	return strlen(s);
}

static enum err listen_on(const char *address, struct sockaddr_storage *ret_bound, int *ret_fd, struct fault *f)
{
	struct sockaddr_storage a;
	socklen_t n;
	enum err e = address_parse(address, &a, &n, f);
	if (e)
		return e;
	int on = 1, fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault_set(f, ERR_IO, "no socket for HTTP on \"%s\": %s", address, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, n) || listen(fd, SOMAXCONN) || getsockname(fd, (struct sockaddr *)&a, &n)) {
		fault_set(f, ERR_IO, "cannot listen for HTTP on \"%s\": %s", address, strerror(errno));
		close(fd);
		return ERR_IO;
	}
	*ret_bound = a;
	*ret_fd = fd;
	return OK;
}

/* Whether a new connection is taken.  That is how it stops to listen: MHD_quiesce_daemon() and the threads that wait in epoll_wait(2) both
 * take the listener out, and the second of them aborts the process (0.9.75; a race, lost once in some hundred stops on a busy machine). */
static enum MHD_Result accepted(void *cls, const struct sockaddr *from, socklen_t n)
{
	const struct httpd *h = cls;
	return atomic_load_explicit(&h->closing, memory_order_relaxed) ? MHD_NO : MHD_YES;
}

/* Its options: what the library asks for before it takes connections over TLS. */
static struct MHD_Daemon *start_secure(struct httpd *h, const struct MHD_OptionItem *options, unsigned flags)
{
	struct tls_credential *c = tls_source_now(h->options.tls);
	struct tls_pem pem = tls_credential_pem(c);
	const struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)pem.cert.p },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)pem.key.p },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notified, h },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_Daemon *d = MHD_start_daemon(flags | MHD_USE_TLS, 0, accepted, h, respond, h, MHD_OPTION_ARRAY, secure, MHD_OPTION_ARRAY, options,
						MHD_OPTION_END);
	tls_credential_drop(c);
	return d;
}

enum err httpd_open(const struct httpd_options *o, struct httpd **ret_httpd, struct fault *f)
{
	struct sockaddr_storage bound;
	int fd = -1;
	enum err e = listen_on(o->address, &bound, &fd, f);
	if (e)
		return e;
	struct httpd *h = mem_zalloc(sizeof(*h));
	h->options = *o;
	h->port = address_port(&bound);
	pthread_mutex_init(&h->lock, NULL);
	const struct MHD_OptionItem options[] = {
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, o->connections ? o->connections : CONNECTIONS_MAX, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, NULL },
		{ MHD_OPTION_PER_IP_CONNECTION_LIMIT, address_is_loopback(&bound) ? 0 : CONNECTIONS_OF_ONE_MAX, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_new, h },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_over, h },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, NULL },
		{ o->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, o->threads, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	h->daemon = o->tls ? start_secure(h, options, flags)
			   : MHD_start_daemon(flags, 0, accepted, h, respond, h, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (!h->daemon) {
		/* The library has closed the socket or not: it does not say, so the descriptor is left alone. */
		pthread_mutex_destroy(&h->lock);
		free(h);
		return fault_set(f, ERR_IO, "the HTTP server on \"%s\" did not start: %s", o->address, strerror(errno));
	}
	*ret_httpd = h;
	return OK;
}

unsigned httpd_port(const struct httpd *h)
{
	return h->port;
}

/* A connection that was just accepted may have a request on its way that the library refuses by itself.  When it is stopped at that
 * moment it follows a null pointer (0.9.75: no answer is queued any more, and the header of none is built), so such connections
 * get a moment to be over.  Those that are idle are not worth more. */
static void let_connections_end(struct httpd *h)
{
	uint64_t end = clock_mono_ns() + LINGER_MS * UINT64_C(1000000);
	const union MHD_DaemonInfo *info;
	while ((info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)) && info->num_connections && clock_mono_ns() < end)
		usleep(1000);
}

void httpd_close(struct httpd *h)
{
	if (!h)
		return;
	atomic_store(&h->closing, true);
	wake_all(h);
	uint64_t end = clock_mono_ns() + DRAIN_MS * UINT64_C(1000000);
	while (atomic_load_explicit(&h->exchanges, memory_order_acquire) && clock_mono_ns() < end)
		usleep(1000);
	let_connections_end(h);
	MHD_stop_daemon(h->daemon);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
