#include "codec/json_same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static uint64_t digest(const char *text)
{
	uint64_t d;
	assert_true(json_digest(span_str(text), (struct siphash_seed){ 1, 2 }, &d));
	return d;
}

static void the_same(void **state)
{
	static const char *const pairs[][2] = {
		{ "{\"a\":1,\"b\":[true,null]}", " { \"b\" : [ true , null ],\n\"a\":1 } " }, { "\"\\u0061\\/\"", "\"a/\"" }, { "{\"\\u0061\":{}}", "{\"a\":{ }}" },
		{ "[]", "[ ]" }, { "{\"a\":{\"x\":1,\"y\":2},\"b\":3}", "{\"b\":3,\"a\":{\"y\":2,\"x\":1}}" },
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		assert_int_equal(digest(pairs[i][0]), digest(pairs[i][1]));
}

static void others(void **state)
{
	static const char *const texts[] = {
		"{}", "[]", "1", "1.0", "\"1\"", "null", "true", "false", "\"\"", "[1]", "[[1]]", "[1,2]", "[2,1]", "[[1],2]", "[1,[2]]", "{\"a\":1}", "{\"a\":2}", "{\"b\":1}",
		"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", "{\"a\":{\"b\":2}}", "{\"a\":1,\"a\":1}", "[{}]", "[{},{}]", "[[],[]]", "[null]",
	};
	uint64_t d;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(digest(texts[i]), digest(texts[k]));
	assert_false(json_digest(SPAN_LIT("{"), (struct siphash_seed){ 1, 2 }, &d));
	assert_false(json_digest(SPAN_LIT(""), (struct siphash_seed){ 1, 2 }, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_same), cmocka_unit_test(others) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
