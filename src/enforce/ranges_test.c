#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "enforce/ranges.h"

static void add(struct ranges *r, const char *prefix)
{
	char text[64];
	uint8_t address[16];
	size_t slash = span_find(span_str(prefix), '/');
	snprintf(text, sizeof(text), "%.*s", (int)slash, prefix);
	assert_int_equal(inet_pton(r->octets == 4 ? AF_INET : AF_INET6, text, address), 1);
	unsigned bits = 8u * r->octets;
	if (prefix[slash]) {
		bits = 0;
		for (const char *p = prefix + slash + 1; *p; p++)
			bits = bits * 10 + (unsigned)(*p - '0');
	}
	ranges_add(r, address, bits);
}

/* Prefixes with blanks between them. */
static struct ranges make(uint8_t octets, const char *prefixes)
{
	struct ranges r = { .octets = octets };
	for (struct span rest = span_str(prefixes); rest.n;) {
		struct span one = span_head(rest, span_find(rest, ' '));
		char text[64];
		snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(one));
		add(&r, text);
		rest = span_from(rest, one.n + 1);
	}
	ranges_collapse(&r);
	return r;
}

static void put(struct buf *out, uint8_t octets, const char *sign, const struct range *r)
{
	char a[64], b[64];
	inet_ntop(octets == 4 ? AF_INET : AF_INET6, r->first, a, sizeof(a));
	inet_ntop(octets == 4 ? AF_INET : AF_INET6, r->last, b, sizeof(b));
	buf_printf(out, "%s%s-%s ", sign, a, b);
}

static void collapses(uint8_t octets, const char *prefixes, const char *expected)
{
	struct ranges r = make(octets, prefixes);
	struct buf text = { 0 };
	for (size_t i = 0; i < r.n; i++)
		put(&text, octets, "", ranges_at(&r, i));
	assert_string_equal(buf_cstr(&text), expected);
	buf_release(&text);
	ranges_release(&r);
}

static void test_collapse(void **state)
{
	collapses(4, "", "");
	collapses(4, "192.0.2.7", "192.0.2.7-192.0.2.7 ");
	collapses(4, "192.0.2.99/24", "192.0.2.0-192.0.2.255 ");
	collapses(4, "192.0.2.0/24 192.0.2.128/25 192.0.2.7", "192.0.2.0-192.0.2.255 ");                  /* nested */
	collapses(4, "192.0.3.0/24 192.0.2.0/24", "192.0.2.0-192.0.3.255 ");                                /* halves */
	collapses(4, "192.0.3.0/24 192.0.4.0/24", "192.0.3.0-192.0.4.255 ");                                /* beside each other, no halves */
	collapses(4, "192.0.2.0/24 192.0.4.0/24", "192.0.2.0-192.0.2.255 192.0.4.0-192.0.4.255 ");
	collapses(4, "192.0.2.255 192.0.3.0", "192.0.2.255-192.0.3.0 ");
	collapses(4, "192.0.2.7 192.0.2.7", "192.0.2.7-192.0.2.7 ");
	collapses(4, "0.0.0.0 255.255.255.255", "0.0.0.0-0.0.0.0 255.255.255.255-255.255.255.255 ");        /* the ends do not adjoin */
	collapses(4, "128.0.0.0/1 0.0.0.0/1 9.9.9.9", "0.0.0.0-255.255.255.255 ");
	collapses(4, "10.0.0.0/8 10.255.255.0/24 11.0.0.0", "10.0.0.0-11.0.0.0 ");
	collapses(16, "2001:db8:1::/48 2001:db8::/48 2001:db8:0:ffff::1", "2001:db8::-2001:db8:1:ffff:ffff:ffff:ffff:ffff ");
	collapses(16, "::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ");
	collapses(16, "2001:db8::ffff:ffff 2001:db8::1:0:0", "2001:db8::ffff:ffff-2001:db8::1:0:0 ");
}

struct told {
	struct buf text;
	uint8_t octets;
};

static void gone(void *ctx, const struct range *r)
{
	struct told *t = ctx;
	put(&t->text, t->octets, "-", r);
}

static void come(void *ctx, const struct range *r)
{
	struct told *t = ctx;
	put(&t->text, t->octets, "+", r);
}

static void differs(const char *from, const char *to, const char *expected)
{
	struct ranges a = make(4, from), b = make(4, to);
	struct told t = { .octets = 4 };
	ranges_difference(&a, &b, gone, come, &t);
	assert_string_equal(buf_cstr(&t.text), expected);
	buf_release(&t.text);
	ranges_release(&a);
	ranges_release(&b);
}

static void test_difference(void **state)
{
	differs("", "", "");
	differs("", "192.0.2.0/24", "+192.0.2.0-192.0.2.255 ");
	differs("192.0.2.0/24", "", "-192.0.2.0-192.0.2.255 ");
	differs("192.0.2.0/24", "192.0.2.0/24", "");
	differs("192.0.2.0/24 198.51.100.1", "198.51.100.1 203.0.113.1", "-192.0.2.0-192.0.2.255 +203.0.113.1-203.0.113.1 ");
	differs("192.0.2.0/24", "192.0.2.0/25", "-192.0.2.0-192.0.2.255 +192.0.2.0-192.0.2.127 ");
	differs("192.0.2.0/25 198.51.100.1", "192.0.2.0/24 198.51.100.1", "-192.0.2.0-192.0.2.127 +192.0.2.0-192.0.2.255 ");
}

/* Beside an array with a flag for each of 256 addresses. */
static void test_covers_what_was_put_in(void **state)
{
	srandom(1);
	for (unsigned round = 0; round < 2000; round++) {
		struct ranges r = { .octets = 4 };
		bool in[256] = { false };
		for (unsigned n = (unsigned)random() % 12; n; n--) {
			uint8_t address[4] = { 198, 51, 100, (uint8_t)random() };
			unsigned bits = 24 + (unsigned)random() % 9, size = 1u << (32 - bits), first = address[3] & ~(size - 1);
			ranges_add(&r, address, bits);
			for (unsigned i = first; i < first + size; i++)
				in[i] = true;
		}
		ranges_collapse(&r);
		unsigned runs = 0;
		for (unsigned i = 0; i < 256; i++)
			runs += in[i] && (i == 0 || !in[i - 1]);
		assert_int_equal(r.n, runs);
		for (size_t i = 0; i < r.n; i++)
			for (unsigned k = ranges_at(&r, i)->first[3]; k <= ranges_at(&r, i)->last[3]; k++) {
				assert_true(in[k]);
				in[k] = false;
			}
		for (unsigned i = 0; i < 256; i++)
			assert_false(in[i]);
		ranges_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_collapse),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_covers_what_was_put_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
