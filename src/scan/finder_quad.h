/* Dotted quads by vectors: a table says for each four lengths of numbers where their digits are. */
#ifndef SCAN_FINDER_QUAD_H
#define SCAN_FINDER_QUAD_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

struct quad_row {
	int8_t digits[16]; /* of each number hundreds, tens and ones behind a zero; -1: none */
	uint16_t first;    /* a bit for each number's first digit, when another one is behind it: not a zero */
};

#define QUAD_FIELD(s, n) -1, (n) > 2 ? (s) + (n) - 3 : -1, (n) > 1 ? (s) + (n) - 2 : -1, (s) + (n) - 1
#define QUAD_FIRST(f, n) ((n) > 1 ? 1 << (4 * (f) + 4 - (n)) : 0)
#define QUAD_ROW(a, b, c, d) { { QUAD_FIELD(0, a), QUAD_FIELD(a + 1, b), QUAD_FIELD(a + b + 2, c), QUAD_FIELD(a + b + c + 3, d) }, \
			       QUAD_FIRST(0, a) | QUAD_FIRST(1, b) | QUAD_FIRST(2, c) | QUAD_FIRST(3, d) }
#define QUAD_ROWS3(a, b, c) QUAD_ROW(a, b, c, 1), QUAD_ROW(a, b, c, 2), QUAD_ROW(a, b, c, 3)
#define QUAD_ROWS2(a, b) QUAD_ROWS3(a, b, 1), QUAD_ROWS3(a, b, 2), QUAD_ROWS3(a, b, 3)
#define QUAD_ROWS1(a) QUAD_ROWS2(a, 1), QUAD_ROWS2(a, 2), QUAD_ROWS2(a, 3)

static const struct quad_row quad_rows[] = { QUAD_ROWS1(1), QUAD_ROWS1(2), QUAD_ROWS1(3) };

/** ip4_parse() of p[0..n), with dots at `dots`; 16 octets can be read. */
AVX2 static inline __attribute__((always_inline)) bool quad_avx2(const uint8_t *p, size_t n, uint64_t dots, uint8_t ret[4])
{
	uint64_t dots2 = dots & (dots - 1), dots3 = dots2 & (dots2 - 1);
	if (n > 15 || dots3 == 0 || (dots3 & (dots3 - 1)))
		return false;
	size_t a = (size_t)__builtin_ctzll(dots), b = (size_t)__builtin_ctzll(dots2), c = (size_t)__builtin_ctzll(dots3);
	size_t n0 = a - 1, n1 = b - a - 2, n2 = c - b - 2, n3 = n - c - 2;
	if ((n0 > 2) | (n1 > 2) | (n2 > 2) | (n3 > 2))
		return false;
	const struct quad_row *row = &quad_rows[27 * n0 + 9 * n1 + 3 * n2 + n3];
	__m128i text = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
	__m128i digit = _mm_shuffle_epi8(text, _mm_loadu_si128((const __m128i *)(const void *)row->digits));
	__m128i sum = _mm_maddubs_epi16(digit, _mm_set1_epi32(0x010a6400));
	__m128i value = _mm_madd_epi16(sum, _mm_set1_epi16(1));
	/* No other octet, no zero first, none above 255. */
	unsigned others = (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(digit, _mm_set1_epi8(9))) | (unsigned)_mm_movemask_epi8(digit);
	unsigned zeros = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(digit, _mm_setzero_si128())) & row->first;
	unsigned above = (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi32(value, _mm_set1_epi32(255)));
	if (others | zeros | above)
		return false;
	uint32_t addr = (uint32_t)_mm_cvtsi128_si32(_mm_shuffle_epi8(value, _mm_set1_epi32(0x0c080400)));
	memcpy(ret, &addr, 4);
	return true;
}

#endif
