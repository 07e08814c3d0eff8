#include "codec/url.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static enum err parse(const char *text, char ret_url[URL_MAX + 1], struct fault *f)
{
	size_t n = strlen(text), m = 0;
	uint8_t *exact = malloc(n ? n : 1), *url = malloc(URL_MAX);
	memcpy(exact, text, n);
	enum err e = url_parse((struct span){ exact, n }, url, &m, f);
	if (e == OK)
		memcpy(ret_url, url, m);
	ret_url[m] = '\0';
	free(exact);
	free(url);
	return e;
}

static void test_normal_form(void **state)
{
	static const char *const rows[][2] = {
		{ "HTTP://Evil.Example", "http://evil.example/" },
		{ "http://evil.example:80/", "http://evil.example/" },
		{ "https://evil.example:443/", "https://evil.example/" },
		{ "http://evil.example:443/", "http://evil.example:443/" },
		{ "http://evil.example:0080/", "http://evil.example/" },
		{ "http://evil.example:/", "http://evil.example/" },
		{ "ftp://evil.example:21/x", "ftp://evil.example/x" },
		{ "http://evil.example./", "http://evil.example/" },
		{ "http://user:secret@evil.example/", "http://evil.example/" },
		{ "http://bank.example@evil.example/", "http://evil.example/" },
		{ "http://bank.example%2Fx@evil.example/", "http://evil.example/" },
		{ "http://a@b@evil.example/", "http://evil.example/" },
		{ "http://evil.example/#top", "http://evil.example/" },
		{ "http://evil.example#@bank.example/", "http://evil.example/" },
		{ "http://evil.example?a=b", "http://evil.example/?a=b" },
		{ "http://evil.example/?", "http://evil.example/?" },
		{ "http://evil.example/a?b?c/../d", "http://evil.example/a?b?c/../d" },
		{ "http:\\\\evil.example\\a\\b", "http://evil.example/a/b" },
		{ "http://evil.example\\@bank.example/", "http://evil.example/@bank.example/" },
		{ "https:////evil.example/", "https://evil.example/" },
		{ "http://evil.example/a/./b/../c", "http://evil.example/a/c" },
		{ "http://evil.example/a/%2e%2E/b/%2e", "http://evil.example/b/" },
		{ "http://evil.example/../../a", "http://evil.example/a" },
		{ "http://evil.example/a/..", "http://evil.example/" },
		{ "http://evil.example/a/.../b..", "http://evil.example/a/.../b.." },
		{ "http://evil.example/a//b", "http://evil.example/a//b" },
		{ "http://evil.example/a//../b", "http://evil.example/a/b" },
		{ "http://evil.example/%7Eu%73er%2fx%3a", "http://evil.example/~user%2Fx%3A" },
		{ "http://evil.example/100%", "http://evil.example/100%25" },
		{ "http://evil.example/%zz%4", "http://evil.example/%25zz%254" },
		{ "http://evil.example/a b\"<>`{|}^[]", "http://evil.example/a%20b%22%3C%3E%60%7B%7C%7D%5E%5B%5D" },
		{ "http://evil.example/?a b'c\\d", "http://evil.example/?a%20b'c%5Cd" },
		{ "http://evil.example/gr\xc3\xb6\xc3\x9f" "e", "http://evil.example/gr%C3%B6%C3%9Fe" },
		{ "http://m\xc3\xbcnchen.example/", "http://xn--mnchen-3ya.example/" },
		{ "http://evil\xe3\x80\x82" "example/", "http://evil.example/" },
		{ "http://%65vil.example/", "http://evil.example/" },
		{ "http://m%C3%BCnchen.example/", "http://xn--mnchen-3ya.example/" },
		{ "http://0x7f.1/", "http://127.0.0.1/" },
		{ "http://2130706433/", "http://127.0.0.1/" },
		{ "http://0177.0.0.01/", "http://127.0.0.1/" },
		{ "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1/", "http://127.0.0.1/" },
		{ "http://[2001:DB8:0::1]:80/", "http://[2001:db8::1]/" },
		{ "http://[::ffff:198.51.100.7]:81/", "http://198.51.100.7:81/" },
		{ "ldap://Router:389/dc=x", "ldap://router:389/dc=x" },
		{ "ldap://evil.example\\x/", NULL },
		{ "file:///C:/x/../y", "file:///C:/y" },
		{ "evil.example/a", "http://evil.example/a" },
		{ "evil.example:80/a", "http://evil.example/a" },
		{ "evil.example", "http://evil.example/" },
		{ "010.1.1.1/a", NULL },
		{ "2130706433/a", NULL },
		{ "%65vil.example/a", NULL },
		{ "evil.example/a b", NULL },
		{ "http://", NULL },
		{ "http:///", NULL },
		{ "http://:80/", NULL },
		{ "http://evil.example:65536/", NULL },
		{ "http://evil.example:0/", NULL },
		{ "http://evil.example:99999999999999999999/", NULL },
		{ "http://evil.example:8o/", NULL },
		{ "http://evil example/", NULL },
		{ "http://evil%00.example/", NULL },
		{ "http://evil%2Fexample.example/", NULL },
		{ "http://localhost/", NULL },
		{ "http://[::1", NULL },
		{ "http://[", NULL },
		{ "http://[]/", NULL },
		{ "http://[::1]x/", NULL },
		{ "http://1.2.3.4.5/", NULL },
		{ "http://evil.1/", NULL },
		{ "://evil.example/", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char url[URL_MAX + 1], again[URL_MAX + 1];
		struct fault f = { .text = "" };
		enum err e = parse(rows[i][0], url, &f);
		if (e && !f.text[0])
			fail_msg("\"%s\" is refused without a reason", rows[i][0]);
		if ((e == OK) != (rows[i][1] != NULL) || (rows[i][1] && strcmp(url, rows[i][1])))
			fail_msg("\"%s\" gave \"%s\" %s", rows[i][0], url, f.text);
		if (e)
			continue;
		assert_int_equal(parse(url, again, NULL), OK);
		assert_string_equal(url, again);
	}
}

static void test_scheme_and_host(void **state)
{
	assert_int_equal(url_scheme(SPAN_LIT("http://x")), 4);
	assert_int_equal(url_scheme(SPAN_LIT("stratum+tcp://x")), 11);
	assert_int_equal(url_scheme(SPAN_LIT("http:\\\\x")), 4);
	assert_int_equal(url_scheme(SPAN_LIT("ldap:\\\\x")), 0);
	assert_int_equal(url_scheme(SPAN_LIT("http:/x")), 0);
	assert_int_equal(url_scheme(SPAN_LIT("http:/")), 0);
	assert_int_equal(url_scheme(SPAN_LIT("1http://x")), 0);
	assert_int_equal(url_scheme(SPAN_LIT("-a://x")), 0);
	assert_int_equal(url_scheme(SPAN_LIT("evil.example/?u=http://x")), 0);
	assert_int_equal(url_scheme(SPAN_LIT("")), 0);
	assert_true(span_is(url_host(SPAN_LIT("http://evil.example:81/@x")), "evil.example"));
	assert_true(span_is(url_host(SPAN_LIT("http://[2001:db8::1]:81/")), "[2001:db8::1]"));
	assert_true(span_is(url_host(SPAN_LIT("file:///x")), ""));
}

/* The cap is on what comes out: nine octets of "%C3%BC..." may come of three, and "/a/.." vanishes. */
static void test_length(void **state)
{
	char url[URL_MAX + 1], text[3 * URL_MAX];
	struct fault f;
	memset(text, ' ', sizeof(text));
	memcpy(text, "http://a.example/", 17);
	text[17 + (URL_MAX - 17) / 3] = '\0';
	text[16 + (URL_MAX - 17) / 3] = 'x';
	assert_int_equal(parse(text, url, &f), OK);
	text[16 + (URL_MAX - 17) / 3] = ' ';
	text[17 + (URL_MAX - 17) / 3] = ' ';
	text[18 + (URL_MAX - 17) / 3] = '\0';
	assert_int_equal(parse(text, url, &f), ERR_RANGE);
	memset(text, 'a', sizeof(text));
	memcpy(text, "http://", 7);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(parse(text, url, &f), ERR_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal_form),
		cmocka_unit_test(test_scheme_and_host),
		cmocka_unit_test(test_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
