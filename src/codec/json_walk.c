/* Two ways of reading: strictly, with the JSON reader, what is taken; loosely, by brackets and quotes alone, what is
 * looked at in advance (records may have been cut out of it) or is too large to be held. */
#include "codec/json_walk.h"

#include "base/num.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static enum json_token kind_of(uint8_t c)
{
	return c == '{' ? JSON_OBJECT : c == '[' ? JSON_ARRAY : c == '"' ? JSON_STRING : c == 't' ? JSON_TRUE :
	       c == 'f' ? JSON_FALSE : c == 'n' ? JSON_NULL : JSON_NUMBER;
}

/* ---- loose reading ---- */

struct loose {
	uint32_t nested;
	bool in_string, after_slash;
};

/* First octet from `i` on that matters: in a string a quote or a backslash, outside a quote or a bracket; or s.n. */
static inline size_t loose_find(struct span s, size_t i, bool in_string)
{
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), fold = _mm_set1_epi8(0x20);
	const __m128i open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
	for (; s.n - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i)), hit = _mm_cmpeq_epi8(v, quote);
		if (in_string) {
			hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, slash));
		} else {
			v = _mm_or_si128(v, fold); /* '[' becomes '{', ']' becomes '}', and nothing else does */
			hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(v, open), _mm_cmpeq_epi8(v, close)));
		}
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);
		if (mask)
			return i + (unsigned)__builtin_ctz(mask);
	}
#endif
	for (; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c == '"' || (in_string ? c == '\\' : (c | 0x20) == '{' || (c | 0x20) == '}'))
			break;
	}
	return i;
}

/* Go on in a string or container at *pos.  @return true: *pos is behind it; false: the octets are used up. */
static bool loose_pass(struct span s, size_t *pos, struct loose *l)
{
	size_t i = *pos;
	if (l->after_slash && i < s.n)
		l->after_slash = false, i++;
	while ((i = loose_find(s, i, l->in_string)) < s.n) {
		uint8_t c = s.p[i++];
		if (c == '"')
			l->in_string = !l->in_string;
		else if (l->in_string && i < s.n)
			i++; /* the backslash takes the next octet with it */
		else if (l->in_string)
			l->after_slash = true;
		else if ((c | 0x20) == '{')
			l->nested++;
		else
			l->nested -= l->nested > 0;
		if (!l->in_string && !l->nested) {
			*pos = i;
			return true;
		}
	}
	*pos = s.n;
	return false;
}

/* The value at *pos, whatever it is; false: cut off. */
static bool loose_value(struct span s, size_t *pos)
{
	struct loose l = { 0 };
	if (memchr("{[\"", s.p[*pos], 3))
		return loose_pass(s, pos, &l);
	while (*pos < s.n && !is_space(s.p[*pos]) && !memchr(",]}", s.p[*pos], 3))
		++*pos;
	return *pos < s.n;
}

static size_t skip(struct span s, size_t pos, const char *also)
{
	while (pos < s.n && (is_space(s.p[pos]) || (s.p[pos] && strchr(also, s.p[pos]))))
		pos++;
	return pos;
}

bool json_peek_each(struct span s, json_visit *visit, void *ctx)
{
	size_t pos = skip(s, span_starts(s, SPAN_LIT("\xef\xbb\xbf")) ? 3 : 0, ""), from;
	if (pos >= s.n || s.p[pos++] != '{')
		return false;
	for (;;) {
		struct json_member m = { .kind = JSON_END };
		from = pos = skip(s, pos, ",");
		if (pos >= s.n || s.p[pos] != '"')
			return pos < s.n && s.p[pos] == '}';
		if (!loose_value(s, &pos))
			return false;
		struct span key = span_of(s.p + from + 1, pos - from - 2);
		from = pos = skip(s, pos, ":");
		if (pos >= s.n || memchr(",]}", s.p[pos], 3))
			return false;
		m.kind = kind_of(s.p[pos]);
		m.cut = !loose_value(s, &pos);
		m.value = span_of(s.p + from, pos - from);
		if (m.kind == JSON_STRING) {
			m.value = span_of(m.value.p + 1, m.value.n - (m.cut ? 1 : 2));
			m.escaped = span_find(m.value, '\\') < m.value.n;
		}
		if (!visit(ctx, key, &m) || m.cut)
			return false;
	}
}

struct members {
	struct json_member *m;
	size_t n;
};

static struct json_member *member_named(const struct members *m, struct span key)
{
	for (size_t i = 0; i < m->n; i++)
		if (key.n && m->m[i].name[0] == (char)key.p[0] && span_is(key, m->m[i].name))
			return &m->m[i];
	return NULL;
}

static void set_member(struct json_member *to, const struct json_member *from)
{
	const char *name = to->name;
	*to = *from;
	to->name = name;
}

static bool set_named(void *ctx, struct span key, const struct json_member *value)
{
	struct json_member *to = member_named(ctx, key);
	if (to)
		set_member(to, value);
	return true;
}

static void clear_members(struct json_member *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		set_member(&m[i], &(struct json_member){ .kind = JSON_END });
}

