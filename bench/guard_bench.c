/* guard_bench DIR: what it costs to ask the protected register of the node in DIR, by kind of value, and to index it anew.
 *
 * Beside it, in the same rounds, one lookup of the same key in the node's table. CPU time of one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "gate/node.h"
#include "sys/key.h"

enum { ROUNDS = 9, VALUES = 20000 };

static const struct {
	const char *what, *format; /* of a random number, or four octets */
} kinds[] = {
	{ "addresses", "%u.%u.%u.%u" },
	{ "prefixes of 24 bits", "%u.%u.%u.0/24" },
	{ "IPv6 addresses", "2a0e:%x:%x:%x::%x" },
	{ "names of two labels", "n%x%x%x%x.example" },
	{ "names of four labels", "www.n%x%x.x%x%x.example" },
	{ "names below github.io", "n%x%x%x%x.github.io" },
	{ "URLs", "http://n%x%x.example/%x/%x" },
};

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

static void make(const char *format, unsigned i, char text[96])
{
	static uint32_t x = 2463534242;
	for (unsigned n = 0; n <= i % 3; n++)
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, 96, format, x >> 24 ? x >> 24 : 1, x >> 16 & 255, x >> 8 & 255, x & 255);
}

static void measure(struct node *n, const char *what, const char *format)
{
	static struct observable obs[VALUES];
	static uint8_t store[VALUES][96];
	double guard[ROUNDS], gate[ROUNDS], table[ROUNDS];
	unsigned made = 0, found = 0;
	struct table_hits hits;
	char text[96];
	for (unsigned i = 0; made < VALUES; i++) {
		uint8_t one[OBS_KEY_MAX];
		make(format, i, text);
		if (obs_parse(span_str(text), one, &obs[made], NULL))
			continue;
		memcpy(store[made], obs[made].key, obs[made].n);
		obs[made].key = store[made];
		made++;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		double t[4];
		found = 0;
		t[0] = cpu_ns();
		for (unsigned i = 0; i < VALUES; i++)
			found += guard_protects(node_guard(n), &obs[i], ACTION_BLOCK, NULL);
		t[1] = cpu_ns();
		for (unsigned i = 0; i < VALUES; i++)
			found += guard_at_gate(node_guard(n), &obs[i], ACTION_BLOCK, NULL);
		t[2] = cpu_ns();
		const struct table_view *v = table_enter(node_table(n));
		for (unsigned i = 0; i < VALUES; i++)
			table_lookup(v, &(struct table_key){ .kind = obs[i].kind, .prefix = obs[i].prefix, .n = obs[i].n, .p = obs[i].key }, &hits);
		table_leave(node_table(n));
		t[3] = cpu_ns();
		guard[round] = (t[1] - t[0]) / VALUES;
		gate[round] = (t[2] - t[1]) / VALUES;
		table[round] = (t[3] - t[2]) / VALUES;
	}
	double first = guard[0]; /* no text was read before */
	printf("guard, %-22s %4.0f ns the first time, then %4.0f ns, %4.0f ns at the gate; a lookup in the table %4.0f ns; %.1f %% protected\n", what, first,
	       median(guard), median(gate), median(table), 50.0 * found / VALUES);
}

int main(int argc, char **argv)
{
	struct node *n;
	struct fault f;
	struct table_stats stats;
	uint64_t count[GUARD_PARTS];
	if (argc != 2) {
		fprintf(stderr, "usage: guard_bench DIR\n");
		return 64;
	}
	sys_key_init();
	if (node_open(argv[1], 1000, &n, &f)) {
		fprintf(stderr, "guard_bench: %s\n", f.text);
		return 2;
	}
	table_reader_init();
	double begin = cpu_ns();
	(void)guard_renew(node_guard(n));
	double ms = (cpu_ns() - begin) / 1e6;
	guard_counts(node_guard(n), count);
	table_stats(table_enter(node_table(n)), &stats);
	table_leave(node_table(n));
	begin = cpu_ns();
	for (int i = 0; i < 100; i++)
		guard_free(guard_new(node_table(n), node_docket(n)));
	printf("guard, opening: %.2f ms\n", (cpu_ns() - begin) / 1e8);
	printf("guard, indexing %llu claims that protect, in a table of %llu keys: %.0f ms\n", (unsigned long long)count[GUARD_LIST], (unsigned long long)stats.keys, ms);
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		measure(n, kinds[i].what, kinds[i].format);
	table_reader_exit();
	node_close(n);
	return 0;
}
