/* PCRE2 with its just-in-time compiler.  A compiled pattern and a match context are read-only and shared by threads;
 * what a match writes to is made for each call. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "sys/regex.h"

#include <pcre2.h>

#include "base/buf.h"

enum {
	PATTERN_MAX = 8192,
	MATCH_LIMIT = 100000, /* steps of backtracking; about a millisecond */
	HEAP_LIMIT_KIB = 1024,
};

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
};

static enum err read_flags(struct span flags, uint32_t *options, struct fault *f)
{
	for (size_t i = 0; i < flags.n; i++) {
		switch (flags.p[i]) {
		case 'i':
			*options |= PCRE2_CASELESS;
			break;
		case 'm':
			*options |= PCRE2_MULTILINE;
			break;
		case 's':
			*options |= PCRE2_DOTALL;
			break;
		case 'u':
			*options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
			break;
		default:
			return fault_set(f, ERR_SYNTAX, "flag number %zu of a regular expression is none of i, m, s, u", i + 1);
		}
	}
	return OK;
}

/* "/pattern/flags": what is between the first and the last slash. */
static enum err split(struct span text, struct span *pattern, uint32_t *options, struct fault *f)
{
	*pattern = text;
	if (text.n < 2 || text.p[0] != '/')
		return OK;
	size_t last = text.n - 1;
	while (text.p[last] != '/')
		last--;
	if (last == 0)
		return OK; /* a bare pattern that begins with a slash */
	*pattern = span_of(text.p + 1, last - 1);
	return read_flags(span_from(text, last + 1), options, f);
}

enum err regex_new(struct span text, struct regex **ret_regex, struct fault *f)
{
	uint32_t options = PCRE2_NEVER_BACKSLASH_C;
	struct span pattern;
	enum err e = split(text, &pattern, &options, f);
	if (e)
		return e;
	if (pattern.n == 0 || pattern.n > PATTERN_MAX)
		return fault_set(f, ERR_SYNTAX, "a regular expression of %zu octets is not between 1 and %d", pattern.n, PATTERN_MAX);
	int code;
	size_t at;
	pcre2_code *compiled = pcre2_compile(pattern.p, pattern.n, options, &code, &at, NULL);
	if (!compiled) {
		unsigned char why[200] = "";
		pcre2_get_error_message(code, why, sizeof(why));
		return fault_set(f, ERR_SYNTAX, "octet %zu of a regular expression: %s", at + 1, (const char *)why);
	}
	(void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* without it the interpreter matches */
	struct regex *r = mem_alloc(sizeof(*r));
	*r = (struct regex){ .code = compiled, .limits = pcre2_match_context_create(NULL) };
	if (!r->limits)
		abort(); /* out of memory, as mem_alloc() does */
	pcre2_set_match_limit(r->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(r->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(r->limits, HEAP_LIMIT_KIB);
	*ret_regex = r;
	return OK;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_code_free(r->code);
	free(r);
}

bool regex_match(const struct regex *r, struct span s)
{
	pcre2_match_data *m = pcre2_match_data_create(1, NULL);
	if (!m)
		abort();
	const uint8_t *p = s.p ? s.p : (const uint8_t *)"";
	int n = pcre2_match(r->code, p, s.n, 0, 0, m, r->limits);
	if (n == PCRE2_ERROR_JIT_STACKLIMIT)
		n = pcre2_match(r->code, p, s.n, 0, PCRE2_NO_JIT, m, r->limits);
	pcre2_match_data_free(m);
	return n >= 0;
}
