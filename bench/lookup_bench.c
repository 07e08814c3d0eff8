/* lookup_bench DIR FILE: verdicts a second on one core, for the values of FILE against the node in DIR.
 *
 * The whole answer is measured: keys found, claims weighed, score made.  Beside it, in the same rounds, the same keys looked up in the
 * table alone, as the limit. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/node.h"
#include "sys/key.h"
#include "view/reputation.h"

enum { ROUNDS = 9, GROUP = 512 };

struct values {
	struct observable *obs;
	struct table_key *key;
	size_t n;
};

static uint64_t listed, claims;

static void count_verdict(void *ctx, size_t i, const struct reputation *r)
{
	(void)ctx, (void)i;
	listed += r->verdict.listed;
}

static void count_hits(void *ctx, size_t i, const struct table_hits *h)
{
	(void)ctx, (void)i;
	for (unsigned k = 0; k < h->n; k++)
		claims += h->hit[k].claims[0].seen != 0;
}

static struct values read_values(const char *path)
{
	struct values v = { 0 };
	struct buf text = { 0 };
	struct fault f;
	int fd = open(path, O_RDONLY);
	for (ssize_t n; (n = read(fd, buf_reserve(&text, 1 << 20), 1 << 20)) > 0;)
		text.n += (size_t)n;
	close(fd);
	size_t lines = text.n / 4 + 1, used = 0;
	uint8_t *store = mem_alloc(text.n + OBS_KEY_MAX);
	v.obs = mem_alloc(lines * sizeof(*v.obs));
	v.key = mem_alloc(lines * sizeof(*v.key));
	for (struct span rest = buf_span(&text); rest.n;) {
		size_t n = span_find(rest, '\n');
		struct observable *o = &v.obs[v.n];
		if (obs_parse(span_head(rest, n), store + used, o, &f) == OK && o->key == store + used) {
			v.key[v.n++] = (struct table_key){ .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
			used += o->n;
		}
		rest = span_from(rest, n + 1);
	}
	buf_release(&text);
	return v;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct node *n;
	struct fault f;
	double whole[ROUNDS], bare[ROUNDS], ratio[ROUNDS];
	if (argc != 3) {
		fprintf(stderr, "usage: lookup_bench DIR FILE\n");
		return 64;
	}
	sys_key_init();
	if (node_open(argv[1], 1000, &n, &f)) {
		fprintf(stderr, "lookup_bench: %s\n", f.text);
		return 2;
	}
	struct values v = read_values(argv[2]);
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	table_reader_init();
	const struct table_view *view = table_enter(node_table(n));
	for (int round = 0; round < ROUNDS; round++) {
		listed = claims = 0;
		uint64_t begin = clock_mono_ns();
		for (size_t i = 0; i < v.n; i += GROUP)
			reputation_batch(view, v.obs + i, v.n - i < GROUP ? v.n - i : GROUP, CLEARANCE_ALL, now_s, count_verdict, NULL);
		uint64_t middle = clock_mono_ns();
		for (size_t i = 0; i < v.n; i += GROUP)
			table_lookup_batch(view, v.key + i, v.n - i < GROUP ? v.n - i : GROUP, count_hits, NULL);
		uint64_t end = clock_mono_ns();
		whole[round] = (double)v.n * 1000 / (double)(middle - begin);
		bare[round] = (double)v.n * 1000 / (double)(end - middle);
		ratio[round] = whole[round] / bare[round];
	}
	struct table_stats stats;
	table_stats(view, &stats);
	table_leave(node_table(n));
	table_reader_exit();
	qsort(whole, ROUNDS, sizeof(*whole), compare);
	qsort(bare, ROUNDS, sizeof(*bare), compare);
	qsort(ratio, ROUNDS, sizeof(*ratio), compare);
	printf("%llu keys in %u levels, %zu values, %.0f %% listed: %.1f M verdicts/s on one core, %.1f M/s the table alone, ratio %.2f\n",
	       (unsigned long long)stats.keys, stats.levels, v.n, 100.0 * (double)listed / (double)v.n, whole[ROUNDS / 2],
	       bare[ROUNDS / 2], ratio[ROUNDS / 2]);
	node_close(n);
	return 0;
}
