/* The sockets: every query over UDP and TCP gets its answer, in whatever pieces it comes, and the server stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/dns_message.h"
#include "face/dns.h"
#include "sys/key.h"
#include "view/force.h"
#include "view/reputation.h"

enum { WORKERS = 2, CONNECTIONS_MAX = 256 };

static const uint8_t listed[] =
	"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	"\x01" "2\x01" "0\x01" "0\x03" "127\x02" "bl\x05sipar\x04test\x00\x00\x01\x00\x01";
enum { QUERY_SIZE = sizeof(listed) - 1, ANSWER_SIZE = QUERY_SIZE + 16 };

struct daemon {
	char dir[64];
	struct table *table, *decided;
	unsigned rate;
	bool keyed;
	struct meaning meaning;
	struct dns_server *server;
	struct thread { pthread_t id; struct dns_server *server; unsigned worker; } thread[WORKERS + 1];
};

static void *run(void *arg)
{
	struct thread *t = arg;
	dns_server_run(t->server, t->worker);
	return NULL;
}

static uint32_t tick(void *ctx)
{
	return 0;
}

static int start(struct daemon *d, const char *address)
{
	struct fault f;
	const struct dns_decisions decisions = { .table = d->decided, .tick = tick };
	struct dns_options o = { .address = address, .zone = "bl.sipar.test", .workers = WORKERS, .clear = CLEARANCE_ALL,
				 .min_score = 1, .ttl_s = 300, .negative_ttl_s = 60, .decisions = &decisions, .rate = d->rate, .keyed = d->keyed };
	if (dns_server_open(&o, d->table, &d->server, &f)) {
		fprintf(stderr, "%s\n", f.text);
		return -1;
	}
	for (unsigned i = 0; i <= WORKERS; i++) {
		d->thread[i] = (struct thread){ .server = d->server, .worker = i };
		pthread_create(&d->thread[i].id, NULL, run, &d->thread[i]);
	}
	return 0;
}

static void stop(struct daemon *d)
{
	dns_server_stop(d->server);
	for (unsigned i = 0; i <= WORKERS; i++)
		pthread_join(d->thread[i].id, NULL);
	dns_server_close(d->server);
	d->server = NULL;
}

static int setup(void **state)
{
	static struct daemon d;
	uint64_t folded;
	d = (struct daemon){ .dir = "/tmp/sipar-dns-test-XXXXXX" };
	assert_non_null(mkdtemp(d.dir));
	assert_int_equal(table_open(d.dir, (struct siphash_seed){ 1, 2 }, true, &d.table, &folded, NULL), OK);
	d.meaning = (struct meaning){ .sources = source_set_new(), .rules = rules_new() };
	assert_int_equal(table_push(d.table, NULL, &d.meaning, NULL, NULL, NULL, NULL), OK);
	*state = &d;
	return start(&d, "127.0.0.1:0");
}

static int teardown(void **state)
{
	struct daemon *d = *state;
	char sub[80];
	if (d->server)
		stop(d);
	table_close(d->table);
	source_set_free(d->meaning.sources);
	rules_free(d->meaning.rules);
	(void)!table_drop(d->dir, NULL);
	snprintf(sub, sizeof(sub), "%s/table", d->dir);
	rmdir(sub);
	rmdir(d->dir);
	return 0;
}

static int client(const struct daemon *d, int type, const char *ip)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(dns_server_port(d->server)) };
	struct timeval patience = { .tv_sec = 5 };
	inet_pton(AF_INET, ip, &to.sin_addr);
	int fd = socket(AF_INET, type, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (void *)&to, sizeof(to)), 0);
	return fd;
}

static void is_answer(const uint8_t *p, size_t n, unsigned id)
{
	assert_int_equal(n, ANSWER_SIZE);
	assert_int_equal(p[0] << 8 | p[1], id);
	assert_memory_equal(p + n - 4, "\x7f\x00\x00\x02", 4);
}

static void over_udp(void **state)
{
	struct daemon *d = *state;
	for (unsigned socket = 0; socket < 16; socket++) { /* other ports: both workers */
		int fd = client(d, SOCK_DGRAM, "127.0.0.1");
		for (unsigned i = 0; i < 40; i++) {
			uint8_t q[QUERY_SIZE];
			memcpy(q, listed, sizeof(q));
			q[1] = (uint8_t)i;
			assert_int_equal(send(fd, q, sizeof(q), 0), sizeof(q));
		}
		assert_int_equal(send(fd, "x", 1, 0), 1);
		uint8_t big[3000] = { 0 };
		assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
		assert_int_equal(send(fd, NULL, 0, 0), 0);
		for (unsigned i = 0; i < 40; i++) {
			uint8_t a[DNS_UDP_MAX];
			ssize_t n = recv(fd, a, sizeof(a), 0);
			is_answer(a, (size_t)n, i);
		}
		close(fd);
	}
	stop(d);
}

