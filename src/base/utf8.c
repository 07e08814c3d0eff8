#include "base/utf8.h"

size_t utf8_decode(struct span s, uint32_t *ret_point)
{
	if (s.n == 0)
		return 0;
	uint8_t c = s.p[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	uint32_t v = n == 1 ? c : c & (0x7fu >> n);
	if (n == 0 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s.p[i] & 0x3f);
	}
	if ((n == 3 && (v < 0x800 || (v >= 0xd800 && v < 0xe000))) || (n == 4 && (v < 0x10000 || v > 0x10ffff)))
		return 0;
	*ret_point = v;
	return n;
}

size_t utf8_valid_prefix(struct span s)
{
	size_t i = 0;
	uint32_t point;
	while (i < s.n) {
		uint64_t word;
		if (s.n - i >= 8 && (memcpy(&word, s.p + i, 8), (word & 0x8080808080808080ULL) == 0)) {
			i += 8;
			continue;
		}
		size_t n = utf8_decode(span_from(s, i), &point);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

size_t utf8_encode(uint32_t v, uint8_t o[4])
{
	if (v < 0x80) {
		o[0] = (uint8_t)v;
		return 1;
	}
	if (v < 0x800) {
		o[0] = (uint8_t)(0xc0 | v >> 6), o[1] = (uint8_t)(0x80 | (v & 63));
		return 2;
	}
	if (v < 0x10000) {
		o[0] = (uint8_t)(0xe0 | v >> 12), o[1] = (uint8_t)(0x80 | (v >> 6 & 63)), o[2] = (uint8_t)(0x80 | (v & 63));
		return 3;
	}
	o[0] = (uint8_t)(0xf0 | v >> 18), o[1] = (uint8_t)(0x80 | (v >> 12 & 63));
	o[2] = (uint8_t)(0x80 | (v >> 6 & 63)), o[3] = (uint8_t)(0x80 | (v & 63));
	return 4;
}
