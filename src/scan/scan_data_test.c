/* Real block lists and real logs, where they are at hand (SIPAR_DATA): with a sieve a scan tells what it tells without one. */
#include <fcntl.h>
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "scan/scan.h"
#include "sys/input.h"

static const struct siphash_seed seed = { 5, 6 };

struct world {
	struct source_set *sources;
	struct rules *rules;
	struct meaning meaning;
	struct table_view view;
	struct batch *batch;
	struct scan *scan;
	struct buf out;
	uint64_t listed, files;
};

static const char *root(void)
{
	const char *given = getenv("SIPAR_DATA");
	return given ? given : SOURCE_ROOT "/../shared/data";
}

static void each_file(struct world *w, const char *folder, void (*visit)(struct world *w, const char *path, int fd))
{
	char path[1024];
	char *const paths[] = { path, NULL };
	snprintf(path, sizeof(path), "%s/%s", root(), folder);
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	assert_non_null(tree);
	for (FTSENT *e; (e = fts_read(tree));) {
		if (e->fts_info != FTS_F)
			continue;
		int fd = open(e->fts_path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		visit(w, e->fts_path, fd);
	}
	fts_close(tree);
}

static void list(struct world *w, struct span word)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct claim claim = { .seen = (uint32_t)(clock_ms() / 1000), .category = CAT_C2, .confidence = 100 };
	if (word.n == 0 || obs_parse(word, store, &o, NULL))
		return;
	struct table_key k = { o.kind, o.prefix, o.n, o.key };
	assert_int_equal(batch_add(w->batch, &k, &claim, NULL), OK);
	w->listed++;
}

/* The first word of each line of a list, as far as it is a value; in every form of list some are. */
static void list_file(struct world *w, const char *path, int fd)
{
	struct input *in;
	struct buf text = { 0 };
	bool end = false;
	if (input_open(fd, -1, path, &in, NULL))
		return;
	while (!end && input_read(in, 1 << 20, &text, &end, NULL) == OK)
		;
	input_close(in);
	struct span rest = buf_span(&text), line;
	while (span_line(&rest, &line))
		list(w, span_head(line, span_find(line, line.n > 4 && span_find(line, '\t') < line.n ? '\t' : ' ')));
	buf_release(&text);
}

/* What a report is about is listed, too, so that there is something to find. */
static void list_report(struct world *w, const char *path, int fd)
{
	if (w->files++ % 3 == 0)
		list_file(w, path, fd);
	else
		close(fd);
}

static const struct table_view *enter(void *ctx)
{
	return &((struct world *)ctx)->view;
}

static bool leave(void *ctx)
{
	(void)ctx;
	return true;
}

static bool take(void *ctx, struct buf *out)
{
	buf_putspan(&((struct world *)ctx)->out, buf_span(out));
	out->n = 0;
	return true;
}

static void scan_file(struct world *w, const char *path, int fd)
{
	struct stream *in;
	if (stream_open(fd, path, &(struct stream_options){ 0 }, &in, NULL) == OK)
		(void)!scan_stream(w->scan, in, 0, NULL); /* some are damaged on purpose */
}

static uint64_t scan_all(struct world *w, uint64_t sieve_after, unsigned threads)
{
	struct scan_options o = { .threads = threads, .min_score = 1, .clear = CLEARANCE_ALL, .table = { enter, leave, w }, .write = take, .ctx = w,
				  .print = { .form = PRINT_ROWS, .names = true }, .sieve_after = sieve_after };
	w->out.n = 0;
	w->scan = scan_new(&o);
	each_file(w, "logs", scan_file);
	each_file(w, "reports", scan_file);
	each_file(w, "intel/unit42-iocs", scan_file);
	scan_drain(w->scan);
	uint64_t hits = scan_hits(w->scan);
	scan_free(w->scan);
	return hits;
}

static void test_same_output(void **state)
{
	struct stat st;
	if (stat(root(), &st))
		skip();
	struct world w = { .sources = source_set_new(), .rules = rules_new(), .batch = batch_new(seed, "/tmp", 256 << 20) };
	struct source_change c = { .op = SOURCE_ADD, .name = SPAN_LIT("list") };
	assert_int_equal(source_apply(w.sources, &c, NULL), OK);
	w.meaning = (struct meaning){ w.sources, w.rules };
	each_file(&w, "blocklists", list_file);
	each_file(&w, "dga", list_file);
	each_file(&w, "intel/unit42-iocs", list_report);
	for (const char *const *v = (const char *const[]){ "amazonaws.com", "192.168.0.0/16", "2001:db8::/30", NULL }; *v; v++)
		list(&w, span_str(*v));
	assert_int_equal(batch_stamp(w.batch, 1, 0, NULL), OK);
	w.view = (struct table_view){ .context = &w.meaning, .seed = seed, .n = 1 };
	assert_int_equal(batch_finish(w.batch, NULL, &w.view.level[0], NULL, NULL), OK);
	uint64_t hits = scan_all(&w, UINT64_MAX, 1);
	struct buf without = w.out;
	w.out = (struct buf){ 0 };
	printf("%llu listed, %llu hits\n", (unsigned long long)w.listed, (unsigned long long)hits);
	assert_true(hits > 1000);
	for (unsigned threads = 1; threads < 3; threads++) {
		assert_int_equal(scan_all(&w, threads == 1 ? 1 : 1000000, threads), hits);
		assert_true(span_eq(buf_span(&w.out), buf_span(&without)));
	}
	buf_release(&without);
	buf_release(&w.out);
	image_free(w.view.level[0]);
	batch_free(w.batch);
	rules_free(w.rules);
	source_set_free(w.sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_output) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
