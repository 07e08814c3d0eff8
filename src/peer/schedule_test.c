#include "peer/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void times(void **state)
{
	static const struct { const char *text; enum err e; uint32_t seconds; const char *shown; } rows[] = {
		{ "10m", OK, 600, "10m" }, { "90s", OK, 90, "90s" }, { "3600", OK, 3600, "1h" }, { "1d", OK, 86400, "1d" }, { "36h", OK, 129600, "36h" },
		{ "366d", OK, 366 * 86400, "366d" }, { "367d", ERR_RANGE, 0, "" }, { "0", ERR_RANGE, 0, "" }, { "", ERR_SYNTAX, 0, "" }, { "m", ERR_SYNTAX, 0, "" },
		{ "-1m", ERR_SYNTAX, 0, "" }, { "1.5h", ERR_SYNTAX, 0, "" }, { "99999999999d", ERR_RANGE, 0, "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t s = 0;
		char shown[16];
		struct fault f = { 0 };
		assert_int_equal(schedule_parse(span_str(rows[i].text), &s, &f), rows[i].e);
		assert_int_equal(s, rows[i].seconds);
		assert_true((rows[i].e == OK) == !f.text[0]);
		if (rows[i].e)
			continue;
		schedule_format(s, shown);
		assert_string_equal(shown, rows[i].shown);
	}
}

static void in_time(void **state)
{
	assert_int_equal(schedule_next(600, 0, 0, 0, 1000), 1000 + 540000);
	assert_int_equal(schedule_next(600, 0, 0, UINT32_MAX, 1000), 1000 + 660000);
	assert_int_equal(schedule_next(1, 0, 0, 0, 0), 900);
	int64_t middle = schedule_next(600, 0, 0, 1U << 31, 0);
	assert_true(middle >= 599999 && middle <= 600001);
}

/* Doubling, from a minute or less, to six hours or the interval. */
static void backs_off(void **state)
{
	static const struct { uint32_t every; unsigned failures; int64_t low, high; } rows[] = {
		{ 600, 1, 54000, 66000 }, { 600, 2, 108000, 132000 }, { 600, 5, 864000, 1056000 }, { 600, 30, 19440000, 23760000 },
		{ 600, UINT32_MAX, 19440000, 23760000 }, { 10, 1, 9000, 11000 }, { 86400, 1, 54000, 66000 }, { 86400, 20, 77760000, 95040000 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(schedule_next(rows[i].every, rows[i].failures, 0, 0, 0), rows[i].low);
		assert_int_equal(schedule_next(rows[i].every, rows[i].failures, 0, UINT32_MAX, 0), rows[i].high);
	}
}

static void obeys(void **state)
{
	assert_int_equal(schedule_next(600, 1, 3600, 0, 0), 3600000);
	assert_int_equal(schedule_next(600, 0, 10, 0, 0), 540000);
	assert_int_equal(schedule_next(600, 1, UINT32_MAX, 0, 0), 86400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(times), cmocka_unit_test(in_time), cmocka_unit_test(backs_off), cmocka_unit_test(obeys) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
