/* Defanging undone.
 *
 * The text is copied, and whenever a closing bracket or a blank has been written, the end of the copy is compared
 * with the short list of what people write for a dot and such.  Looking back at the copy, not at the input, makes
 * nested ones ("[[.].]") come out settled: no such token is left in the copy, ever.
 */
#include "codec/refang.h"

static const struct {
	const char *written;
	uint8_t n;
	const char *meant;
} tokens[] = {
	{ ".", 1, "." }, { "dot", 3, "." }, { ":", 1, ":" }, { "://", 3, "://" },
	{ "/", 1, "/" }, { "@", 1, "@" },   { "at", 2, "@" },
};

enum { TOKEN_MAX = 3 };

static bool is_open(uint8_t c)
{
	return c == '[' || c == '(' || c == '{';
}

static uint8_t opening(uint8_t closing)
{
	return closing == ']' ? '[' : closing == ')' ? '(' : closing == '}' ? '{' : 0;
}

/* `text` of n octets ends in a closing bracket.  @return its length when a token at its end is replaced. */
static size_t unbracket(uint8_t *text, size_t n)
{
	uint8_t open = opening(text[n - 1]);
	for (size_t k = 1; k <= TOKEN_MAX && k + 2 <= n; k++) {
		if (text[n - 2 - k] != open)
			continue;
		struct span inside = { text + n - 1 - k, k };
		for (size_t t = 0; t < COUNT_OF(tokens); t++) {
			if (!span_ieq(inside, span_of(tokens[t].written, tokens[t].n)))
				continue;
			size_t m = strlen(tokens[t].meant);
			memcpy(text + n - 2 - k, tokens[t].meant, m);
			return n - 2 - k + m;
		}
	}
	return n;
}

/* Octets at the start of `s` that stand for "http": 'h', two or three of "tx*", 'p', and "s:" or ":" behind.  Else 0. */
static size_t scheme_like(struct span s)
{
	size_t i = 1;
	if (s.n < 5 || ascii_lower(s.p[0]) != 'h')
		return 0;
	while (i < 4 && (ascii_lower(s.p[i]) == 't' || ascii_lower(s.p[i]) == 'x' || s.p[i] == '*'))
		i++;
	if (i < 3 || ascii_lower(s.p[i]) != 'p')
		return 0;
	size_t end = i + 1;
	if (end < s.n && ascii_lower(s.p[end]) == 's')
		end++;
	return end < s.n && (s.p[end] == ':' || is_open(s.p[end])) ? i + 1 : 0;
}

static bool ends_in_dot_word(const uint8_t *text, size_t n)
{
	return n > 5 && span_ieq(span_of(text + n - 5, 5), SPAN_LIT(" dot "));
}

bool refang_wanted(struct span s)
{
	size_t scheme = scheme_like(s);
	if (scheme && !span_ieq(span_head(s, scheme), SPAN_LIT("http")))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (is_open(s.p[i]) || (s.p[i] == ' ' && ends_in_dot_word(s.p, i + 1)))
			return true;
	return false;
}

size_t refang(struct span s, uint8_t *ret_text)
{
	size_t n = 0, scheme = scheme_like(s);
	if (scheme) {
		memcpy(ret_text, "http", 4);
		s = span_from(s, scheme);
		n = 4;
	}
	for (size_t i = 0; i < s.n; i++) {
		ret_text[n++] = s.p[i];
		if (opening(s.p[i]))
			n = unbracket(ret_text, n);
		else if (s.p[i] == ' ' && ends_in_dot_word(ret_text, n))
			n -= 5, ret_text[n++] = '.';
	}
	return n;
}
