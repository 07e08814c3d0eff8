#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "enforce/values.h"

static struct observable parse(const char *text)
{
	static uint8_t store[OBS_KEY_MAX];
	struct observable o;
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	return o;
}

static void test_kinds(void **state)
{
	struct values *v = values_new();
	static const char *const texts[] = { "198.51.100.7", "198.51.100.0/24", "198.51.0.0/16", "2001:db8::7", "2001:db8::/32" };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct observable o = parse(texts[i]);
		struct value *one = values_put(v, &o);
		assert_true(one && values_put(v, &o) == one && values_count(v) == i + 1);
		struct observable back = value_observable(one);
		assert_true(obs_eq(&o, &back));
		assert_int_equal(value_is_address(one), i == 0 || i == 3);
	}
	struct observable name = parse("evil.example"), other = parse("198.51.100.0/25");
	assert_null(values_put(v, &name));
	assert_null(values_find(v, &name));
	assert_null(values_find(v, &other));
	assert_non_null(values_find_address(v, (const uint8_t[]){ 198, 51, 100, 7 }, 4));
	assert_null(values_find_address(v, (const uint8_t[]){ 198, 51, 100, 0 }, 4)); /* the prefix is another value */
	values_free(v);
}

/* Beside a plain array. */
static void test_like_an_array(void **state)
{
	enum { ADDRESSES = 700 };
	struct values *v = values_new();
	bool in[ADDRESSES] = { false };
	size_t n = 0;
	srandom(2);
	for (unsigned step = 0; step < 100000; step++) {
		unsigned i = (unsigned)random() % ADDRESSES;
		uint8_t key[4] = { 198, 51, (uint8_t)(i >> 8), (uint8_t)i };
		struct observable o = { .kind = OBS_IPV4, .n = 4, .key = key };
		struct value *one = values_find(v, &o);
		assert_int_equal(one != NULL, in[i]);
		if (one && random() % 2) {
			assert_int_equal(one->since_s, i);
			values_remove(v, one);
		} else if (!one)
			values_put(v, &o)->since_s = i;
		else
			continue;
		in[i] = !in[i];
		n += in[i] ? 1 : (size_t)-1;
		assert_int_equal(values_count(v), n);
	}
	for (size_t i = 0; i < values_count(v); i++)
		assert_true(in[values_at(v, i)->since_s]);
	values_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kinds), cmocka_unit_test(test_like_an_array) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
