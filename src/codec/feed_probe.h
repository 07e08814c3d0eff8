/* For tests of formats: a stream in, one line of text out for each record.
 *
 *     1 ipv4 192.0.2.1, domain evil.example      2 skipped comment      3 rejected
 *
 * A claim that is no plain indicator has its stance behind it.  Every stream is parsed twice: whole, and in ever new
 * parsers, each from the token of the one before, that get one octet more until they take something; both must say the same. */
#ifndef CODEC_FEED_PROBE_H
#define CODEC_FEED_PROBE_H

#include "codec/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static inline bool probe_sink(void *ctx, const struct feed_record *r)
{
	static const char *const stances[] = { "", " sighting", " false-positive", " retracted", " protected", " known" };
	struct buf *out = ctx;
	buf_putu(out, r->line);
	if (r->fate == FATE_SKIPPED)
		buf_printf(out, " skipped %s", r->what);
	if (r->fate == FATE_REJECTED) {
		assert_true(strlen(r->reason) > 10);
		buf_puts(out, " rejected");
	}
	for (unsigned i = 0; i < r->n_claims; i++) {
		const struct feed_claim *c = &r->claims[i];
		assert_int_equal(c->kinds, KINDS_ALL);
		buf_printf(out, "%s %s ", i ? "," : "", obs_kind_name(c->obs.kind));
		obs_format(&c->obs, out);
		buf_puts(out, stances[c->stance]);
		if (c->category != CAT_UNKNOWN)
			buf_printf(out, " %s", category_row(c->category)->name);
		if (c->seen)
			buf_printf(out, " @%u", c->seen);
		if (c->confidence != CONFIDENCE_ABSENT)
			buf_printf(out, " %u%%", c->confidence);
	}
	if (r->tlp)
		buf_printf(out, " tlp%u", r->tlp);
	buf_putc(out, '\n');
	assert_true(r->fate != FATE_CLAIMS || r->n_claims);
	return true;
}

static inline void probe_pieces(const struct feed_format *format, const struct feed_options *o, struct span text, struct buf *out)
{
	struct buf token = { 0 };
	for (size_t at = 0, more = 1, used = 0; at < text.n; at += used, more = used ? 1 : more + 1) {
		struct feed_parser *p = feed_parser_new(format, o);
		if (at)
			assert_int_equal(feed_parser_load(p, buf_span(&token)), OK);
		bool last = at + more >= text.n;
		assert_int_equal(feed_parse(p, span_head(span_from(text, at), more), last, probe_sink, out, &used, NULL), OK);
		assert_true(used || !last);
		token.n = 0;
		feed_parser_save(p, &token);
		assert_true(token.n <= FEED_TOKEN_MAX);
		for (size_t i = 0; i < token.n; i++)
			assert_true(token.p[i] > ' ' && token.p[i] <= '~');
		feed_parser_free(p);
	}
	buf_release(&token);
}

static inline void probe_with(const char *format, const struct feed_options *o, struct span text, const char *want)
{
	const struct feed_format *f = feed_format_find(span_str(format));
	struct buf whole = { 0 }, pieces = { 0 };
	struct feed_parser *p = feed_parser_new(f, o);
	size_t used;
	assert_int_equal(feed_parse(p, text, true, probe_sink, &whole, &used, NULL), OK);
	assert_int_equal(used, text.n);
	feed_parser_free(p);
	assert_string_equal(buf_cstr(&whole), want);
	probe_pieces(f, o, text, &pieces);
	assert_string_equal(buf_cstr(&pieces), want);
	buf_release(&whole);
	buf_release(&pieces);
}

static inline void probe(const char *format, const char *text, const char *want)
{
	probe_with(format, NULL, span_str(text), want);
}

/* The format found for `text`, "none" for none. */
static inline const char *probe_detect(struct span text)
{
	int sure;
	const struct feed_format *f = feed_detect(text, true, NULL, &sure);
	return f ? f->name : "none";
}

#endif
