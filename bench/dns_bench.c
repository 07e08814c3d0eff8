/* What the DNS face costs beside the kernel: answers per second of server CPU, against a bare recvmmsg/sendmmsg echo in the
 * same run.
 *
 *   dns_bench [KEYS] [ROUNDS]      three times: addresses and domains of which half are listed, addresses that are not
 *
 * Two child processes, each pinned to the first CPU: the echo, and the face with one worker over a table of KEYS keys.  The
 * parent, on the second CPU, keeps 8 sockets x 16 queries in flight, one second to each child in turn.  CPU time of the idle
 * one is nothing, so the rounds are comparable however noisy the machine is; medians are printed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "codec/dns_message.h"
#include "codec/observable.h"
#include "face/dns.h"
#include "view/reputation.h"

enum { SOCKETS = 8, DEPTH = 16, BATCH = 32, QUERIES = 1 << 18, ROUND_MS = 1000, ROUNDS_MAX = 99, PACKET = 128 };

static void die(const char *what)
{
	fprintf(stderr, "dns_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Random numbers that are the same in every run: key number i has the value mix(i). */
static uint64_t mix(uint64_t x)
{
	x = (x + 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* Six in ten addresses are crowded into 4,000 networks of 65,536, as those of botnets are. */
static uint32_t address_of(uint64_t i)
{
	uint64_t r = mix(i);
	uint32_t a = (uint32_t)r;
	if (r >> 32 & 1 || r >> 33 & 1 || r >> 34 & 1)
		a = (uint32_t)mix(r >> 40 & 4095) << 16 | (a & 0xffff);
	return 0x0b000000u + a % 0x70000000u;
}

static size_t domain_of(uint64_t i, char ret[64])
{
	return (size_t)snprintf(ret, 64, "host-%llx.example", (unsigned long long)(mix(i) & 0xffffffffff));
}

static size_t query_of(const char *mode, uint64_t i, uint64_t keys, uint8_t *q)
{
	static const uint8_t head[DNS_HEADER_SIZE] = { 0, 0, 1, 0, 0, 1 }, tail[] = "\x02" "bl\x05sipar\x04test\x00\x00\x01\x00\x01";
	bool listed = i % 2 && strcmp(mode, "unlisted") != 0;
	uint64_t key = listed ? mix(~i) % keys : keys + i;
	char text[80];
	if (strcmp(mode, "domains") == 0)
		domain_of(key, text);
	else {
		uint32_t a = address_of(key);
		snprintf(text, sizeof(text), "%u.%u.%u.%u", a & 255, a >> 8 & 255, a >> 16 & 255, a >> 24);
	}
	memcpy(q, head, sizeof(head));
	size_t n = sizeof(head);
	for (struct span s = span_str(text); s.n;) {
		size_t dot = span_find(s, '.');
		q[n++] = (uint8_t)dot;
		memcpy(q + n, s.p, dot);
		n += dot;
		s = span_from(s, dot + 1);
	}
	memcpy(q + n, tail, sizeof(tail) - 1);
	return n + sizeof(tail) - 1;
}

static void echo(int fd)
{
	static uint8_t data[BATCH][1600];
	static struct sockaddr_in from[BATCH];
	static struct iovec io[BATCH];
	static struct mmsghdr m[BATCH];
	for (;;) {
		for (int i = 0; i < BATCH; i++) {
			io[i] = (struct iovec){ data[i], sizeof(data[i]) };
			m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &io[i],
							.msg_iovlen = 1 };
		}
		int n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++)
			io[i].iov_len = m[i].msg_len;
		if (n > 0 && sendmmsg(fd, m, (unsigned)n, 0) < 0)
			die("sendmmsg");
	}
}

