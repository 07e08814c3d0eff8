#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/octets.h"
#include "face/dns_rate.h"

enum { RATE = 20 };

static unsigned taken(struct dns_rate *r, const uint8_t *address, size_t n, uint32_t now_ms, unsigned times)
{
	unsigned fine = 0;
	for (unsigned i = 0; i < times; i++)
		fine += dns_rate_take(r, span_of(address, n), now_ms) == DNS_RATE_FINE;
	return fine;
}

static void one_network(void **state)
{
	struct dns_rate *r = dns_rate_new(RATE, (struct siphash_seed){ 1, 2 });
	static const uint32_t starts[] = { 1000, 0, 0xffffff00u };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		uint8_t a[4] = { 198, 51, (uint8_t)(100 + i), 7 };
		uint32_t now = starts[i];
		assert_int_equal(taken(r, a, 4, now, 100), RATE);
		/* dropped and told in turns */
		enum dns_rated one = dns_rate_take(r, span_of(a, 4), now), two = dns_rate_take(r, span_of(a, 4), now);
		assert_true(one != DNS_RATE_FINE && two != DNS_RATE_FINE && one != two);
		/* the whole /24 has one bucket, its neighbours have others */
		a[3] = 200;
		assert_int_equal(taken(r, a, 4, now, 1), 0);
		a[2] += 50;
		assert_int_equal(taken(r, a, 4, now, 1), 1);
		a[2] -= 50;
		/* a token each 50 ms, however often it is asked in between */
		for (unsigned ms = 1; ms < 50; ms++)
			assert_int_equal(taken(r, a, 4, now + ms, 3), 0);
		assert_int_equal(taken(r, a, 4, now + 50, 3), 1);
		assert_int_equal(taken(r, a, 4, now + 550, 100), 10);
		assert_int_equal(taken(r, a, 4, now + 100000, 100), RATE);
	}
	dns_rate_free(r);
}

static void six(void **state)
{
	struct dns_rate *r = dns_rate_new(RATE, (struct siphash_seed){ 1, 2 });
	uint8_t a[16] = { 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3 };
	(void)state;
	assert_int_equal(taken(r, a, 16, 5, 100), RATE);
	a[7] = 0xff, a[15] = 1; /* the same /56 */
	assert_int_equal(taken(r, a, 16, 5, 1), 0);
	a[6] = 4;
	assert_int_equal(taken(r, a, 16, 5, 1), 1);
	dns_rate_free(r);
}

/* The largest rate adds up without turning over. */
static void largest(void **state)
{
	struct dns_rate *r = dns_rate_new(DNS_RATE_MAX, (struct siphash_seed){ 1, 2 });
	static const uint8_t a[4] = { 198, 51, 100, 7 };
	(void)state;
	assert_int_equal(taken(r, a, 4, 5, DNS_RATE_MAX + 10), DNS_RATE_MAX);
	assert_int_equal(taken(r, a, 4, 5 + 999, DNS_RATE_MAX + 10), DNS_RATE_MAX / 1000 * 999);
	dns_rate_free(r);
}

/* A network that is over its rate stays so while a million others pass by, as long as it goes on asking. */
static void flooded(void **state)
{
	struct dns_rate *r = dns_rate_new(RATE, (struct siphash_seed){ 1, 2 });
	static const uint8_t a[4] = { 198, 51, 100, 7 };
	(void)state;
	taken(r, a, 4, 100, RATE);
	unsigned fine = 0;
	for (uint32_t i = 0; i < 1000000; i++) { /* in a second */
		uint8_t other[4];
		uint32_t now_ms = 100 + i / 1000;
		put_be32(other, i << 8);
		dns_rate_take(r, span_of(other, 4), now_ms);
		if (i % 500 == 0)
			fine += taken(r, a, 4, now_ms, 1);
	}
	assert_in_range(fine, RATE - 1, RATE);
	dns_rate_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_network), cmocka_unit_test(six), cmocka_unit_test(largest),
					    cmocka_unit_test(flooded) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
