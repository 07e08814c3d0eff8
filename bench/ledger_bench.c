/* What durability costs: the ledger beside the disk that it stands on, in one run, in rounds that take turns.
 *
 *   ledger_bench [DIR]      DIR: on the disk to be measured; default: the current directory
 *
 * 1. one submitter that waits for each statement, against writing 4 KiB into a preallocated file with one fdatasync
 * each
 * 2. 64 such submitters together, against one
 * 3. bodies of 1 MiB of feed text, 16 under way, against packing and hashing them alone, by one thread */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "sys/digest.h"
#include "sys/key.h"
#include "sys/zstd.h"

enum { ROUNDS = 5, SYNCS = 300, SUBMITTERS = 64, STATEMENTS = 20, BLOCK = 4096 };
enum { BODIES = 128, UNDER_WAY = 16, BODY = 1 << 20 };

static void or_exit(bool ok, const char *what, const struct fault *f)
{
	if (!ok) {
		fprintf(stderr, "ledger_bench: %s: %s\n", what, f ? f->text : strerror(errno));
		exit(1);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static double seconds_since(uint64_t start_ns)
{
	return (double)(clock_mono_ns() - start_ns) / 1e9;
}

/* Write `total` octets over a file that has its blocks already, with one fdatasync for each `block`; seconds of each.
 * */
static void disk_writes(int fd, size_t total, size_t block, double *ret_s)
{
	uint8_t *octets = mem_alloc(block);
	random_octets(octets, block);
	for (size_t at = 0; at < total; at += block) {
		uint64_t start = clock_mono_ns();
		bool ok = pwrite(fd, octets, block, (off_t)at) == (ssize_t)block && fdatasync(fd) == 0;
		or_exit(ok, "file of comparison", NULL);
		*ret_s++ = seconds_since(start);
	}
	free(octets);
}

static int preallocated(const char *dir, size_t octets)
{
	char path[4200];
	double s;
	snprintf(path, sizeof(path), "%s/compare", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	or_exit(fd >= 0, path, NULL);
	unlink(path);
	disk_writes(fd, octets, octets, &s);
	return fd;
}

static struct submission statement(struct span body)
{
	return (struct submission){ .kind = ENTRY_FEED, .flags = ENTRY_BEGINS, .time_ms = clock_ms(), .party = "local",
				    .source = "bench", .media = "stix", .count = 1, .body = body };
}

static void append_statements(struct ledger *l, unsigned n, double *ret_s)
{
	static const char body[] = "{\"type\":\"indicator\",\"spec_version\":\"2.1\","
				   "\"id\":\"indicator--00000000-0000-4000-8000-000000000000\",\"pattern\":"
				   "\"[ipv4-addr:value = '192.0.2.1']\",\"pattern_type\":\"stix\"}";
	for (unsigned i = 0; i < n; i++) {
		struct submission s = statement(SPAN_LIT(body));
		struct fault f;
		uint64_t number, start = clock_mono_ns();
		or_exit(ledger_append(l, &s, &number, &f) == OK, "append", &f);
		if (ret_s)
			ret_s[i] = seconds_since(start);
	}
}

static void *submitter(void *ledger)
{
	append_statements(ledger, STATEMENTS, NULL);
	return NULL;
}

static double together(struct ledger *l)
{
	pthread_t t[SUBMITTERS];
	uint64_t start = clock_mono_ns();
	for (unsigned i = 0; i < SUBMITTERS; i++)
		or_exit(pthread_create(&t[i], NULL, submitter, l) == 0, "thread", NULL);
	for (unsigned i = 0; i < SUBMITTERS; i++)
		pthread_join(t[i], NULL);
	return SUBMITTERS * STATEMENTS / seconds_since(start);
}

static double pack_only(const struct buf text[UNDER_WAY])
{
	struct packer *p = packer_new(1);
	struct buf frame = { 0 };
	uint8_t digest[32] = { 0 };
	uint64_t start = clock_mono_ns();
	for (unsigned i = 0; i < BODIES; i++) {
		frame.n = 0;
		packer_pack(p, buf_span(&text[i % UNDER_WAY]), &frame);
		sha256_two(span_of(digest, sizeof(digest)), buf_span(&text[i % UNDER_WAY]), digest);
	}
	double rate = BODIES / seconds_since(start);
	buf_release(&frame);
	packer_free(p);
	return rate;
}

/* Lines of addresses with a time and a word each, as feeds have them: they pack about as well. */
static void feed_text(struct buf *out)
{
	static const char *const word[] = { "phishing", "malware", "c2", "botnet", "scan" };
	while (out->n < BODY) {
		uint8_t r[6];
		random_octets(r, sizeof(r));
		buf_printf(out, "198.51.%u.%u,%u,2026-01-%02uT%02u:00:00Z,%s\n", r[0], r[1], r[2] * 256 + r[3],
			   r[4] % 28 + 1, r[4] % 24, word[r[5] % COUNT_OF(word)]);
	}
	out->n = BODY;
}

static double bodies(struct ledger *l, const struct buf text[UNDER_WAY])
{
	uint64_t number[UNDER_WAY], start = clock_mono_ns();
	struct fault f;
	for (unsigned i = 0; i < BODIES + UNDER_WAY; i++) {
		unsigned k = i % UNDER_WAY;
		if (i >= UNDER_WAY)
			or_exit(ledger_wait(l, number[k], &f) == OK, "wait", &f);
		if (i >= BODIES)
			continue;
		struct submission s = statement(buf_span(&text[k]));
		or_exit(ledger_submit(l, &s, &number[k], &f) == OK, "submit", &f);
	}
	return BODIES / seconds_since(start);
}

static void bench_statements(struct ledger *l, int fd)
{
	static double disk[ROUNDS * SYNCS], one[ROUNDS * SYNCS], rate[ROUNDS];
	struct ledger_stats before, after;
	for (unsigned r = 0; r < ROUNDS; r++) {
		disk_writes(fd, (size_t)SYNCS * BLOCK, BLOCK, disk + r * SYNCS);
		append_statements(l, SYNCS, one + r * SYNCS);
	}
	ledger_stats(l, &before);
	for (unsigned r = 0; r < ROUNDS; r++)
		rate[r] = together(l);
	ledger_stats(l, &after);
	enum { N = ROUNDS * SYNCS };
	double d = median(disk, N), o = median(one, N), t = median(rate, ROUNDS);
	printf("one 4 KiB write and fdatasync   p50 %7.0f us   p99 %7.0f us\n", d * 1e6, disk[N * 99 / 100] * 1e6);
	printf("one durable statement           p50 %7.0f us   p99 %7.0f us   ratio %.2f\n", o * 1e6,
	       one[N * 99 / 100] * 1e6, o / d);
	printf("%d submitters together      %9.0f /s   one alone %.0f /s   ratio %.1f   %.1f in a commit\n", SUBMITTERS, t,
	       1 / o, t * o, (double)(after.entries - before.entries) / (double)(after.commits - before.commits));
}

static void bench_bodies(struct ledger *l)
{
	struct buf text[UNDER_WAY] = { 0 };
	struct ledger_stats before, after;
	double stored[ROUNDS], packed[ROUNDS];
	for (unsigned i = 0; i < UNDER_WAY; i++)
		feed_text(&text[i]);
	ledger_stats(l, &before);
	for (unsigned r = 0; r < ROUNDS; r++) {
		stored[r] = bodies(l, text);
		packed[r] = pack_only(text);
	}
	ledger_stats(l, &after);
	double s = median(stored, ROUNDS), p = median(packed, ROUNDS);
	double in = (double)(after.body_octets - before.body_octets);
	printf("bodies of 1 MiB             %9.0f MiB/s   packing and hashing alone %.0f MiB/s   ratio %.2f   packed to %.0f %%\n",
	       s, p, s / p, 100 * (double)(after.packed_octets - before.packed_octets) / in);
	for (unsigned i = 0; i < UNDER_WAY; i++)
		buf_release(&text[i]);
}

int main(int argc, char **argv)
{
	char dir[4096], path[4200];
	struct ledger *l = NULL;
	struct fault f;
	snprintf(dir, sizeof(dir), "%s/ledger-bench-XXXXXX", argc > 1 ? argv[1] : ".");
	or_exit(mkdtemp(dir) != NULL, dir, NULL);
	sys_key_init();
	const struct lane lane = { .name = "bench", .tlp = 1, .realm = "exercise" };
	or_exit(key_create(dir, span_of(NULL, 0), &f) == OK && ledger_create(dir, "node.example", &f) == OK &&
		ledger_open(dir, true, &l, &f) == OK, "ledger", &f);
	or_exit(ledger_lane_create(l, &lane, NULL, &f) == OK, "lane", &f);
	int fd = preallocated(dir, (size_t)SYNCS * BLOCK);
	bench_statements(l, fd);
	close(fd);
	bench_bodies(l);
	ledger_close(l);
	static const char *const made[] = { "ledger.db", "node.key", "node.pub" };
	for (size_t i = 0; i < COUNT_OF(made); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, made[i]);
		unlink(path);
	}
	return rmdir(dir) == 0 ? 0 : 1;
}
