/* What the DNS face costs beside the kernel, and beside rbldnsd: answers per second of server CPU, against a bare
 * recvmmsg/sendmmsg echo in the same run; and how long an answer takes at 20,000 questions a second.
 *
 *   dns_bench [KEYS] [ROUNDS]      three times: addresses and domains of which half are listed, addresses that are not
 *   dns_bench pace PORT RATE MS    only asks a server that is there, at an even pace, and tells what was lost
 *
 * Child processes, each pinned to the first CPU: the echo, the face with one worker over a table of KEYS keys, the same with 20,000
 * decisions beside them, and rbldnsd over the same list (plain names, its fastest form) where it is installed.  The
 * parent, on the second CPU, keeps 8 sockets x 16 queries in flight, one second to each child in turn.  CPU time of the idle
 * ones is nothing, so the rounds are comparable however noisy the machine is; medians are printed, of ratios, too.  A child's CPU time is that of
 * all its threads, by the clock that /proc/PID/task/TID/schedstat shows, too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "codec/dns_message.h"
#include "codec/observable.h"
#include "face/dns.h"
#include "sys/key.h"
#include "view/force.h"
#include "view/reputation.h"

enum { SOCKETS = 8, DEPTH = 16, BATCH = 32, QUERIES = 1 << 18, ROUND_MS = 1000, ROUNDS_MAX = 99, PACKET = 128 };
enum { DECISIONS = 20000, PACED = 20000 /* questions a second */, PACED_MS = 2000, PACED_SOCKETS = 4 };

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

/* Blocks on values that are neither in the list nor asked for. */
static struct table *decide(const char *mode)
{
	char dir[] = "/tmp/dns_bench_XXXXXX", sub[64];
	struct table *t = NULL;
	struct image *m = NULL;
	struct fault f;
	uint64_t folded;
	if (!mkdtemp(dir) || table_open(dir, (struct siphash_seed){ 5, 6 }, true, &t, &folded, &f))
		die(dir);
	struct batch *b = batch_new(table_seed(t), table_dir(t), 1u << 28);
	enum err e = OK;
	for (uint64_t i = 0; !e && i < DECISIONS; i++) {
		char name[64];
		uint32_t a = htonl(address_of(i << 32));
		struct table_key k = { .kind = OBS_IPV4, .n = 4, .p = (const uint8_t *)&a };
		const struct claim c = { .seen = 1, .category = REASON_C2, .stance = ACTION_BLOCK };
		if (strcmp(mode, "domains") == 0)
			k = (struct table_key){ .kind = OBS_DOMAIN, .n = (uint16_t)domain_of(i << 32, name), .p = (const uint8_t *)name };
		e = batch_add(b, &k, &c, &f);
	}
	if (e || batch_stamp(b, 1, 0, &f) || batch_finish(b, NULL, &m, NULL, &f) || table_push(t, m, NULL, NULL, NULL, NULL, &f))
		die(f.text);
	batch_free(b);
	snprintf(sub, sizeof(sub), "%s/table", dir);
	if (table_drop(dir, &f) || rmdir(sub) || rmdir(dir))
		fprintf(stderr, "dns_bench: left behind: %s\n", dir);
	return t;
}

enum sort { ECHO_SERVER, FACE, FACE_DECIDED, RBLDNSD, SORTS };

struct child {
	enum sort sort;
	pid_t pid;
	uint16_t port;
	double per_cpu[ROUNDS_MAX], per_s[ROUNDS_MAX], p50[ROUNDS_MAX], p99[ROUNDS_MAX], lost[ROUNDS_MAX];
};

static int bound(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 8 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)); /* as the face has it */
	if (fd < 0 || bind(fd, (void *)&a, n) || getsockname(fd, (void *)&a, &n))
		die("a port");
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static void tell(int ready, uint16_t port)
{
	if (write(ready, &port, sizeof(port)) != sizeof(port))
		die("pipe");
}

static uint32_t no_tick(void *ctx)
{
	return 0;
}

static void face_main(int ready, const char *mode, uint64_t keys, bool decided)
{
	char dir[] = "/tmp/dns_bench_XXXXXX", sub[64];
	struct table *t = NULL;
	struct dns_server *s;
	struct fault f;
	uint64_t folded;
	struct dns_decisions decisions = { .tick = no_tick };
	struct dns_options o = { .address = "127.0.0.1:0", .zone = "bl.sipar.test", .workers = 1, .clear = CLEARANCE_ALL,
				 .min_score = 1, .ttl_s = 300, .negative_ttl_s = 60, .decisions = &decisions };
	if (!mkdtemp(dir) || table_open(dir, (struct siphash_seed){ 3, 4 }, true, &t, &folded, &f))
		die(dir);
	fill(t, mode, keys);
	/* All of it is in memory now, and a child that is killed cleans nothing up. */
	snprintf(sub, sizeof(sub), "%s/table", dir);
	if (table_drop(dir, &f) || rmdir(sub) || rmdir(dir))
		fprintf(stderr, "dns_bench: left behind: %s\n", dir);
	if (decided)
		decisions.table = decide(mode);
	if (dns_server_open(&o, t, &s, &f))
		die(f.text);
	tell(ready, dns_server_port(s));
	dns_server_run(s, 0);
}

