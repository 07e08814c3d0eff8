#include "scan/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

/* 2026-11-25T13:58:01Z, and some days later. */
enum { THEN = 1795615081, NEAR = THEN + 5 * 86400 };

static void finds(void **state)
{
	static const struct {
		const char *line;
		int64_t then;
	} rows[] = {
		{ "2026-11-25T13:58:01Z host sshd[1]: x", THEN },
		{ "2026-11-25T14:58:01.123456+01:00 host x", THEN },
		{ "2026-11-25T14:58:01+0100 x", THEN },
		{ "2026-11-25 14:58:01.123+01 LOG:  x", THEN },
		{ "2026-11-25 13:58:01.123 UTC [1] LOG:  x", THEN },
		{ "2026-11-25T08:28:01-05:30 x", THEN },
		{ "2026-11-25 13:58:01,123 [main] INFO x", THEN },
		{ "<13>1 2026-11-25T13:58:01Z host app - - - x", THEN },
		{ "{\"timestamp\":\"2026-11-25T13:58:01.000001+0000\",\"event_type\":\"dns\"}", THEN },
		{ "2026/11/25 13:58:01 [error] 12#12: *1 open() failed", THEN },
		{ "192.0.2.1 - - [25/Nov/2026:14:58:01 +0100] \"GET / HTTP/1.1\" 200", THEN },
		{ "25-Nov-2026 13:58:01.123 queries: info: client @0x1 192.0.2.1#1", THEN },
		{ "Wed Nov 25 13:58:01 2026 -> /tmp/x: Eicar FOUND", THEN },
		{ "[Wed Nov 25 13:58:01.5 2026] [core:error] x", THEN },
		{ "Nov 25 13:58:01 fw kernel: x", THEN },
		{ "<4>Nov 25 13:58:01 fw kernel: x", THEN },
		{ "Nov  5 13:58:01 fw kernel: x", THEN - 20 * 86400 },
		{ "Dec 25 13:58:01 fw kernel: x", THEN - 335 * 86400 }, /* of the year before */
		{ "Dec  1 13:58:01 fw kernel: x", THEN + 6 * 86400 },    /* a clock that is ahead */
		{ "1795615081.123456\tCx\t192.0.2.1", THEN },
		{ "1795615081.123    10 192.0.2.1 TCP_MISS/200", THEN },
		{ "[1795615081] unbound[1:0] info: 192.0.2.1 evil.example. A IN", THEN },
		{ "{\"ts\":1795615081.5,\"uid\":\"Cx\"}", THEN },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t t = 0;
		if (!stamp_find(span_str(rows[i].line), NEAR, &t) || t != rows[i].then)
			fail_msg("%s: %lld and not %lld", rows[i].line, (long long)t, (long long)rows[i].then);
	}
}

static void finds_none(void **state)
{
	static const char *const lines[] = {
		"", "x", "198.51.100.7", "2026-02-30T13:58:01Z", "2026-13-01T00:00:00Z", "2026-11-25", "Nov 25", "Nov 31 13:58:01 x",
		"31/Nov/2026:14:58:01 +0100", "17956150811 x", "179561508 x", "1795615081x", "2026-11-25T25:00:00Z", "e3b0c44298fc1c149afbf4c8996fb924",
		"12026-11-25T13:58:01Z", "1969-11-25T13:58:01Z", "0000-00-00 00:00:00",
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		int64_t t;
		if (stamp_find(span_str(lines[i]), NEAR, &t))
			fail_msg("%s: %lld", lines[i], (long long)t);
	}
}

/* 29 February is of the last year that has one. */
static void finds_the_leap_day(void **state)
{
	int64_t t;
	(void)state;
	assert_true(stamp_find(span_str("Feb 29 10:00:00 x"), NEAR, &t));
	assert_int_equal(t, civil_to_unix(2024, 2, 29, 10, 0, 0));
}

static void looks_near_the_beginning_only(void **state)
{
	char line[STAMP_WITHIN + 64];
	int64_t t;
	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line + STAMP_WITHIN - 25, " 2026-11-25T13:58:01Z ", 22);
	assert_true(stamp_find(span_of(line, sizeof(line)), NEAR, &t));
	memset(line, 'x', sizeof(line));
	memcpy(line + STAMP_WITHIN, " 2026-11-25T13:58:01Z ", 22);
	assert_false(stamp_find(span_of(line, sizeof(line)), NEAR, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(finds_none),
		cmocka_unit_test(finds_the_leap_day),
		cmocka_unit_test(looks_near_the_beginning_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
