#include "peer/get.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void retry_after(void **state)
{
	static const struct { const char *value; uint32_t seconds; } rows[] = {
		{ "120", 120 }, { " 0 ", 0 }, { "4294967296", 0 }, { "-1", 0 }, { "soon", 0 }, { "", 0 }, { "Sun, 06 Nov 1994 08:49:37 GMT", 100 },
		{ "Sun, 06 Nov 1994 08:47:37 GMT", 0 }, { "Sun, 06 Foo 1994 08:49:37 GMT", 0 }, { "Sun, 06 Nov 1994 08:99:37 GMT", 0 }, { "Sun, 06 Nov 9999 08:49:37 GMT", 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(get_retry_after(span_str(rows[i].value), 784111777 - 100), rows[i].seconds);
}

static void joins(void **state)
{
	static const struct { const char *base, *more, *url; } rows[] = {
		{ "https://a.example", "x.json", "https://a.example/x.json" }, { "https://a.example/b/", "x.json", "https://a.example/b/x.json" },
		{ "https://a.example/b?k=1/2", "c/", "https://a.example/b/c/?k=1/2" }, { "https://a.example/b?k", "", "https://a.example/b/?k" },
	};
	char url[PULL_URL_MAX + 1];
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		get_join(rows[i].base, rows[i].more, url);
		assert_string_equal(url, rows[i].url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(retry_after), cmocka_unit_test(joins) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
