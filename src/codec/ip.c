/* IP addresses in text.
 *
 * ip4_parse() finds the three dots of a dotted quad with the usual zero-byte trick (Warren, "Hacker's Delight",
 * 6-1), eight octets at a time.  Each field is then shifted to the end of a 32-bit word, where its digits have
 * fixed places, and all refusals are gathered in one word: on addresses at random there is no branch to
 * mispredict.
 */
#include "codec/ip.h"

#include "base/num.h"

#include <stdio.h>

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t w;
	memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

static uint32_t load_le32(const uint8_t *p)
{
	uint32_t w;
	memcpy(&w, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap32(w);
#endif
	return w;
}

/* Bit i set for each octet i of `w` that is a dot. */
static unsigned dots_in(uint64_t w)
{
	w ^= ONES * '.';
	uint64_t zero = ~(((w & ~HIGHS) + ~HIGHS) | w) & HIGHS;
	return (unsigned)((zero >> 7) * 0x0102040810204080ULL >> 56);
}

/* One field, right-aligned in `digits`: the units are its highest octet, what is left of the field is zero. */
static uint32_t field(uint32_t digits, unsigned len, uint32_t *bad)
{
	uint32_t value = (digits >> 8 & 0xff) * 100 + (digits >> 16 & 0xff) * 10 + (digits >> 24);
	uint32_t least = 0x640a0000U >> 8 * len & 0xff; /* 0, 10, 100 for 1, 2, 3 digits: no leading zeros */
	*bad |= (((digits + 0x76767676U) | digits) & 0x80808080U) | (value > 255) | (value < least);
	return value;
}

bool ip4_parse(struct span s, uint8_t ret_addr[4])
{
	if (s.n < 7 || s.n > 15)
		return false;
	/* The second word of fewer than 16 octets begins inside the first: a dot seen twice is the same bit twice. */
	unsigned dots = s.n == 7 ? dots_in(load_le32(s.p) | (uint64_t)load_le32(s.p + 3) << 24) :
				   dots_in(load_le64(s.p)) | dots_in(load_le64(s.p + s.n - 8)) << (s.n - 8);
	unsigned dots2 = dots & (dots - 1), dots3 = dots2 & (dots2 - 1);
	if (dots3 == 0 || (dots3 & (dots3 - 1)))
		return false;
	unsigned a = (unsigned)__builtin_ctz(dots), b = (unsigned)__builtin_ctz(dots2), c = (unsigned)__builtin_ctz(dots3);
	unsigned end = (unsigned)s.n;
	unsigned n0 = a, n1 = b - a - 1, n2 = c - b - 1, n3 = end - c - 1;
	if ((n0 - 1 > 2) | (n1 - 1 > 2) | (n2 - 1 > 2) | (n3 - 1 > 2))
		return false;
	/* Four octets from the start of the first two fields, and to the end of the last two, are always inside `s`. */
	unsigned u2 = 32 - 8 * n2, u3 = 32 - 8 * n3;
	uint32_t bad = 0;
	uint32_t v0 = field((load_le32(s.p) ^ 0x30303030U) << (32 - 8 * n0), n0, &bad);
	uint32_t v1 = field((load_le32(s.p + a + 1) ^ 0x30303030U) << (32 - 8 * n1), n1, &bad);
	uint32_t v2 = field((load_le32(s.p + c - 4) ^ 0x30303030U) >> u2 << u2, n2, &bad);
	uint32_t v3 = field((load_le32(s.p + end - 4) ^ 0x30303030U) >> u3 << u3, n3, &bad);
	if (bad)
		return false;
	uint32_t addr = v0 | v1 << 8 | v2 << 16 | v3 << 24;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	addr = __builtin_bswap32(addr);
#endif
	memcpy(ret_addr, &addr, 4);
	return true;
}

/* Index of the next dot of `s` from `at`, or its end. */
static size_t field_end(struct span s, size_t at)
{
	return at + span_find(span_from(s, at), '.');
}

enum err ip4_parse_why(struct span s, uint8_t ret_addr[4], struct fault *f)
{
	uint8_t addr[4];
	size_t at = 0;
	for (int i = 0; i < 4; i++) {
		size_t end = field_end(s, at);
		struct span field = { s.p + at, end - at };
		uint64_t v;
		enum err e = num_parse_u64(field, 255, &v);
		if (e == ERR_SYNTAX || (end == s.n) != (i == 3))
			return fault_set(f, ERR_SYNTAX, "an IPv4 address is four decimal numbers with dots between them");
		if (field.n > 1 && field.p[0] == '0')
			return fault_set(f, ERR_SYNTAX,
					 "number %d of an IPv4 address begins with 0: nobody knows whether it is octal or decimal", i + 1);
		if (e)
			return fault_set(f, ERR_RANGE, "number %d of an IPv4 address is above 255", i + 1);
		addr[i] = (uint8_t)v;
		at = end + 1;
	}
	memcpy(ret_addr, addr, 4);
	return OK;
}

/* A number of a URL's host, "017", "15", "0xf" or "0x".  Values from 2^32 on are capped there: they fit nowhere. */
static bool url_number(struct span s, uint64_t *ret_value)
{
	unsigned base = 10;
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	if (s.n >= 2 && s.p[0] == '0' && ascii_lower(s.p[1]) == 'x')
		base = 16, s = span_from(s, 2);
	else if (s.n >= 2 && s.p[0] == '0')
		base = 8, s = span_from(s, 1);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = ascii_lower(s.p[i]);
		unsigned d = ascii_digit(c) ? c - (unsigned)'0' : c >= 'a' && c <= 'f' ? c - 'a' + 10U : 16;
		if (d >= base)
			return false;
		v = v * base + d;
		if (v > UINT32_MAX)
			v = 1ULL << 32;
	}
	*ret_value = v;
	return true;
}

