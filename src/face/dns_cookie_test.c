#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "face/dns_cookie.h"

static void hex(const char *text, uint8_t *ret, size_t n)
{
	assert_int_equal(hex_decode(span_str(text), ret, n), OK);
}

static struct dns_cookies with(const char *first, const char *second)
{
	struct dns_cookies c = { 0 };
	uint8_t secret[16];
	hex(first, secret, 16);
	c.given[c.n++] = dns_cookie_secret(secret);
	if (second) {
		hex(second, secret, 16);
		c.given[c.n++] = dns_cookie_secret(secret);
	}
	return c;
}

static const char first_secret[] = "e5e973e5a6b2a43f48e7dc849e37bfcf";
static const uint8_t asker[4] = { 198, 51, 100, 100 }, other[4] = { 203, 0, 113, 203 };
static const uint8_t asker6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0x02, 0x20, 0, 1, 0x59, 0xde, 0xd0, 0xf4, 0x87, 0x69, 0x82, 0xb8 };

/* RFC 9018 appendix A.1: learning a new one; A.2 and A.3: the one that it is renewed to, and one with reserved octets;
 * A.4: IPv6, and a secret that has changed. */
static void known_answers(void **state)
{
	struct dns_cookies c = with(first_secret, NULL);
	uint8_t made[24], expected[24];
	(void)state;
	hex("2464c4abcf10c957010000005cf79f111f8130c3eee29480", expected, 24);
	dns_cookie_make(&c, expected, span_of(asker, 4), 1559731985, made);
	assert_memory_equal(made, expected, 24);
	assert_true(dns_cookie_valid(&c, span_of(made, 24), span_of(asker, 4), 1559734385));
	hex("2464c4abcf10c957010000005cf7a871d4a564a1442aca77", expected, 24);
	dns_cookie_make(&c, expected, span_of(asker, 4), 1559734385, made);
	assert_memory_equal(made, expected, 24);
	hex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", expected, 24);
	assert_true(dns_cookie_valid(&c, span_of(expected, 24), span_of(other, 4), 1559728000));
	hex("fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", expected, 24);
	dns_cookie_make(&c, expected, span_of(other, 4), 1559734700, made);
	assert_memory_equal(made, expected, 24);
	c = with("445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715");
	hex("22681ab97d52c298010000005cf7c57926556bd0934c72f8", expected, 24);
	assert_true(dns_cookie_valid(&c, span_of(expected, 24), span_of(asker6, 16), 1559741961));
	hex("22681ab97d52c298010000005cf7c609a6bb79d16625507a", expected, 24);
	dns_cookie_make(&c, expected, span_of(asker6, 16), 1559741961, made);
	assert_memory_equal(made, expected, 24);
}

static void valid(void **state)
{
	static const uint8_t client[8] = "anything";
	struct dns_cookies both[] = { with(first_secret, NULL), { .own = { 5, 6 } } };
	/* midnight: the secret rolls, and cookies of before are taken */
	uint32_t now = 20000 * 86400u;
	uint8_t made[24];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(both); i++) {
		struct dns_cookies *c = &both[i];
		dns_cookie_make(c, client, span_of(asker, 4), now - 1, made);
		assert_true(dns_cookie_valid(c, span_of(made, 24), span_of(asker, 4), now - 1));
		assert_true(dns_cookie_valid(c, span_of(made, 24), span_of(asker, 4), now + 3599));
		assert_false(dns_cookie_valid(c, span_of(made, 24), span_of(asker, 4), now + 3600));
		assert_true(dns_cookie_valid(c, span_of(made, 24), span_of(asker, 4), now - 301));
		assert_false(dns_cookie_valid(c, span_of(made, 24), span_of(asker, 4), now - 302));
		assert_false(dns_cookie_valid(c, span_of(made, 24), span_of(other, 4), now));
		assert_false(dns_cookie_valid(c, span_of(made, 24), span_of(asker6, 16), now));
		assert_false(dns_cookie_valid(c, span_of(made, 23), span_of(asker, 4), now));
		assert_false(dns_cookie_valid(c, span_of(made, 8), span_of(asker, 4), now));
		for (size_t k = 0; k < 24; k++) {
			made[k] ^= 1;
			assert_false(dns_cookie_valid(c, span_of(made, 24), span_of(asker, 4), now));
			made[k] ^= 1;
		}
	}
	dns_cookie_make(&both[1], client, span_of(asker, 4), now - 1, made);
	struct dns_cookies elsewhere = { .own = { 5, 7 } };
	assert_false(dns_cookie_valid(&elsewhere, span_of(made, 24), span_of(asker, 4), now));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers), cmocka_unit_test(valid) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
