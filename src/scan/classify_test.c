#include "scan/finder_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "scan/finder_testing.h"

/* Both ways give the same marks, for all octets at all places, and read nothing outside. */
static void test_ways(void **state)
{
	static const char some[] = "abcf.-_:/@tT[](){}&;\\0189 \"<>`x\n";
	uint64_t x = 0x123456789abcdefULL;
	struct marks a = { 0 }, b = { 0 };
	uint8_t text[700];
	if (!classify_can(CLASSIFY_AVX2))
		skip();
	for (int round = 0; round < 3000; round++) {
		size_t n = next_random(&x) % sizeof(text);
		for (size_t i = 0; i < n; i++)
			text[i] = round % 3 ? (uint8_t)some[next_random(&x) % (sizeof(some) - 1)] : (uint8_t)next_random(&x);
		struct guarded g = guard(span_of(text, n));
		classify(CLASSIFY_PORTABLE, g.text, &a);
		classify(CLASSIFY_AVX2, g.text, &b);
		assert_int_equal(a.blocks, n / 64 + 1);
		assert_int_equal(a.blocks, b.blocks);
		uint64_t *of_a[] = { a.border, a.name, a.dot, a.hyphen, a.digit, a.hex, a.colon, a.six, a.word, a.other, a.odd };
		uint64_t *of_b[] = { b.border, b.name, b.dot, b.hyphen, b.digit, b.hex, b.colon, b.six, b.word, b.other, b.odd };
		for (size_t k = 0; k < COUNT_OF(of_a); k++)
			assert_memory_equal(of_a[k], of_b[k], a.blocks * sizeof(uint64_t));
		guard_free(&g);
	}
	marks_release(&a);
	marks_release(&b);
}

static bool in_set(const char *set, uint8_t c)
{
	return c && strchr(set, c);
}

/* The classes, octet by octet. */
static void test_classes(void **state)
{
	struct marks m = { 0 };
	uint8_t text[256];
	for (unsigned i = 0; i < 256; i++)
		text[i] = (uint8_t)i;
	classify(CLASSIFY_BEST, span_of(text, 256), &m);
	for (unsigned i = 0; i < 256; i++) {
		uint8_t c = (uint8_t)i;
		bool digit = c >= '0' && c <= '9', letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool hex = digit || in_set("abcdefABCDEF", c);
		assert_int_equal(m.border[i / 64] >> i % 64 & 1, c <= ' ' || in_set("\"<>`\x7f", c));
		assert_int_equal(m.name[i / 64] >> i % 64 & 1, digit || letter || c >= 0x80 || in_set("._-", c));
		assert_int_equal(m.digit[i / 64] >> i % 64 & 1, digit);
		assert_int_equal(m.hex[i / 64] >> i % 64 & 1, hex);
		assert_int_equal(m.dot[i / 64] >> i % 64 & 1, c == '.');
		assert_int_equal(m.hyphen[i / 64] >> i % 64 & 1, c == '-');
		assert_int_equal(m.six[i / 64] >> i % 64 & 1, hex || c == ':' || c == '.');
		assert_int_equal(m.colon[i / 64] >> i % 64 & 1, c == ':');
	}
	assert_int_equal(m.border[4], ~0ULL);
	marks_release(&m);
}

/* Runs of ones and zeros, counted, across blocks. */
static void test_runs(void **state)
{
	uint64_t all[6] = { 0 }, *m = all + 1;
	for (size_t from = 0; from < 200; from += 7) {
		for (size_t to = from + 1; to < 250; to += 11) {
			memset(all, 0, sizeof(all));
			for (size_t i = from; i < to; i++)
				m[i / 64] |= 1ULL << i % 64;
			assert_int_equal(marks_back(m, to - 1), from);
			assert_int_equal(marks_forward(m, from), to);
			assert_int_equal(marks_next(m, 0), from);
			for (size_t n = 1; n <= 64 && to + n <= 256; n++) {
				assert_true(marks_of(m, to, to + n) == 0);
				if (from + n <= to)
					assert_true(marks_of(m, from, from + n) == ~0ULL >> (64 - n));
				if (n <= from && from - n + 64 <= 256)
					assert_int_equal(__builtin_ctzll(marks_of(m, from - n, from - n + 64) | 1ULL << 63), n < 64 ? n : 63);
			}
			assert_int_equal(marks_back_zero(m, 255), to);
			if (from)
				assert_int_equal(marks_back_zero(m, from - 1), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ways), cmocka_unit_test(test_classes), cmocka_unit_test(test_runs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
