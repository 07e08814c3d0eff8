#include "base/base32.h"

/* 32: none. */
static unsigned digit(uint8_t c)
{
	c = ascii_lower(c);
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26u : 32;
}

enum err base32_decode(struct span text, uint8_t *ret, size_t n)
{
	uint32_t bits = 0, waiting = 0;
	size_t made = 0;
	if (text.n != BASE32_DIGITS(n))
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n; i++) {
		unsigned d = digit(text.p[i]);
		if (d == 32)
			return ERR_SYNTAX;
		bits = bits << 5 | d;
		waiting += 5;
		if (waiting >= 8) {
			waiting -= 8;
			ret[made++] = (uint8_t)(bits >> waiting);
			bits &= (1u << waiting) - 1;
		}
	}
	return bits ? ERR_SYNTAX : OK;
}

void base32_encode(const uint8_t *octets, size_t n, char *ret)
{
	static const char digits[32] = "abcdefghijklmnopqrstuvwxyz234567";
	uint32_t bits = 0;
	unsigned waiting = 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | octets[i];
		for (waiting += 8; waiting >= 5; waiting -= 5)
			*ret++ = digits[bits >> (waiting - 5) & 31];
		bits &= (1u << waiting) - 1;
	}
	if (waiting)
		*ret = digits[bits << (5 - waiting) & 31];
}
