#include "codec/observable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Parse from memory of exactly the right size, so that a read beyond the end is seen. */
static enum err parse(const void *text, size_t n, uint8_t *store, struct observable *o, struct fault *f)
{
	uint8_t *exact = malloc(n ? n : 1);
	memcpy(exact, text, n);
	enum err e = obs_parse((struct span){ exact, n }, store, o, f);
	free(exact);
	return e;
}

/* "kind canonical", or the name of the error, for `text`. */
static const char *said(const char *text, struct buf *out)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct fault f = { .text = "" };
	enum err e = parse(text, strlen(text), store, &o, &f);
	out->n = 0;
	if (e) {
		assert_int_equal(e, f.code);
		assert_true(strlen(f.text) > 10);
		buf_printf(out, "%s: %s", err_name(e), f.text);
	} else {
		buf_printf(out, "%s ", obs_kind_name(o.kind));
		obs_format(&o, out);
	}
	return buf_cstr(out);
}

static void test_accepted(void **state)
{
	static const char *const rows[][2] = {
		{ "198.51.100.7", "ipv4 198.51.100.7" },
		{ " 198.51.100.7\r\n", "ipv4 198.51.100.7" },
		{ "198.51.100.7:443", "ipv4 198.51.100.7" },
		{ "198.51.100.7.", "ipv4 198.51.100.7" },
		{ "*.198.51.100.7", "ipv4 198.51.100.7" },
		{ "198[.]51[.]100[.]7", "ipv4 198.51.100.7" },
		{ "tcp://198.51.100.7:80", "ipv4 198.51.100.7" },
		{ "TCP://[2001:db8::7]:80/", "ipv6 2001:db8::7" },
		{ "udp://evil.example:53", "domain evil.example" },
		{ "2001:DB8:0:0::7", "ipv6 2001:db8::7" },
		{ "[2001:db8::7]", "ipv6 2001:db8::7" },
		{ "[2001:db8::7]:443", "ipv6 2001:db8::7" },
		{ "::ffff:198.51.100.7", "ipv4 198.51.100.7" },
		{ "::ffff:c633:6407", "ipv4 198.51.100.7" },
		{ "198.51.100.77/24", "cidr 198.51.100.0/24" },
		{ "198.51.100.77/255.255.255.0", "cidr 198.51.100.0/24" },
		{ "198.51.100.7/32", "ipv4 198.51.100.7" },
		{ "198.51.100.7/255.255.255.255", "ipv4 198.51.100.7" },
		{ "2001:db8:ffff::/33", "cidr 2001:db8:8000::/33" },
		{ "::1/128", "ipv6 ::1" },
		{ "::ffff:192.0.2.9/120", "cidr 192.0.2.0/24" },
		{ "evil.example", "domain evil.example" },
		{ "EVIL.Example.", "domain evil.example" },
		{ "evil.example:8443", "domain evil.example" },
		{ "*.evil.example", "domain *.evil.example" },
		{ ".evil.example", "domain evil.example" },
		{ "_dmarc.a_b.example", "domain _dmarc.a_b.example" },
		{ "m\xc3\xbcnchen.example", "domain xn--mnchen-3ya.example" },
		{ "xn--mnchen-3ya.example", "domain xn--mnchen-3ya.example" },
		{ "\xd9\x85\xd8\xab\xd8\xa7\xd9\x84.example", "domain xn--mgbh0fb.example" },
		{ "\xef\xbb\xbf" "evil.example\xe2\x80\x8b", "domain evil.example" },
		{ "evil[.]example", "domain evil.example" },
		{ "evil(.)example", "domain evil.example" },
		{ "evil{.}example", "domain evil.example" },
		{ "evil[dot]example", "domain evil.example" },
		{ "evil(DOT)example", "domain evil.example" },
		{ "www dot evil dot example", "domain www.evil.example" },
		{ "evil[.]example[:]8080", "domain evil.example" },
		{ "\"evil.example\"", "domain evil.example" },
		{ " ' evil.example ' ", "domain evil.example" },
		{ "hxxp://evil[.]example/a[.]php", "url http://evil.example/a.php" },
		{ "hXXps[:]//evil.example", "url https://evil.example/" },
		{ "hxxps[://]evil.example", "url https://evil.example/" },
		{ "h**p://evil.example/", "url http://evil.example/" },
		{ "<http://evil.example/>", "url http://evil.example/" },
		{ "evil.example/path", "url http://evil.example/path" },
		{ "evil.example?q=1", "url http://evil.example/?q=1" },
		{ "evil.example/@someone", "url http://evil.example/@someone" },
		{ "198.51.100.7:8080/Mozi.m", "url http://198.51.100.7:8080/Mozi.m" },
		{ "198.51.100.7/1234", "url http://198.51.100.7/1234" },
		{ "http://198.51.100.7/", "url http://198.51.100.7/" },
		{ "tcp://evil.example:80/path", "url tcp://evil.example:80/path" },
		{ "file:///etc/passwd", "url file:///etc/passwd" },
		{ "User.Name+1@Evil.Example", "email user.name+1@evil.example" },
		{ "user[@]evil[.]example", "email user@evil.example" },
		{ "user[at]evil[.]example", "email user@evil.example" },
		{ "mailto:user@evil.example?subject=a/b", "email user@evil.example" },
		{ "D41D8CD98F00B204E9800998ECF8427E", "md5 d41d8cd98f00b204e9800998ecf8427e" },
		{ "da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	};
	struct buf b = { 0 };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(said(rows[i][0], &b), rows[i][1]);
	buf_release(&b);
}

/* Each refusal has its code, and a word of its reason in the sentence. */
static void test_refused(void **state)
{
	static const char *const rows[][3] = {
		{ "", "syntax", "nothing" },
		{ " \t ", "syntax", "nothing" },
		{ "\"\"", "syntax", "nothing" },
		{ "010.1.1.1", "syntax", "octal" },
		{ "010.001.000.007", "syntax", "octal" },
		{ "256.1.1.1", "range", "255" },
		{ "198.51.100", "syntax", "four" },
		{ "198.51.100.7.9", "syntax", "four" },
		{ "198.51.100.7:0", "range", "port" },
		{ "198.51.100.7:65536", "range", "port" },
		{ "evil.example:http", "syntax", "port" },
		{ "evil.example:", "syntax", "port" },
		{ "198.51.100.7/33", "range", "prefix" },
		{ "0.0.0.0/0", "range", "everything" },
		{ "::/0", "range", "everything" },
		{ "::ffff:0:0/96", "range", "all IPv4" },
		{ "198.51.100.0/255.0.255.0", "range", "netmask" },
		{ "198.51.100.0/0.0.0.0", "range", "everything" },
		{ "fe80::1%eth0", "syntax", "zone" },
		{ "1::2::3", "syntax", "twice" },
		{ "[2001:db8::7", "syntax", "brackets" },
		{ "[2001:db8::7]x", "syntax", "brackets" },
		{ "localhost", "range", "single label" },
		{ "*.example", "range", "single label" },
		{ "evil..example", "syntax", "empty label" },
		{ "*.*.example", "syntax", "'*'" },
		{ "-evil.example", "syntax", "'-'" },
		{ "evil-.example", "syntax", "'-'" },
		{ "evil.example.123", "syntax", "number" },
		{ "evil.example.0x7f", "syntax", "number" },
		{ "two words.example", "syntax", "blank" },
		{ "N/A", "range", "single label" },
		{ "24/7", "syntax", "four" },
		{ "12/05/2020", "syntax", "four" },
		{ "see evil.example/a for it", "syntax", "blank" },
		{ "/gate.php", "syntax", "host" },
		{ "http://", "syntax", "host" },
		{ "http://localhost/", "range", "single label" },
		{ "http://evil.example:99999/", "range", "port" },
		{ "http://evil.example:x/", "syntax", "port" },
		{ "http://1.2.3.999/", "range", "number" },
		{ "javascript:alert(1)", "syntax", "port" },
		{ "C:\\Windows\\evil.exe", "syntax", "port" },
		{ "user@localhost", "range", "single label" },
		{ "user@198.51.100.7", "syntax", "number" },
		{ "@evil.example", "syntax", "before" },
		{ "a b@evil.example", "syntax", "0x20" },
		{ "e3b0c44298fc1c149afbf4c8996fb924", "", "" }, /* 32 digits: an MD5, whatever it was cut from */
		{ "e3b0c44298fc1c149afbf4c8996fb9242", "range", "single label" },
		{ "evil\xe2\x80\x8b.example", "syntax", "U+200B" },
		{ "http://evil.example/\xe2\x80\xae" "fdp.exe", "syntax", "U+202E" },
		{ "evil\x7f.example", "syntax", "control character 0x7f" },
		{ "http://evil.example/a\tb", "syntax", "control character 0x09" },
		{ "evil\xff.example", "syntax", "UTF-8" },
		{ "evil\xc0\xae.example", "syntax", "UTF-8" },
		{ "\xf0\x9f\x92\xa9.example", "syntax", "IDNA2008" },
	};
	struct buf b = { 0 };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *got = said(rows[i][0], &b);
		if (strncmp(got, rows[i][1], strlen(rows[i][1])) || !strstr(got, rows[i][2]))
			fail_msg("\"%s\" gave \"%s\"", rows[i][0], got);
	}
	buf_release(&b);
}

static void test_hostile(void **state)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o = { .kind = OBS_MD5 };
	struct fault f;
	size_t n = 1 << 20;
	char *big = mem_alloc(n);
	assert_int_equal(parse("evil\0.example", 13, store, &o, &f), ERR_SYNTAX);
	assert_non_null(strstr(f.text, "0x00"));
	memset(big, 'a', n);
	assert_int_equal(parse(big, n, store, &o, &f), ERR_RANGE);
	assert_int_equal(parse(big, 64, store, &o, &f), OK); /* "aaa...": 64 hexadecimal digits */
	memcpy(big + 64, ".example", 8);
	assert_int_equal(parse(big, 72, store, &o, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "63"));
	memset(big, '[', n);
	assert_int_equal(parse(big, 8192, store, &o, &f), ERR_SYNTAX);
	memset(big, '.', n);
	assert_int_equal(parse(big, 8192, store, &o, &f), ERR_SYNTAX);
	memset(big, '"', n);
	assert_int_equal(parse(big, 8192, store, &o, &f), ERR_SYNTAX);
	memcpy(big, "http://a.example/", 17);
	memset(big + 17, 'b', n - 17);
	assert_int_equal(parse(big, OBS_KEY_MAX, store, &o, &f), OK);
	assert_int_equal(o.n, OBS_KEY_MAX);
	assert_int_equal(parse(big, OBS_KEY_MAX + 1, store, &o, &f), ERR_RANGE);
	for (size_t i = 17; i + 3 < n; i += 3)
		memcpy(big + i, "/..", 3);
	assert_int_equal(parse(big, 8192, store, &o, &f), OK);
	o.kind = OBS_NONE;
	assert_int_equal(parse("a..b", 4, store, &o, NULL), ERR_SYNTAX);
	assert_int_equal(o.kind, OBS_NONE);
	free(big);
}

