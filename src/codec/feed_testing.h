/* For tests of feed formats: what a text says as lines of text, and the properties that every format must have. */
#ifndef CODEC_FEED_TESTING_H
#define CODEC_FEED_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "codec/feed.h"

struct told {
	struct buf text;       /* one line per record */
	uint64_t lines;        /* line ends before the piece */
	unsigned records, stop_after;
	struct { size_t off, len; } place[512];
};

static inline void tell_claim(struct buf *b, const struct feed_claim *c)
{
	static const char *const stances[] = {
		"", "sighting ", "false-positive ", "retracted ", "protected ", "known ", "", "", "unsaid ", "unsaid-sighting ", "unsaid-false-positive "
	};
	char when[32];
	buf_puts(b, stances[c->stance]);
	buf_printf(b, "%s ", obs_kind_name((enum obs_kind)c->obs.kind));
	obs_format(&c->obs, b);
	if (c->category)
		buf_printf(b, " %s", category_row((enum category)c->category)->name);
	if (c->confidence != CONFIDENCE_ABSENT)
		buf_printf(b, " %u%%", c->confidence);
	if (c->seen)
		time_format(c->seen, when), buf_printf(b, " seen %.10s", when);
	if (c->until)
		time_format(c->until, when), buf_printf(b, " until %.10s", when);
	if (c->kinds != KINDS_ALL)
		buf_printf(b, " kinds %u", c->kinds);
	buf_puts(b, c->part ? " part" : "");
	buf_puts(b, c->exact_only ? " exact" : "");
}

static inline bool tell(void *ctx, const struct feed_record *r)
{
	static const char *const rules[] = { "", "string", "substring", "regex" };
	static const char *const tlps[] = { "",           " tlp:clear",        " tlp:green",
					    " tlp:amber", " tlp:amber+strict", " tlp:red" };
	struct told *t = ctx;
	if (t->records == t->stop_after)
		return false;
	if (t->records < COUNT_OF(t->place))
		t->place[t->records].off = r->off, t->place[t->records].len = r->len;
	t->records++;
	buf_printf(&t->text, "%llu%s", (unsigned long long)(r->line + t->lines), tlps[r->tlp]);
	if (r->fate == FATE_SKIPPED)
		buf_printf(&t->text, " skipped %s", r->what);
	else if (r->fate == FATE_REJECTED)
		/* what is wrong with an observable is told in the words of others: only the value */
		buf_printf(&t->text, " rejected %.*s",
			   (int)(r->reason[0] == '"' ? strcspn(r->reason, ":") : strlen(r->reason)), r->reason);
	else
		assert_true(r->n_claims || r->rule);
	for (unsigned i = 0; i < r->n_claims; i++) {
		buf_puts(&t->text, i ? ", " : " ");
		tell_claim(&t->text, &r->claims[i]);
	}
	if (r->rule)
		buf_printf(&t->text, " %s %s " SPAN_FMT " kinds %u",
			   r->rule_stance == STANCE_KNOWN ? "known" : "protected", rules[r->rule],
			   SPAN_ARG(r->rule_text), r->rule_kinds);
	buf_putc(&t->text, '\n');
	return true;
}

