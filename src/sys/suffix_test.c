#include "sys/suffix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"

static void names(void **state)
{
	static const char *const suffixes[] = { "com", "pk", "com.pk", "gov.pk", "co.uk", "github.io", "blogspot.com", "xn--mgbai9azgqp6j" };
	static const char *const others[] = { "", "example", "evil.example", "bank.com.pk", "www.ck", "evil.github.io", "a.b.c.d.e.f.g.h.com",
					      "com..pk" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++)
		if (!suffix_is_public(span_str(suffixes[i])))
			fail_msg("%s is one", suffixes[i]);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (suffix_is_public(span_str(others[i])))
			fail_msg("%s is none", others[i]);
	assert_true(suffix_is_registry(span_str("gov.pk")));
	assert_true(suffix_is_registry(span_str("pk")));
	assert_false(suffix_is_registry(span_str("github.io")));
	assert_false(suffix_is_registry(span_str("evil.gov.pk")));
	static const char big[5000] = "a";
	assert_false(suffix_is_public(span_of(big, sizeof(big))));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
