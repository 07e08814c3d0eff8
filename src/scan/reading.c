#include "scan/reading.h"

#include "base/attr.h"
#include "base/num.h"
#include "base/utf8.h"

static const struct {
	const char *name;
	uint8_t n, octet;
} entities[] = { { "amp;", 4, '&' }, { "quot;", 5, '"' }, { "lt;", 3, '<' }, { "gt;", 3, '>' }, { "apos;", 5, '\'' }, { "nbsp;", 5, ' ' } };

static const struct {
	const char *written;
	uint8_t n;
	const char *meant;
} defanged[] = { { ".", 1, "." }, { "dot", 3, "." }, { ":", 1, ":" }, { "://", 3, "://" }, { "/", 1, "/" }, { "@", 1, "@" }, { "at", 2, "@" } };

enum { HOLLOW_MAX = 3, ENTITY_DIGITS = 4 };

/* Punctuation and symbols, which no name has; U+200C and U+200D are letters here: names in Persian and Hindi need them. */
static const struct {
	uint32_t first, last;
} borders[] = {
	{ 0x80, 0xb6 }, { 0xb8, 0xbf }, { 0xd7, 0xd7 }, { 0xf7, 0xf7 }, { 0x60c, 0x60c }, { 0x61b, 0x61b }, { 0x61f, 0x61f },
	{ 0x66a, 0x66d }, { 0x6d4, 0x6d4 }, { 0x964, 0x965 }, { 0x2000, 0x200b }, { 0x200e, 0x206f }, { 0x20a0, 0x20cf },
	{ 0x2190, 0x245f }, { 0x2500, 0x2bff }, { 0x2e00, 0x2e7f }, { 0x3000, 0x3001 }, { 0x3003, 0x3004 }, { 0x3008, 0x3020 },
	{ 0x3030, 0x3030 }, { 0xe000, 0xf8ff }, { 0xfe10, 0xfe19 }, { 0xfe30, 0xfe52 }, { 0xfeff, 0xfeff }, { 0xff01, 0xff0c },
	{ 0xff0f, 0xff0f }, { 0xff1a, 0xff20 }, { 0xff3b, 0xff40 }, { 0xff5b, 0xff60 }, { 0xff62, 0xff64 }, { 0xfff0, 0xffff },
	{ 0x1f000, 0x1faff }, { 0xe0000, 0x10ffff },
};

enum point reading_point(uint32_t c)
{
	if (c == 0x3002 || c == 0xff0e || c == 0xff61)
		return POINT_DOT;
	for (size_t i = 0; i < COUNT_OF(borders); i++)
		if (c >= borders[i].first && c <= borders[i].last)
			return POINT_BORDER;
	return POINT_LETTER;
}

static bool hex_number(struct span s, size_t digits, uint32_t *ret)
{
	uint32_t v = 0;
	if (s.n < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		uint8_t c = ascii_lower(s.p[i]);
		if (!ascii_digit(c) && !(c >= 'a' && c <= 'f'))
			return false;
		v = v << 4 | (uint32_t)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*ret = v;
	return true;
}

static size_t put_point(uint32_t c, uint8_t *ret)
{
	if (c >= 0xd800 && c < 0xe000) {
		ret[0] = ' ';
		return 1;
	}
	return utf8_encode(c, ret);
}

static size_t backslashes(struct span s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] == '\\')
		n++;
	return n;
}

/* An escape at the start of `s`, which begins with a backslash.  @return the octets that it has, 0 when it is none. */
static size_t escape(struct span s, uint8_t *ret, size_t *ret_n)
{
	size_t n = backslashes(s);
	struct span rest = span_from(s, n);
	uint32_t c, low;
	if (rest.n == 0)
		return 0;
	if (rest.p[0] == '/') {
		ret[0] = '/', *ret_n = 1;
		return n + 1;
	}
	if (rest.p[0] == 'x' && hex_number(span_from(rest, 1), 2, &c)) {
		ret[0] = (uint8_t)c, *ret_n = 1;
		return n + 3;
	}
	if (rest.p[0] != 'u' || !hex_number(span_from(rest, 1), 4, &c))
		return 0;
	n += 5;
	if (c >= 0xd800 && c < 0xdc00) {
		struct span second = span_from(s, n);
		size_t m = backslashes(second);
		second = span_from(second, m);
		if (m && second.n && second.p[0] == 'u' && hex_number(span_from(second, 1), 4, &low) && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			n += m + 5;
		}
	}
	*ret_n = put_point(c, ret);
	return n;
}

