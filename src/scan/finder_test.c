#include "scan/finder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "scan/finder_testing.h"

/* "kind canonical" of each finding, with a newline behind it: without their places. */
static void kinds_and_texts(void *ctx, const struct finding *f, size_t n)
{
	struct buf *b = ctx;
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s%s ", b->n ? "; " : "", obs_kind_name(f[i].obs.kind));
		obs_format(&f[i].obs, b);
	}
}

static void expect(const char *text, const char *expected)
{
	struct buf b = { 0 };
	struct finder *f = finder_new(0);
	finder_run(f, span_str(text), kinds_and_texts, &b);
	if (!span_is(buf_span(&b), expected))
		fail_msg("in \"%s\" is \"%s\", not \"%s\"", text, buf_cstr(&b), expected);
	assert_null(compare_finders(0, span_str(text), NULL));
	finder_free(f);
	buf_release(&b);
}

#define MD5 "d41d8cd98f00b204e9800998ecf8427e"
#define SHA1 "da39a3ee5e6b4b0d3255bfef95601890afd80709"
#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_logs(void **state)
{
	expect("Nov 25 13:58:02 gw kernel: [12345.678901] [UFW BLOCK] IN=eth0 OUT= MAC=74:ac:b9:1c:62:e5:00:17:10:2b:31:a9:08:00 "
	       "SRC=198.51.100.7 DST=192.0.2.25 LEN=122 TTL=49 ID=45366 DF PROTO=UDP SPT=38451 DPT=54329",
	       "ipv4 198.51.100.7; ipv4 192.0.2.25");
	expect("Nov 25 13:58:02 gw kernel: SRC=2001:0db8:0000:0000:0000:0000:0000:0001 DST=2001:DB8::25 LEN=60",
	       "ipv6 2001:db8::1; ipv6 2001:db8::25");
	expect("198.51.100.7 - - [21/Mar/2023:01:10:52 +0000] \"GET /a/style.css?ver=5.1 HTTP/1.1\" 404 188 "
	       "\"https://www.evil.example/x\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/60.0.3112.113\"",
	       "ipv4 198.51.100.7; domain style.css; url http://style.css/?ver=5.1; url https://www.evil.example/x");
	expect("25-Nov-2026 13:58:02.123 client @0x7f2c8c0 198.51.100.7#53211 (www.evil.example): query: www.evil.example IN A + (192.0.2.1)",
	       "ipv4 198.51.100.7; domain www.evil.example; domain www.evil.example; ipv4 192.0.2.1");
	expect("[1700000000] unbound[123:0] info: 198.51.100.7 evil.example. A IN", "ipv4 198.51.100.7; domain evil.example");
	expect("1331901000.000000\tCCUIP21wTjqkj8ZqX5\t198.51.100.7\t55043\t2001:db8::7\t53\tudp\tevil.example\tT",
	       "ipv4 198.51.100.7; ipv6 2001:db8::7; domain evil.example");
	expect("{\"src_ip\":\"198.51.100.7\",\"http\":{\"hostname\":\"evil.example\",\"url\":\"http:\\/\\/evil.example\\/a?b=1\\u0026c=2\"}}",
	       "ipv4 198.51.100.7; domain evil.example; url http://evil.example/a?b=1&c=2");
	expect("{\"name\":\"evil\\u002eexample\",\"x\":\"\\nbad.example\"}", "domain evil.example; domain nbad.example; domain bad.example");
	expect("postfix/smtp[1]: A1: to=<user@evil.example>, orig_to=<root>, relay=mx.evil.example[198.51.100.7]:25, delay=0.1",
	       "email user@evil.example; domain mx.evil.example; ipv4 198.51.100.7");
	expect("http://evil.example/x,198.51.100.7,bad.example," MD5,
	       "url http://evil.example/x; url http://evil.example/x,198.51.100.7,bad.example," MD5
	       "; ipv4 198.51.100.7; domain bad.example; md5 " MD5);
	expect("outside:198.51.100.7/443 to inside:192.0.2.9/51234",
	       "ipv4 198.51.100.7; ipv4 192.0.2.9; url http://192.0.2.9/51234");
	expect("clamd: /srv/a.pdf: Win.Test.EICAR_HDB-1(" MD5 ":68) FOUND",
	       "domain a.pdf; domain win.test.eicar_hdb-1; md5 " MD5);
}

