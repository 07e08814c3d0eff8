/* How soon a claim is seen, and what readers notice of it.
 *
 *   incremental_bench DIR FILE      a node with many claims; a large list, imported again and again meanwhile
 *
 * One thread looks up addresses all the time, one imports FILE, one does the large merges as the keeper of a daemon does, and one
 * tells single claims: of each the time from before its import to when a lookup has it, with two commits to the disk in it, and
 * from the last of them.  A fifth thread notes when what is durable.  Beside it, the same without FILE; and what the reader does in a second of processor time in each phase. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/fold.h"
#include "gate/import.h"
#include "gate/tidy.h"
#include "sys/key.h"

enum { CLAIMS = 200, KEYS = 1 << 16, GROUP = 64, NOTES = 1 << 16 };

struct bench {
	struct node *node;
	const char *path;
	atomic_bool stop, quiet; /* all; the import of FILE */
	atomic_ullong lookups, cpu_ns, imports;
	struct { uint64_t last, ns; } note[NOTES]; /* ring */
	atomic_uint notes;
};

static void must(bool ok, const char *what, const char *why)
{
	if (!ok) {
		fprintf(stderr, "incremental_bench: %s: %s\n", what, why);
		exit(1);
	}
}

static bool go_on(void *ctx, const struct import_counts *c, uint64_t done, uint64_t size)
{
	(void)c, (void)done, (void)size;
	return !atomic_load(&((struct bench *)ctx)->stop);
}

static void ignore(void *ctx, const char *place, const char *reason)
{
	(void)ctx, (void)place, (void)reason;
}

/* Takes `fd` over. */
static enum err import_file(struct bench *b, int fd, const char *source, struct fault *f)
{
	struct import *i;
	struct import_counts counts;
	struct input *in;
	const struct import_options o = { .source = source, .stance = STANCE_INDICATOR, .format = feed_format_find(SPAN_LIT("lines")) };
	enum err e = import_begin(b->node, &o, ignore, go_on, b, &i, f);
	if (e)
		return e;
	if ((e = input_open(fd, -1, source, &in, f)) == OK) {
		e = import_stream(i, in, source, f);
		input_close(in);
	}
	if (e == OK)
		e = import_finish(i, &counts, f);
	import_free(i);
	return e;
}

static uint64_t thread_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void nothing(void *ctx, size_t i, const struct table_hits *h)
{
	(void)i;
	*(uint64_t *)ctx += h->n;
}

static void *read_all_the_time(void *ctx)
{
	struct bench *b = ctx;
	struct table_key *key = mem_alloc(KEYS * sizeof(*key));
	uint32_t *octets = mem_alloc(KEYS * sizeof(*octets));
	uint64_t hits = 0;
	random_octets(octets, KEYS * sizeof(*octets));
	for (unsigned i = 0; i < KEYS; i++)
		key[i] = (struct table_key){ OBS_IPV4, 0, 4, (const uint8_t *)&octets[i] };
	table_reader_init();
	for (unsigned i = 0; !atomic_load_explicit(&b->stop, memory_order_relaxed); i = (i + GROUP) % KEYS) {
		table_lookup_batch(table_enter(node_table(b->node)), key + i, GROUP, nothing, &hits);
		table_leave(node_table(b->node));
		atomic_fetch_add_explicit(&b->lookups, GROUP, memory_order_relaxed);
		if (i % 4096 == 0)
			atomic_store(&b->cpu_ns, thread_ns());
	}
	table_reader_exit();
	free(key);
	free(octets);
	return NULL;
}

static void *import_again(void *ctx)
{
	struct bench *b = ctx;
	while (!atomic_load(&b->stop)) {
		struct fault f;
		if (atomic_load(&b->quiet)) {
			usleep(10000);
			continue;
		}
		int fd = open(b->path, O_RDONLY | O_CLOEXEC);
		enum err e = import_file(b, fd, "large", &f);
		must(e == OK || e == ERR_CANCELLED, b->path, f.text);
		atomic_fetch_add(&b->imports, 1);
	}
	return NULL;
}

static void *merge_when_due(void *ctx)
{
	struct bench *b = ctx;
	while (!atomic_load(&b->stop)) {
		struct fault f;
		enum err e = node_tidy(b->node, &b->stop, &f);
		must(e == OK || e == ERR_CANCELLED, "merge", f.text);
		usleep(1000);
	}
	return NULL;
}