static void counts(void **state)
{
	struct daemon *d = *state;
	struct dns_counters c;
	int fd = client(d, SOCK_DGRAM, "127.0.0.1");
	uint8_t a[DNS_UDP_MAX];
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(send(fd, "short", 5, 0), 5);
		assert_int_equal(send(fd, listed, QUERY_SIZE, 0), QUERY_SIZE);
		is_answer(a, (size_t)recv(fd, a, sizeof(a), 0), 7);
	}
	for (int i = 0; i < 100; i++) { /* shown behind the batch, so perhaps after the answer */
		dns_server_count(d->server, &c);
		if (c.queries == 20)
			break;
		usleep(10000);
	}
	assert_int_equal(c.queries, 20);
	assert_int_equal(c.listed, 10);
	assert_int_equal(c.dropped, 10);
	assert_int_equal(c.tcp_queries, 0);
	close(fd);
}

static size_t put_framed(uint8_t *p, unsigned id)
{
	p[0] = 0, p[1] = QUERY_SIZE;
	memcpy(p + 2, listed, QUERY_SIZE);
	p[2] = (uint8_t)(id >> 8), p[3] = (uint8_t)id;
	return 2 + QUERY_SIZE;
}

static void get_framed(int fd, unsigned id)
{
	uint8_t a[2 + ANSWER_SIZE];
	assert_int_equal(recv(fd, a, sizeof(a), MSG_WAITALL), sizeof(a));
	assert_int_equal(a[0] << 8 | a[1], ANSWER_SIZE);
	is_answer(a + 2, sizeof(a) - 2, id);
}

/* Octet by octet. */
static void tcp_pieces(void **state)
{
	struct daemon *d = *state;
	int fd = client(d, SOCK_STREAM, "127.0.0.1");
	uint8_t q[100];
	size_t n = put_framed(q, 1);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(send(fd, q + i, 1, MSG_NOSIGNAL), 1);
		usleep(500);
	}
	get_framed(fd, 1);
	close(fd);
}

/* Far more than its buffers hold, and nothing read before all is sent; then the end of the stream. */
static void tcp_pipelined(void **state)
{
	struct daemon *d = *state;
	enum { QUERIES = 5000 };
	static uint8_t q[QUERIES * (2 + QUERY_SIZE)];
	int fd = client(d, SOCK_STREAM, "127.0.0.1"), big = 4 << 20;
	size_t n = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	for (unsigned i = 0; i < QUERIES; i++)
		n += put_framed(q + n, i);
	assert_int_equal(send(fd, q, n, MSG_NOSIGNAL), (ssize_t)n);
	shutdown(fd, SHUT_WR);
	for (unsigned i = 0; i < QUERIES; i++)
		get_framed(fd, i);
	assert_int_equal(recv(fd, q, 1, 0), 0);
	close(fd);
}

static void tcp_garbage(void **state)
{
	struct daemon *d = *state;
	static const char *const bad[] = { "\xff\xff", "\x00\x00" "zz", "\x00\x03" "abc", "\x10\x01" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int fd = client(d, SOCK_STREAM, "127.0.0.1");
		uint8_t a;
		assert_int_equal(send(fd, bad[i], i == 2 ? 5 : 2, MSG_NOSIGNAL), i == 2 ? 5 : 2);
		assert_true(recv(fd, &a, 1, 0) <= 0);
		close(fd);
	}
}

/* Idlers do not keep others out. */
static void tcp_many(void **state)
{
	struct daemon *d = *state;
	enum { MORE = CONNECTIONS_MAX + 40 };
	int fd[MORE];
	uint8_t q[100];
	size_t n = put_framed(q, 9);
	for (int i = 0; i < MORE; i++)
		fd[i] = client(d, SOCK_STREAM, "127.0.0.1");
	int last = client(d, SOCK_STREAM, "127.0.0.1");
	assert_int_equal(send(last, q, n, MSG_NOSIGNAL), (ssize_t)n);
	get_framed(last, 9);
	close(last);
	for (int i = 0; i < MORE; i++)
		close(fd[i]);
}