/* The same for what begins with '&'. */
static size_t entity(struct span s, uint8_t *ret, size_t *ret_n)
{
	struct span name = span_from(s, 1);
	for (size_t i = 0; i < COUNT_OF(entities); i++) {
		if (span_starts(name, span_of(entities[i].name, entities[i].n))) {
			ret[0] = entities[i].octet, *ret_n = 1;
			return 1U + entities[i].n;
		}
	}
	if (name.n == 0 || name.p[0] != '#')
		return 0;
	bool hex = name.n > 1 && name.p[1] == 'x';
	struct span number = span_from(name, hex ? 2 : 1);
	size_t n = span_find(span_head(number, ENTITY_DIGITS + 1), ';');
	uint64_t decimal;
	uint32_t c;
	if (n == 0 || n > ENTITY_DIGITS || n >= number.n || number.p[n] != ';')
		return 0;
	if (hex) {
		if (!hex_number(number, n, &c))
			return 0;
	} else {
		if (num_parse_u64(span_head(number, n), 9999, &decimal))
			return 0;
		c = (uint32_t)decimal;
	}
	*ret_n = put_point(c, ret);
	return 1 + (hex ? 2U : 1U) + n + 1;
}

/* Something defanged at the start of `s`, which begins with an opening bracket. */
static size_t hollow(struct span s, const char **ret)
{
	uint8_t close = s.p[0] == '(' ? ')' : s.p[0] == '[' ? ']' : '}';
	for (size_t k = 1; k <= HOLLOW_MAX && k + 1 < s.n; k++) {
		if (s.p[k + 1] != close)
			continue;
		for (size_t i = 0; i < COUNT_OF(defanged); i++) {
			if (span_ieq(span_of(s.p + 1, k), span_of(defanged[i].written, defanged[i].n))) {
				*ret = defanged[i].meant;
				return k + 2;
			}
		}
	}
	return 0;
}

static bool is_open(uint8_t c)
{
	return c == '(' || c == '[' || c == '{';
}

bool reading_changes(struct span raw, size_t pos)
{
	uint8_t octets[4];
	const char *meant;
	size_t n;
	for (size_t i = 2; i <= 7 && i <= pos; i++) {
		struct span s = { raw.p + pos - i, i + 1 };
		if ((s.p[0] == '&' && entity(s, octets, &n) == i + 1) || (is_open(s.p[0]) && hollow(s, &meant) == i + 1))
			return true;
	}
	return false;
}

/* Escapes and entities undone. */
static void unescape(struct span raw, struct reading *r)
{
	uint8_t *out = r->text.p, octets[4];
	size_t n = 0, k;
	for (size_t i = 0; i < raw.n;) {
		size_t used = 0;
		if (raw.p[i] == '\\')
			used = escape(span_from(raw, i), octets, &k);
		else if (raw.p[i] == '&')
			used = entity(span_from(raw, i), octets, &k);
		if (used) {
			for (size_t j = 0; j < k; j++) {
				r->at[n] = (uint32_t)(j ? i + used : i);
				out[n++] = octets[j];
			}
			i += used;
			continue;
		}
		/* A run of backslashes that begins no escape is taken at once: none of them begins one either. */
		size_t same = raw.p[i] == '\\' ? backslashes(span_from(raw, i)) : 1;
		for (; same; same--) {
			r->at[n] = (uint32_t)i;
			out[n++] = raw.p[i++];
		}
	}
	r->at[n] = (uint32_t)raw.n;
	r->text.n = n;
}

/* Defanging undone, and the characters above U+007F sorted, in place: what comes out is never longer. */
static void settle(struct reading *r)
{
	struct span s = buf_span(&r->text);
	uint8_t *out = r->text.p;
	size_t n = 0;
	for (size_t i = 0; i < s.n;) {
		uint32_t end = r->at[i + 1], c;
		const char *meant;
		size_t used;
		if (is_open(s.p[i]) && (used = hollow(span_from(s, i), &meant))) {
			r->at[n] = r->at[i];
			end = r->at[i + used];
			out[n++] = (uint8_t)meant[0];
			for (const char *p = meant + 1; *p; p++) {
				r->at[n] = end;
				out[n++] = (uint8_t)*p;
			}
			i += used;
		} else if (s.p[i] >= 0x80) {
			used = utf8_decode(span_from(s, i), &c);
			enum point point = used ? reading_point(c) : POINT_BORDER;
			if (used == 0)
				used = 1;
			if (point == POINT_LETTER) {
				for (size_t j = 0; j < used; j++) {
					r->at[n] = r->at[i + j];
					out[n++] = s.p[i + j];
				}
			} else {
				r->at[n] = r->at[i];
				out[n++] = point == POINT_DOT ? '.' : ' ';
			}
			i += used;
		} else {
			r->at[n] = r->at[i];
			out[n++] = s.p[i++];
		}
	}
	r->at[n] = r->at[s.n];
	r->text.n = n;
}

void reading_of(struct span raw, struct reading *r)
{
	r->text.n = 0;
	buf_reserve(&r->text, raw.n + 4); /* nothing becomes longer */
	if (r->room < raw.n + 5) {
		r->room = raw.n + 5;
		free(r->at);
		r->at = mem_alloc(r->room * sizeof(*r->at));
	}
	unescape(raw, r);
	settle(r);
}

void reading_release(struct reading *r)
{
	buf_release(&r->text);
	free(r->at);
	*r = (struct reading){ 0 };
}
