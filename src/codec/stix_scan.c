#include "codec/stix_scan.h"

#include "base/num.h"

static bool word_octet(uint8_t c)
{
	return ascii_digit(c) || c == '_' || c == '-' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool skip_space(struct stix_scan *s)
{
	struct span t = s->text;
	while (s->pos < t.n) {
		struct span rest = span_from(t, s->pos);
		if (ascii_space(rest.p[0])) {
			s->pos++;
		} else if (span_starts(rest, SPAN_LIT("\xc2\xa0"))) {
			s->pos += 2;
		} else if (span_starts(rest, SPAN_LIT("//"))) {
			s->pos += span_find(rest, '\n');
		} else if (span_starts(rest, SPAN_LIT("/*"))) {
			const uint8_t *end = memmem(rest.p + 2, rest.n - 2, "*/", 2);
			if (!end)
				return false;
			s->pos += (size_t)(end - rest.p) + 2;
		} else {
			break;
		}
	}
	return true;
}

/* The text up to the closing quote; a backslash takes the next octet with it. */
static bool quoted(struct stix_scan *s)
{
	size_t from = ++s->pos;
	while (s->pos < s->text.n && s->text.p[s->pos] != '\'')
		s->pos += s->text.p[s->pos] == '\\' ? 2 : 1;
	if (s->pos >= s->text.n) {
		s->pos = s->text.n;
		s->error = "a quote is not closed";
		return false;
	}
	s->value = span_of(s->text.p + from, s->pos++ - from);
	return true;
}

static bool two_digits(struct span v, size_t at, uint64_t min, uint64_t max)
{
	uint64_t n;
	return num_parse_u64(span_of(v.p + at, 2), max, &n) == OK && n >= min;
}

static bool time_ok(struct span v)
{
	uint64_t year;
	if (v.n < 20 || v.p[4] != '-' || v.p[7] != '-' || v.p[10] != 'T' || v.p[13] != ':' || v.p[16] != ':' ||
	    v.p[v.n - 1] != 'Z')
		return false;
	for (size_t i = 20; i < v.n - 1; i++)
		if (!ascii_digit(v.p[i]))
			return false;
	return num_parse_u64(span_head(v, 4), 9999, &year) == OK && two_digits(v, 5, 1, 12) &&
	       two_digits(v, 8, 1, 31) && two_digits(v, 11, 0, 23) && two_digits(v, 14, 0, 59) &&
	       two_digits(v, 17, 0, 60) && (v.n == 20 || (v.p[19] == '.' && v.n > 21));
}

static bool hex_ok(struct span v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!ascii_digit(v.p[i]) && !(ascii_lower(v.p[i]) >= 'a' && ascii_lower(v.p[i]) <= 'f'))
			return false;
	return v.n % 2 == 0;
}

static bool base64_ok(struct span v)
{
	size_t n = v.n;
	while (n && v.n - n < 2 && v.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		if (v.p[i] != '+' && v.p[i] != '/' && (!word_octet(v.p[i]) || v.p[i] == '-' || v.p[i] == '_'))
			return false;
	return v.n % 4 == 0;
}

static enum stix_token word(struct stix_scan *s)
{
	size_t from = s->pos;
	while (s->pos < s->text.n && word_octet(s->text.p[s->pos]))
		s->pos++;
	s->value = span_of(s->text.p + from, s->pos - from);
	if (s->value.n == 1 && s->pos < s->text.n && s->text.p[s->pos] == '\'') {
		uint8_t kind = s->value.p[0];
		if (kind != 't' && kind != 'h' && kind != 'b')
			return STIX_WORD;
		if (!quoted(s))
			return STIX_BAD;
		if (kind == 't' ? time_ok(s->value) : kind == 'h' ? hex_ok(s->value) : base64_ok(s->value))
			return kind == 't' ? STIX_TIME : kind == 'h' ? STIX_HEX : STIX_BASE64;
		s->error = kind == 't' ? "a timestamp is not of the form t'2026-08-22T03:00:29Z'" :
			   kind == 'h' ? "a hexadecimal constant has other than pairs of digits" :
					 "a constant is not base64";
		return STIX_BAD;
	}
	return span_is(s->value, "true") || span_is(s->value, "false") ? STIX_BOOL : STIX_WORD;
}

static enum stix_token number(struct stix_scan *s)
{
	size_t from = s->pos, digits = 0;
	if (s->text.p[s->pos] == '-' || s->text.p[s->pos] == '+')
		s->pos++;
	for (; s->pos < s->text.n && ascii_digit(s->text.p[s->pos]); digits++)
		s->pos++;
	if (s->pos + 1 < s->text.n && s->text.p[s->pos] == '.' && ascii_digit(s->text.p[s->pos + 1]))
		for (s->pos++, digits++; s->pos < s->text.n && ascii_digit(s->text.p[s->pos]);)
			s->pos++;
	s->value = span_of(s->text.p + from, s->pos - from);
	if (digits && (s->pos == s->text.n || !word_octet(s->text.p[s->pos])))
		return STIX_NUMBER;
	s->error = "a number is not of the form that patterns have";
	return STIX_BAD;
}

static enum stix_token sign(struct stix_scan *s)
{
	static const struct {
		const char *text;
		enum stix_op op;
	} signs[] = { { "==", STIX_EQ }, { "!=", STIX_NE }, { "<>", STIX_NE }, { "<=", STIX_LE }, { ">=", STIX_GE },
		      { "=", STIX_EQ },  { "<", STIX_LT },  { ">", STIX_GT } };
	for (size_t i = 0; i < COUNT_OF(signs); i++)
		if (span_starts(span_from(s->text, s->pos), span_str(signs[i].text))) {
			s->op = signs[i].op;
			s->pos += strlen(signs[i].text);
			return STIX_SIGN;
		}
	s->error = "a character has no meaning here";
	return STIX_BAD;
}

void scan_next(struct stix_scan *s)
{
	s->start = s->pos;
	s->token = STIX_BAD;
	if (!skip_space(s)) {
		s->error = "a comment is not closed";
		return;
	}
	s->start = s->pos;
	if (s->pos == s->text.n) {
		s->token = STIX_END;
		return;
	}
	uint8_t c = s->text.p[s->pos];
	if (c == '\'')
		s->token = quoted(s) ? STIX_STRING : STIX_BAD;
	else if (ascii_digit(c) || c == '-' || c == '+' ||
		 (c == '.' && s->pos + 1 < s->text.n && ascii_digit(s->text.p[s->pos + 1])))
		s->token = number(s);
	else if (word_octet(c))
		s->token = word(s);
	else if (memchr("()[],:.*", c, 8))
		s->token = STIX_PUNCT, s->punct = c, s->pos++;
	else
		s->token = sign(s);
}