/* Bound to every address, the one that was asked answers. */
static void answers_from_the_address_asked(void **state)
{
	struct daemon *d = *state;
	static const char *const bound[] = { "0.0.0.0:0", "[::]:0" };
	for (size_t i = 0; i < COUNT_OF(bound); i++) {
		stop(d);
		if (start(d, bound[i])) /* a machine without IPv6 */
			continue;
		int fd = client(d, SOCK_DGRAM, "127.0.0.53"); /* connected: would not take it from another */
		uint8_t a[DNS_UDP_MAX];
		assert_int_equal(send(fd, listed, QUERY_SIZE, 0), QUERY_SIZE);
		is_answer(a, (size_t)recv(fd, a, sizeof(a), 0), 7);
		close(fd);
	}
}

/* 20,000 decisions on addresses, every second of a /16, in a table of their own. */
static void decide(struct daemon *d)
{
	enum { N = 20000 };
	uint64_t folded;
	struct image *m;
	char dir[80];
	snprintf(dir, sizeof(dir), "%s/decisions", d->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(table_open(dir, (struct siphash_seed){ 3, 4 }, true, &d->decided, &folded, NULL), OK);
	struct batch *b = batch_new(table_seed(d->decided), table_dir(d->decided), 1 << 24);
	for (unsigned i = 0; i < N; i++) {
		const uint8_t a[4] = { 198, 51, (uint8_t)(i >> 7), (uint8_t)(2 * i) };
		const struct table_key k = { .kind = OBS_IPV4, .n = 4, .p = a };
		const struct claim c = { .seen = 1, .stance = ACTION_BLOCK, .category = REASON_C2 };
		assert_int_equal(batch_add(b, &k, &c, NULL), OK);
	}
	assert_int_equal(batch_stamp(b, 1, 0, NULL), OK);
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	batch_free(b);
	assert_int_equal(table_push(d->decided, m, NULL, NULL, NULL, NULL, NULL), OK);
}

static size_t put_query(uint8_t *q, unsigned id, unsigned third, unsigned fourth)
{
	char name[40];
	const uint8_t head[12] = { (uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1 };
	memcpy(q, head, 12);
	size_t n = 12;
	snprintf(name, sizeof(name), "%u.%u.51.198", fourth, third);
	for (struct span s = span_str(name); s.n;) {
		size_t dot = span_find(s, '.');
		q[n++] = (uint8_t)dot;
		memcpy(q + n, s.p, dot);
		n += dot;
		s = span_from(s, dot + 1);
	}
	memcpy(q + n, "\x02" "bl\x05sipar\x04test\x00\x00\x01\x00\x01", 19);
	return n + 19;
}

/* Batches in which some are blocked by decisions. */
static void decisions_in_batches(void **state)
{
	struct daemon *d = *state;
	stop(d);
	decide(d);
	assert_int_equal(start(d, "127.0.0.1:0"), 0);
	int fd = client(d, SOCK_DGRAM, "127.0.0.1");
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 60; i++) {
			uint8_t q[100];
			size_t n = put_query(q, i, round, i);
			assert_int_equal(send(fd, q, n, 0), (ssize_t)n);
		}
		for (unsigned i = 0; i < 60; i++) {
			uint8_t a[DNS_UDP_MAX];
			ssize_t n = recv(fd, a, sizeof(a), 0);
			assert_true(n > 12);
			bool blocked = a[1] % 2 == 0;
			assert_int_equal(a[3] & 15, blocked ? DNS_NOERROR : DNS_NXDOMAIN);
			assert_int_equal(a[7], blocked);
			if (blocked)
				assert_memory_equal(a + n - 4, "\x7f\x00\x00\x06", 4);
		}
	}
	close(fd);
	stop(d);
	char sub[100];
	table_close(d->decided);
	snprintf(sub, sizeof(sub), "%s/decisions", d->dir);
	(void)!table_drop(sub, NULL);
	snprintf(sub, sizeof(sub), "%s/decisions/table", d->dir);
	rmdir(sub);
	snprintf(sub, sizeof(sub), "%s/decisions", d->dir);
	rmdir(sub);
}