static void fill(struct table *t, const char *mode, uint64_t keys)
{
	static struct meaning meaning;
	struct source_set *sources = source_set_new();
	struct fault f = { 0 };
	struct source_change add = { .op = SOURCE_ADD, .name = SPAN_LIT("bench") };
	enum err e = source_apply(sources, &add, &f);
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	const struct claim c = { .seen = now_s, .source = source_find(sources, add.name)->number, .category = CAT_BOTNET,
				 .confidence = 100, .stance = STANCE_INDICATOR };
	struct batch *b = batch_new(table_seed(t), table_dir(t), 1u << 30);
	struct image *m = NULL;
	for (uint64_t i = 0; !e && i < keys; i++) {
		char name[64];
		uint32_t a = htonl(address_of(i));
		struct table_key k = { .kind = OBS_IPV4, .n = 4, .p = (const uint8_t *)&a };
		if (strcmp(mode, "domains") == 0)
			k = (struct table_key){ .kind = OBS_DOMAIN, .n = (uint16_t)domain_of(i, name), .p = (const uint8_t *)name };
		e = batch_add(b, &k, &c, &f);
		if (!e && i % 10000 == 0)
			e = batch_stamp(b, 1, 0, &f);
	}
	if (!e)
		e = batch_stamp(b, 1, 0, &f);
	if (!e)
		e = batch_finish(b, NULL, &m, NULL, &f);
	meaning = (struct meaning){ .sources = sources, .rules = rules_new() };
	if (!e)
		e = table_push(t, m, &meaning, NULL, NULL, NULL, &f);
	if (e) {
		fprintf(stderr, "dns_bench: %s\n", f.text);
		exit(1);
	}
	batch_free(b);
}

struct child { const char *name; pid_t pid; uint16_t port; double per_cpu[ROUNDS_MAX], per_s[ROUNDS_MAX]; };

/* Tells its port through the pipe once it is ready. */
static void child_main(int ready, const char *mode, uint64_t keys)
{
	uint16_t port;
	pin(0); /* the parent is on the other one */
	if (!mode) {
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t n = sizeof(a);
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (fd < 0 || bind(fd, (void *)&a, n) || getsockname(fd, (void *)&a, &n))
			die("echo");
		port = ntohs(a.sin_port);
		if (write(ready, &port, sizeof(port)) != sizeof(port))
			die("pipe");
		echo(fd);
	}
	char dir[] = "/tmp/dns_bench_XXXXXX", sub[64];
	struct table *t = NULL;
	struct dns_server *s;
	struct fault f;
	uint64_t folded;
	struct dns_options o = { .address = "127.0.0.1:0", .zone = "bl.sipar.test", .workers = 1, .clear = CLEARANCE_ALL,
				 .min_score = 1, .ttl_s = 300, .negative_ttl_s = 60 };
	if (!mkdtemp(dir) || table_open(dir, (struct siphash_seed){ 3, 4 }, true, &t, &folded, &f))
		die(dir);
	fill(t, mode, keys);
	/* All of it is in memory now, and a child that is killed cleans nothing up. */
	snprintf(sub, sizeof(sub), "%s/table", dir);
	if (table_drop(dir, &f) || rmdir(sub) || rmdir(dir))
		fprintf(stderr, "dns_bench: left behind: %s\n", dir);
	if (dns_server_open(&o, t, &s, &f))
		die(f.text);
	port = dns_server_port(s);
	if (write(ready, &port, sizeof(port)) != sizeof(port))
		die("pipe");
	dns_server_run(s, 0);
}

static void spawn(struct child *c, const char *mode, uint64_t keys)
{
	int ready[2];
	if (pipe(ready) || (c->pid = fork()) < 0)
		die("fork");
	if (c->pid == 0) {
		child_main(ready[1], mode, keys);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c->port, sizeof(c->port)) != sizeof(c->port))
		die("a child did not start");
}

static double cpu_s(pid_t pid)
{
	clockid_t id;
	struct timespec t;
	if (clock_getcpuclockid(pid, &id) || clock_gettime(id, &t))
		die("CPU clock of a child");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct load { uint8_t (*query)[PACKET]; uint8_t *size; uint32_t next; };

static void send_some(struct load *l, int fd, unsigned n)
{
	struct mmsghdr m[DEPTH];
	struct iovec io[DEPTH];
	for (unsigned i = 0; i < n; i++) {
		uint32_t k = l->next++ % QUERIES;
		io[i] = (struct iovec){ l->query[k], l->size[k] };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &io[i], .msg_iovlen = 1 };
	}
	sendmmsg(fd, m, n, 0);
}