enum err ip4_parse_url(struct span s, uint8_t ret_addr[4], struct fault *f)
{
	uint64_t part[4], addr = 0;
	int n = 0;
	for (size_t at = 0; at <= s.n; n++) {
		size_t end = field_end(s, at);
		if (n == 4)
			return fault_set(f, ERR_SYNTAX, "the host ends in a number but has more than four parts");
		if (!url_number((struct span){ s.p + at, end - at }, &part[n]))
			return fault_set(f, ERR_SYNTAX, "the host ends in a number, but its part %d is none", n + 1);
		at = end + 1;
	}
	for (int i = 0; i < n; i++) {
		uint64_t most = i == n - 1 ? UINT32_MAX >> 8 * (n - 1) : 255;
		if (part[i] > most)
			return fault_set(f, ERR_RANGE, "part %d of the number that is the host is too big", i + 1);
		addr |= i == n - 1 ? part[i] : part[i] << 8 * (3 - i);
	}
	for (int i = 0; i < 4; i++)
		ret_addr[i] = (uint8_t)(addr >> 8 * (3 - i));
	return OK;
}

bool ip4_like(struct span host)
{
	size_t i = host.n;
	uint64_t v;
	while (i > 0 && host.p[i - 1] != '.')
		i--;
	struct span last = span_from(host, i);
	bool digits = last.n > 0;
	for (size_t k = 0; k < last.n; k++)
		digits &= ascii_digit(last.p[k]);
	return digits || (last.n >= 2 && last.p[0] == '0' && ascii_lower(last.p[1]) == 'x' && url_number(last, &v));
}

/* Up to four hexadecimal digits at s.p[at].  @return how many. */
static unsigned hex_group(struct span s, size_t at, unsigned *ret_value)
{
	unsigned n = 0, v = 0;
	for (; at + n < s.n && n < 5; n++) {
		uint8_t c = ascii_lower(s.p[at + n]);
		if (ascii_digit(c))
			v = v << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (unsigned)(c - 'a' + 10);
		else
			break;
	}
	*ret_value = v;
	return n;
}

