#include "base/base64.h"

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, struct span s)
{
	uint8_t *q = buf_reserve(out, s.n / 3 * 4 + 4);
	const uint8_t *start = q;
	for (; s.n; s = span_from(s, 3)) {
		uint32_t v = (uint32_t)s.p[0] << 16 | (s.n > 1 ? (uint32_t)s.p[1] << 8 : 0) | (s.n > 2 ? s.p[2] : 0);
		*q++ = digits[v >> 18];
		*q++ = digits[v >> 12 & 63];
		*q++ = s.n > 1 ? digits[v >> 6 & 63] : '=';
		*q++ = s.n > 2 ? digits[v & 63] : '=';
	}
	out->n += (size_t)(q - start);
}

/* 0 to 63, or 64: not a digit. */
static uint32_t value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Four digits of which the last `pad` are "=".  @return false: not so, or bits that no octet holds. */
static bool decode_four(const uint8_t *p, unsigned pad, uint8_t *ret_octets)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t digit = i < 4 - pad ? value_of(p[i]) : 0;
		if (digit == 64)
			return false;
		v = v << 6 | digit;
	}
	if (v & ((1u << 8 * pad) - 1))
		return false;
	for (unsigned i = 0; i < 3 - pad; i++)
		ret_octets[i] = (uint8_t)(v >> (16 - 8 * i));
	return true;
}

enum err base64_decode(struct span text, struct buf *out)
{
	if (text.n % 4)
		return ERR_SYNTAX;
	if (text.n == 0)
		return OK;
	unsigned pad = text.p[text.n - 1] != '=' ? 0 : text.p[text.n - 2] != '=' ? 1 : 2;
	uint8_t *q = buf_reserve(out, text.n / 4 * 3);
	for (size_t i = 0; i < text.n; i += 4)
		if (!decode_four(text.p + i, i + 4 == text.n ? pad : 0, q + i / 4 * 3))
			return ERR_SYNTAX;
	out->n += text.n / 4 * 3 - pad;
	return OK;
}
