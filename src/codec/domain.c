/* Domain names.
 *
 * domain_plain() looks at eight octets at a time: each word gives one bit per octet for "is a dot" and "is a
 * hyphen", and the bits of up to 64 octets make one mask each.  An empty label is then a dot beside a dot or an
 * end, a hyphen at the end of a label is a hyphen beside a dot or an end: shifts and ands for the whole name at
 * once.
 *
 * domain_parse() goes octet by octet and can say what is wrong.  Underscores are allowed anywhere in a label, as
 * in the DNS itself (RFC 2181 section 11) and in feeds; hyphens at the ends of a label are not, since none of the
 * feeds has real ones and free text has many.
 */
#include "codec/domain.h"

#include "sys/idn.h"

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

static uint64_t load_le(const uint8_t *p, size_t n)
{
	uint64_t w = 0;
	memcpy(&w, p, n);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/* The high bit of each octet: set when it is >= c.  For words of octets below 0x80. */
static uint64_t at_least(uint64_t w, uint8_t c)
{
	return w + ONES * (uint64_t)(0x80 - c);
}

static uint64_t equal_to(uint64_t w, uint8_t c)
{
	return ~((w ^ ONES * c) + ~HIGHS);
}

/* The high bits of the octets, as one octet. */
static uint64_t gather(uint64_t w)
{
	return ((w & HIGHS) >> 7) * 0x0102040810204080ULL >> 56;
}

/* One word of a name.  @return false when an octet cannot be in a plain name. */
static bool scan_word(uint64_t w, uint64_t *ret_dots, uint64_t *ret_hyphens)
{
	if (w & HIGHS)
		return false;
	uint64_t dot = equal_to(w, '.'), hyphen = equal_to(w, '-');
	uint64_t letter = at_least(w, 'a') & ~at_least(w, 'z' + 1), digit = at_least(w, '0') & ~at_least(w, '9' + 1);
	*ret_dots = gather(dot);
	*ret_hyphens = gather(hyphen);
	return (~(dot | hyphen | letter | digit | equal_to(w, '_')) & HIGHS) == 0;
}

bool domain_plain(struct span s)
{
	uint64_t dots = 0, hyphens = 0, d, h;
	if (s.n < 4 || s.n > 64)
		return false;
	if (s.n < 8) { /* two halves that overlap, and letters behind them */
		uint64_t w = load_le(s.p, 4) | load_le(s.p + s.n - 4, 4) << 8 * (s.n - 4) | (ONES * 'a') << 8 * s.n;
		if (!scan_word(w, &dots, &hyphens))
			return false;
	} else {
		for (size_t i = 0; i + 8 < s.n; i += 8) {
			if (!scan_word(load_le(s.p + i, 8), &d, &h))
				return false;
			dots |= d << i, hyphens |= h << i;
		}
		if (!scan_word(load_le(s.p + s.n - 8, 8), &d, &h)) /* the last eight, some of them for the second time */
			return false;
		dots |= d << (s.n - 8), hyphens |= h << (s.n - 8);
	}
	uint64_t last = 1ULL << (s.n - 1), starts = dots << 1 | 1, ends = dots >> 1 | last;
	if (dots == 0 || (dots & (starts | last)) || (hyphens & (starts | ends)))
		return false;
	uint8_t tld = s.p[64 - __builtin_clzll(dots)];
	return tld >= 'a' && tld <= 'z';
}

/* The octet in lower case when it may stand in a label, else 0. */
static uint8_t label_octet(uint8_t c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || ascii_digit(c) || c == '-' || c == '_' ? c : 0;
}

static enum err bad_octet(uint8_t c, struct fault *f)
{
	if (c > ' ' && c < 0x7f)
		return fault_set(f, ERR_SYNTAX, "'%c' cannot be in a domain name", c);
	if (c == ' ')
		return fault_set(f, ERR_SYNTAX, "a blank cannot be in a domain name");
	return fault_set(f, ERR_SYNTAX, "octet 0x%02x cannot be in a domain name", c);
}

static enum err parse_ascii(struct span s, uint8_t ret_name[DOMAIN_MAX], size_t *ret_n, struct fault *f)
{
	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0)
		return fault_set(f, ERR_SYNTAX, "a domain name is empty");
	uint8_t name[DOMAIN_MAX];
	size_t start = 0;
	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '.') {
			uint8_t c = label_octet(s.p[i]);
			if (c == 0)
				return bad_octet(s.p[i], f);
			if (i >= DOMAIN_MAX)
				return fault_set(f, ERR_RANGE, "a domain name is longer than %d octets", DOMAIN_MAX);
			name[i] = c;
			continue;
		}
		if (i == start)
			return fault_set(f, ERR_SYNTAX, "a domain name has an empty label");
		if (i - start > LABEL_MAX)
			return fault_set(f, ERR_RANGE, "a label of a domain name is longer than %d octets", LABEL_MAX);
		if (s.p[start] == '-' || s.p[i - 1] == '-')
			return fault_set(f, ERR_SYNTAX, "a label of a domain name begins or ends with '-'");
		if (i < DOMAIN_MAX)
			name[i] = '.';
		start = i + 1;
	}
	memcpy(ret_name, name, s.n);
	*ret_n = s.n;
	return OK;
}

enum err domain_parse(struct span s, uint8_t ret_name[DOMAIN_MAX], size_t *ret_n, struct fault *f)
{
	bool ascii = true;
	for (size_t i = 0; i < s.n; i++)
		ascii &= s.p[i] < 0x80;
	if (ascii)
		return parse_ascii(s, ret_name, ret_n, f);
	char mapped[256];
	enum err e = idn_to_ascii(s, mapped, f);
	return e ? e : parse_ascii(span_str(mapped), ret_name, ret_n, f);
}