static void *note_commits(void *ctx)
{
	struct bench *b = ctx;
	uint64_t last = 0;
	while (!atomic_load(&b->stop)) {
		uint64_t now = ledger_last(node_ledger(b->node));
		if (now != last) {
			unsigned i = atomic_load(&b->notes);
			b->note[i % NOTES].last = last = now;
			b->note[i % NOTES].ns = clock_mono_ns();
			atomic_store(&b->notes, i + 1);
		}
		usleep(50);
	}
	return NULL;
}

/* When the last import of a source was durable. */
static uint64_t committed_ns(struct bench *b, const char *source)
{
	uint64_t entry = source_find(fold_sources(node_write_begin(b->node)), span_str(source))->last_import;
	node_write_end(b->node);
	for (;; usleep(50))
		for (unsigned n = atomic_load(&b->notes), i = n > NOTES / 2 ? n - NOTES / 2 : 0; i < n; i++)
			if (b->note[i % NOTES].last >= entry)
				return b->note[i % NOTES].ns;
}

static bool seen(struct bench *b, const uint8_t octets[4])
{
	struct table_hits hits;
	table_lookup(table_enter(node_table(b->node)), &(struct table_key){ OBS_IPV4, 0, 4, octets }, &hits);
	bool there = false;
	for (unsigned i = 0; i < hits.n; i++)
		there |= hits.hit[i].exact;
	table_leave(node_table(b->node));
	return there;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void tell_claims(struct bench *b, unsigned phase, const char *what)
{
	double ms[CLAIMS], after[CLAIMS];
	const char *source = phase ? "single-b" : "single-a";
	uint64_t lookups = atomic_load(&b->lookups), cpu = atomic_load(&b->cpu_ns), imports = atomic_load(&b->imports);
	for (unsigned i = 0; i < CLAIMS; i++) {
		char line[32];
		struct fault f;
		uint8_t octets[4] = { 203, 0, (uint8_t)(112 + phase), (uint8_t)i };
		int fd = memfd_create("claim", MFD_CLOEXEC);
		size_t n = (size_t)snprintf(line, sizeof(line), "203.0.%u.%u\n", octets[2], i);
		must(write(fd, line, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0, "claim", "cannot be written");
		uint64_t begin = clock_mono_ns();
		must(import_file(b, fd, source, &f) == OK, "claim", f.text);
		must(seen(b, octets), line, "is not seen");
		uint64_t end = clock_mono_ns(), committed = committed_ns(b, source);
		ms[i] = (double)(end - begin) / 1e6;
		after[i] = end > committed ? (double)(end - committed) / 1e6 : 0;
		usleep(20000);
	}
	double rate = (double)(atomic_load(&b->lookups) - lookups) * 1e3 / (double)(atomic_load(&b->cpu_ns) - cpu);
	qsort(ms, CLAIMS, sizeof(*ms), by_value);
	qsort(after, CLAIMS, sizeof(*after), by_value);
	printf("%s: committed to seen p50 %.2f ms, p99 %.1f ms, at most %.1f ms; told to seen p50 %.1f ms, p99 %.1f ms; reader %.2f M/s of its "
	       "processor time; %llu large imports ended\n", what, after[CLAIMS / 2], after[CLAIMS * 99 / 100], after[CLAIMS - 1], ms[CLAIMS / 2],
	       ms[CLAIMS * 99 / 100], rate, (unsigned long long)(atomic_load(&b->imports) - imports));
}

int main(int argc, char **argv)
{
	static struct bench b = { .quiet = true };
	struct fault f;
	struct table_stats stats;
	static void *(*const roles[])(void *) = { read_all_the_time, import_again, merge_when_due, note_commits };
	pthread_t threads[COUNT_OF(roles)];
	if (argc != 3)
		return 64;
	sys_key_init();
	b.path = argv[2];
	must(node_open(argv[1], 1000, &b.node, &f) == OK, argv[1], f.text);
	node_defer_merges(b.node);
	table_reader_init();
	for (unsigned i = 0; i < COUNT_OF(roles); i++)
		must(pthread_create(&threads[i], NULL, roles[i], &b) == 0, "thread", "cannot be started");
	table_stats(table_enter(node_table(b.node)), &stats);
	table_leave(node_table(b.node));
	printf("%llu keys in %u levels\n", (unsigned long long)stats.keys, stats.levels);
	tell_claims(&b, 0, "alone");
	atomic_store(&b.quiet, false);
	tell_claims(&b, 1, "beside large imports and merges");
	atomic_store(&b.stop, true);
	for (unsigned i = 0; i < COUNT_OF(roles); i++)
		pthread_join(threads[i], NULL);
	table_reader_exit();
	node_close(b.node);
	return 0;
}
