#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/base32.h"

/* RFC 4648 section 10, in either case. */
static void known_answers(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" }, { "f", "MY" }, { "fo", "mzxq" }, { "foo", "MZXW6" }, { "foob", "mzxw6YQ" }, { "fooba", "mzxw6ytb" },
		{ "foobar", "MZXW6YTBOI" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		uint8_t back[8];
		size_t n = strlen(pairs[i][0]);
		assert_int_equal(base32_decode(span_str(pairs[i][1]), back, n), OK);
		assert_memory_equal(back, pairs[i][0], n);
		char text[BASE32_DIGITS(8)];
		base32_encode((const uint8_t *)pairs[i][0], n, text);
		assert_true(span_ieq(span_of(text, BASE32_DIGITS(n)), span_str(pairs[i][1])));
	}
}

static void refused(void **state)
{
	static const struct { const char *text; size_t n; } bad[] = {
		{ "m", 1 }, { "myy", 1 }, { "m1", 1 }, { "m0", 1 }, { "m8", 1 }, { "m=", 1 }, { "my", 2 }, { "mzxq====", 2 },
		{ "mz", 1 }, { "mzxr", 2 }, { "m{", 1 }, { "m@", 1 }, { "m\xc9", 1 }, { "a", 0 },
	};
	uint8_t back[8];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (base32_decode(span_str(bad[i].text), back, bad[i].n) != ERR_SYNTAX)
			fail_msg("taken: %s", bad[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers), cmocka_unit_test(refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
