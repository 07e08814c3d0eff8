#include "base/num.h"

enum err num_parse_u64(struct span s, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;
	if (s.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_digit(s.p[i]))
			return ERR_SYNTAX;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v) || v > max)
			return ERR_RANGE;
	}
	*ret_value = v;
	return OK;
}

/* Value of a digit plus 1; 0: not one. */
static const uint8_t hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

enum err hex_decode(struct span s, uint8_t *ret_octets, size_t n)
{
	if (s.n != 2 * n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++)
		if (!hex_digit[s.p[i]])
			return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++)
		ret_octets[i] = (uint8_t)((hex_digit[s.p[2 * i]] - 1) << 4 | (hex_digit[s.p[2 * i + 1]] - 1));
	return OK;
}

void hex_encode(const uint8_t *octets, size_t n, char *ret_digits)
{
	static const char digit[16] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		ret_digits[2 * i] = digit[octets[i] >> 4];
		ret_digits[2 * i + 1] = digit[octets[i] & 15];
	}
}
