#include "scan/hours.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void add(struct hours *s, const char *text, int64_t when, unsigned times)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	while (times--)
		hours_add(s, &o, when);
}

static bool write_down(void *ctx, const struct observable *o, int64_t hour_s, uint64_t count)
{
	struct buf *b = ctx;
	obs_format(o, b);
	buf_printf(b, " %lld %llu\n", (long long)hour_s, (unsigned long long)count);
	return true;
}

static void expect(struct hours *s, const char *text)
{
	struct buf b = { 0 };
	hours_each(s, write_down, &b);
	assert_string_equal(buf_cstr(&b), text);
	buf_release(&b);
}

static void counts_by_the_hour(void **state)
{
	struct hours *s = hours_new(100, 3600);
	(void)state;
	expect(s, "");
	add(s, "evil.example", 7200, 2);
	add(s, "198.51.100.7", 3600, 1);
	add(s, "198.51.100.7", 7199, 3);
	add(s, "evil.example", 10799, 1);
	add(s, "evil.example", 10800, 1);
	add(s, "198.51.100.0/24", 3700, 1);
	expect(s, "198.51.100.7 3600 4\n198.51.100.0/24 3600 1\nevil.example 7200 3\nevil.example 10800 1\n");
	add(s, "evil.example", 7200, 1); /* what was put in order is found again */
	expect(s, "198.51.100.7 3600 4\n198.51.100.0/24 3600 1\nevil.example 7200 4\nevil.example 10800 1\n");
	assert_int_equal(hours_pairs(s), 4);
	hours_clear(s);
	expect(s, "");
	add(s, "evil.example", 7200, 1);
	expect(s, "evil.example 7200 1\n");
	hours_free(s);
}

static void holds_as_many_as_it_may(void **state)
{
	struct hours *s = hours_new(1000, 3600);
	char name[32];
	(void)state;
	for (unsigned i = 0; i < 1010; i++) {
		snprintf(name, sizeof(name), "x%u.example", i);
		add(s, name, 0, 2);
	}
	assert_int_equal(hours_pairs(s), 1000);
	assert_int_equal(hours_lost(s), 20);
	hours_add_many(s, &(struct observable){ .kind = OBS_DOMAIN, .n = 9, .key = (const uint8_t *)"y.example" }, 0, 7);
	assert_int_equal(hours_lost(s), 27);
	hours_clear(s);
	assert_int_equal(hours_lost(s), 0);
	hours_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_by_the_hour),
		cmocka_unit_test(holds_as_many_as_it_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