static void test_plain(void **state)
{
	static const char *const not_plain[] = {
		"Evil.example", "evil.example.", ".evil.example", "evil..example", "-a.example", "a-.example", "a.example-", "example",
		"a.1b", "1.2.3", "01.2.3.4", "1.2.3.256", "1.2.3.4.", "1.2.3.4:80", "*.evil.example", "evil.exa mple", "", ".", "....",
		"1...2.3", "1.2.3.", "1111.1.1.1", "1.1111.1", "a\xc3\xbc.example", "1.2.3.4/8", "evil.example\n", "1.22222.3.4", "1.2.3.44444",
		"a123456789012345678901234567890123456789012345678901234567890123.ex",
	};
	uint8_t store[OBS_KEY_MAX], exact[80];
	struct observable o;
	for (size_t i = 0; i < COUNT_OF(not_plain); i++) {
		size_t n = strlen(not_plain[i]);
		uint8_t *p = malloc(n ? n : 1);
		memcpy(p, not_plain[i], n);
		if (obs_parse_plain((struct span){ p, n }, store, &o) == OK)
			fail_msg("\"%s\" is taken as plain", not_plain[i]);
		free(p);
	}
	/* Names of all lengths, each octet of them once replaced by each octet: plain or not, never another meaning. */
	static const char name[] = "a-b.c_d1.e2f3g4h5.ijklmnopqrstuvwxyz.0123456789.abcd.efgh.exampl";
	for (size_t n = 4; n <= 64; n++) {
		const uint8_t *from = (const uint8_t *)name + 64 - n;
		for (size_t k = 0; k < n; k += n > 20 ? 7 : 1) {
			for (unsigned c = 0; c < 256; c++) {
				uint8_t other_store[OBS_KEY_MAX];
				struct observable other;
				struct buf b = { 0 };
				memcpy(exact, from, n);
				exact[k] = (uint8_t)c;
				if (obs_parse_plain((struct span){ exact, n }, store, &o))
					continue;
				obs_format(&o, &b);
				assert_true(span_eq(buf_span(&b), (struct span){ exact, n }));
				exact[k] = ascii_lower(exact[k]);
				buf_release(&b);
				b = (struct buf){ 0 };
				buf_putc(&b, ' '); /* not plain any more */
				buf_put(&b, exact, n);
				assert_int_equal(obs_parse(buf_span(&b), other_store, &other, NULL), OK);
				assert_true(obs_eq(&o, &other));
				buf_release(&b);
			}
		}
	}
}

