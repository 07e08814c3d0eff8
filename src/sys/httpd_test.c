#include "sys/httpd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX_TEST = 100000 };

static bool count_down(void *ctx, struct buf *out)
{
	unsigned *left = ctx;
	if (*left % 3)
		buf_printf(out, "piece %u\n", *left);
	return --*left > 0;
}

/* ---- answers that wait ---- */

enum { READERS_MAX = 300 };

/* What all of them are told: so many lines of LINE octets. */
static struct hall {
	pthread_mutex_t lock;
	unsigned lines, readers, released;
	bool over;
	struct reader {
		struct http_wait *wait;
		unsigned told;
	} *reader[READERS_MAX];
} hall = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum { LINE = 1000 };

static enum http_next hall_pull(void *ctx, struct buf *out)
{
	struct reader *r = ctx;
	enum http_next next = HTTP_WAIT;
	pthread_mutex_lock(&hall.lock);
	if (r->told < hall.lines) {
		buf_printf(out, "%-*u\n", LINE - 1, r->told++);
		next = HTTP_MORE;
	} else if (hall.over) {
		next = HTTP_OVER;
	}
	pthread_mutex_unlock(&hall.lock);
	return next;
}

static void hall_leave(void *ctx)
{
	struct reader *r = ctx;
	pthread_mutex_lock(&hall.lock);
	for (unsigned i = 0; i < hall.readers; i++)
		if (hall.reader[i] == r)
			hall.reader[i] = NULL;
	hall.released++;
	pthread_mutex_unlock(&hall.lock);
	http_wait_free(r->wait);
	free(r);
}

static void hall_enter(struct http_answer *a)
{
	struct reader *r = mem_zalloc(sizeof(*r));
	r->wait = http_wait_new();
	pthread_mutex_lock(&hall.lock);
	assert_true(hall.readers < READERS_MAX);
	hall.reader[hall.readers++] = r;
	pthread_mutex_unlock(&hall.lock);
	buf_puts(&a->body, "welcome\n");
	a->pull = hall_pull;
	a->wait = r->wait;
	a->release = hall_leave;
	a->ctx = r;
}

static void hall_say(unsigned lines, bool over)
{
	pthread_mutex_lock(&hall.lock);
	hall.lines += lines;
	hall.over = over;
	for (unsigned i = 0; i < hall.readers; i++)
		if (hall.reader[i])
			http_wait_wake(hall.reader[i]->wait);
	pthread_mutex_unlock(&hall.lock);
}

static void hall_open(void)
{
	hall.lines = hall.readers = hall.released = 0;
	hall.over = false;
}

/* Tells what it was asked. */
static void echo(void *ctx, struct http_request *q, struct http_answer *a)
{
	if (q->incomplete && !q->refusal && !span_is(q->target, "/refuse"))
		return;
	a->status = q->refusal ? q->refusal : 200;
	a->type = "text/plain";
	http_answer_header(a, "X-Test", "yes");
	if (span_is(q->target, "/slow"))
		usleep(100000);
	if (span_is(q->target, "/empty"))
		return;
	if (span_is(q->target, "/wait")) {
		hall_enter(a);
		return;
	}
	if (span_is(q->target, "/stream")) {
		unsigned *left = mem_alloc(sizeof(*left));
		*left = 9000;
		buf_puts(&a->body, "first\n");
		a->more = count_down;
		a->release = free;
		a->ctx = left;
		return;
	}
	const char *test = http_request_header(q, "x-test");
	buf_printf(&a->body, "%s %u " SPAN_FMT " %zu %s", q->method, q->incomplete, SPAN_ARG(span_head(q->target, 300)),
		   q->body.n, test ? test : "none");
}

static struct httpd *start(unsigned threads)
{
	struct httpd *h;
	struct fault f = { 0 };
	const struct httpd_options o = { "127.0.0.1:0", threads, BODY_MAX_TEST, "test/1", echo, NULL };
	if (httpd_open(&o, &h, &f))
		fail_msg("%s", f.text);
	return h;
}