/* Its zone is written first, into `dir`; the port is one that was free a moment ago. */
static void rbldnsd_main(int ready, const char *mode, uint64_t keys, const char *dir)
{
	char path[64], bind_to[32], zone[64];
	uint16_t port;
	snprintf(path, sizeof(path), "%s/list", dir);
	FILE *list = fopen(path, "w");
	for (uint64_t i = 0; list && i < keys; i++) {
		char name[64];
		uint32_t a = address_of(i);
		if (strcmp(mode, "domains") == 0)
			fprintf(list, "%.*s\n", (int)domain_of(i, name), name);
		else
			fprintf(list, "%u.%u.%u.%u\n", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	}
	if (!list || fclose(list))
		die(path);
	close(bound(&port));
	snprintf(bind_to, sizeof(bind_to), "127.0.0.1/%u", port);
	snprintf(zone, sizeof(zone), "bl.sipar.test:%s:list", strcmp(mode, "domains") == 0 ? "dnset" : "ip4set");
	int nothing = open("/dev/null", O_WRONLY);
	dup2(nothing, 1);
	dup2(nothing, 2);
	tell(ready, port);
	execlp("rbldnsd", "rbldnsd", "-n", "-u", "nobody:nogroup", "-w", dir, "-b", bind_to, "-c", "0", "-t", "300", zone, (char *)NULL);
	_exit(1);
}

static bool answers(uint16_t port)
{
	uint8_t q[PACKET], a[512];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	size_t n = query_of("ips", 0, 1, q);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool yes = connect(fd, (void *)&to, sizeof(to)) == 0 && send(fd, q, n, 0) == (ssize_t)n && poll(&p, 1, 100) == 1 &&
		   recv(fd, a, sizeof(a), 0) > 0;
	close(fd);
	return yes;
}

static void spawn(struct child *c, enum sort sort, const char *mode, uint64_t keys)
{
	int ready[2];
	char dir[] = "/tmp/dns_bench_XXXXXX", path[64];
	*c = (struct child){ .sort = sort };
	if (!mkdtemp(dir) || chmod(dir, 0755))
		die(dir);
	snprintf(path, sizeof(path), "%s/list", dir);
	if (pipe(ready) || (c->pid = fork()) < 0)
		die("fork");
	if (c->pid == 0) {
		pin(0); /* the parent is on the other one */
		if (sort == ECHO_SERVER) {
			uint16_t port;
			int fd = bound(&port);
			tell(ready[1], port);
			echo(fd);
		} else if (sort == RBLDNSD)
			rbldnsd_main(ready[1], mode, keys, dir);
		else
			face_main(ready[1], mode, keys, sort == FACE_DECIDED);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c->port, sizeof(c->port)) != sizeof(c->port))
		die("a child did not start");
	close(ready[0]);
	for (int i = 0; !answers(c->port); i++) {
		if (i == 300)
			die("a child does not answer");
		usleep(100000);
	}
	unlink(path);
	rmdir(dir);
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

struct paced { double p50, p99, most, lost; uint64_t n; };

/* Questions at an even pace, whatever the answers do; times in microseconds, loss in percent. */
static struct paced pace(struct load *l, uint16_t port, unsigned rate, unsigned ms)
{
	static uint64_t begun[1 << 16];
	uint8_t data[512];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd[PACED_SOCKETS], room = 4 << 20;
	uint64_t all = (uint64_t)rate * ms / 1000, sent = 0, n = 0;
	double *took = mem_alloc(all * sizeof(*took));
	for (int i = 0; i < PACED_SOCKETS; i++) {
		fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		if (connect(fd[i], (void *)&to, sizeof(to)))
			die("connect");
	}
	memset(begun, 0, sizeof(begun));
	uint64_t start = clock_mono_ns(), now = start, end = start + (ms + 500) * 1000000ull;
	while (now < end && n < all) {
		if (sent < all && now >= start + sent * 1000000000 / rate) {
			uint8_t *q = l->query[l->next % QUERIES];
			q[0] = (uint8_t)(sent >> 8), q[1] = (uint8_t)sent;
			begun[sent & 0xffff] = now;
			if (send(fd[sent % PACED_SOCKETS], q, l->size[l->next++ % QUERIES], 0) < 0)
				die("send");
			sent++;
		}
		for (int i = 0; i < PACED_SOCKETS; i++) {
			ssize_t k = recv(fd[i], data, sizeof(data), MSG_DONTWAIT);
			now = clock_mono_ns();
			if (k < 2 || n == all)
				continue;
			/* Numbers turn over after 65,536, answers are never so late. */
			uint64_t *at = &begun[data[0] << 8 | data[1]];
			if (*at)
				took[n++] = (double)(now - *at) / 1000;
			*at = 0;
		}
	}
	for (int i = 0; i < PACED_SOCKETS; i++)
		close(fd[i]);
	if (n == 0)
		die("no answers");
	qsort(took, n, sizeof(*took), by_value);
	struct paced p = { took[n / 2], took[n - 1 - n / 100], took[n - 1], 100.0 * (double)(all - n) / (double)all, n };
	free(took);
	return p;
}

static uint64_t number(const char *text, uint64_t otherwise)
{
	uint64_t v = otherwise;
	if (text && num_parse_u64(span_str(text), 100000000, &v))
		die("not a number");
	return v;
}

static bool is_there(const char *program)
{
	char path[256];
	for (struct span rest = span_str(getenv("PATH") ? getenv("PATH") : ""); rest.n;) {
		struct span dir = span_head(rest, span_find(rest, ':'));
		rest = span_from(rest, dir.n + 1);
		snprintf(path, sizeof(path), SPAN_FMT "/%s", SPAN_ARG(dir), program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Of rounds that stand beside each other in time. */
static double ratio(const struct child *a, const struct child *b, int rounds)
{
	double each[ROUNDS_MAX];
	for (int r = 0; r < rounds; r++)
		each[r] = a->per_cpu[r] / b->per_cpu[r];
	return median(each, rounds);
}

static void measure(struct load *l, const char *mode, uint64_t keys, int rounds)
{
	static const char *const names[SORTS] = { "echo", "sipar", "sipar, decisions", "rbldnsd" };
	struct child c[SORTS];
	double of_echo[SORTS], of_rbldnsd[SORTS];
	int n = is_there("rbldnsd") ? SORTS : RBLDNSD;
	for (uint32_t i = 0; i < QUERIES; i++)
		l->size[i] = (uint8_t)query_of(mode, i, keys, l->query[i]);
	for (int k = 0; k < n; k++)
		spawn(&c[k], (enum sort)k, mode, keys);
	for (int r = -1; r < rounds; r++) /* one to warm up */
		for (int k = 0; k < n; k++) {
			int at = r < 0 ? 0 : r;
			double cpu = cpu_s(c[k].pid);
			uint64_t got = drive(l, &c[k]);
			c[k].per_s[at] = (double)got * 1000 / ROUND_MS;
			c[k].per_cpu[at] = (double)got / (cpu_s(c[k].pid) - cpu);
			struct paced p = pace(l, c[k].port, PACED, PACED_MS);
			c[k].p50[at] = p.p50, c[k].p99[at] = p.p99, c[k].lost[at] = p.lost;
		}
	for (int k = 0; k < n; k++) {
		kill(c[k].pid, SIGKILL);
		waitpid(c[k].pid, NULL, 0);
		of_echo[k] = ratio(&c[k], &c[ECHO_SERVER], rounds);
		of_rbldnsd[k] = n > RBLDNSD ? ratio(&c[k], &c[RBLDNSD], rounds) : 0;
	}
	for (int k = 0; k < n; k++)
		printf("dns %-8s %llu keys, %-16s: %.0f answers per CPU second, %.0f a second, %.3f of the echo; at %d a second: "
		       "p50 %.0f us, p99 %.0f us, %.3f %% lost\n",
		       mode, (unsigned long long)keys, names[k], median(c[k].per_cpu, rounds), median(c[k].per_s, rounds), of_echo[k], PACED,
		       median(c[k].p50, rounds), median(c[k].p99, rounds), median(c[k].lost, rounds));
	if (n > RBLDNSD)
		printf("dns %-8s ratio to rbldnsd: %.2f, with decisions %.2f\n", mode, of_rbldnsd[FACE], of_rbldnsd[FACE_DECIDED]);
	else
		printf("dns %-8s rbldnsd is not installed\n", mode);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "ips", "unlisted", "domains" };
	bool only_pace = argc == 5 && strcmp(argv[1], "pace") == 0;
	uint64_t keys = number(argc > 1 && !only_pace ? argv[1] : NULL, 1000000);
	int rounds = (int)number(argc > 2 && !only_pace ? argv[2] : NULL, 5);
	struct load l = { .query = mem_alloc((size_t)QUERIES * PACKET), .size = mem_alloc(QUERIES) };
	if (keys == 0 || rounds < 1 || rounds > ROUNDS_MAX)
		die("usage: dns_bench [KEYS] [ROUNDS]");
	if (only_pace) {
		for (uint32_t i = 0; i < QUERIES; i++)
			l.size[i] = (uint8_t)query_of("ips", i, keys, l.query[i]);
		struct paced p = pace(&l, (uint16_t)number(argv[2], 0), (unsigned)number(argv[3], 0), (unsigned)number(argv[4], 0));
		printf("%llu answers, %.4f %% lost, p50 %.0f us, p99 %.0f us, most %.0f us\n", (unsigned long long)p.n, p.lost, p.p50, p.p99, p.most);
		return 0;
	}
	sys_key_init();
	pin(1);
	for (size_t i = 0; i < COUNT_OF(modes); i++)
		measure(&l, modes[i], keys, rounds);
	return 0;
}