static void test_as(void **state)
{
	static const struct {
		enum obs_kind kind;
		const char *text;
		enum err e;
		enum obs_kind got;
	} rows[] = {
		{ OBS_IPV4, "198.51.100.7", OK, OBS_IPV4 },
		{ OBS_IPV4, "198.51.100.0/24", OK, OBS_CIDR4 },
		{ OBS_IPV4, "2001:db8::7", OK, OBS_IPV6 },
		{ OBS_CIDR6, "::ffff:198.51.100.7", OK, OBS_IPV4 },
		{ OBS_IPV4, "evil.example", ERR_SYNTAX, OBS_NONE },
		{ OBS_DOMAIN, "evil.example", OK, OBS_DOMAIN },
		{ OBS_DOMAIN, "198.51.100.7", ERR_SYNTAX, OBS_NONE },
		{ OBS_DOMAIN, "evil.example/a", ERR_SYNTAX, OBS_NONE },
		{ OBS_URL, "evil.example", OK, OBS_URL },
		{ OBS_URL, "hxxp://evil.example", OK, OBS_URL },
		{ OBS_URL, "tcp://evil.example:80", OK, OBS_DOMAIN },
		{ OBS_EMAIL, "user@evil.example", OK, OBS_EMAIL },
		{ OBS_EMAIL, "evil.example", ERR_SYNTAX, OBS_NONE },
		{ OBS_MD5, "d41d8cd98f00b204e9800998ecf8427e", OK, OBS_MD5 },
		{ OBS_SHA1, "d41d8cd98f00b204e9800998ecf8427e", ERR_SYNTAX, OBS_NONE },
		{ OBS_NONE, "evil.example", ERR_SYNTAX, OBS_NONE },
	};
	uint8_t store[OBS_KEY_MAX];
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct observable o = { 0 };
		struct fault f;
		assert_int_equal(obs_parse_as(rows[i].kind, span_str(rows[i].text), store, &o, &f), rows[i].e);
		assert_int_equal(o.kind, rows[i].got);
	}
}