static inline uint64_t ends_in(struct span s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* A parser that stands where `token` says; the octets of the piece are copied, so reading beyond them is caught. */
static inline enum err tell_piece(const struct feed_format *format, const struct feed_options *o, struct buf *token,
				  struct span in, bool last, struct told *t, size_t *ret_used, struct fault *f)
{
	void *state = mem_zalloc(format->state_size);
	uint8_t *copy = mem_alloc(in.n);
	if (in.n)
		memcpy(copy, in.p, in.n);
	format->start(state, o);
	if (token->n)
		assert_int_equal(format->load(state, buf_span(token)), OK);
	enum err e = format->parse(state, span_of(copy, in.n), last, tell, t, ret_used, f);
	assert_true(*ret_used <= in.n);
	token->n = 0;
	format->save(state, token);
	assert_true(token->n <= FEED_TOKEN_MAX);
	for (size_t i = 0; i < token->n; i++)
		assert_true(token->p[i] > ' ' && token->p[i] < 0x7f);
	free(copy);
	free(state);
	return e;
}

/* The whole text in pieces of `piece` octets (more where one holds no whole record); a fault is the last line. */
static inline void tell_text(const struct feed_format *format, const struct feed_options *o, struct span text,
			     size_t piece, struct buf *out)
{
	static const struct feed_options plain = { .stance = STANCE_INDICATOR };
	struct told t = { .stop_after = UINT32_MAX };
	struct buf token = { 0 }, before = { 0 };
	struct fault f = { 0 };
	size_t from = 0, used, want = piece;
	enum err e;
	for (;;) {
		bool last = want >= text.n - from;
		struct span in = span_head(span_from(text, from), want);
		before.n = 0;
		buf_putspan(&before, buf_span(&token));
		size_t told_before = t.text.n;
		e = tell_piece(format, o ? o : &plain, &token, in, last, &t, &used, &f);
		/* what was consumed says the same again, alone and as if it were the end */
		struct told again = { .stop_after = UINT32_MAX, .lines = t.lines };
		size_t used_again;
		struct fault ignored;
		(void)!tell_piece(format, o ? o : &plain, &before, span_head(in, used), true, &again, &used_again,
				  &ignored);
		if (used && piece < text.n)
			assert_true(span_eq(buf_span(&again.text), span_from(buf_span(&t.text), told_before)));
		buf_release(&again.text);
		t.lines += ends_in(span_head(in, used));
		from += used;
		if (e || last)
			break;
		want = used ? piece : 2 * want;
	}
	if (!e)
		assert_int_equal(from, text.n);
	out->n = 0;
	buf_putspan(out, buf_span(&t.text));
	if (e)
		buf_printf(out, "%s\n", strstr(f.text, "column") ? strstr(f.text, ": ") + 2 : f.text);
	buf_release(&t.text);
	buf_release(&token);
	buf_release(&before);
}

/* Cancelled at record k, nothing of it is consumed and the rest says what is missing; cut out, the others are the same. */
static inline void check_records(const struct feed_format *format, const struct feed_options *o, struct span text)
{
	static const struct feed_options plain = { .stance = STANCE_INDICATOR };
	struct told all = { .stop_after = UINT32_MAX };
	struct buf token = { 0 }, cut = { 0 };
	struct fault f = { 0 };
	size_t used;
	if (tell_piece(format, o ? o : &plain, &token, text, true, &all, &used, &f))
		goto out;
	for (unsigned k = 0; k < all.records && k < COUNT_OF(all.place); k++) {
		struct told some = { .stop_after = k };
		token.n = 0;
		assert_int_equal(tell_piece(format, o ? o : &plain, &token, text, true, &some, &used, &f),
				 ERR_CANCELLED);
		assert_true(used <= all.place[k].off);
		some.stop_after = UINT32_MAX;
		some.lines = ends_in(span_head(text, used));
		assert_int_equal(
			tell_piece(format, o ? o : &plain, &token, span_from(text, used), true, &some, &used, &f), OK);
		assert_true(span_eq(buf_span(&some.text), buf_span(&all.text)));
		struct told others = { .stop_after = UINT32_MAX };
		cut.n = token.n = 0;
		buf_putspan(&cut, span_head(text, all.place[k].off));
		buf_putspan(&cut, span_from(text, all.place[k].off + all.place[k].len));
		assert_int_equal(tell_piece(format, o ? o : &plain, &token, buf_span(&cut), true, &others, &used, &f),
				 OK);
		assert_int_equal(others.records, all.records - 1);
		buf_release(&some.text);
		buf_release(&others.text);
	}
out:
	buf_release(&all.text);
	buf_release(&token);
	buf_release(&cut);
}

/* The text says `want`, in pieces of whatever size. */
static inline void says_with(const struct feed_format *format, const struct feed_options *o, const char *text,
			     const char *want)
{
	struct buf out = { 0 };
	struct span s = span_str(text);
	for (size_t piece = s.n + 1; piece > 0; piece--) {
		tell_text(format, o, s, piece, &out);
		if (strcmp(buf_cstr(&out), want) != 0)
			fail_msg("in pieces of %zu, %s\nsays %s\nnot  %s", piece, text, buf_cstr(&out), want);
	}
	check_records(format, o, s);
	buf_release(&out);
}

static inline void says(const struct feed_format *format, const char *text, const char *want)
{
	says_with(format, NULL, text, want);
}

/* Tokens that are none are refused and change nothing that would crash. */
static inline void refuses_tokens(const struct feed_format *format)
{
	static const char *const bad[] = { "",
					   "x",
					   "!:",
					   "!5",
					   "é:",
					   "abcdefghijklmnopqrstuvwxyz:",
					   "!0:",
					   "!5q:",
					   "a:9999999999999999999999",
					   "a!:",
					   "a!99999999999:",
					   "a:1,2,3,4,5,6",
					   ":," };
	void *state = mem_zalloc(format->state_size);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (format->load(state, span_str(bad[i])) == OK)
			fail_msg("%s takes the token \"%s\"", format->name, bad[i]);
	free(state);
}

static inline int sure(const struct feed_format *format, const char *head)
{
	return format->sniff(span_str(head), true, NULL);
}

#endif
