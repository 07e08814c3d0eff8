#include "face/http_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct expected {
	const char *value;
	const char *fault; /* NULL: a value; else the fault has this in it */
};

static void check(const char *body, bool array, const struct expected *want, size_t n)
{
	struct http_values v;
	struct span value;
	struct fault f = { 0 };
	/* Without a NUL behind it, so that reading beyond is seen. */
	size_t size = strlen(body);
	char *copy = mem_alloc(size);
	memcpy(copy, body, size);
	assert_int_equal(http_values_init(&v, span_of(copy, size), array, &f), OK);
	for (size_t i = 0; i < n; i++) {
		enum err e = http_values_next(&v, &value, &f);
		if (e != (want[i].fault ? ERR_SYNTAX : OK))
			fail_msg("%zu: error %s, %s", i, err_name(e), f.text);
		if (!span_is(value, want[i].value))
			fail_msg("%zu: \"" SPAN_FMT "\", not \"%s\"", i, SPAN_ARG(value), want[i].value);
		if (want[i].fault && !strstr(f.text, want[i].fault))
			fail_msg("%zu: \"%s\" does not have \"%s\"", i, f.text, want[i].fault);
	}
	assert_int_equal(http_values_next(&v, &value, &f), ERR_NOTFOUND);
	assert_int_equal(http_values_next(&v, &value, &f), ERR_NOTFOUND);
	http_values_release(&v);
	free(copy);
}

static void lines(void **state)
{
	const struct expected want[] = {
		{ "192.0.2.1", NULL }, { "evil.example", NULL }, { "http://evil.example/a b", NULL }, { "2001:db8::1", NULL },
		{ "[::1]:80", NULL }, { "{\"value\":7}", "string member" }, { "{\"other\":\"x\"}", "string member" },
		{ "{}", "string member" }, { "{\"value\":\"a\" \"b\"}", "column 14" }, { "\"open", "not JSON" },
		{ "\"a\" b", "follows the end" }, { "one", NULL }, { "one", NULL }, { "last", NULL },
	};
	check("192.0.2.1\n\n \t\r\n  evil.example \r\n\"http://evil.example\\/a\\u0020b\"\n{\"x\":{\"value\":\"no\"},\"value\":\"2001:db8::1\"}\n"
	      "[::1]:80\n{\"value\":7}\n{\"other\":\"x\"}\n{}\n{\"value\":\"a\" \"b\"}\n\"open\n\"a\" b\n"
	      "{\"v\\u0061lue\":\"one\"}\n{\"value\":\"one\",\"value\":\"two\",\"\\n\":\"three\"}\nlast",
	      false, want, COUNT_OF(want));
	check("", false, NULL, 0);
	check("\n\n \n", false, NULL, 0);
}

static void array(void **state)
{
	const struct expected want[] = {
		{ "192.0.2.1", NULL }, { "a\"b", NULL }, { "evil.example", NULL }, { "7", "neither a string" },
		{ "null", "neither" }, { "[[\"x\"]]", "neither" }, { "{\"value\":[\"x\"]}", "neither" }, { "", NULL },
	};
	check(" [ \"192.0.2.1\", \"a\\\"b\",\n{\"value\":\"evil.example\",\"deep\":[[{}]]},7,null,[[\"x\"]],{\"value\":[\"x\"]},\"\" ] \n", true,
	      want, COUNT_OF(want));
	check("[]", true, NULL, 0);
}

static void not_an_array(void **state)
{
	static const char *const bodies[][2] = {
		{ "", "not JSON" }, { "\"x\"", "not an array" }, { "{\"value\":\"x\"}", "not an array" }, { "[\"x\"", "not JSON" },
		{ "[\"x\"]]", "not JSON" }, { "[\"x\",]", "line 1, column 6" }, { "[\n'x']", "line 2, column 1" },
		{ "evil.example\n", "not JSON" }, { "[\"\xff\"]", "not UTF-8" },
	};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct http_values v;
		struct fault f = { 0 };
		assert_int_equal(http_values_init(&v, span_str(bodies[i][0]), true, &f), ERR_SYNTAX);
		if (!strstr(f.text, bodies[i][1]))
			fail_msg("%zu: \"%s\" does not have \"%s\"", i, f.text, bodies[i][1]);
	}
	struct http_values v;
	struct fault f;
	char deep[3000];
	memset(deep, '[', sizeof(deep));
	assert_int_equal(http_values_init(&v, span_of(deep, sizeof(deep)), true, &f), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(array), cmocka_unit_test(not_an_array) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