static struct sockaddr_in at_port(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int dial(unsigned port)
{
	struct sockaddr_in a = at_port(port);
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void tell(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t k = send(fd, text, n, MSG_NOSIGNAL);
		if (k <= 0)
			return; /* refused early */
		text += k;
		n -= (size_t)k;
	}
}

/* Everything until the other side closes. */
static char *hear(int fd)
{
	struct buf b = { 0 };
	ssize_t n;
	while ((n = recv(fd, buf_reserve(&b, 65536), 65536, 0)) > 0)
		b.n += (size_t)n;
	close(fd);
	char *text = mem_strndup(b.p, b.n);
	buf_release(&b);
	return text;
}

static char *ask(struct httpd *h, const char *request)
{
	int fd = dial(httpd_port(h));
	tell(fd, request, strlen(request));
	return hear(fd);
}

static void expect(struct httpd *h, const char *request, const char *status, const char *end)
{
	char *answer = ask(h, request);
	size_t n = strlen(answer), k = strlen(end);
	if (!strstr(answer, status) || n < k || strcmp(answer + n - k, end) != 0)
		fail_msg("asked:\n%.300s\ngot:\n%.600s", request, answer);
	free(answer);
}

#define TAIL "Host: h\r\nConnection: close\r\n\r\n"

static void target_is_as_sent(void **state)
{
	struct httpd *h = start(2);
	expect(h, "GET /a/http://evil.example/%3F?b=c%26&d HTTP/1.1\r\n" TAIL, "HTTP/1.1 200",
	       "GET 0 /a/http://evil.example/%3F?b=c%26&d 0 none");
	expect(h, "GET http://h:1/x?y HTTP/1.1\r\n" TAIL, "HTTP/1.1 200", "GET 0 /x?y 0 none");
	expect(h, "GET http://h HTTP/1.1\r\n" TAIL, "HTTP/1.1 200", "GET 0  0 none");
	expect(h, "OPTIONS * HTTP/1.1\r\n" TAIL, "HTTP/1.1 200", "OPTIONS 0 * 0 none");
	expect(h, "GET /%zz HTTP/1.1\r\nX-TEST: 7\r\n" TAIL, "HTTP/1.1 200", "GET 0 /%zz 0 7");
	httpd_close(h);
}

static void fields_of_answers(void **state)
{
	struct httpd *h = start(1);
	expect(h, "GET / HTTP/1.1\r\n" TAIL, "Server: test/1\r\n", "none");
	expect(h, "GET / HTTP/1.1\r\n" TAIL, "X-Test: yes\r\n", "none");
	expect(h, "HEAD /stay HTTP/1.1\r\n" TAIL, "Content-Length: 19\r\n", "\r\n\r\n");
	expect(h, "HEAD /stream HTTP/1.1\r\n" TAIL, "HTTP/1.1 200", "\r\n\r\n");
	expect(h, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n" TAIL, "Connection: close\r\n", "\r\n\r\n"); /* nothing behind it */
	expect(h, "GET /empty HTTP/1.1\r\n" TAIL, "Content-Length: 0\r\n", "\r\n\r\n");
	expect(h, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400", ""); /* no Host */
	expect(h, "rubbish\r\n\r\n", "", "");
	expect(h, "\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n", "200", "none");
	httpd_close(h);
}

static void bodies(void **state)
{
	struct httpd *h = start(2);
	expect(h, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" TAIL "12345", "HTTP/1.1 200", "POST 0 / 5 none");
	expect(h, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" TAIL "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n", "HTTP/1.1 200",
	       "POST 0 / 5 none");
	expect(h, "GET / HTTP/1.1\r\nContent-Length: 5\r\n" TAIL "12345", "HTTP/1.1 200", "GET 0 / 5 none");
	expect(h, "POST /refuse HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" TAIL, "HTTP/1.1 200", "POST 1 /refuse 0 none");
	expect(h, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" TAIL "12345", "HTTP/1.1 200", "POST 0 / 5 none");
	expect(h, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n" TAIL, "HTTP/1.1 413", "POST 1 / 0 none");
	expect(h, "POST / HTTP/1.1\r\nContent-Length: 500000\r\n" TAIL, "HTTP/1.1 413", "POST 1 / 0 none");
	expect(h, "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n" TAIL, "HTTP/1.1 4", "");
	expect(h, "POST / HTTP/1.1\r\nContent-Length: -5\r\n" TAIL "12345", "HTTP/1.1 400", "");
	httpd_close(h);
}

/* Who sends without asking gets the answer too, behind the body. */
static void large_body(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\nContent-Length: 300000\r\n" TAIL;
	static char body[300000];
	struct httpd *h = start(1);
	int fd = dial(httpd_port(h));
	tell(fd, head, sizeof(head) - 1);
	tell(fd, body, sizeof(body));
	char *answer = hear(fd);
	if (!strstr(answer, "HTTP/1.1 413") || !strstr(answer, "POST 0 / 0 none"))
		fail_msg("%.200s", answer);
	free(answer);
	httpd_close(h);
}

/* Bodies of all connections together are bounded; who finishes makes room. */
static void too_many_bodies(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\nContent-Length: 100000\r\n" TAIL;
	static char body[BODY_MAX_TEST];
	struct httpd *h = start(1);
	int fd[16];
	for (int i = 0; i < 16; i++) {
		fd[i] = dial(httpd_port(h));
		tell(fd[i], head, sizeof(head) - 1);
		tell(fd[i], body, sizeof(body) - 1);
	}
	usleep(200000);
	for (int last = 0; last < 2; last++) {
		int more = dial(httpd_port(h));
		tell(more, head, sizeof(head) - 1);
		tell(more, body, sizeof(body));
		char *answer = hear(more);
		if (!strstr(answer, last ? "HTTP/1.1 200" : "HTTP/1.1 503"))
			fail_msg("%.200s", answer);
		free(answer);
		for (int i = 0; i < 16 && !last; i++) {
			tell(fd[i], body, 1);
			answer = hear(fd[i]);
			assert_non_null(strstr(answer, "HTTP/1.1 200"));
			free(answer);
		}
	}
	httpd_close(h);
}

/* A body whose length was not said is refused when it has come to an end, or cut off when it does not. */
static void endless_body(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" TAIL;
	static char chunk[10000];
	struct httpd *h = start(1);
	for (int chunks = 9; chunks <= 81; chunks += 24) {
		int fd = dial(httpd_port(h));
		tell(fd, head, sizeof(head) - 1);
		for (int i = 0; i < chunks; i++) {
			tell(fd, "2710\r\n", 6);
			tell(fd, chunk, sizeof(chunk));
			tell(fd, "\r\n", 2);
		}
		tell(fd, "0\r\n\r\n", 5);
		char *answer = hear(fd);
		size_t n = (size_t)chunks * sizeof(chunk);
		const char *want = n <= BODY_MAX_TEST ? "HTTP/1.1 200" : n <= 4 * BODY_MAX_TEST ? "HTTP/1.1 413" : "";
		if (want[0] ? !strstr(answer, want) : answer[0])
			fail_msg("%d chunks: %.200s", chunks, answer);
		free(answer);
	}
	httpd_close(h);
}

static void long_targets(void **state)
{
	struct httpd *h = start(1);
	static char request[40000];
	const unsigned lengths[] = { HTTP_TARGET_MAX, HTTP_TARGET_MAX + 1, 30000, 39000 };
	const char *const status[] = { "HTTP/1.1 200", "HTTP/1.1 414", "HTTP/1.1 414", "HTTP/1.1 4" };
	for (unsigned i = 0; i < 4; i++) {
		memset(request, 'a', sizeof(request));
		memcpy(request, "GET /", 5);
		snprintf(request + 4 + lengths[i], sizeof(request) - 4 - lengths[i], " HTTP/1.1\r\n" TAIL);
		expect(h, request, status[i], "");
	}
	httpd_close(h);
}

static void answers_in_pieces(void **state)
{
	struct httpd *h = start(2);
	char *answer = ask(h, "GET /stream HTTP/1.0\r\n\r\n"), *body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	assert_memory_equal(body + 4, "first\npiece 8999\npiece 8998\npiece 8996\n", 39);
	size_t lines = 0;
	for (const char *p = body; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 2 + 1 + 6000);
	free(answer);
	expect(h, "GET /stream HTTP/1.1\r\n" TAIL, "Transfer-Encoding: chunked", "\r\n0\r\n\r\n");
	int fd = dial(httpd_port(h)); /* broken off */
	tell(fd, "GET /stream HTTP/1.1\r\n\r\n", 24);
	close(fd);
	httpd_close(h);
}

static void *ask_slowly(void *h)
{
	return ask(h, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void close_waits_for_answers(void **state)
{
	struct httpd *h = start(2);
	pthread_t t;
	void *answer;
	int idle = dial(httpd_port(h));
	assert_int_equal(pthread_create(&t, NULL, ask_slowly, h), 0);
	usleep(50000);
	httpd_close(h);
	pthread_join(t, &answer);
	assert_non_null(strstr(answer, "GET 0 /slow 0 none"));
	assert_non_null(strstr(answer, "Connection: close"));
	free(answer);
	close(idle);
}

static void addresses(void **state)
{
	struct httpd *h = start(1), *other = NULL;
	struct fault f;
	char taken[64];
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", httpd_port(h));
	struct httpd_options o = { taken, 1, 10, "test/1", echo, NULL };
	assert_int_equal(httpd_open(&o, &other, &f), ERR_IO);
	assert_non_null(strstr(f.text, taken));
	o.address = "localhost:80";
	assert_int_equal(httpd_open(&o, &other, &f), ERR_SYNTAX);
	o.address = "203.0.113.1:80"; /* not ours */
	assert_int_equal(httpd_open(&o, &other, &f), ERR_IO);
	assert_null(other);
	httpd_close(h);
	httpd_close(NULL);
}

/* Reads until `text` was heard so many times. */
static size_t hear_until(int fd, const char *text, unsigned times)
{
	struct buf b = { 0 };
	size_t k = strlen(text), at = 0, n;
	while (times) {
		ssize_t got = recv(fd, buf_reserve(&b, 65536), 65536, 0);
		if (got <= 0)
			fail_msg("the answer ended, or nothing came, before \"%s\" did", text);
		b.n += (size_t)got;
		for (; times && at + k <= b.n; at++)
			times -= memcmp(b.p + at, text, k) == 0;
	}
	n = b.n;
	buf_release(&b);
	return n;
}

static int join_hall(struct httpd *h)
{
	int fd = dial(httpd_port(h));
	static const char request[] = "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n";
	tell(fd, request, sizeof(request) - 1);
	hear_until(fd, "welcome\n", 1);
	return fd;
}

/* Each is told each line once, in order, however the waking falls. */
static void waiting_answers_are_woken(void **state)
{
	enum { READERS = 50, TIMES = 40 };
	struct httpd *h = start(2);
	int fd[READERS];
	hall_open();
	for (unsigned i = 0; i < READERS; i++)
		fd[i] = join_hall(h);
	for (unsigned k = 0; k < TIMES; k++) {
		hall_say(k % 3 ? 1 : 0, false);
		if (k % 7 == 0)
			usleep(2000);
	}
	hall_say(0, true);
	unsigned lines = hall.lines;
	static const char again[] = "GET /again HTTP/1.1\r\nHost: h\r\n\r\n";
	for (unsigned i = 0; i < READERS; i++) {
		hear_until(fd[i], "0\r\n\r\n", 1); /* the end of the chunks: the connection stays, and takes another request */
		tell(fd[i], again, sizeof(again) - 1);
		hear_until(fd[i], "GET 0 /again 0 none", 1);
		close(fd[i]);
	}
	assert_true(lines > 20);
	httpd_close(h);
	assert_int_equal(hall.released, READERS);
}

/* One that reads nothing keeps nobody waiting, and has everything when it reads at last. */
static void slow_reader_is_alone(void **state)
{
	enum { LINES = 20000 };
	struct httpd *h = start(1);
	hall_open();
	int slow = join_hall(h), fast = join_hall(h);
	hall_say(LINES, false);
	assert_true(hear_until(fast, " \n", LINES) >= (size_t)LINES * LINE);
	expect(h, "GET /x HTTP/1.1\r\n" TAIL, "HTTP/1.1 200", "GET 0 /x 0 none");
	assert_true(hear_until(slow, " \n", LINES) >= (size_t)LINES * LINE);
	close(fast);
	close(slow);
	httpd_close(h);
}

/* While they sleep, while they are told something, and one that is gone. */
static void closing_with_those_who_wait(void **state)
{
	enum { READERS = 200 };
	for (unsigned round = 0; round < 2; round++) {
		struct httpd *h = start(2);
		int fd[READERS];
		hall_open();
		for (unsigned i = 0; i < READERS; i++)
			fd[i] = join_hall(h);
		close(fd[0]);
		if (round)
			hall_say(3, false);
		httpd_close(h);
		assert_int_equal(hall.released, READERS);
		for (unsigned i = 1; i < READERS; i++)
			free(hear(fd[i]));
	}
}

struct caller {
	struct sockaddr_in to;
	atomic_bool enough;
};

/* Connects as fast as it can, and says something or nothing. */
static void *call_and_call(void *ctx)
{
	struct caller *c = ctx;
	static const char request[] = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
	for (unsigned i = 0; !atomic_load(&c->enough); i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&c->to, sizeof(c->to)) == 0 && i % 2)
			(void)!send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void closing_while_connections_come(void **state)
{
	enum { ROUNDS = 100 };
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct httpd *h = start(8), *again;
		struct caller c = { .to = at_port(httpd_port(h)) };
		struct fault f;
		char address[64];
		pthread_t thread;
		snprintf(address, sizeof(address), "127.0.0.1:%u", httpd_port(h));
		assert_int_equal(pthread_create(&thread, NULL, call_and_call, &c), 0);
		usleep(round * 20);
		httpd_close(h);
		atomic_store(&c.enough, true);
		pthread_join(thread, NULL);
		const struct httpd_options o = { address, 1, 10, "test/1", echo, NULL };
		assert_int_equal(httpd_open(&o, &again, &f), OK); /* nobody listens there any more */
		httpd_close(again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_is_as_sent), cmocka_unit_test(fields_of_answers), cmocka_unit_test(bodies),
		cmocka_unit_test(large_body), cmocka_unit_test(too_many_bodies),
		cmocka_unit_test(endless_body), cmocka_unit_test(long_targets), cmocka_unit_test(answers_in_pieces),
		cmocka_unit_test(close_waits_for_answers), cmocka_unit_test(addresses),
		cmocka_unit_test(waiting_answers_are_woken),
		cmocka_unit_test(slow_reader_is_alone),
		cmocka_unit_test(closing_with_those_who_wait),
		cmocka_unit_test(closing_while_connections_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