enum err ip6_parse(struct span s, uint8_t ret_addr[16], struct fault *f)
{
	uint8_t addr[16] = { 0 };
	size_t n = 0, at = 0, gap = SIZE_MAX; /* octets written; place in s; where "::" stands */
	if (span_find(s, '%') < s.n)
		return fault_set(f, ERR_SYNTAX, "an IPv6 address with a zone (%%) means something on one machine only");
	if (span_starts(s, SPAN_LIT("::")))
		gap = 0, at = 2;
	while (at < s.n) {
		unsigned value, digits = hex_group(s, at, &value);
		if (n >= 16)
			return fault_set(f, ERR_SYNTAX, "an IPv6 address with more than eight groups");
		if (at + digits < s.n && s.p[at + digits] == '.') {
			if (n > 12)
				return fault_set(f, ERR_SYNTAX, "an IPv6 address with more than eight groups");
			enum err e = ip4_parse_why(span_from(s, at), addr + n, f);
			if (e) {
				fault_at(f, "at the end of an IPv6 address");
				return e;
			}
			n += 4, at = s.n;
			break;
		}
		if (digits < 1 || digits > 4)
			return fault_set(f, ERR_SYNTAX, "group %zu of an IPv6 address is not 1 to 4 hexadecimal digits", n / 2 + 1);
		addr[n++] = (uint8_t)(value >> 8);
		addr[n++] = (uint8_t)value;
		at += digits;
		if (at == s.n)
			break;
		if (s.p[at++] != ':' || at == s.n)
			return fault_set(f, ERR_SYNTAX, "an IPv6 address has something else than groups and single colons");
		if (s.p[at] != ':')
			continue;
		if (gap != SIZE_MAX)
			return fault_set(f, ERR_SYNTAX, "an IPv6 address has \"::\" twice");
		gap = n, at++;
	}
	if (gap == SIZE_MAX ? n != 16 : n > 14)
		return fault_set(f, ERR_SYNTAX, "an IPv6 address has %zu groups%s", n / 2,
				 gap == SIZE_MAX ? ", not eight" : " besides \"::\"");
	if (gap != SIZE_MAX) {
		memmove(addr + 16 - (n - gap), addr + gap, n - gap);
		memset(addr + gap, 0, 16 - n);
	}
	memcpy(ret_addr, addr, 16);
	return OK;
}

bool ip6_is_mapped(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	return memcmp(addr, mapped, 12) == 0;
}

size_t ip4_format(const uint8_t addr[4], char ret_text[IP_TEXT_MAX])
{
	char *out = ret_text;
	for (int i = 0; i < 4; i++) {
		unsigned v = addr[i];
		if (v >= 100)
			*out++ = (char)('0' + v / 100);
		if (v >= 10)
			*out++ = (char)('0' + v / 10 % 10);
		*out++ = (char)('0' + v % 10);
		*out++ = i < 3 ? '.' : '\0';
	}
	return (size_t)(out - ret_text - 1);
}

/* RFC 5952 section 4: no leading zeros, lower case, "::" for the first longest run of two zero groups or more. */
size_t ip6_format(const uint8_t addr[16], char ret_text[IP_TEXT_MAX])
{
	unsigned group[8];
	int best = -1, best_n = 1;
	for (int i = 0; i < 8; i++)
		group[i] = (unsigned)addr[2 * i] << 8 | addr[2 * i + 1];
	for (int i = 0, run = 0; i < 8; i++) {
		run = group[i] ? 0 : run + 1;
		if (run > best_n)
			best_n = run, best = i - run + 1;
	}
	int n = 0;
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			n += snprintf(ret_text + n, (size_t)(IP_TEXT_MAX - n), "::");
			i += best_n - 1;
			continue;
		}
		bool colon = i > 0 && !(best >= 0 && i == best + best_n);
		n += snprintf(ret_text + n, (size_t)(IP_TEXT_MAX - n), colon ? ":%x" : "%x", group[i]);
	}
	return (size_t)n;
}

void ip_mask(uint8_t *addr, size_t n, unsigned prefix)
{
	for (size_t i = 0; i < n; i++) {
		unsigned from = (unsigned)(8 * i);
		if (prefix <= from)
			addr[i] = 0;
		else if (prefix < from + 8)
			addr[i] &= (uint8_t)(0xff << (from + 8 - prefix));
	}
}
