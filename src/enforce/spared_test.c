#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "enforce/spared.h"

static struct spared s;

static const char *why(const char *text)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct values *v = values_new();
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	const char *answer = spared_why(&s, values_put(v, &o));
	values_free(v);
	return answer;
}

static void test_spares(void **state)
{
	struct fault f;
	char resolv[] = "/tmp/spared_test_XXXXXX";
	static const char text[] = "# x\nnameserver 203.0.113.53\nnameserver 2001:db8::53\nnameserver fe80::1%eth0\noptions x\n";
	int fd = mkstemp(resolv);
	assert_int_equal(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	assert_int_equal(spared_add(&s, SPAN_LIT("198.51.100.0/25"), "you say so", &f), OK);
	assert_int_equal(spared_add(&s, SPAN_LIT("evil.example"), "you say so", &f), ERR_USAGE);
	spared_add_host(&s, resolv);
	spared_add_node(&s, "203.0.113.80");
	spared_add_builtin(&s);
	spared_ready(&s);
	unlink(resolv);
	assert_string_equal(why("198.51.100.7"), "you say so");
	assert_string_equal(why("198.51.100.0/24"), "you say so"); /* it lies in it */
	assert_null(why("198.51.100.128"));
	assert_null(why("198.51.100.128/25"));
	assert_string_equal(why("203.0.113.53"), "a resolver of this host");
	assert_string_equal(why("2001:db8::/64"), "a resolver of this host");
	assert_string_equal(why("203.0.113.80"), "the node that is asked");
	assert_non_null(strstr(why("10.1.2.3"), "RFC 1918"));
	assert_non_null(strstr(why("127.0.0.1"), "loopback"));
	assert_non_null(strstr(why("8.8.8.8"), "resolver"));
	assert_non_null(strstr(why("8.0.0.0/8"), "resolver"));
	assert_non_null(strstr(why("2001:500:9f::42"), "root server"));
	assert_null(why("203.0.113.7"));
}

static void test_same(void **state)
{
	struct spared *a = mem_zalloc(sizeof(*a)), *b = mem_zalloc(sizeof(*b));
	uint8_t one[4] = { 203, 0, 113, 1 }, two[4] = { 203, 0, 113, 2 };
	assert_true(spared_same(a, b));
	spared_add_address(a, one, 4, "x");
	assert_false(spared_same(a, b));
	spared_add_address(b, one, 4, "y");
	spared_add_address(b, one, 4, "y");
	assert_true(spared_same(a, b));
	spared_add_address(a, two, 4, "x");
	spared_add_address(b, two, 4, "x");
	assert_true(spared_same(a, b));
	free(a);
	free(b);
}

static int release(void **state)
{
	spared_release(&s);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_spares), cmocka_unit_test(test_same) };
	return cmocka_run_group_tests(tests, NULL, release);
}
