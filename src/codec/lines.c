#include "codec/lines.h"

enum { SURVEY_MAX = 64 << 10, LINES_STATE_MAX = 512 };

void lines_start(void *state, const struct feed_options *o)
{
	*(struct lines *)state = (struct lines){ .stance = o ? (uint8_t)o->stance : STANCE_INDICATOR };
}

void lines_save(const void *state, struct buf *out)
{
	const struct lines *l = state;
	buf_printf(out, "%u%s", l->stance, l->inside ? "i" : "");
}

enum err lines_load(void *state, struct span token)
{
	struct lines *l = state;
	bool inside = token.n == 2 && token.p[1] == 'i';
	if ((token.n != 1 && !inside) || token.p[0] < '0' || token.p[0] > '0' + STANCE_KNOWN)
		return ERR_SYNTAX;
	*l = (struct lines){ .stance = (uint8_t)(token.p[0] - '0'), .inside = inside };
	return OK;
}

static struct span without_end(struct span line)
{
	while (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (UNLIKELY(line.n >= 3 && line.p[0] == 0xef && !memcmp(line.p, "\xef\xbb\xbf", 3)))
		line = span_from(line, 3);
	return line;
}

enum err lines_parse(void *state, struct span in, bool last, line_reader *read, feed_sink *sink, void *ctx, size_t *ret_used)
{
	struct lines *l = state;
	struct draft d;
	uint64_t number = 1;
	size_t at = 0;
	enum err e = OK;
	draft_init(&d, l->stance);
	while (at < in.n) {
		const uint8_t *nl = memchr(in.p + at, '\n', in.n - at);
		size_t end = nl ? (size_t)(nl - in.p) : in.n;
		bool whole = nl || last, inside = l->inside;
		if (!inside) {
			struct span line = { in.p + at, end - at };
			if (!whole && line.n <= FEED_RECORD_MAX)
				break;
			draft_begin(&d);
			d.r.line = number;
			d.r.off = at;
			d.r.len = line.n;
			if (LIKELY(line.n <= FEED_RECORD_MAX))
				read(state, without_end(line), &d);
			else
				draft_reject(&d, "the line is longer than %d octets", FEED_RECORD_MAX);
			if (!sink(ctx, &d.r)) {
				e = ERR_CANCELLED;
				break;
			}
		}
		l->inside = !whole;
		number += nl != NULL;
		at = nl ? end + 1 : end;
	}
	*ret_used = at;
	return e;
}

static bool is_one_of(const char *what, const char *const *list)
{
	while (*list && strcmp(what, *list))
		list++;
	return *list;
}

static bool count(void *ctx, const struct feed_record *r)
{
	static const char *const neutral[] = { "blank", "comment", "localhost", "rule", NULL }, *const others[] = { "path", "asn", NULL };
	struct survey *s = ctx;
	s->lines++;
	s->claims += r->fate == FATE_CLAIMS;
	s->rejected += r->fate == FATE_REJECTED;
	if (r->n_claims)
		s->prefixes += r->claims[0].obs.prefix > 0;
	if (r->fate != FATE_SKIPPED || is_one_of(r->what, neutral))
		return true;
	if (is_one_of(r->what, others))
		s->others++;
	else
		s->headings++;
	return true;
}

void lines_survey(struct span head, bool whole, line_reader *read, size_t state_size, struct survey *ret_survey)
{
	_Alignas(8) uint8_t state[LINES_STATE_MAX] = { 0 };
	size_t used;
	*ret_survey = (struct survey){ 0 };
	if (state_size > sizeof(state))
		return;
	/* A head without any line end is one line that goes on. */
	bool last = (whole && head.n <= SURVEY_MAX) || span_find(head, '\n') == head.n;
	enum err e = lines_parse(state, span_head(head, SURVEY_MAX), last, read, count, ret_survey, &used);
	(void)e; /* `count` never cancels */
}

int survey_sure(const struct survey *s, int best)
{
	unsigned said = s->claims + s->rejected + s->headings;
	return said ? (int)((unsigned)best * s->claims / said) : 0;
}

bool text_is_markup(struct span head)
{
	struct span s = span_trim(span_starts(head, SPAN_LIT("\xef\xbb\xbf")) ? span_from(head, 3) : head);
	if (!s.n)
		return false;
	if (s.p[0] == '{' || s.p[0] == '<' || span_starts(s, SPAN_LIT("#separator ")))
		return true;
	struct span inner = span_trim(span_from(s, 1));
	return s.p[0] == '[' && inner.n && memchr("{[]\"", inner.p[0], 4);
}

bool text_is_wordy(struct span head, unsigned words)
{
	unsigned lines = 0, wordy = 0;
	for (size_t end; head.n && lines < 200; head = span_from(head, end + 1)) {
		end = span_find(head, '\n');
		struct span line = line_without_comment(span_head(head, end)), word;
		unsigned n = 0;
		if (!line.n || line.p[0] == ';' || line.p[0] == '!' || line.p[0] == '|')
			continue;
		while ((word = word_next(&line)).n)
			n += !span_is(word, "|");
		lines++;
		wordy += n >= words;
	}
	return wordy * 2 > lines;
}

struct span word_next(struct span *rest)
{
	struct span s = *rest;
	while (s.n && ascii_space(s.p[0]))
		s.p++, s.n--;
	size_t n = 0;
	while (n < s.n && !ascii_space(s.p[n]))
		n++;
	*rest = span_from(s, n);
	return span_head(s, n);
}

struct span line_without_comment(struct span line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (!i || ascii_space(line.p[i - 1])))
			line.n = i;
	return span_trim(line);
}

int lines_sniff(struct span head, bool whole, line_reader *read, int best)
{
	struct survey s;
	if (text_is_markup(head))
		return 0;
	lines_survey(head, whole, read, sizeof(struct lines), &s);
	return survey_sure(&s, best);
}
