/* The reader is a loop over tokens with one octet of grammar: what may come next.  Whether the innermost open thing is
 * an object or an array is a bit of the stack.
 *
 * Strings are most of the octets of a feed.  They are run through sixteen at a time for the three things that matter
 * (quote, backslash, control character); only a string that had an octet above 0x7f is then checked to be UTF-8.
 *
 * A cursor of locals is loaded from the reader and stored back by each public function, so that json_skip() can run
 * over a whole object without touching the reader's memory. */
#include "codec/json.h"

#include "base/utf8.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum expect {
	AT_START,       /* a byte order mark may come, then as AT_VALUE */
	AT_VALUE,
	AT_FIRST_VALUE, /* or ']' */
	AT_KEY,
	AT_FIRST_KEY,   /* or '}' */
	AT_COLON,
	AT_SEPARATOR,   /* ',' or the end of what is open */
	AT_END,         /* white space only */
};

struct cursor {
	const uint8_t *base, *p, *end;
	bool last, escaped;
	uint8_t expect;
	unsigned depth;
	uint64_t *stack;
	const char *error;
	struct span slice;
	const uint8_t *start;
};

static const char ends_inside[] = "the text ends inside a value", no_word[] = "a word is none of true, false and null";

static inline struct cursor load(struct json_reader *r)
{
	return (struct cursor){
		.base = r->in.p, .p = r->in.p + r->pos, .end = r->in.p + r->in.n, .last = r->last, .expect = r->expect,
		.depth = r->depth, .stack = r->stack, .start = r->in.p + r->pos,
	};
}

static inline void store(struct json_reader *r, const struct cursor *c)
{
	r->pos = (size_t)(c->p - c->base);
	r->start = (size_t)(c->start - c->base);
	r->expect = c->expect;
	r->depth = (uint16_t)c->depth;
	r->escaped = c->escaped;
	r->slice = c->slice;
	if (c->error)
		r->error = c->error;
}

static enum json_token bad(struct cursor *c, const char *sentence)
{
	c->error = sentence;
	return JSON_ERROR;
}

/* The piece ends: more to come, or an error. */
static enum json_token short_of(struct cursor *c)
{
	return c->last ? bad(c, ends_inside) : JSON_MORE;
}

/* First octet at or after p that is a quote, a backslash or a control character, or end; *high collects octets above
 * 0x7f. */
static inline const uint8_t *string_run(const uint8_t *p, const uint8_t *end, unsigned *high)
{
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit), above = (unsigned)_mm_movemask_epi8(v);
		if (mask) {
			unsigned at = (unsigned)__builtin_ctz(mask);
			*high |= above & ((1u << at) - 1);
			return p + at;
		}
		*high |= above;
	}
#endif
	for (; p < end && *p != '"' && *p != '\\' && *p >= 0x20; p++)
		*high |= *p & 0x80u;
	return p;
}

/* p stands at a backslash.  @return octets of the escape; 0: the piece ends in it; -1: it is none. */
static int escape_length(const uint8_t *p, const uint8_t *end)
{
	if (end - p < 2)
		return 0;
	switch (p[1]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
		return 2;
	case 'u':
		for (int i = 2; i < 6; i++)
			if (end - p > i && !ascii_digit(p[i]) &&
			    !(ascii_lower(p[i]) >= 'a' && ascii_lower(p[i]) <= 'f'))
				return -1;
		return end - p < 6 ? 0 : 6;
	}
	return -1;
}

/* p stands behind the opening quote; on JSON_STRING the slice is set and c->p behind the closing one. */
static inline enum json_token string(struct cursor *c, const uint8_t *p)
{
	const uint8_t *from = p;
	unsigned high = 0;
	c->escaped = false;
	for (;;) {
		p = string_run(p, c->end, &high);
		if (p == c->end)
			return short_of(c);
		if (*p == '"')
			break;
		if (*p != '\\') {
			c->p = p;
			return bad(c, "a control character in a string is not escaped");
		}
		int n = escape_length(p, c->end);
		if (n == 0)
			return short_of(c);
		if (n < 0) {
			c->p = p;
			return bad(c, "a backslash in a string begins no escape");
		}
		c->escaped = true;
		p += n;
	}
	c->slice = span_of(from, (size_t)(p - from));
	if (UNLIKELY(high)) {
		size_t ok = utf8_valid_prefix(c->slice);
		if (ok != c->slice.n) {
			c->p = from + ok;
			return bad(c, "a string is not UTF-8");
		}
	}
	c->p = p + 1;
	return JSON_STRING;
}

