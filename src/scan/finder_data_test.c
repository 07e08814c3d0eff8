/* Real logs and reports, where they are at hand (SIPAR_DATA): the finder finds in each file what the reference finds. */
#include <fcntl.h>
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scan/finder_testing.h"
#include "sys/input.h"

enum { PART = 1 << 20 /**< octets of a file that are looked at */ };

static const char *root(void)
{
	const char *given = getenv("SIPAR_DATA");
	return given ? given : SOURCE_ROOT "/../shared/data";
}

static void one_file(const char *path, struct buf *text)
{
	struct input *in;
	bool end = false;
	text->n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (input_open(fd, -1, path, &in, NULL)) /* some are damaged on purpose */
		return;
	while (!end && text->n < PART)
		if (input_read(in, PART - text->n, text, &end, NULL))
			break;
	input_close(in);
}

static void folder(const char *name, unsigned at_least)
{
	char path[1024];
	char *const paths[] = { path, NULL };
	struct buf text = { 0 }, found = { 0 };
	unsigned files = 0, findings = 0;
	snprintf(path, sizeof(path), "%s/%s", root(), name);
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	assert_non_null(tree);
	for (FTSENT *e; (e = fts_read(tree));) {
		if (e->fts_info != FTS_F)
			continue;
		one_file(e->fts_path, &text);
		struct guarded g = guard(buf_span(&text));
		if (compare_finders(0, g.text, &found))
			fail_msg("%s", e->fts_path);
		guard_free(&g);
		for (size_t i = 0; i < found.n; i++)
			findings += found.p[i] == '\n';
		files++;
	}
	fts_close(tree);
	printf("%s: %u files, %u findings\n", name, files, findings);
	assert_true(findings >= at_least);
	buf_release(&text);
	buf_release(&found);
}

static void test_logs(void **state)
{
	struct stat st;
	if (stat(root(), &st))
		skip();
	folder("logs", 50000);
}

static void test_reports(void **state)
{
	struct stat st;
	if (stat(root(), &st))
		skip();
	folder("reports", 4000);
}

static void test_defanged(void **state)
{
	struct stat st;
	if (stat(root(), &st))
		skip();
	folder("intel/unit42-iocs", 5000);
	folder("robustness/json", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_logs), cmocka_unit_test(test_reports), cmocka_unit_test(test_defanged) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