static void test_host(void **state)
{
	static const char *const rows[][2] = {
		{ "http://user:pw@evil.example:8080/a@b", "domain evil.example" },
		{ "http://198.51.100.7/", "ipv4 198.51.100.7" },
		{ "http://[2001:db8::7]:8080/", "ipv6 2001:db8::7" },
		{ "user@evil.example", "domain evil.example" },
		{ "file:///etc/passwd", NULL },
		{ "ldap://router/x", NULL },
		{ "evil.example", NULL },
		{ "198.51.100.7", NULL },
	};
	uint8_t store[OBS_KEY_MAX], host_store[OBS_KEY_MAX];
	struct observable o, host;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf b = { 0 };
		assert_int_equal(parse(rows[i][0], strlen(rows[i][0]), store, &o, NULL), OK);
		enum err e = obs_host(&o, host_store, &host);
		assert_int_equal(e, rows[i][1] ? OK : ERR_NOTFOUND);
		if (e == OK) {
			buf_printf(&b, "%s ", obs_kind_name(host.kind));
			obs_format(&host, &b);
			assert_string_equal(buf_cstr(&b), rows[i][1]);
		}
		buf_release(&b);
	}
	assert_string_equal(obs_kind_name(OBS_CIDR4), "cidr");
	assert_string_equal(obs_kind_name(OBS_CIDR6), "cidr");
	assert_string_equal(obs_kind_name((enum obs_kind)99), "none");
}

static void test_eq(void **state)
{
	uint8_t s1[OBS_KEY_MAX], s2[OBS_KEY_MAX];
	struct observable a, b;
	assert_int_equal(obs_parse(SPAN_LIT("*.evil.example"), s1, &a, NULL), OK);
	assert_int_equal(obs_parse(SPAN_LIT("evil.example"), s2, &b, NULL), OK);
	assert_false(obs_eq(&a, &b));
	assert_true(obs_eq(&a, &a));
	assert_int_equal(obs_parse(SPAN_LIT("198.51.100.0/24"), s1, &a, NULL), OK);
	assert_int_equal(obs_parse(SPAN_LIT("198.51.100.0/25"), s2, &b, NULL), OK);
	assert_false(obs_eq(&a, &b));
}

