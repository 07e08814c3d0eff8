#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/siphash.h"
#include "base/utf8.h"

static void decimals(void **state)
{
	uint64_t v = 7;
	(void)state;
	assert_int_equal(num_parse_u64(SPAN_LIT("18446744073709551615"), UINT64_MAX, &v), OK);
	assert_true(v == UINT64_MAX);
	assert_int_equal(num_parse_u64(SPAN_LIT("18446744073709551616"), UINT64_MAX, &v), ERR_RANGE);
	assert_int_equal(num_parse_u64(SPAN_LIT("256"), 255, &v), ERR_RANGE);
	assert_int_equal(num_parse_u64(SPAN_LIT(""), 255, &v), ERR_SYNTAX);
	assert_int_equal(num_parse_u64(SPAN_LIT("-1"), 255, &v), ERR_SYNTAX);
	assert_int_equal(num_parse_u64(SPAN_LIT(" 1"), 255, &v), ERR_SYNTAX);
	assert_true(v == UINT64_MAX);
}

static void hexadecimals(void **state)
{
	uint8_t o[2] = { 0 };
	char digits[4];
	(void)state;
	assert_int_equal(hex_decode(SPAN_LIT("aF09"), o, 2), OK);
	assert_int_equal(o[0], 0xaf);
	hex_encode(o, 2, digits);
	assert_memory_equal(digits, "af09", 4);
	assert_int_equal(hex_decode(SPAN_LIT("aF0"), o, 2), ERR_SYNTAX);
	assert_int_equal(hex_decode(SPAN_LIT("aF0g"), o, 2), ERR_SYNTAX);
}

static void utf8_by_rfc_3629(void **state)
{
	static const struct { const char *text; size_t n, valid; } cases[] = {
		{ "abc", 3, 3 }, { "\xd8\xb3\xd9\xbe\xd8\xb1", 6, 6 }, { "\xc0\x80", 2, 0 }, { "\xed\xa0\x80", 3, 0 },
		{ "\xf4\x90\x80\x80", 4, 0 }, { "abcdefgh\xff", 9, 8 }, { "\xe2\x82", 2, 0 }, { "\xf0\x9f\x9b\xa1", 4, 4 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(utf8_valid_prefix(span_of(cases[i].text, cases[i].n)), cases[i].valid);
	for (uint32_t c = 0; c < 0x110000; c += 0x101) {
		uint8_t o[4];
		uint32_t again = 0;
		if (c >= 0xd800 && c < 0xe000)
			continue;
		assert_int_equal(utf8_decode(span_of(o, utf8_encode(c, o)), &again), utf8_encode(c, o));
		assert_int_equal(again, c);
	}
}

/* The published vectors are for 2-4 rounds, so the properties are tested: every octet, the length and the key matter. */
static void siphash_depends_on_everything(void **state)
{
	struct siphash_seed seed = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL };
	uint8_t in[64];
	uint64_t seen[65];
	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t n = 0; n <= sizeof(in); n++) {
		seen[n] = siphash13(seed, in, n);
		for (size_t k = 0; k < n; k++)
			assert_true(seen[k] != seen[n]);
	}
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] ^= 1;
		assert_true(siphash13(seed, in, sizeof(in)) != seen[64]);
		in[i] ^= 1;
	}
	seed.k1++;
	assert_true(siphash13(seed, in, sizeof(in)) != seen[64]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimals),
		cmocka_unit_test(hexadecimals),
		cmocka_unit_test(utf8_by_rfc_3629),
		cmocka_unit_test(siphash_depends_on_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
