#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>

#include "base/address.h"

static void there_and_back(void **state)
{
	static const char *const good[] = { "127.0.0.1:5300", "0.0.0.0:0", "[::1]:53", "[2001:db8::7]:65535", "[::]:0",
					    "[::ffff:192.0.2.1]:1" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct sockaddr_storage a;
		socklen_t n = 0;
		char text[ADDRESS_TEXT_MAX];
		struct fault f = { 0 };
		assert_int_equal(address_parse(good[i], &a, &n, &f), OK);
		assert_int_equal(n, good[i][0] == '[' ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		address_format(&a, text);
		assert_string_equal(text, good[i]);
	}
	struct sockaddr_storage a;
	socklen_t n;
	assert_int_equal(address_parse("192.0.2.1:8053", &a, &n, NULL), OK);
	assert_int_equal(address_port(&a), 8053);
}

static void refused(void **state)
{
	static const struct { const char *text; enum err e; } bad[] = {
		{ "", ERR_SYNTAX }, { ":", ERR_SYNTAX }, { ":53", ERR_SYNTAX }, { "53", ERR_SYNTAX }, { "127.0.0.1", ERR_SYNTAX },
		{ "127.0.0.1:", ERR_SYNTAX }, { "127.0.0.1:65536", ERR_RANGE }, { "127.0.0.1:-1", ERR_SYNTAX },
		{ "127.0.0.1: 53", ERR_SYNTAX }, { "127.0.0.256:53", ERR_SYNTAX }, { "127.1:53", ERR_SYNTAX }, { "::1:53", ERR_SYNTAX },
		{ "[::1]", ERR_SYNTAX }, { "[]:53", ERR_SYNTAX }, { "[127.0.0.1]:53", ERR_SYNTAX }, { "[::1:53", ERR_SYNTAX },
		{ "localhost:53", ERR_SYNTAX }, { "[fe80::1%lo]:53", ERR_SYNTAX },
		{ "127.0.0.1:99999999999999999999999", ERR_RANGE },
		{ "1111111111111111111111111111111111111111111111111111111111111111111111:53", ERR_SYNTAX },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct sockaddr_storage a = { .ss_family = 77 };
		socklen_t n = 7;
		struct fault f = { 0 };
		assert_int_equal(address_parse(bad[i].text, &a, &n, &f), bad[i].e);
		assert_int_equal(f.code, bad[i].e);
		assert_true(f.text[0] != 0);
		assert_int_equal(a.ss_family, 77);
		assert_int_equal(n, 7);
	}
}

static void no_family(void **state)
{
	(void)state;
	struct sockaddr_storage a = { .ss_family = AF_UNIX };
	char text[ADDRESS_TEXT_MAX];
	address_format(&a, text);
	assert_string_equal(text, "?");
	assert_int_equal(address_port(&a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_family),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
