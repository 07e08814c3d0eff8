#include "view/met.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static uint64_t over_below; /* decisions with a lower index are over */

static bool is_over(void *ctx, uint64_t of)
{
	return of < over_below;
}

static struct table_key key_of(uint32_t i, uint8_t store[4])
{
	memcpy(store, &i, 4);
	return (struct table_key){ OBS_IPV4, 0, 4, store };
}

static uint32_t count(struct met *m, uint32_t i)
{
	uint8_t store[4];
	struct table_key k = key_of(i, store);
	return met_count(m, &k);
}

static void add(struct met *m, uint32_t i, uint64_t of, uint64_t n)
{
	uint8_t store[4];
	struct table_key k = key_of(i, store);
	met_add(m, &k, of, n);
}

static void test_counts(void **state)
{
	struct met *m = met_new((struct siphash_seed){ 1, 2 }, is_over, NULL);
	over_below = 0;
	for (uint32_t round = 1; round <= 3; round++)
		for (uint32_t i = 0; i < 10000; i++)
			add(m, i, round, i % 7);
	for (uint32_t i = 0; i < 10100; i++)
		assert_int_equal(count(m, i), i < 10000 ? 3 * (i % 7) : 0);
	assert_int_equal(met_values(m), 10000 - 1429); /* what was met 0 times was not met */
	add(m, 8, 4, UINT64_MAX);
	assert_int_equal(count(m, 8), UINT32_MAX);
	add(m, 8, 4, 5);
	assert_int_equal(count(m, 8), UINT32_MAX);
	met_free(m);
}

/* What belongs to decisions that are over makes room; what was told of a later one, too, stays. */
static void test_what_is_over_is_dropped(void **state)
{
	struct met *m = met_new((struct siphash_seed){ 1, 2 }, is_over, NULL);
	for (uint32_t i = 0; i < 100000; i++) {
		over_below = i / 50;
		add(m, i, i / 50 + 1, 1);
		add(m, 7, i / 50 + 1, 1);
	}
	assert_true(met_values(m) < 1000);
	assert_true(count(m, 7) >= 100000);
	assert_int_equal(count(m, 99999), 1);
	met_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_counts), cmocka_unit_test(test_what_is_over_is_dropped) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
