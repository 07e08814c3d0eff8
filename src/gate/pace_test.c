#include "gate/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define S INT64_C(1000000000)

static void a_minute_at_once_then_one_by_one(void **state)
{
	struct pace p = { 0 };
	struct pace_left l;
	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		l = pace_take(&p, 60, 1000 * S);
		assert_false(l.over);
		assert_int_equal(l.left, 59 - i);
		assert_int_equal(l.reset_s, i + 1);
	}
	l = pace_take(&p, 60, 1000 * S);
	assert_true(l.over && l.quota == 60 && l.left == 0 && l.wait_s == 1 && l.reset_s == 60);
	l = pace_take(&p, 60, 1000 * S + S - 1);
	assert_true(l.over && l.wait_s == 1);
	assert_false(pace_take(&p, 60, 1001 * S).over); /* what was refused has cost nothing */
	assert_true(pace_take(&p, 60, 1001 * S).over);
	for (unsigned i = 0; i < 5; i++)
		assert_false(pace_take(&p, 60, 1006 * S).over);
	assert_true(pace_take(&p, 60, 1006 * S).over);
	l = pace_take(&p, 60, 5000 * S);
	assert_true(!l.over && l.left == 59);
}

static void slow_fast_and_none(void **state)
{
	struct pace slow = { 0 }, fast = { 0 };
	(void)state;
	assert_false(pace_take(&slow, 1, 5).over);
	struct pace_left l = pace_take(&slow, 1, 5);
	assert_true(l.over && l.wait_s == 60);
	assert_false(pace_take(&slow, 1, 5 + 60 * S).over);
	for (unsigned i = 0; i < 1000; i++)
		assert_false(pace_take(&fast, 1000000000, 5).over);
	assert_false(pace_take(&fast, UINT32_MAX, 6).over);
	l = pace_take(&slow, 0, 5);
	assert_true(l.quota == 0 && !l.over);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_minute_at_once_then_one_by_one), cmocka_unit_test(slow_fast_and_none) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
