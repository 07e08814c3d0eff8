/* Frames made by hand from the numbers of the public description. */
#include "sys/dnstap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void put_number(struct buf *b, unsigned field, uint64_t v)
{
	buf_putc(b, (char)(field << 3));
	for (; v > 127; v >>= 7)
		buf_putc(b, (char)(v | 128));
	buf_putc(b, (char)v);
}

static void put_octets(struct buf *b, unsigned field, const void *p, size_t n)
{
	buf_putc(b, (char)(field << 3 | 2));
	buf_putc(b, (char)n);
	buf_put(b, p, n);
}

/* @param response  NULL: none. */
static void put_frame(struct buf *out, unsigned type, const char *query, const char *response)
{
	struct buf m = { 0 };
	put_number(&m, 1, type);
	put_number(&m, 2, 1);
	put_octets(&m, 4, "\xcb\x00\x71\x09", 4); /* 203.0.113.9 asks */
	put_number(&m, 6, 51234);
	put_number(&m, 8, 1767225600);
	buf_puts(&m, "\x4d\x01\x02\x03\x04"); /* 9, four octets: nanoseconds */
	if (query)
		put_octets(&m, 10, query, strlen(query));
	if (response) {
		put_number(&m, 12, 1767225601);
		put_octets(&m, 14, response, strlen(response));
	}
	put_octets(out, 1, "ns.example", 10);
	put_octets(out, 14, m.p, m.n);
	put_number(out, 15, 1);
	buf_release(&m);
}

static void check(unsigned type, const char *query, const char *response, enum dnstap_type wanted, uint64_t at_s, const char *message)
{
	struct buf frame = { 0 };
	struct dnstap tap;
	struct fault f;
	put_frame(&frame, type, query, response);
	assert_int_equal(dnstap_read(buf_span(&frame), &tap, &f), OK);
	assert_int_equal(tap.type, wanted);
	assert_int_equal(tap.at_s, at_s);
	assert_true(span_is(tap.message, message));
	dnstap_release(&tap);
	buf_release(&frame);
}

static void test_what_is_read(void **state)
{
	check(5, "question", NULL, DNSTAP_CLIENT_QUERY, 1767225600, "question");
	check(6, NULL, "answer", DNSTAP_CLIENT_RESPONSE, 1767225601, "answer");
	check(6, "question", "answer", DNSTAP_CLIENT_RESPONSE, 1767225601, "answer");
	check(6, "question", NULL, DNSTAP_CLIENT_RESPONSE, 1767225600, "question");
	check(5, NULL, NULL, DNSTAP_CLIENT_QUERY, 1767225600, "");
	check(3, "question", NULL, DNSTAP_OTHER, 0, ""); /* what the resolver itself asks */
}

static void test_what_is_not_dnstap(void **state)
{
	struct buf frame = { 0 };
	struct dnstap tap;
	struct fault f;
	assert_int_equal(dnstap_read(SPAN_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), &tap, &f), ERR_SYNTAX);
	put_frame(&frame, 6, NULL, "answer");
	assert_int_equal(dnstap_read(span_head(buf_span(&frame), frame.n / 2), &tap, &f), ERR_SYNTAX);
	assert_int_equal(dnstap_read(span_of(NULL, 0), &tap, &f), OK);
	assert_int_equal(tap.type, DNSTAP_OTHER);
	dnstap_release(&tap);
	buf_release(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_is_read), cmocka_unit_test(test_what_is_not_dnstap) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
