#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "view/score.h"

enum { DAY = 86400 };

static void test_worked_values(void **state)
{
	/* A model of 120 days and speed 0.3, base 80: 79.21 after 30 days, 72.06 after 60, 49.34 after 90. */
	assert_int_equal(score_decay(0, 120, 3), 1024);
	static const struct { uint32_t days; int hundredths; } known[] = { { 30, 7921 }, { 60, 7206 }, { 90, 4934 } };
	for (size_t i = 0; i < COUNT_OF(known); i++)
		assert_true(abs(8000 * score_decay(known[i].days * DAY, 120, 3) / 1024 - known[i].hundredths) <= 4);
	assert_int_equal(score_decay(120 * DAY, 120, 3), 64);
	assert_int_equal(score_decay(5 * DAY, 10, 10), 512);
	assert_int_equal(score_decay(DAY, 0, 10), 64);
	assert_int_equal(score_decay(UINT32_MAX, 65535, 10), 247); /* 136 years are 0.7585 of 179 */
}

static void test_near_the_formula_and_falling(void **state)
{
	static const uint16_t speeds[] = { 3, 5, 10, 15, 20, 30 };
	for (size_t s = 0; s < COUNT_OF(speeds); s++) {
		uint16_t before = 1024;
		for (uint32_t age = 0; age < 31 * DAY; age += 977) {
			uint16_t d = score_decay(age, 30, speeds[s]);
			double exact = 1024 * (1 - pow(fmin(1, age / (30.0 * DAY)), 10.0 / speeds[s]));
			assert_true(d <= before);
			assert_true(d >= 64);
			if (age > DAY / 4) /* between the first two points the curve of a high speed is steep */
				assert_true(fabs(d - fmax(64, exact)) <= (speeds[s] > 10 ? 12 : 2));
			before = d;
		}
		assert_int_equal(before, 64);
	}
}

static void test_other_speeds_are_the_nearest(void **state)
{
	for (uint32_t age = 0; age < 30 * DAY; age += 10007) {
		assert_int_equal(score_decay(age, 30, 0), score_decay(age, 30, 3));
		assert_int_equal(score_decay(age, 30, 4), score_decay(age, 30, 3));
		assert_int_equal(score_decay(age, 30, 12), score_decay(age, 30, 10));
		assert_int_equal(score_decay(age, 30, 13), score_decay(age, 30, 15));
		assert_int_equal(score_decay(age, 30, 25), score_decay(age, 30, 20));
		assert_int_equal(score_decay(age, 30, 65535), score_decay(age, 30, 30));
	}
}

static void test_lifetimes(void **state)
{
	for (unsigned c = 0; c < CAT_COUNT; c++) {
		uint16_t ip, speed, domain, hash;
		score_lifetime(OBS_IPV4, (uint8_t)c, &ip, &speed);
		assert_int_equal(ip, category_row(c)->lifetime_d);
		assert_true(ip > 0 && speed > 0);
		score_lifetime(OBS_DOMAIN, (uint8_t)c, &domain, &speed);
		assert_int_equal(domain, 3 * ip);
		score_lifetime(OBS_SHA256, (uint8_t)c, &hash, &speed);
		assert_int_equal(hash, 3650);
		assert_int_equal(speed, 3);
	}
	uint16_t d, s;
	score_lifetime(255, 255, &d, &s);
	assert_true(d > 0);
}

static void test_scores(void **state)
{
	assert_int_equal(score_from_mdb(INT32_MIN), 0);
	assert_int_equal(score_from_mdb(0), 0);
	assert_int_equal(score_from_mdb(1), 1);
	assert_int_equal(score_from_mdb(20000), 50);
	assert_int_equal(score_from_mdb(30000), 91);
	assert_int_equal(score_from_mdb(40000), 99);
	assert_int_equal(score_from_mdb(42988), 99);
	assert_int_equal(score_from_mdb(42989), 100);
	assert_int_equal(score_from_mdb(INT32_MAX), 100);
	for (int32_t mdb = 1; mdb < 60000; mdb++) {
		double exact = 100 / (1 + pow(10, -(mdb - 20000) / 10000.0));
		uint8_t s = score_from_mdb(mdb);
		assert_true(fabs(s - exact) <= 0.5000001 || s == 1);
		assert_true(s >= score_from_mdb(mdb - 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worked_values), cmocka_unit_test(test_near_the_formula_and_falling),
		cmocka_unit_test(test_other_speeds_are_the_nearest), cmocka_unit_test(test_lifetimes), cmocka_unit_test(test_scores),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
