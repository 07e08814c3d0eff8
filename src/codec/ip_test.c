#include "codec/ip.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The fast reader in memory of exactly the right size. */
static bool fast(const char *text, uint8_t ret[4])
{
	size_t n = strlen(text);
	uint8_t *exact = malloc(n ? n : 1);
	memcpy(exact, text, n);
	bool is = ip4_parse((struct span){ exact, n }, ret);
	free(exact);
	return is;
}

/* Both readers say the same of texts made of the characters that matter, and of all numbers in all places. */
static void test_ip4_agree(void **state)
{
	static const char alphabet[] = "0123459.../:";
	uint64_t x = 88172645463325252ULL;
	unsigned good = 0;
	for (int i = 0; i < 400000; i++) {
		char text[24];
		uint8_t a[4] = { 0 }, b[4] = { 0 };
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		if (i < 40000) {
			int place = i % 4, v = i / 4 % 1100;
			snprintf(text, sizeof(text), "%d.%d.%d.%d", place == 0 ? v : 1, place == 1 ? v : 20, place == 2 ? v : 255, place == 3 ? v : 0);
		} else {
			size_t n = x % 18;
			for (size_t k = 0; k < n; k++)
				text[k] = alphabet[(x >> (8 + 3 * k)) % (sizeof(alphabet) - 1)];
			text[n] = '\0';
		}
		bool is = ip4_parse_why(span_str(text), b, NULL) == OK;
		if (fast(text, a) != is || memcmp(a, b, 4))
			fail_msg("the readers disagree about \"%s\"", text);
		good += is;
	}
	assert_true(good > 9000);
}

static void test_ip4_text(void **state)
{
	uint8_t addr[4];
	char text[IP_TEXT_MAX];
	for (unsigned v = 0; v < 256; v++) {
		char want[32];
		snprintf(want, sizeof(want), "%u.0.255.%u", v, 255 - v);
		assert_true(fast(want, addr));
		assert_int_equal(ip4_format(addr, text), strlen(want));
		assert_string_equal(text, want);
	}
}

static void test_ip4_url(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "198.51.100.7", "198.51.100.7" }, { "2130706433", "127.0.0.1" },   { "0x7f.1", "127.0.0.1" },	 { "0177.0.0.1", "127.0.0.1" },
		{ "0X7F000001", "127.0.0.1" },	    { "198.51.25607", "198.51.100.7" }, { "0", "0.0.0.0" },	 { "0x", "0.0.0.0" },
		{ "4294967295", "255.255.255.255" }, { "1.2.3.0xff", "1.2.3.255" },  { "4294967296", NULL },	 { "256.1.1.1", NULL },
		{ "1.2.3.256", NULL },		    { "1.2.65536", NULL },	     { "1.2.3.4.5", NULL },	 { "08.1.1.1", NULL },
		{ "0xfffffffffffffffff", NULL },    { "99999999999999999999999", NULL }, { "1..2", NULL },	 { "1.2.", NULL },
		{ "a.1", NULL },		    { "", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t addr[4];
		char text[IP_TEXT_MAX] = "";
		struct fault f = { .text = "" };
		enum err e = ip4_parse_url(span_str(rows[i].text), addr, &f);
		if (e == OK)
			ip4_format(addr, text);
		else
			assert_true(f.text[0]);
		if ((e == OK) != (rows[i].want != NULL) || (rows[i].want && strcmp(text, rows[i].want)))
			fail_msg("\"%s\" gave \"%s\" %s", rows[i].text, text, f.text);
	}
	assert_true(ip4_like(SPAN_LIT("a.1")));
	assert_true(ip4_like(SPAN_LIT("a.0x7f")));
	assert_true(ip4_like(SPAN_LIT("0x")));
	assert_false(ip4_like(SPAN_LIT("a.0x7g")));
	assert_false(ip4_like(SPAN_LIT("1.a")));
	assert_false(ip4_like(SPAN_LIT("")));
}

/* What the system's own reader takes is taken, and the other way round; the text is RFC 5952's. */
static void test_ip6_agree(void **state)
{
	static const char *const parts[] = { ":", ":", ":", "::", "0", "0", "1", "db8", "ffff", "10000", "198.51.100.7", "g", "%", "01.2.3.4" };
	uint64_t x = 88172645463325252ULL;
	unsigned good = 0;
	for (int i = 0; i < 300000; i++) {
		char text[128] = "", want[INET6_ADDRSTRLEN], got[IP_TEXT_MAX];
		uint8_t a[16], b[16];
		size_t at = 0;
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		for (unsigned k = 0; k < 1 + x % 17; k++) {
			unsigned r = (unsigned)(x >> 3 * k) * 2654435761U >> 16;
			const char *part = i % 2 ? (k % 2 ? ":" : parts[4 + r % 5]) : parts[r % COUNT_OF(parts)];
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", part);
		}
		bool is = ip6_parse(span_str(text), a, NULL) == OK;
		if (is != (inet_pton(AF_INET6, text, b) == 1) || (is && memcmp(a, b, 16)))
			fail_msg("\"%s\" is %staken", text, is ? "" : "not ");
		if (!is)
			continue;
		good++;
		size_t n = ip6_format(a, got);
		assert_int_equal(n, strlen(got));
		assert_non_null(inet_ntop(AF_INET6, b, want, sizeof(want)));
		if (!strchr(want, '.')) /* the system writes the last 32 bits of some as a dotted quad */
			assert_string_equal(got, want);
		assert_int_equal(ip6_parse(span_str(got), b, NULL), OK);
		assert_memory_equal(a, b, 16);
	}
	assert_true(good > 100);
}

static void test_ip6_text(void **state)
{
	static const char *const rows[][2] = {
		{ "0:0:0:0:0:0:0:0", "::" }, { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, { "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, { "2001:DB8::A", "2001:db8::a" }, { "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "::198.51.100.7", "::c633:6407" }, { "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" }, { "0:0:1::", "0:0:1::" },
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t addr[16];
		char text[IP_TEXT_MAX];
		assert_int_equal(ip6_parse(span_str(rows[i][0]), addr, NULL), OK);
		ip6_format(addr, text);
		assert_string_equal(text, rows[i][1]);
	}
	uint8_t mapped[16];
	assert_int_equal(ip6_parse(SPAN_LIT("::ffff:198.51.100.7"), mapped, NULL), OK);
	assert_true(ip6_is_mapped(mapped));
	mapped[0] = 1;
	assert_false(ip6_is_mapped(mapped));
}

static void test_mask(void **state)
{
	for (unsigned prefix = 0; prefix <= 128; prefix++) {
		uint8_t addr[16];
		memset(addr, 0xff, 16);
		ip_mask(addr, 16, prefix);
		for (unsigned bit = 0; bit < 128; bit++)
			assert_int_equal(addr[bit / 8] >> (7 - bit % 8) & 1, bit < prefix);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip4_agree), cmocka_unit_test(test_ip4_text), cmocka_unit_test(test_ip4_url),
		cmocka_unit_test(test_ip6_agree), cmocka_unit_test(test_ip6_text), cmocka_unit_test(test_mask),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
