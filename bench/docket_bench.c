/* How long an opening takes with many decisions, and how long others wait while everything in force is written down for a whole transfer.
 *
 *   docket_bench DIR [N [VALUES]]     a node, in which N decisions on one value each are said, and one on VALUES
 *
 * Told are: the opening of the node behind that (its table of claims is empty), the median of five, from what was saved and folded anew; then, five
 * times, the making of a roster (docket_full()), with one thread that asks for changes all the time and one that decides, and the longest that
 * each of them took meanwhile and without it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/node.h"
#include "sys/key.h"

enum { ROUNDS = 5, N_MAX = 10000000 };

static void must(enum err e, const struct fault *f)
{
	if (e == OK)
		return;
	fprintf(stderr, "docket_bench: %s\n", f->text);
	exit(1);
}

static void say(struct node *n, const char *format, unsigned from, unsigned count)
{
	static const struct docket_policy at_once = { .parties = 1 };
	const struct speaker who = { .party = "bench", .by = "" };
	struct decision_op op = { .op = OP_PROPOSE, .action = ACTION_BLOCK, .reason = REASON_MALWARE, .until_s = (uint32_t)(clock_ms() / 1000) + 86400 };
	struct buf values = { 0 };
	struct fault f;
	uint64_t index;
	for (unsigned i = from; i < from + count; i++)
		buf_printf(&values, "%s\"%s%u.example\"", values.n ? "," : "", format, i);
	op.values = buf_span(&values);
	docket_set_policy(node_docket(n), &at_once);
	must(docket_say(node_docket(n), &who, &op, &index, &f), &f);
	buf_release(&values);
}

/* ---- openings ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_size);
	return v[ROUNDS / 2];
}

static struct node *open_node(const char *dir, double *ret_ms)
{
	struct node *n;
	struct fault f;
	uint64_t begin = clock_mono_ns();
	must(node_open(dir, 2000, &n, &f), &f);
	*ret_ms = (double)(clock_mono_ns() - begin) / 1e6;
	return n;
}

static void openings(const char *dir, uint64_t n)
{
	double ms[ROUNDS], anew;
	char command[400];
	for (unsigned i = 0; i < ROUNDS; i++)
		node_close(open_node(dir, &ms[i]));
	printf("opening with %llu decisions: %.0f ms from what was saved", (unsigned long long)n, median(ms));
	snprintf(command, sizeof(command), "rm -r '%.300s/decisions'", dir);
	if (system(command))
		exit(1);
	node_close(open_node(dir, &anew));
	printf(", %.0f ms folded anew\n", anew);
}

/* ---- a roster, and those who wait for it ---- */

struct waiting {
	struct node *node;
	atomic_bool stop, says;
	_Atomic uint64_t longest_ns[2]; /* of an answer, of a decision */
};

static void note(_Atomic uint64_t *longest, uint64_t begin)
{
	uint64_t ns = clock_mono_ns() - begin;
	if (ns > atomic_load(longest))
		atomic_store(longest, ns);
}

static void *ask(void *arg)
{
	struct waiting *w = arg;
	struct docket *d = node_docket(w->node);
	while (!atomic_load(&w->stop)) {
		struct turns t = { 0 };
		uint64_t begin = clock_mono_ns();
		if (docket_since(d, docket_serial(d), &t, NULL) == OK)
			turns_release(&t);
		note(&w->longest_ns[0], begin);
	}
	return NULL;
}

static void *decide(void *arg)
{
	struct waiting *w = arg;
	static unsigned at;
	table_reader_init();
	while (!atomic_load(&w->stop)) {
		uint64_t begin = clock_mono_ns();
		say(w->node, "new", at++, 1);
		note(&w->longest_ns[1], begin);
		struct timespec ms = { .tv_nsec = 1000000 };
		nanosleep(&ms, NULL);
	}
	table_reader_exit();
	return NULL;
}

/* @param roster  or only as long without one. */
static void race(struct node *n, bool roster, double *ret_ms, double ret_longest_ms[2])
{
	struct waiting w = { .node = n };
	pthread_t t[2];
	struct fault f;
	pthread_create(&t[0], NULL, ask, &w);
	pthread_create(&t[1], NULL, decide, &w);
	struct timespec while_running = { .tv_nsec = 50000000 };
	nanosleep(&while_running, NULL);
	atomic_store(&w.longest_ns[0], 0);
	atomic_store(&w.longest_ns[1], 0);
	uint64_t begin = clock_mono_ns();
	if (roster) {
		struct roster *r;
		struct turns since = { 0 };
		must(docket_full(node_docket(n), &r, &since, &f), &f);
		turns_release(&since);
		roster_drop(r);
	} else {
		nanosleep(&(struct timespec){ .tv_nsec = (long)(*ret_ms < 900 ? *ret_ms * 1e6 : 9e8) }, NULL);
	}
	*ret_ms = (double)(clock_mono_ns() - begin) / 1e6;
	nanosleep(&while_running, NULL); /* who waits is through */
	atomic_store(&w.stop, true);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	for (unsigned i = 0; i < 2; i++)
		ret_longest_ms[i] = (double)atomic_load(&w.longest_ns[i]) / 1e6;
}

int main(int argc, char **argv)
{
	struct fault f;
	struct node *n;
	uint64_t alone = 100000, values = 200000;
	double ms[ROUNDS], answer[ROUNDS], decision[ROUNDS], without[2][ROUNDS], longest[2], open_ms;
	sys_key_init();
	if (argc < 2 || (argc > 2 && num_parse_u64(span_str(argv[2]), N_MAX, &alone)) || (argc > 3 && num_parse_u64(span_str(argv[3]), N_MAX, &values))) {
		fprintf(stderr, "usage: docket_bench DIR [N [VALUES]]\n");
		return 64;
	}
	table_reader_init();
	must(node_open(argv[1], 2000, &n, &f), &f);
	for (unsigned i = 0; i < alone; i++)
		say(n, "alone", i, 1);
	for (unsigned i = 0; i < values; i += 100000)
		say(n, "many", i, values - i < 100000 ? (unsigned)(values - i) : 100000);
	node_close(n);
	openings(argv[1], alone);
	for (unsigned i = 0; i < ROUNDS; i++) {
		n = open_node(argv[1], &open_ms); /* it has no roster yet */
		race(n, true, &ms[i], longest);
		answer[i] = longest[0];
		decision[i] = longest[1];
		open_ms = ms[i];
		race(n, false, &open_ms, longest);
		without[0][i] = longest[0];
		without[1][i] = longest[1];
		node_close(n);
	}
	printf("a roster of %llu values: %.0f ms; meanwhile an answer waited for up to %.1f ms (without one %.1f), a decision took up to %.1f ms (without one %.1f)\n",
	       (unsigned long long)(alone + values), median(ms), median(answer), median(without[0]), median(decision), median(without[1]));
	table_reader_exit();
	return 0;
}