bool json_peek(struct span s, struct json_member *m, size_t n)
{
	clear_members(m, n);
	return json_peek_each(s, set_named, &(struct members){ m, n });
}

bool walk_peek(const struct walker *w, struct json_member *m, size_t n)
{
	return json_peek(span_from(w->piece, w->start), m, n);
}

/* ---- the walk ---- */

static enum walk_step broken(struct walker *w, const char *sentence)
{
	w->error = sentence;
	return WALK_ERROR;
}

void walk_begin(struct walker *w, struct walk_place *place, struct span piece, bool last)
{
	*w = (struct walker){ .place = place,
			      .piece = span_head(piece, WALK_PIECE_MAX),
			      .last = last && piece.n <= WALK_PIECE_MAX };
}

static bool go_on_passing(struct walker *w)
{
	struct walk_place *p = w->place;
	struct loose l = { p->nested, p->in_string, p->after_slash };
	p->passing = !loose_pass(w->piece, &w->pos, &l);
	p->nested = l.nested;
	p->in_string = l.in_string;
	p->after_slash = l.after_slash;
	w->used = w->pos;
	return !p->passing;
}

/* Strict reading of what begins at w->pos. */
static struct json_reader reader(const struct walker *w)
{
	struct json_reader r;
	json_init(&r, span_from(w->piece, w->pos), w->last);
	return r;
}

static enum walk_step reader_stopped(struct walker *w, const struct json_reader *r, enum json_token t)
{
	if (t == JSON_MORE)
		return WALK_MORE;
	w->pos += r->pos;
	return broken(w, r->error);
}

/* Key and colon. */
static enum walk_step read_key(struct walker *w)
{
	struct json_reader r = reader(w);
	if (w->piece.p[w->pos] != '"')
		return broken(w, "a key in quotes is missing");
	enum json_token t = json_next(&r);
	if (t != JSON_STRING)
		return reader_stopped(w, &r, t);
	w->key = r.slice;
	size_t colon = skip(w->piece, w->pos + r.pos, "");
	if (colon == w->piece.n)
		return WALK_MORE;
	w->pos = colon;
	if (w->piece.p[colon] != ':')
		return broken(w, "':' is missing behind a key");
	w->pos = skip(w->piece, colon + 1, "");
	return w->pos == w->piece.n ? WALK_MORE : WALK_VALUE;
}

enum walk_step walk_next(struct walker *w)
{
	struct walk_place *p = w->place;
	if (p->passing && !go_on_passing(w))
		return WALK_MORE;
	for (;;) {
		w->pos = skip(w->piece, w->pos, p->depth ? "," : ",\x1e");
		w->used = w->item = w->pos;
		w->in = p->depth ? p->path[p->depth - 1] : 0;
		w->key = span_of(w->piece.p, 0);
		struct span rest = span_from(w->piece, w->pos);
		if (rest.n == 0)
			return w->last && !p->depth ? WALK_END : WALK_MORE;
		bool object = w->in >= 'A' && w->in <= 'Z';
		if (w->in && rest.p[0] == (object ? '}' : ']')) {
			p->path[--p->depth] = 0;
			w->pos++;
			continue;
		}
		if (!w->in && rest.p[0] == 0xef) {
			if (rest.n < 3)
				return WALK_MORE;
			if (span_starts(rest, SPAN_LIT("\xef\xbb\xbf"))) {
				w->pos += 3;
				continue;
			}
		}
		enum walk_step step = object ? read_key(w) : WALK_VALUE;
		if (step != WALK_VALUE)
			return step;
		w->start = w->pos;
		w->kind = kind_of(w->piece.p[w->pos]);
		return WALK_VALUE;
	}
}

bool walk_enter(struct walker *w, char letter)
{
	struct walk_place *p = w->place;
	if (p->depth == WALK_DEPTH)
		return false;
	p->path[p->depth++] = letter;
	w->used = ++w->pos;
	return true;
}

static enum walk_step pass_loosely(struct walker *w)
{
	struct walk_place *p = w->place;
	p->nested = 0;
	p->in_string = p->after_slash = false;
	(void)go_on_passing(w);
	return WALK_VALUE;
}

enum walk_step walk_pass(struct walker *w)
{
	struct json_reader r = reader(w);
	enum json_token t = json_skip(&r);
	if (t == JSON_MORE && (w->kind == JSON_OBJECT || w->kind == JSON_ARRAY || w->kind == JSON_STRING))
		return pass_loosely(w);
	if (t == JSON_MORE || t == JSON_ERROR)
		return reader_stopped(w, &r, t);
	w->used = w->pos += r.pos;
	return WALK_VALUE;
}

static enum json_token take_members(struct json_reader *r, const struct members *m)
{
	enum json_token t;
	while ((t = json_next(r)) == JSON_KEY) {
		struct json_member *to = member_named(m, r->slice);
		t = json_skip(r);
		if (t <= JSON_ERROR)
			return t;
		if (!to)
			continue;
		bool string = t == JSON_STRING;
		set_member(to, &(struct json_member){ .kind = t,
						      .escaped = string && r->escaped,
						      .value = string ? span_of(r->slice.p + 1, r->slice.n - 2) :
									r->slice });
	}
	return t;
}