static uint64_t drive(struct load *l, const struct child *c)
{
	static uint8_t data[DEPTH][512];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(c->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pollfd p[SOCKETS];
	uint64_t answers = 0, end = clock_mono_ns() + ROUND_MS * 1000000ull;
	for (int i = 0; i < SOCKETS; i++) {
		p[i] = (struct pollfd){ .fd = socket(AF_INET, SOCK_DGRAM, 0), .events = POLLIN };
		if (connect(p[i].fd, (void *)&to, sizeof(to)))
			die("connect");
		send_some(l, p[i].fd, DEPTH);
	}
	while (clock_mono_ns() < end) {
		poll(p, SOCKETS, 100);
		for (int i = 0; i < SOCKETS; i++) {
			struct mmsghdr m[DEPTH];
			struct iovec io[DEPTH];
			if (!(p[i].revents & POLLIN))
				continue;
			for (int k = 0; k < DEPTH; k++) {
				io[k] = (struct iovec){ data[k], sizeof(data[k]) };
				m[k].msg_hdr = (struct msghdr){ .msg_iov = &io[k], .msg_iovlen = 1 };
			}
			int n = recvmmsg(p[i].fd, m, DEPTH, MSG_DONTWAIT, NULL);
			if (n > 0) {
				answers += (unsigned)n;
				send_some(l, p[i].fd, (unsigned)n);
			}
		}
	}
	for (int i = 0; i < SOCKETS; i++)
		close(p[i].fd);
	return answers;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[n / 2];
}

static uint64_t number(const char *text, uint64_t otherwise)
{
	uint64_t v = otherwise;
	if (text && num_parse_u64(span_str(text), 100000000, &v))
		die("not a number");
	return v;
}

static void measure(struct load *l, const char *mode, uint64_t keys, int rounds)
{
	struct child c[2] = { { .name = "echo" }, { .name = "dns" } };
	double rate[2];
	for (uint32_t i = 0; i < QUERIES; i++)
		l->size[i] = (uint8_t)query_of(mode, i, keys, l->query[i]);
	spawn(&c[0], NULL, 0);
	spawn(&c[1], mode, keys);
	for (int r = -1; r < rounds; r++)
		for (int k = 0; k < 2; k++) {
			double cpu = cpu_s(c[k].pid);
			uint64_t n = drive(l, &c[k]);
			if (r < 0) /* one to warm up */
				continue;
			c[k].per_s[r] = (double)n * 1000 / ROUND_MS;
			c[k].per_cpu[r] = (double)n / (cpu_s(c[k].pid) - cpu);
		}
	for (int k = 0; k < 2; k++) {
		kill(c[k].pid, SIGKILL);
		waitpid(c[k].pid, NULL, 0);
		rate[k] = median(c[k].per_cpu, rounds);
	}
	printf("dns %-8s %llu keys: %.0f answers per CPU second, %.0f a second; echo %.0f, %.0f; ratio to the echo %.3f\n",
	       mode, (unsigned long long)keys, rate[1], median(c[1].per_s, rounds), rate[0], median(c[0].per_s, rounds),
	       rate[1] / rate[0]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "ips", "unlisted", "domains" };
	uint64_t keys = number(argc > 1 ? argv[1] : NULL, 1000000);
	int rounds = (int)number(argc > 2 ? argv[2] : NULL, 5);
	struct load l = { .query = mem_alloc((size_t)QUERIES * PACKET), .size = mem_alloc(QUERIES) };
	if (keys == 0 || rounds < 1 || rounds > ROUNDS_MAX)
		die("usage: dns_bench [KEYS] [ROUNDS]");
	pin(1);
	for (size_t i = 0; i < COUNT_OF(modes); i++)
		measure(&l, modes[i], keys, rounds);
	return 0;
}
