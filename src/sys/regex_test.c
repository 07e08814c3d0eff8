#include "sys/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static bool matches(const char *pattern, const char *text)
{
	struct regex *r;
	struct fault f;
	assert_int_equal(regex_new(span_str(pattern), &r, &f), OK);
	bool hit = regex_match(r, span_str(text));
	regex_free(r);
	return hit;
}

static void test_forms(void **state)
{
	assert_true(matches("^a+$", "aaa"));
	assert_false(matches("^a+$", "AAA"));
	assert_true(matches("/^a+$/i", "AAA"));
	assert_true(matches("/a/b/", "xa/by"));
	assert_true(matches("/^b$/m", "a\nb\nc"));
	assert_false(matches("/a.b/", "a\nb"));
	assert_true(matches("/a.b/s", "a\nb"));
	assert_true(matches("/^.$/u", "\xc3\xa9"));
	assert_false(matches("/^.$/", "\xc3\xa9"));
	assert_true(matches("/x", "/x")); /* one slash: bare */
	assert_false(matches("/^.$/u", "\xff"));
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "", "//", "(", "/(/", "/a/q", "/a/iq", "a{2,1}", "[z-a]", "\\C" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct regex *r;
		struct fault f = { 0 };
		assert_int_equal(regex_new(span_str(bad[i]), &r, &f), ERR_SYNTAX);
		assert_true(f.text[0] != 0);
	}
	uint8_t big[10000];
	memset(big, 'a', sizeof(big));
	struct regex *r;
	assert_int_equal(regex_new(span_of(big, sizeof(big)), &r, NULL), ERR_SYNTAX);
}

/* Patterns that backtrack without end give up, and say no. */
static void test_no_hang(void **state)
{
	static const char *const evil[] = { "^(a+)+$", "^(a|aa)+$", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:(?:a*)*)*b" };
	char text[2049];
	memset(text, 'a', 2048);
	text[2047] = '!';
	text[2048] = 0;
	for (size_t i = 0; i < COUNT_OF(evil); i++) {
		uint64_t start = clock_mono_ns();
		assert_false(matches(evil[i], text));
		assert_true(clock_mono_ns() - start < 2000000000ULL);
	}
}

static void test_empty_subject(void **state)
{
	struct regex *r;
	assert_int_equal(regex_new(SPAN_LIT("^$"), &r, NULL), OK);
	assert_true(regex_match(r, (struct span){ 0 }));
	regex_free(r);
	regex_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms), cmocka_unit_test(test_refused), cmocka_unit_test(test_no_hang),
		cmocka_unit_test(test_empty_subject),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
