#include "codec/clean.h"

#include "base/utf8.h"
#include "codec/refang.h"

/* Characters that show nothing, or turn the direction of what is beside them.  U+200C and U+200D are not among them: names
 * in Persian, Urdu and Hindi need them, and IDNA2008 says where they may be. */
static bool invisible(uint32_t c)
{
	return c == 0xad || c == 0x200b || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* Octets of a character at the start (or, `back`, at the end) of `s` that is not part of what is meant; else 0. */
static size_t padding(struct span s, bool back)
{
	uint32_t c;
	size_t n = 1;
	if (s.n == 0)
		return 0;
	if (back)
		while (n < 3 && n < s.n && (s.p[s.n - n] & 0xc0) == 0x80)
			n++;
	struct span one = back ? span_from(s, s.n - n) : s;
	n = utf8_decode(one, &c);
	if (n == 0 || (back && n != one.n))
		return 0;
	return (c < 0x80 && ascii_space((uint8_t)c)) || c == 0xa0 || c == 0x200c || c == 0x200d || invisible(c) ? n : 0;
}

/* Without blanks at both ends, and quotes or <> around. */
static struct span trim(struct span s)
{
	static const char pair[][2] = { { '"', '"' }, { '\'', '\'' }, { '`', '`' }, { '<', '>' } };
	for (bool again = true; again;) {
		again = false;
		for (size_t n; (n = padding(s, false));)
			s = span_from(s, n);
		for (size_t n; (n = padding(s, true));)
			s = span_head(s, s.n - n);
		for (size_t i = 0; i < COUNT_OF(pair) && s.n >= 2 && !again; i++)
			again = s.p[0] == pair[i][0] && s.p[s.n - 1] == pair[i][1];
		if (again)
			s = (struct span){ s.p + 1, s.n - 2 };
	}
	return s;
}

static enum err check_characters(struct span s, struct fault *f)
{
	uint8_t high = 0;
	for (size_t i = 0; i < s.n; i++) {
		high |= s.p[i];
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return fault_set(f, ERR_SYNTAX, "the control character 0x%02x is at octet %zu", s.p[i], i + 1);
	}
	if (high < 0x80)
		return OK;
	uint32_t c;
	for (size_t i = 0, n; i < s.n; i += n) {
		n = utf8_decode(span_from(s, i), &c);
		if (n == 0)
			return fault_set(f, ERR_SYNTAX, "octet %zu is not valid UTF-8", i + 1);
		if (invisible(c) || (c >= 0x80 && c < 0xa0))
			return fault_set(f, ERR_SYNTAX, "the invisible character U+%04X is at octet %zu", (unsigned)c, i + 1);
	}
	return OK;
}

enum err clean_text(struct span text, uint8_t scratch[CLEAN_MAX], struct span *ret_text, struct fault *f)
{
	if (text.n > CLEAN_MAX)
		return fault_set(f, ERR_RANGE, "%zu octets are more than the %d that an observable can have", text.n, CLEAN_MAX);
	struct span s = trim(text);
	if (s.n == 0)
		return fault_set(f, ERR_SYNTAX, "there is nothing");
	enum err e = check_characters(s, f);
	if (e)
		return e;
	if (refang_wanted(s))
		s = trim(span_of(scratch, refang(s, scratch)));
	*ret_text = s;
	return OK;
}
