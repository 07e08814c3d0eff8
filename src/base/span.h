/* A borrowed run of octets.  Not NUL-terminated, may hold NULs; lives as long as what it points into. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

/** For printf("%.*s"): at most 2^31-1 octets. */
#define SPAN_FMT "%.*s"
#define SPAN_ARG(s) (int)(s).n, (const char *)(s).p
/** Span of a string literal. */
#define SPAN_LIT(s) ((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}

static inline struct span span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

/** From octet `from` to the end; empty when `from` is beyond it. */
static inline struct span span_from(struct span a, size_t from)
{
	if (from < a.n)
		return (struct span){ a.p + from, a.n - from };
	return (struct span){ a.n ? a.p + a.n : a.p, 0 }; /* NULL + 0 is not defined */
}

static inline struct span span_head(struct span a, size_t n)
{
	return (struct span){ a.p, n < a.n ? n : a.n };
}

/** ASCII lower case; other octets unchanged.  Not locale-dependent. */
static inline uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static inline bool ascii_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/** Equal but for ASCII case. */
static inline bool span_ieq(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

static inline bool span_starts(struct span a, struct span prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/** Without ASCII white space at both ends. */
static inline struct span span_trim(struct span a)
{
	while (a.n && ascii_space(a.p[0]))
		a.p++, a.n--;
	while (a.n && ascii_space(a.p[a.n - 1]))
		a.n--;
	return a;
}

/** Index of the first `c`, or a.n. */
static inline size_t span_find(struct span a, uint8_t c)
{
	const uint8_t *q = a.n ? memchr(a.p, c, a.n) : NULL;
	return q ? (size_t)(q - a.p) : a.n;
}

/** The next word of a text with blanks and tabs between them, which is taken off its start; empty at its end. */
static inline struct span span_word(struct span *text)
{
	struct span t = span_trim(*text);
	size_t n = 0;
	while (n < t.n && t.p[n] != ' ' && t.p[n] != '\t')
		n++;
	*text = span_from(t, n);
	return span_head(t, n);
}

/** The next item of a list with commas between them, without blanks around it.  @return false: the list is over. */
static inline bool span_item(struct span *list, struct span *ret_item)
{
	if (!list->n)
		return false;
	size_t n = span_find(*list, ',');
	*ret_item = span_trim(span_head(*list, n));
	*list = span_from(*list, n + 1);
	return true;
}

/** Take a line off the front of *rest, without its newline.  @return false: *rest has no newline (any more). */
static inline bool span_line(struct span *rest, struct span *ret_line)
{
	size_t n = span_find(*rest, '\n');
	if (n == rest->n)
		return false;
	*ret_line = span_head(*rest, n);
	*rest = span_from(*rest, n + 1);
	return true;
}

#endif
