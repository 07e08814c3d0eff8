/* Who has what, and the clock. */
#include "gate/consumers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct consumer_seen row(struct consumers *c, size_t i)
{
	struct consumer_seen s = { .feed = "" };
	assert_true(consumers_get(c, i, &s));
	return s;
}

static void test_the_clock_of_one(void **state)
{
	struct consumers *c = consumers_new();
	struct consumer_seen s;
	consumers_saw(c, "isp", "nayatel", 7, "axfr", 1000);
	s = row(c, 0);
	assert_string_equal(s.feed, "isp");
	assert_string_equal(s.who, "nayatel");
	assert_int_equal(s.serial, 7);
	assert_int_equal(s.since_ms, 1000);
	assert_int_equal(s.n_unblocks, 0);
	assert_int_equal(s.behind, 0);
	consumers_retracted(c, 9, 5000);
	consumers_retracted(c, 10, 6000);
	s = row(c, 0);
	assert_int_equal(s.behind, 2);
	assert_int_equal(s.oldest_ms, 5000);
	consumers_saw(c, "isp", "nayatel", 7, "soa", 6500); /* asked, and has the old one still */
	assert_int_equal(row(c, 0).behind, 2);
	assert_int_equal(row(c, 0).since_ms, 1000);
	assert_int_equal(row(c, 0).last_ms, 6500);
	consumers_saw(c, "isp", "nayatel", 9, "ixfr", 7000);
	s = row(c, 0);
	assert_int_equal(s.behind, 1);
	assert_int_equal(s.oldest_ms, 6000);
	assert_int_equal(s.n_unblocks, 1);
	assert_int_equal(s.p50_ms, 2000);
	consumers_saw(c, "isp", "nayatel", 12, "ixfr", 16000);
	s = row(c, 0);
	assert_int_equal(s.behind, 0);
	assert_int_equal(s.oldest_ms, 0);
	assert_int_equal(s.n_unblocks, 2);
	assert_int_equal(s.p50_ms, 2000);
	assert_int_equal(s.p95_ms, 10000);
	assert_int_equal(s.max_ms, 10000);
	assert_string_equal(s.how, "ixfr");
	consumers_free(c);
}

static void test_one_that_goes_back_enforces_again(void **state)
{
	struct consumers *c = consumers_new();
	consumers_retracted(c, 5, 1000);
	consumers_saw(c, "edge", "fw1", 6, "http", 2000); /* came behind it: nothing was taken back from it */
	assert_int_equal(row(c, 0).n_unblocks, 0);
	assert_int_equal(row(c, 0).behind, 0);
	consumers_saw(c, "edge", "fw1", 4, "http", 3000); /* from a backup */
	assert_int_equal(row(c, 0).behind, 1);
	assert_int_equal(row(c, 0).oldest_ms, 1000);
	consumers_saw(c, "edge", "fw1", 6, "http", 4000);
	assert_int_equal(row(c, 0).behind, 0);
	assert_int_equal(row(c, 0).max_ms, 3000);
	consumers_free(c);
}

/* The face may be faster than whoever tells of the retraction. */
static void test_seen_before_it_was_told(void **state)
{
	struct consumers *c = consumers_new();
	consumers_saw(c, "edge", "fw1", 4, "http", 1000);
	consumers_saw(c, "edge", "fw1", 5, "http", 1010);
	consumers_retracted(c, 5, 1004);
	assert_int_equal(row(c, 0).behind, 0);
	assert_int_equal(row(c, 0).n_unblocks, 1);
	assert_int_equal(row(c, 0).max_ms, 6);
	consumers_retracted(c, 4, 1002); /* late, and of before */
	assert_int_equal(row(c, 0).behind, 0);
	consumers_free(c);
}

static void test_of_many_the_last_count(void **state)
{
	struct consumers *c = consumers_new();
	consumers_saw(c, "edge", "fw1", 0, "http", 0);
	for (unsigned i = 1; i <= 1000; i++)
		consumers_retracted(c, i, i);
	assert_int_equal(row(c, 0).behind, 1000);
	assert_int_equal(row(c, 0).oldest_ms, 1);
	consumers_saw(c, "edge", "fw1", 900, "http", 2000);
	assert_int_equal(row(c, 0).behind, 100);
	assert_int_equal(row(c, 0).oldest_ms, 901);
	consumers_saw(c, "edge", "fw1", 1000, "http", 2000);
	struct consumer_seen s = row(c, 0);
	assert_int_equal(s.behind, 0);
	assert_int_equal(s.n_unblocks, 256);
	assert_int_equal(s.max_ms, 2000 - 745);
	assert_int_equal(s.p50_ms, 2000 - 873);
	consumers_free(c);
}