static void test_borders(void **state)
{
	expect("11.2.3.456 1.2.3.4.5 1.2.3 256.1.1.1 01.2.3.4 v1.2.3.4 1.2.3.4a", "");
	expect("198.51.100.7. (198.51.100.8) [198.51.100.9]:443 198.51.100.10:443, '198.51.100.11' ip=198.51.100.12;",
	       "ipv4 198.51.100.7; ipv4 198.51.100.8; ipv4 198.51.100.9; ipv4 198.51.100.10; ipv4 198.51.100.11; ipv4 198.51.100.12");
	expect("10.0.0.1-10.0.0.9 x_10.0.0.2_y 10.0.0.3-a.example", "ipv4 10.0.0.1; ipv4 10.0.0.9; ipv4 10.0.0.2; domain 10.0.0.3-a.example");
	expect(MD5 " x" MD5 " " MD5 "0 SHA1=" SHA1 " sha256:" SHA256 "." , "md5 " MD5 "; sha1 " SHA1 "; sha256 " SHA256);
	expect("evil.example. \"evil.example\", (evil.example) <evil.example> *.evil.example .evil.example evil.example...",
	       "domain evil.example; domain evil.example; domain evil.example; domain evil.example; domain evil.example; domain evil.example; "
	       "domain evil.example");
	expect("_evil.example_ **evil.example** `evil.example` -evil.example-",
	       "domain _evil.example; domain evil.example; domain evil.example; domain evil.example; domain evil.example");
	expect("EVIL.Example a..evil.example a.-evil.example evil.example.5 e.x", "domain evil.example; domain evil.example; domain evil.example");
	expect("12:34:56 00:11:22:33:44:55 std::map x::y :: ::1 [::1]:80", "ipv6 ::1; ipv6 ::1");
	expect("", "");
	expect(".", "");
	expect("@", "");
	expect("://", "");
	expect("::", "");
}

static void test_six(void **state)
{
	expect("2001:db8::7 2001:DB8:0:0:0:0:0:7 [2001:db8::7]:443 2001:db8::7: no, fe80::1%eth0 from 2001:db8::7.",
	       "ipv6 2001:db8::7; ipv6 2001:db8::7; ipv6 2001:db8::7; ipv6 2001:db8::7; ipv6 fe80::1; ipv6 2001:db8::7");
	expect("::ffff:198.51.100.7 0:0:0:0:0:ffff:198.51.100.7 ::198.51.100.7 addr:2001:db8::7 addr:198.51.100.7",
	       "ipv4 198.51.100.7; ipv4 198.51.100.7; ipv6 ::c633:6407; ipv6 2001:db8::7; ipv4 198.51.100.7");
	expect("2001:db8::/32 2001:db8::7/64, 2001:db8::7.53 2001:db8::7#53 x=2001:db8::",
	       "ipv6 2001:db8::; cidr 2001:db8::/32; ipv6 2001:db8::7; cidr 2001:db8::/64; ipv6 2001:db8::7; ipv6 2001:db8::7; ipv6 2001:db8::");
	expect("2001:db8:1:2:3:4:5:6:7 1::2::3 2001:db8::g", "");
}

static void test_prefixes(void **state)
{
	expect("198.51.100.0/24 198.51.100.77/255.255.255.0; 198.51.100.7/32. 198.51.100.7/99",
	       "ipv4 198.51.100.0; cidr 198.51.100.0/24; ipv4 198.51.100.77; cidr 198.51.100.0/24; ipv4 255.255.255.0; ipv4 198.51.100.7; "
	       "ipv4 198.51.100.7");
	expect("198.51.100[.]0/24 198.51.100.0\\/25", "ipv4 198.51.100.0; cidr 198.51.100.0/24; ipv4 198.51.100.0; cidr 198.51.100.0/25");
}

static void test_urls(void **state)
{
	expect("(see http://evil.example/a_(b)) [x](http://evil.example/c). 'http://evil.example/d',",
	       "url http://evil.example/a_; url http://evil.example/a_(b)); url http://evil.example/c; url http://evil.example/d");
	expect("<a href=\"http://evil.example/a?b=1&amp;c=2\">evil.example</a>", "url http://evil.example/a?b=1&c=2; domain evil.example");
	expect("http://user:pw@evil.example:8080/x?m=a@b.example", "url http://evil.example:8080/x?m=a@b.example; email m=a@b.example; email a@b.example");
	expect("http://a.example/http://b.example/?h=c.example", "url http://a.example/http://b.example/?h=c.example; "
	       "url http://b.example/?h=c.example; domain c.example");
	expect("tcp://198.51.100.7:80 ldap://router/x file:///etc/passwd http://[2001:db8::7]:80/a,b",
	       "ipv4 198.51.100.7; url ldap://router/x; url file:///etc/passwd; url http://[2001:db8::7]/a; url http://[2001:db8::7]/a,b");
	expect("hxxp://evil[.]example/a hXXps[:]//evil(.)example h**p://evil{.}example/ evil[dot]example user[at]evil[.]example",
	       "url http://evil.example/a; url https://evil.example/; url http://evil.example/; domain evil.example; email user@evil.example");
	expect("GET /?u=http%3A%2F%2Fevil.example%2Fa \\x22http://evil.example/\\x22 x\\x2Bevil.example",
	       "domain 2fevil.example; domain evil.example; url http://evil.example/; domain evil.example");
	expect("evil.example/gate.php evil.example:8080/x evil.example/ is evil.example?",
	       "domain evil.example; url http://evil.example/gate.php; domain gate.php; domain evil.example; url http://evil.example:8080/x; "
	       "domain evil.example; url http://evil.example/; domain evil.example");
	expect("http://localhost/evil.example", "domain evil.example");
}

