#include "peer/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct health full = {
	.tried_ms = 1764000000001, .good_ms = 1764000000002, .changed_ms = 3, .next_ms = 4, .failures = 5, .pulls = UINT64_MAX, .failed = 7, .status = 503,
	.octets = 8, .objects = 9, .objects_all = 10, .error = "\"l\": it = broken", .of = "ab", .etag = "W/\"x\"", .modified = "Sun, 06 Nov 1994 08:49:37 GMT",
	.digest = "cd", .refused = "ef", .after = "2026-01-01T00:00:00.000001Z",
};

static void there_and_back(void **state)
{
	struct health back = { 0 };
	struct buf text = { 0 };
	health_format(&full, &text);
	assert_int_equal(health_parse(buf_span(&text), "t", &back, NULL), OK);
	assert_memory_equal(&back, &full, sizeof(back));
	text.n = 0;
	health_format(&(struct health){ 0 }, &text);
	assert_int_equal(text.n, 0);
	buf_release(&text);
}

/* What a server sends cannot make a line of its own. */
static void harmless(void **state)
{
	struct health h = { .error = "a\nfailures = 0\n", .etag = " \tx\x7f " }, back = { 0 };
	struct buf text = { 0 };
	health_format(&h, &text);
	assert_int_equal(health_parse(buf_span(&text), "t", &back, NULL), OK);
	assert_string_equal(back.error, "a?failures = 0?");
	assert_string_equal(back.etag, "?x?");
	assert_int_equal(health_parse(SPAN_LIT("status = 1000\n"), "t", &back, NULL), ERR_USAGE);
	buf_release(&text);
}

static void the_file(void **state)
{
	char dir[] = "/tmp/health-test-XXXXXX", path[64];
	struct health h = { .pulls = 1 };
	struct fault f;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(health_directory(dir, &f), OK);
	assert_int_equal(health_directory(dir, &f), OK);
	assert_int_equal(health_read(dir, "a", &h, &f), OK);
	assert_int_equal(h.pulls, 0);
	assert_int_equal(health_write(dir, "a", &full, &f), OK);
	assert_int_equal(health_read(dir, "a", &h, &f), OK);
	assert_memory_equal(&h, &full, sizeof(h));
	snprintf(path, sizeof(path), "%s/pulls/a.health", dir);
	assert_int_equal(truncate(path, 20), 0); /* a number that is cut in its middle is one */
	assert_int_equal(health_read(dir, "a", &h, &f), OK);
	assert_int_equal(h.objects, 0);
	health_forget(dir, "a");
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/pulls", dir);
	rmdir(path);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(harmless), cmocka_unit_test(the_file) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
