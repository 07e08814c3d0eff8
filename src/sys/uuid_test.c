#include "sys/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* Known from the STIX 2.1 specification's namespace, and from RFC 9562 appendix A.4 (in the namespace of names of the DNS). */
static void named(void **state)
{
	static const uint8_t stix[16] = { 0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7 };
	static const uint8_t dns[16] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };
	char text[UUID_TEXT];
	uuid_named(stix, SPAN_LIT("{\"value\":\"1.2.3.4\"}"), text);
	assert_string_equal(text, "0198f97b-e65d-5025-87e5-58bc39d4bdb4");
	uuid_named(dns, SPAN_LIT("www.example.com"), text);
	assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void random_ones(void **state)
{
	char a[UUID_TEXT], b[UUID_TEXT];
	uuid_random(a);
	uuid_random(b);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(a[14], '4');
	assert_true(strchr("89ab", a[19]) != NULL);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(named), cmocka_unit_test(random_ones) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