enum walk_step walk_take(struct walker *w, struct json_member *m, size_t n)
{
	struct json_reader r = reader(w);
	enum json_token t;
	clear_members(m, n);
	if (w->kind == JSON_OBJECT) {
		t = json_next(&r);
		if (t == JSON_OBJECT)
			t = take_members(&r, &(struct members){ m, n });
	} else {
		t = json_skip(&r);
		bool string = t == JSON_STRING;
		set_member(&m[0],
			   &(struct json_member){ .kind = t,
						  .escaped = string && r.escaped,
						  .value = string ? span_of(r.slice.p + 1, r.slice.n - 2) : r.slice });
	}
	bool too_large = (t == JSON_MORE ? w->piece.n - w->start : r.pos) > FEED_OBJECT_MAX;
	if (t == JSON_MORE && too_large) {
		(void)pass_loosely(w);
		return WALK_END;
	}
	if (t == JSON_MORE || t == JSON_ERROR)
		return reader_stopped(w, &r, t);
	w->used = w->pos += r.pos;
	return too_large ? WALK_END : WALK_VALUE;
}

/* ---- places ---- */

static uint64_t line_ends(struct span s)
{
	const uint64_t ones = 0x0101010101010101ULL, low = 0x7f * ones;
	uint64_t n = 0, word;
	for (; s.n >= 8; s.p += 8, s.n -= 8) {
		memcpy(&word, s.p, 8);
		word ^= '\n' * ones;
		n += ((~(((word & low) + low) | word | low) >> 7) * ones) >> 56;
	}
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void count_lines(struct walker *w, size_t to)
{
	if (to > w->lines_at) {
		w->lines += line_ends(span_of(w->piece.p + w->lines_at, to - w->lines_at));
		w->lines_at = to;
	}
}

uint64_t walk_line(struct walker *w)
{
	count_lines(w, w->item);
	return w->lines + 1;
}

/* Octets of the last line before `at`. */
static uint64_t column(const struct walker *w, size_t at)
{
	const uint8_t *nl = at ? memrchr(w->piece.p, '\n', at) : NULL;
	return nl ? at - (size_t)(nl - w->piece.p) - 1 : w->place->column + at;
}

enum err walk_finish(struct walker *w, enum walk_step step, struct fault *f)
{
	struct walk_place *p = w->place;
	enum err e = OK;
	if (step == WALK_MORE && w->last) {
		w->pos = w->piece.n;
		step = broken(w, p->passing || w->used < w->pos ? "the text ends inside a value" :
				 p->path[p->depth - 1] >= 'a'   ? "the text ends inside an array" :
								  "the text ends inside an object");
	}
	if (step == WALK_ERROR) {
		uint64_t line = p->line + line_ends(span_head(w->piece, w->pos)) + 1;
		e = fault_set(f, ERR_SYNTAX, "line %llu column %llu: %s", (unsigned long long)line,
			      (unsigned long long)column(w, w->pos) + 1, w->error);
	}
	/* Lines were counted up to the last record, which a caller may have given back. */
	if (w->lines_at > w->used)
		w->lines = w->lines_at = 0;
	count_lines(w, w->used);
	p->column = column(w, w->used);
	p->line += w->lines;
	return e;
}

void walk_save(const struct walk_place *p, struct buf *out)
{
	buf_put(out, p->path, p->depth);
	if (p->passing) {
		buf_putc(out, '!');
		buf_putu(out, p->nested);
		if (p->in_string)
			buf_puts(out, p->after_slash ? "e" : "s");
	}
	buf_putc(out, ':');
}

enum err walk_load(struct walk_place *p, struct span token, struct span *ret_rest)
{
	size_t end = span_find(token, ':');
	struct span path = span_head(token, span_find(span_head(token, end), '!'));
	struct span passing = span_from(span_head(token, end), path.n + 1);
	struct walk_place got = { .depth = (uint8_t)path.n, .passing = path.n < end };
	uint64_t nested = 0;
	if (end == token.n || path.n > WALK_DEPTH)
		return ERR_SYNTAX;
	for (size_t i = 0; i < path.n; i++)
		if (ascii_lower(path.p[i]) < 'a' || ascii_lower(path.p[i]) > 'z')
			return ERR_SYNTAX;
	memcpy(got.path, path.p, path.n);
	if (passing.n && (passing.p[passing.n - 1] == 's' || passing.p[passing.n - 1] == 'e')) {
		got.in_string = true;
		got.after_slash = passing.p[--passing.n] == 'e';
	}
	if (got.passing && num_parse_u64(passing, UINT32_MAX, &nested))
		return ERR_SYNTAX;
	if (got.passing && !nested && !got.in_string)
		return ERR_SYNTAX;
	got.nested = (uint32_t)nested;
	*p = got;
	*ret_rest = span_from(token, end + 1);
	return OK;
}