static inline const uint8_t *digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && ascii_digit(*p))
		p++;
	return p;
}

static inline enum json_token number(struct cursor *c)
{
	static const char wrong[] = "a number is not of the form that JSON has";
	const uint8_t *p = c->p, *q, *end = c->end;
	if (*p == '-')
		p++;
	q = p < end && *p == '0' ? p + 1 : digits(p, end);
	if (q == p)
		return p == end ? short_of(c) : bad(c, wrong);
	p = q;
	if (p < end && *p == '.') {
		q = digits(++p, end);
		if (q == p)
			return p == end ? short_of(c) : bad(c, wrong);
		p = q;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		q = digits(p, end);
		if (q == p)
			return p == end ? short_of(c) : bad(c, wrong);
		p = q;
	}
	if (p == end && !c->last)
		return JSON_MORE;
	if (p < end && (ascii_digit(*p) || *p == '.' || *p == '-' || *p == '+' ||
			(ascii_lower(*p) >= 'a' && ascii_lower(*p) <= 'z')))
		return bad(c, wrong);
	c->slice = span_of(c->p, (size_t)(p - c->p));
	c->p = p;
	return JSON_NUMBER;
}

static enum json_token word(struct cursor *c, const char *w, size_t n, enum json_token token)
{
	size_t have = (size_t)(c->end - c->p);
	if (memcmp(c->p, w, have < n ? have : n) != 0)
		return bad(c, no_word);
	if (have < n)
		return short_of(c);
	c->slice = span_of(c->p, n);
	c->p += n;
	return token;
}

static inline bool in_object(const struct cursor *c)
{
	return c->depth && (c->stack[(c->depth - 1) / 64] >> ((c->depth - 1) % 64) & 1);
}

static inline void value_over(struct cursor *c)
{
	c->expect = c->depth ? AT_SEPARATOR : AT_END;
}

static inline enum json_token opened(struct cursor *c, bool object)
{
	if (c->depth == JSON_DEPTH_MAX)
		return bad(c, "objects and arrays are nested more than 1024 deep");
	uint64_t bit = 1ULL << c->depth % 64, *w = &c->stack[c->depth / 64];
	*w = object ? *w | bit : *w & ~bit;
	c->depth++;
	c->slice = span_of(c->p++, 1);
	c->expect = object ? AT_FIRST_KEY : AT_FIRST_VALUE;
	return object ? JSON_OBJECT : JSON_ARRAY;
}