static void test_rows(void **state)
{
	struct consumers *c = consumers_new();
	struct consumer_seen s;
	uint64_t serial = 0;
	uint32_t epoch = 1;
	consumers_saw(c, "edge", "fw1", 1, "http", 1);
	consumers_saw(c, "edge", "fw1", 2, "lapi", 2);
	consumers_saw(c, "isp", "fw1", 3, "soa", 3);
	consumers_saw(c, "isp", "fw1", 4, "axfr", 4);
	assert_false(consumers_get(c, 3, &s));
	assert_true(consumers_serial(c, "isp", "fw1", "ixfr", &serial, &epoch));
	assert_int_equal(serial, 4);
	assert_true(consumers_serial(c, "edge", "fw1", "lapi", &serial, &epoch));
	assert_int_equal(serial, 2);
	assert_false(consumers_serial(c, "edge", "fw2", "lapi", &serial, &epoch));
	consumers_saw(c, "gone", "fw1", 1, "http", 5);
	consumers_saw(c, "gone", "fw2", 1, "http", 5);
	consumers_forget(c, "gone", "fw2");
	assert_true(consumers_serial(c, "gone", "fw1", "http", &serial, &epoch));
	assert_false(consumers_serial(c, "gone", "fw2", "http", &serial, &epoch));
	consumers_forget(c, "gone", NULL);
	assert_false(consumers_get(c, 3, &s));
	assert_true(consumers_serial(c, "edge", "fw1", "lapi", &serial, &epoch));
	/* there is room for so many: who was not heard of for the longest time makes it */
	for (unsigned i = 0; i < CONSUMERS_SEEN_MAX; i++) {
		char who[16];
		snprintf(who, sizeof(who), "c%u", i);
		consumers_saw(c, "other", who, 1, "http", 100 + i);
	}
	assert_false(consumers_get(c, CONSUMERS_SEEN_MAX, &s));
	assert_false(consumers_serial(c, "edge", "fw1", "lapi", &serial, &epoch));
	assert_true(consumers_serial(c, "other", "c1023", "http", &serial, &epoch));
	consumers_free(c);
}

static void test_they_are_told(void **state)
{
	struct consumers *c = consumers_new();
	struct consumer_seen seen;
	struct buf out = { 0 };
	consumers_saw(c, "edge", "fw1", 3, "http", 1000);
	consumers_agent(c, "edge", "fw1", "http", "curl/\"7\"");
	consumers_retracted(c, 4, 2000);
	assert_true(consumers_get(c, 0, &seen));
	consumer_json(&seen, 5, &out);
	assert_string_equal(buf_cstr(&out), "{\"feed\":\"edge\",\"consumer\":\"fw1\",\"how\":\"http\",\"serial\":3,\"current\":false,\"lag\":2,"
					    "\"since\":\"1970-01-01T00:00:01Z\",\"last\":\"1970-01-01T00:00:01Z\",\"unblocks\":0,\"p50_ms\":0,\"p95_ms\":0,"
					    "\"max_ms\":0,\"behind\":1,\"oldest\":\"1970-01-01T00:00:02Z\",\"agent\":\"curl/\\\"7\\\"\"}");
	consumers_saw(c, "edge", "fw1", 5, "http", 3500);
	out.n = 0;
	consumers_metrics(c, 5, &out);
	assert_non_null(strstr(buf_cstr(&out), "\nsipar_consumer_lag{feed=\"edge\",consumer=\"fw1\",how=\"http\"} 0\n"));
	assert_non_null(strstr(buf_cstr(&out), "\nsipar_consumer_unblock_seconds{feed=\"edge\",consumer=\"fw1\",how=\"http\",quantile=\"0.95\"} 1.500\n"));
	buf_release(&out);
	consumers_free(c);
}

static void test_a_restart_forgets_nobody(void **state)
{
	char dir[] = "/tmp/sipar-consumers-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/consumers", dir);
	struct consumers *c = consumers_new();
	uint64_t serial = 0;
	uint32_t epoch = 1;
	assert_int_equal(consumers_load(c, dir, NULL), OK);
	assert_int_equal(consumers_save(c, dir, NULL), OK);
	assert_int_equal(access(path, F_OK), -1); /* nothing to say */
	consumers_saw(c, "edge", "fw1", 3, "lapi", 1000);
	consumers_epoch(c, "edge", "fw1", "lapi", 0xffffffff);
	consumers_saw(c, "edge", "2001:db8::1", 4, "http", 2000);
	assert_int_equal(consumers_save(c, dir, NULL), OK);
	consumers_free(c);
	FILE *f = fopen(path, "a");
	assert_non_null(f);
	fputs("edge fw2\nedge fw2 lapi x 1 1 1\nedge fw2 lapi 1 1 1\n\n", f);
	fclose(f);
	c = consumers_new();
	assert_int_equal(consumers_load(c, dir, NULL), OK);
	assert_true(consumers_serial(c, "edge", "fw1", "lapi", &serial, &epoch));
	assert_int_equal(serial, 3);
	assert_int_equal(epoch, 0xffffffff);
	assert_true(consumers_serial(c, "edge", "2001:db8::1", "http", &serial, &epoch));
	assert_false(consumers_serial(c, "edge", "fw2", "lapi", &serial, &epoch));
	assert_int_equal(row(c, 1).since_ms, 2000);
	consumers_free(c);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_clock_of_one), cmocka_unit_test(test_one_that_goes_back_enforces_again), cmocka_unit_test(test_seen_before_it_was_told),
		cmocka_unit_test(test_of_many_the_last_count), cmocka_unit_test(test_rows), cmocka_unit_test(test_they_are_told),
		cmocka_unit_test(test_a_restart_forgets_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