static void test_unicode(void **state)
{
	expect("m\xc3\xbcnchen.example, \xd9\x85\xd8\xab\xd8\xa7\xd9\x84.example", "domain xn--mnchen-3ya.example; domain xn--mgbh0fb.example");
	expect("\xe2\x80\x9c" "evil.example\xe2\x80\x9d \xc2\xabhttp://evil.example/\xc2\xbb", "domain evil.example; url http://evil.example/");
	expect("evil\xe3\x80\x82" "example", "domain evil.example");
	expect("\\u006d\\u00fcnchen.example", "domain xn--mnchen-3ya.example");
	expect("\xe8\xae\xbf\xe9\x97\xae" "198.51.100.7\xe7\x9a\x84", "ipv4 198.51.100.7");
	expect("\xff\xfe" "evil.example\xff", "domain evil.example");
}

static void test_mail(void **state)
{
	expect("to=user@evil.example first.last+x@evil.example. mailto:user@evil.example?subject=x root@198.51.100.7",
	       "email to=user@evil.example; email user@evil.example; email first.last+x@evil.example; email user@evil.example; "
	       "ipv4 198.51.100.7");
	expect("@evil.example user@localhost a@b.example@c.example", "domain evil.example; email a@b.example; email b.example@c.example");
}

static void test_kinds(void **state)
{
	static const char text[] = "http://evil.example/ user@bad.example 198.51.100.0/24 ::ffff:192.0.2.1 " MD5;
	struct buf b = { 0 };
	for (uint32_t kind = OBS_IPV4; kind < OBS_KINDS; kind++)
		assert_null(compare_finders(1U << kind, span_str(text), NULL));
	struct finder *f = finder_new(1U << OBS_DOMAIN);
	finder_run(f, span_str(text), kinds_and_texts, &b);
	assert_string_equal(buf_cstr(&b), "domain evil.example; domain bad.example");
	b.n = 0;
	finder_free(f);
	f = finder_new(1U << OBS_CIDR4 | 1U << OBS_MD5);
	finder_run(f, span_str(text), kinds_and_texts, &b);
	assert_string_equal(buf_cstr(&b), "cidr 198.51.100.0/24; md5 " MD5);
	finder_free(f);
	buf_release(&b);
}

struct cleaning {
	struct finder *f;
	unsigned seen, clean;
};

static void clean_domains(void *ctx, const struct finding *f, size_t n)
{
	struct cleaning *c = ctx;
	for (size_t i = 0; i < n; i++) {
		c->seen++;
		if (f[i].obs.kind == OBS_DOMAIN) {
			c->clean++;
			finder_clean(c->f, &f[i]);
		}
	}
}

/* What is clean may be left out, exactly that spelling, and nothing else changes; forgetting brings it back. */
static void test_clean(void **state)
{
	static const char text[] = "good.example 198.51.100.7 GOOD.example good.example/x user@good.example";
	struct cleaning c = { .f = finder_new(0) };
	finder_run(c.f, span_str(text), clean_domains, &c);
	assert_int_equal(c.seen, 6);
	assert_int_equal(c.clean, 3);
	c.seen = 0;
	finder_run(c.f, span_str(text), clean_domains, &c);
	assert_int_equal(c.seen, 3); /* the address, the URL, the e-mail address */
	c.seen = 0;
	finder_run(c.f, SPAN_LIT("Good.example good.exampl"), clean_domains, &c);
	assert_int_equal(c.seen, 2);
	finder_forget(c.f);
	c.seen = 0;
	finder_run(c.f, span_str(text), clean_domains, &c);
	assert_int_equal(c.seen, 6);
	finder_free(c.f);
	finder_free(NULL);
}