/* xorshift64*: the same values in every run. */
static uint64_t next_random(uint64_t *x)
{
	*x ^= *x >> 12, *x ^= *x << 25, *x ^= *x >> 27;
	return *x * 0x2545f4914f6cdd1dULL;
}

/* parse(format(o)) is o, for observables made of random octets, and for whatever random words turn out to be. */
static void test_round_trip(void **state)
{
	static const char *const words[] = {
		"http", "hxxp", "https", "://", "[.]", ".", "/", "..", "%2e", "%2E", "(%2e)", "[", "]", "(", ")", "{", "}", "dot", " dot ", "at",
		"@", ":", "::", "80", "443", "?", "#", "a", "b-c", "evil", "example", "1", "198.51.100.7", "0x7f", "2001:db8", "*.", "\\",
		"xn--", "\xc3\xbc", "\xe3\x80\x82", "%41", "%", "%zz", "mailto:", "tcp://", "+", "_", "'", "\"", "<", ">", " ", "/24", "010",
	};
	uint64_t x = 0x9e3779b97f4a7c15ULL;
	uint8_t store[OBS_KEY_MAX], again_store[OBS_KEY_MAX];
	struct observable o, again;
	struct buf text = { 0 }, canonical = { 0 }, second = { 0 };
	unsigned accepted = 0;
	for (int i = 0; i < 200000; i++) {
		text.n = canonical.n = second.n = 0;
		unsigned parts = 1 + next_random(&x) % 9;
		if (i % 8 == 0) {
			static const uint8_t size[] = { 4, 16, 16, 20, 32, 64 };
			static const uint8_t kind[] = { OBS_IPV4, OBS_IPV6, OBS_MD5, OBS_SHA1, OBS_SHA256, OBS_SHA512 };
			unsigned k = next_random(&x) % 6;
			for (unsigned j = 0; j < size[k]; j++)
				store[j] = next_random(&x) % 3 ? (uint8_t)next_random(&x) : 0;
			o = (struct observable){ .kind = kind[k], .n = size[k], .key = store };
		} else {
			if (i % 8 < 3)
				buf_puts(&text, "http://evil.example/");
			for (unsigned j = 0; j < parts; j++)
				buf_puts(&text, words[next_random(&x) % COUNT_OF(words)]);
			if (obs_parse(buf_span(&text), store, &o, NULL))
				continue;
			accepted++;
		}
		obs_format(&o, &canonical);
		if (obs_parse(buf_span(&canonical), again_store, &again, NULL) || !obs_eq(&o, &again))
			fail_msg("\"%s\" gave \"%s\", which is not read back", buf_cstr(&text), buf_cstr(&canonical));
		obs_format(&again, &second);
		assert_true(span_eq(buf_span(&canonical), buf_span(&second)));
	}
	assert_true(accepted > 10000);
	buf_release(&text);
	buf_release(&canonical);
	buf_release(&second);
}

/* Every name, address and prefix of public lists is understood: the few that are not are known. */
static void test_real_lists(void **state)
{
	static const struct {
		const char *file, *comment;
		unsigned at_least;
	} lists[] = {
		{ "blocklists/ipsum/3.txt", "#", 10000 },
		{ "blocklists/spamhaus-drop-2024-02-27/drop_ipv6.txt", ";", 50 },
		{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-domains.txt", "#", 1000 },
		{ "intel/amnesty/2021-07-18_nso__domains.txt", "#", 1000 },
	};
	const char *data = getenv("SIPAR_DATA");
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		char path[512], line[1024];
		snprintf(path, sizeof(path), "%s/%s", data ? data : SOURCE_ROOT "/../shared/data", lists[i].file);
		FILE *file = fopen(path, "r");
		if (!file)
			skip();
		unsigned n = 0;
		while (fgets(line, sizeof(line), file)) {
			uint8_t store[OBS_KEY_MAX];
			struct observable o;
			struct fault f;
			struct span s = span_trim(span_head(span_str(line), strcspn(line, lists[i].comment)));
			if (s.n && obs_parse(s, store, &o, &f))
				fail_msg("%s: %s", lists[i].file, f.text);
			n += s.n > 0;
		}
		fclose(file);
		if (n < lists[i].at_least)
			fail_msg("%s: %u lines", lists[i].file, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),    cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_plain),	 cmocka_unit_test(test_as),	    cmocka_unit_test(test_host),
		cmocka_unit_test(test_eq),	 cmocka_unit_test(test_round_trip), cmocka_unit_test(test_real_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
