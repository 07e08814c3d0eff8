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

static int hex_digit(uint8_t c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err hex_decode(struct span s, uint8_t *ret_octets, size_t n)
{
	if (s.n != 2 * n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++)
		if (hex_digit(s.p[i]) < 0)
			return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++)
		ret_octets[i] = (uint8_t)(hex_digit(s.p[2 * i]) << 4 | hex_digit(s.p[2 * i + 1]));
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
