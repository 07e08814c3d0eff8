/* Strings of JSON: escapes resolved, and written. */
#include "codec/json.h"

#include "base/utf8.h"

static bool hex4(const uint8_t *p)
{
	for (int i = 0; i < 4; i++)
		if (!ascii_digit(p[i]) && !(ascii_lower(p[i]) >= 'a' && ascii_lower(p[i]) <= 'f'))
			return false;
	return true;
}

static uint32_t hex_point(const uint8_t *p)
{
	uint32_t v = 0;
	for (int i = 0; i < 4; i++)
		v = v << 4 | (ascii_digit(p[i]) ? p[i] - '0' : ascii_lower(p[i]) - 'a' + 10);
	return v;
}

/* `\uXXXX` at the start of `s`, with its second half when it is the first of a pair.  @return octets used, 0: it is
 * none. */
static size_t unicode_escape(struct span s, uint32_t *ret_point)
{
	if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u' || !hex4(s.p + 2))
		return 0;
	uint32_t v = hex_point(s.p + 2), low;
	*ret_point = v;
	if (v < 0xd800 || v > 0xdfff)
		return 6;
	*ret_point = 0xfffd;
	if (v >= 0xdc00 || s.n < 12 || s.p[6] != '\\' || s.p[7] != 'u' || !hex4(s.p + 8))
		return 6;
	low = hex_point(s.p + 8);
	if (low < 0xdc00 || low > 0xdfff)
		return 6;
	*ret_point = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
	return 12;
}

enum err json_unescape(struct span s, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t before = out->n;
	buf_reserve(out, s.n);
	for (;;) {
		size_t plain = span_find(s, '\\');
		buf_put(out, s.p, plain);
		s = span_from(s, plain);
		if (s.n == 0)
			return OK;
		uint32_t point;
		uint8_t octets[4];
		size_t n = unicode_escape(s, &point);
		const char *at = s.n > 1 && s.p[1] ? strchr(from, s.p[1]) : NULL;
		if (n && point) {
			buf_put(out, octets, utf8_encode(point, octets));
		} else if (!n && at) {
			buf_putc(out, (uint8_t)to[at - from]);
			n = 2;
		} else {
			out->n = before;
			return ERR_SYNTAX;
		}
		s = span_from(s, n);
	}
}

struct span json_text(const struct json_reader *r, struct buf *scratch)
{
	scratch->n = 0;
	if (!r->escaped || json_unescape(r->slice, scratch))
		return r->slice;
	return buf_span(scratch);
}

/* Well-formed UTF-8. */
static void put_valid(struct buf *out, struct span s)
{
	static const char hex[] = "0123456789abcdef", from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	for (;;) {
		size_t i = 0;
		while (i < s.n && s.p[i] >= 0x20 && s.p[i] != '"' && s.p[i] != '\\')
			i++;
		buf_put(out, s.p, i);
		if (i == s.n)
			return;
		uint8_t c = s.p[i];
		const char *at = c ? strchr(from, c) : NULL;
		buf_putc(out, '\\');
		if (at)
			buf_putc(out, (uint8_t)to[at - from]);
		else
			buf_puts(out, "u00"), buf_putc(out, (uint8_t)hex[c >> 4]), buf_putc(out, (uint8_t)hex[c & 15]);
		s = span_from(s, i + 1);
	}
}

void json_put_string(struct buf *out, struct span s)
{
	buf_putc(out, '"');
	while (s.n) {
		size_t ok = utf8_valid_prefix(s);
		put_valid(out, span_head(s, ok));
		if (ok < s.n)
			buf_puts(out, "\xef\xbf\xbd");
		s = span_from(s, ok + 1);
	}
	buf_putc(out, '"');
}
