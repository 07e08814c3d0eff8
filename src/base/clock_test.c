#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void forms_that_feeds_write(void **state)
{
	static const struct { const char *text; int64_t unix_s; } good[] = {
		{ "1970-01-01", 0 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-08-22T03:00:29Z", 1787367629 },
		{ "2026-08-22 03:00:29", 1787367629 },
		{ "2026-08-22 03:00:29 UTC", 1787367629 },
		{ "2026-08-22T03:00:29.123456Z", 1787367629 },
		{ "2026-08-22T05:00:29+02:00", 1787367629 },
		{ "2026-08-22T05:00:29+0200", 1787367629 },
		{ "2000-02-29T12:00:00Z", 951825600 },
		{ "1969-12-31T23:59:59Z", -1 },
	};
	int64_t t;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(time_parse(span_str(good[i].text), &t), OK);
		assert_int_equal(t, good[i].unix_s);
	}
}

static void what_is_no_time(void **state)
{
	static const struct { const char *text; enum err e; } bad[] = {
		{ "", ERR_SYNTAX }, { "2026", ERR_SYNTAX }, { "2026-08", ERR_SYNTAX }, { "22/08/2026", ERR_SYNTAX },
		{ "2026-08-22T", ERR_SYNTAX }, { "2026-08-22T03:00:29Zjunk", ERR_SYNTAX }, { "2026-08-22T03:00:29+2", ERR_SYNTAX },
		{ "2026-13-01", ERR_RANGE }, { "2026-02-29", ERR_RANGE }, { "2100-02-29", ERR_RANGE }, { "2026-01-01T24:00:00Z", ERR_RANGE },
		{ "2026-01-01T00:60:00Z", ERR_RANGE }, { "2026-01-01T00:00:00+99:00", ERR_RANGE }, { "0000-01-01", ERR_RANGE },
	};
	int64_t t = 7;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(time_parse(span_str(bad[i].text), &t), bad[i].e);
	assert_int_equal(t, 7);
}

static void there_and_back(void **state)
{
	(void)state;
	for (int64_t t = -62135596800; t < 253402300800; t += 86399 * 37) {
		char text[32];
		int64_t again;
		time_format(t, text);
		assert_int_equal(time_parse(span_str(text), &again), OK);
		assert_int_equal(again, t);
	}
}

static void microseconds(void **state)
{
	static const struct { const char *text; int64_t us; const char *again; } rows[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000Z" },
		{ "1970-01-01T00:00:01.5Z", 1500000, "1970-01-01T00:00:01.500000Z" },
		{ "1970-01-01T00:00:01.000001Z", 1000001, "1970-01-01T00:00:01.000001Z" },
		{ "1970-01-01T00:00:01.0000019Z", 1000001, "1970-01-01T00:00:01.000001Z" },
		{ "1970-01-01T01:00:01.25+01:00", 1250000, "1970-01-01T00:00:01.250000Z" },
		{ "1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z" },
		{ "1969-12-31T23:59:59Z", -1000000, "1969-12-31T23:59:59.000000Z" },
		{ "9999-12-31T23:59:59.999999Z", 253402300799999999, "9999-12-31T23:59:59.999999Z" },
	};
	int64_t us, s;
	char text[32];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(time_parse_us(span_str(rows[i].text), &us), OK);
		assert_int_equal(us, rows[i].us);
		time_format_us(us, text);
		assert_string_equal(text, rows[i].again);
		assert_int_equal(time_parse(span_str(rows[i].text), &s), OK);
		assert_true(s * 1000000 <= us && us < (s + 1) * 1000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_that_feeds_write),
		cmocka_unit_test(what_is_no_time),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(microseconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