/* Over the rate a datagram has no answer or a cut one; over TCP everything is answered. */
static void rated(void **state)
{
	struct daemon *d = *state;
	struct dns_counters c;
	enum { N = 400, RATE = 2 };
	stop(d);
	d->rate = RATE;
	assert_int_equal(start(d, "127.0.0.1:0"), 0);
	int fd = client(d, SOCK_DGRAM, "127.0.0.1"), whole = 0, cut = 0;
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(send(fd, listed, QUERY_SIZE, 0), QUERY_SIZE);
	for (int i = 0; i < 500; i++) {
		dns_server_count(d->server, &c);
		if (c.queries == N)
			break;
		usleep(10000);
	}
	assert_int_equal(c.queries, N);
	uint8_t a[DNS_UDP_MAX];
	while (recv(fd, a, sizeof(a), MSG_DONTWAIT) > 0) {
		whole += !(a[2] & 2);
		cut += !!(a[2] & 2);
	}
	assert_int_equal(c.listed, whole);
	assert_int_equal(c.truncated, cut);
	assert_int_equal(c.limited, N - whole);
	assert_in_range(whole, RATE, N / 2);
	assert_in_range(cut, (N - whole) / 2, (N - whole + 1) / 2);
	close(fd);
	fd = client(d, SOCK_STREAM, "127.0.0.1");
	uint8_t q[100];
	size_t n = put_framed(q, 3);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(send(fd, q, n, MSG_NOSIGNAL), (ssize_t)n);
		get_framed(fd, 3);
	}
	close(fd);
}

static void told_consumer(void *ctx, const char *consumer, uint64_t queries)
{
	uint64_t *sum = ctx;
	assert_string_equal(consumer, "one.feed");
	*sum += queries;
}

static void consumers_are_counted(void **state)
{
	struct daemon *d = *state;
	static const uint8_t keyed[] =
		"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
		"\x01" "2\x01" "0\x01" "0\x03" "127\x06" "secret\x02" "bl\x05sipar\x04test\x00\x00\x01\x00\x01";
	const struct dns_key keys[] = { { "one.feed", SPAN_LIT("secret") }, { "one.feed", SPAN_LIT("other") } };
	uint8_t a[DNS_UDP_MAX];
	uint64_t sum = 0;
	stop(d);
	d->keyed = true;
	assert_int_equal(start(d, "127.0.0.1:0"), 0);
	int fd = client(d, SOCK_DGRAM, "127.0.0.1");
	for (unsigned i = 0; i < 4; i++) { /* without the key, with it, with another, with it again */
		dns_server_set_keys(d->server, &keys[i == 2], i > 0);
		assert_int_equal(send(fd, keyed, sizeof(keyed) - 1, 0), sizeof(keyed) - 1);
		assert_true(recv(fd, a, sizeof(a), 0) > 12);
		assert_int_equal(a[3] & 15, i % 2 ? DNS_NOERROR : DNS_REFUSED);
	}
	dns_server_consumers(d->server, told_consumer, &sum);
	assert_int_equal(sum, 2);
	close(fd);
}

static void open_errors(void **state)
{
	struct daemon *d = *state;
	struct dns_server *other;
	struct fault f;
	char taken[64];
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", dns_server_port(d->server));
	struct dns_options o = { .address = taken, .zone = "bl.sipar.test", .workers = 1 };
	assert_int_equal(dns_server_open(&o, d->table, &other, &f), ERR_IO);
	assert_non_null(strstr(f.text, taken));
	o.address = "nowhere:53";
	assert_int_equal(dns_server_open(&o, d->table, &other, &f), ERR_SYNTAX);
	o.address = "127.0.0.1:0", o.zone = "..";
	assert_int_equal(dns_server_open(&o, d->table, &other, &f), ERR_SYNTAX);
	o.zone = "bl.sipar.test", o.workers = 0;
	assert_int_equal(dns_server_open(&o, d->table, &other, &f), ERR_RANGE);
	dns_server_close(NULL);
}

int main(void)
{
	sys_key_init();
#define SERVED(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		SERVED(over_udp), SERVED(counts), SERVED(tcp_pieces), SERVED(tcp_pipelined), SERVED(tcp_garbage), SERVED(tcp_many),
		SERVED(answers_from_the_address_asked), SERVED(open_errors), SERVED(decisions_in_batches), SERVED(rated),
		SERVED(consumers_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
