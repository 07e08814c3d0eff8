#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void grows_and_keeps(void **state)
{
	struct buf b = { 0 };
	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_putc(&b, (uint8_t)i);
	assert_int_equal(b.n, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(b.p[i], (uint8_t)i);
	buf_consume(&b, 999);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.p[0], (uint8_t)999);
	buf_release(&b);
	assert_null(b.p);
}

static void prints_short_and_long(void **state)
{
	struct buf b = { 0 };
	char line[500];
	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	buf_printf(&b, "%d-%s", 7, "a");
	buf_printf(&b, "%s", "");
	assert_string_equal(buf_cstr(&b), "7-a");
	buf_printf(&b, "[%s]", line);
	assert_int_equal(b.n, 3 + 2 + 499);
	assert_int_equal(b.p[b.n - 1], ']');
	for (size_t n = 120; n < 135; n++) { /* around the size that is tried first */
		b.n = 0;
		buf_printf(&b, "%.*s", (int)n, line);
		assert_int_equal(b.n, n);
		assert_int_equal(strlen(buf_cstr(&b)), n);
	}
	b.n = 0;
	buf_putu(&b, 0);
	buf_putc(&b, ' ');
	buf_putu(&b, UINT64_MAX);
	assert_string_equal(buf_cstr(&b), "0 18446744073709551615");
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_keeps),
		cmocka_unit_test(prints_short_and_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