/* Pieces of text that go well, or badly, together. */
static const char *const words[] = {
	"198.51.100.7", "1.2.3.4", "10.0.0.255", "256.1.1.1", "1.2.3", "01.2.3.4", "evil.example", "EVIL.Example", "www.a-b.example", "a.b", "co",
	"xn--mnchen-3ya.example", "m\xc3\xbcnchen.example", "\xd9\x85\xd8\xab\xd8\xa7\xd9\x84.example", "\xe8\xae\xbf", "\xe3\x80\x82", "\xe2\x80\x9c", "\xff",
	"\xc3", "http://", "https://", "hxxp://", "h**ps://", "ftp://", "tcp://", "://", "//", "/", "a/b", "?q=1", "#", "#x", "&amp;", "&", ";", "&#46;",
	"&#x2e;", "&lt;", "\\", "\\/", "\\\\/", "\\u002e", "\\u00fc", "\\ud83d\\ude00", "\\x22", "\\xc3\\xbc", "\\n", "\\b", "\\t", "%2F", "%3D", "%", "%zz",
	"[.]", "(.)", "{.}", "[dot]", "(DOT)", "[:]", "[://]", "[/]", "[@]", "[at]", "[", "]", "(", ")", "{", "}", "2001:db8::7", "2001:DB8:0:0:0:0:0:7",
	"::1", "::", ":", "fe80::1%eth0", "::ffff:1.2.3.4", "0:0:0:0:0:ffff:1.2.3.4", "00:11:22:33:44:55", "12:34:56", "1::2::3", "/24", "/32", "/64",
	"/255.255.255.0", "/0", ":443", ":0", "user@evil.example", "user", "@", "o'brien", ".", "..", "-", "_", "__", "*", "*.", ",", "'", "\"", "<", ">",
	"`", " ", " ", " ", "\t", "\n", "\r\n", "=", "key=", "|", "^", "!", "+", "~", MD5, SHA1, SHA256, SHA256 SHA256, "d41d8cd98f00b204", "0", "9", "a", "f",
	"g", "Z", "index.php", "a.so.1", "file.tar.gz", "localhost", "javascript:", "mailto:", "\xe2\x80\x8b", "\xef\xbc\x8e", "\xc2\xad", "\xd8\x8c", "dot",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static void random_text(uint64_t *x, struct buf *b)
{
	size_t parts = 1 + next_random(x) % (next_random(x) % 16 ? 8 : 300);
	b->n = 0;
	unsigned blanks = next_random(x) % 4;
	for (size_t i = 0; i < parts; i++) {
		if (next_random(x) % 40 == 0)
			buf_putc(b, (uint8_t)next_random(x));
		else
			buf_puts(b, words[next_random(x) % COUNT_OF(words)]);
		if (blanks && next_random(x) % 4 < blanks)
			buf_putc(b, " \t,;=\"\n/"[next_random(x) % 8]);
	}
}

/* The finder is the reference, both ways, at each alignment, and nothing outside of the text is read. */
static void test_property(void **state)
{
	uint64_t x = 0x9e3779b97f4a7c15ULL;
	struct buf b = { 0 }, found = { 0 };
	size_t all = 0;
	for (int i = 0; i < 12000; i++) {
		random_text(&x, &b);
		struct guarded g = guard(buf_span(&b));
		uint32_t kinds = i % 5 ? 0 : (uint32_t)next_random(&x) | 1;
		if (compare_finders(kinds, g.text, &found))
			fail_msg("round %d, kinds %x", i, (unsigned)kinds);
		all += found.n;
		guard_free(&g);
	}
	assert_true(all > 300000);
	buf_release(&b);
	buf_release(&found);
}

struct remains {
	struct finder *f;
	struct buf others; /* findings that nothing declares clean */
};

static void clean_words(void *ctx, const struct finding *f, size_t n)
{
	struct remains *r = ctx;
	for (size_t i = 0; i < n; i++) {
		if (f[i].obs.kind == OBS_DOMAIN || f[i].obs.kind == OBS_IPV4) {
			if (r->f)
				finder_clean(r->f, &f[i]);
			continue;
		}
		buf_printf(&r->others, "%zu+%u %s ", f[i].at, f[i].n, obs_kind_name(f[i].obs.kind));
		obs_format(&f[i].obs, &r->others);
		buf_putc(&r->others, '\n');
	}
}

/* When names and addresses are clean, all the rest is found as before, in whatever state the cache is. */
static void test_clean_property(void **state)
{
	uint64_t x = 0xc1ea;
	struct buf b = { 0 };
	struct remains expected = { 0 }, got = { .f = finder_new(0) };
	for (int i = 0; i < 3000; i++) {
		random_text(&x, &b);
		expected.others.n = got.others.n = 0;
		finder_reference(0, buf_span(&b), clean_words, &expected);
		finder_run(got.f, buf_span(&b), clean_words, &got);
		assert_true(span_eq(buf_span(&expected.others), buf_span(&got.others)));
	}
	finder_free(got.f);
	buf_release(&b);
	buf_release(&expected.others);
	buf_release(&got.others);
}

/* Numbers of one to four digits, from 0 to a little above 255, with and without zeros first, and other octets among them. */
static void test_quads(void **state)
{
	static const char *const forms[] = { "%u.%u.%u.%u", "%03u.%u.%u.%u", "%u.%02u.%u.%u", "%u.%u.%u.%04u", "%u.%u.a%u.%u", "%u.%u.%u.%ub", ".%u.%u.%u.%u.", "%u.%u.%u" };
	uint64_t x = 0x9ad5;
	struct buf b = { 0 }, found = { 0 };
	for (int round = 0; round < 300; round++) {
		b.n = 0;
		for (int i = 0; i < 40; i++) {
			const char *form = forms[next_random(&x) % 3 ? 0 : next_random(&x) % COUNT_OF(forms)];
			unsigned v[4];
			for (int k = 0; k < 4; k++)
				v[k] = (unsigned)(next_random(&x) % (next_random(&x) % 2 ? 13 : 262));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			buf_printf(&b, form, v[0], v[1], v[2], v[3]);
#pragma GCC diagnostic pop
			buf_putc(&b, ' ');
		}
		struct guarded g = guard(buf_span(&b));
		assert_null(compare_finders(0, g.text, &found));
		assert_true(found.n > 0);
		guard_free(&g);
	}
	buf_release(&b);
	buf_release(&found);
}

static void test_octets(void **state)
{
	uint64_t x = 0x51a9a7c15ULL;
	uint8_t text[512];
	for (int i = 0; i < 5000; i++) {
		size_t n = next_random(&x) % sizeof(text);
		for (size_t k = 0; k < n; k++)
			text[k] = i % 2 ? (uint8_t)next_random(&x) : (uint8_t)".:/@0123456789abcdefghijk-_[]%\\ \"t"[next_random(&x) % 34];
		struct guarded g = guard(span_of(text, n));
		assert_null(compare_finders(0, g.text, NULL));
		guard_free(&g);
	}
}

/* One value of each kind at each place of a block, and at both ends of the text. */
static void test_alignment(void **state)
{
	static const char *const values[] = {
		"198.51.100.7", "www.evil.example", "http://evil.example/a", "2001:db8::7", "2001:db8:1:2:3:4:5:6", MD5, SHA256 SHA256,
		"user@evil.example", "evil[.]example", "evil\\u002eexample", "m\xc3\xbcnchen.example", "198.51.100.0/24", "0:0:0:0:0:0:1.2.3.4",
	};
	for (size_t v = 0; v < COUNT_OF(values); v++) {
		for (size_t before = 0; before < 200; before++) {
			struct buf b = { 0 }, found = { 0 };
			for (size_t i = 0; i < before; i++)
				buf_putc(&b, i % 9 == 8 || i + 1 == before ? ' ' : 'x');
			buf_puts(&b, values[v]);
			struct guarded g = guard(buf_span(&b));
			assert_null(compare_finders(0, g.text, &found));
			assert_true(found.n > 0);
			guard_free(&g);
			buf_release(&b);
			buf_release(&found);
		}
	}
}

/* Text longer than windows and stretches, with and without borders. */
static void test_long(void **state)
{
	uint64_t x = 0x777;
	for (int round = 0; round < 22; round++) {
		struct buf b = { 0 };
		size_t size = round < 20 ? 3000 + next_random(&x) % 30000 : (size_t)STRETCH_MAX + 100000;
		while (b.n < size) {
			if (round % 2 || round >= 20)
				buf_puts(&b, next_random(&x) % 3 ? "x/y;z" : "1.2.3.4,");
			else
				buf_puts(&b, words[next_random(&x) % COUNT_OF(words)]);
			if (round % 4 == 0 && next_random(&x) % 500 == 0)
				buf_putc(&b, '\n');
		}
		struct guarded g = guard(buf_span(&b));
		assert_null(compare_finders(0, g.text, NULL));
		guard_free(&g);
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logs), cmocka_unit_test(test_borders), cmocka_unit_test(test_six), cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_urls), cmocka_unit_test(test_unicode), cmocka_unit_test(test_mail), cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_clean), cmocka_unit_test(test_clean_property), cmocka_unit_test(test_property), cmocka_unit_test(test_octets), cmocka_unit_test(test_quads), cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