static inline enum json_token closed(struct cursor *c)
{
	bool object = in_object(c);
	c->slice = span_of(c->p++, 1);
	c->depth--;
	value_over(c);
	return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static inline enum json_token value(struct cursor *c)
{
	enum json_token t;
	switch (*c->p) {
	case '"': t = string(c, c->p + 1); break;
	case '{': return opened(c, true);
	case '[': return opened(c, false);
	case 't': t = word(c, "true", 4, JSON_TRUE); break;
	case 'f': t = word(c, "false", 5, JSON_FALSE); break;
	case 'n': t = word(c, "null", 4, JSON_NULL); break;
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		t = number(c);
		break;
	default:
		return bad(c, ascii_lower(*c->p) >= 'a' && ascii_lower(*c->p) <= 'z' ? no_word : "a value is missing");
	}
	if (LIKELY(t > JSON_ERROR))
		value_over(c);
	return t;
}

static inline void skip_space(struct cursor *c)
{
	const uint8_t *p = c->p, *end = c->end;
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	c->p = p;
}

static enum json_token byte_order_mark(struct cursor *c)
{
	static const uint8_t mark[3] = { 0xef, 0xbb, 0xbf };
	size_t have = (size_t)(c->end - c->p);
	if (have && memcmp(c->p, mark, have < 3 ? have : 3) == 0) {
		if (have < 3)
			return short_of(c);
		c->p += 3;
	}
	if (have)
		c->expect = AT_VALUE;
	return JSON_END;
}

/* A comma and a colon are read with what comes before the next token: where a piece ends between, `expect` remembers.
 */
static inline enum json_token token(struct cursor *c)
{
	enum json_token t;
	if (UNLIKELY(c->expect == AT_START) && (t = byte_order_mark(c)) != JSON_END)
		return t;
	for (;;) {
		skip_space(c);
		c->start = c->p;
		if (c->p == c->end)
			return c->expect == AT_END && c->last ? JSON_END : short_of(c);
		switch (c->expect) {
		case AT_SEPARATOR:
			if (*c->p == (in_object(c) ? '}' : ']'))
				return closed(c);
			if (*c->p != ',')
				return bad(c, in_object(c) ? "',' or '}' is missing" : "',' or ']' is missing");
			c->expect = in_object(c) ? AT_KEY : AT_VALUE;
			c->p++;
			continue;
		case AT_COLON:
			if (*c->p != ':')
				return bad(c, "':' is missing behind a key");
			c->expect = AT_VALUE;
			c->p++;
			continue;
		case AT_FIRST_KEY:
			if (*c->p == '}')
				return closed(c);
			/* fall through */
		case AT_KEY:
			if (*c->p != '"')
				return bad(c, "a key in quotes is missing");
			if ((t = string(c, c->p + 1)) != JSON_STRING)
				return t;
			c->expect = AT_COLON;
			return JSON_KEY;
		case AT_END:
			return bad(c, "something follows the end of the text");
		case AT_FIRST_VALUE:
			if (*c->p == ']')
				return closed(c);
			/* fall through */
		default:
			return value(c);
		}
	}
}

void json_init(struct json_reader *r, struct span in, bool last)
{
	r->in = in;
	r->pos = r->start = 0;
	r->last = last;
	r->expect = AT_START;
	r->escaped = false;
	r->depth = 0;
	r->line = r->col_base = 0;
	r->error = NULL;
	r->slice = span_of(in.p, 0);
}

enum json_token json_next(struct json_reader *r)
{
	if (UNLIKELY(r->error != NULL))
		return JSON_ERROR;
	struct cursor c = load(r);
	enum json_token t = token(&c);
	store(r, &c);
	return t;
}

enum json_token json_skip(struct json_reader *r)
{
	if (UNLIKELY(r->error != NULL))
		return JSON_ERROR;
	struct cursor c = load(r);
	const struct cursor before = c;
	enum json_token t = token(&c), first = t;
	const uint8_t *start = c.start;
	if (t == JSON_OBJECT || t == JSON_ARRAY)
		for (unsigned floor = before.depth; c.depth > floor && t > JSON_ERROR;)
			t = token(&c);
	if (UNLIKELY(t == JSON_MORE)) {
		store(r, &before);
		return JSON_MORE;
	}
	if (t != JSON_ERROR && first != JSON_KEY)
		c.slice = span_of(start, (size_t)(c.p - start));
	c.start = start;
	store(r, &c);
	return t == JSON_ERROR ? t : first;
}

/* Lines before `at`, and octets since the last of them began. */
static void count_lines(const struct json_reader *r, size_t at, uint64_t *ret_line, uint64_t *ret_column)
{
	struct span s = span_head(r->in, at);
	uint64_t line = r->line, column = r->col_base;
	for (size_t nl; (nl = span_find(s, '\n')) < s.n; s = span_from(s, nl + 1))
		line++, column = 0;
	*ret_line = line;
	*ret_column = column + s.n;
}

void json_refill(struct json_reader *r, struct span in, bool last)
{
	count_lines(r, r->pos, &r->line, &r->col_base);
	r->in = in;
	r->pos = r->start = 0;
	r->last = last;
	r->slice = span_of(in.p, 0);
}

void json_place(const struct json_reader *r, uint64_t *ret_line, uint64_t *ret_column)
{
	count_lines(r, r->pos, ret_line, ret_column);
	++*ret_line;
	++*ret_column;
}
