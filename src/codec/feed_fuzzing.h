/* For fuzz targets of feed formats: whatever the octets, records lie in the piece and in order, tokens load again, and
 * a text that is understood as a whole says the same in pieces. */
#ifndef CODEC_FEED_FUZZING_H
#define CODEC_FEED_FUZZING_H

#include <stdlib.h>

#include "codec/feed.h"

struct fuzz_told {
	struct span piece;
	size_t at;       /* records come in order */
	uint64_t lines, digest;
};

static inline void fuzz_add(struct fuzz_told *t, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t->digest = (t->digest ^ ((const uint8_t *)p)[i]) * 0x100000001b3ULL;
}

static inline bool fuzz_record(void *ctx, const struct feed_record *r)
{
	struct fuzz_told *t = ctx;
	uint64_t head[4] = { r->fate, r->line + t->lines, r->n_claims, r->tlp };
	if (r->off < t->at || r->len > t->piece.n || r->off > t->piece.n - r->len || r->n_claims > FEED_CLAIMS_MAX)
		abort();
	if (r->fate == FATE_CLAIMS ? !r->n_claims && !r->rule : r->fate == FATE_SKIPPED ? !r->what : !r->reason)
		abort();
	t->at = r->off + r->len;
	fuzz_add(t, head, sizeof(head));
	for (unsigned i = 0; i < r->n_claims; i++) {
		const struct feed_claim *c = &r->claims[i];
		uint32_t fields[4] = { c->stance, c->part, c->seen, (uint32_t)c->obs.kind << 8 | c->obs.prefix };
		fuzz_add(t, fields, sizeof(fields));
		fuzz_add(t, c->obs.key, c->obs.n);
	}
	return true;
}

static inline enum err fuzz_pieces(const struct feed_format *format, struct span text, size_t piece,
				   uint64_t *ret_digest)
{
	struct feed_options o = { .stance = STANCE_INDICATOR };
	struct fuzz_told t = { 0 };
	struct buf token = { 0 };
	void *state = mem_zalloc(format->state_size);
	size_t from = 0, used, want = piece;
	enum err e;
	for (;;) {
		format->start(state, &o);
		if (token.n && format->load(state, buf_span(&token)))
			abort();
		bool last = want >= text.n - from;
		struct fault f;
		t.piece = span_head(span_from(text, from), want);
		t.at = 0;
		e = format->parse(state, t.piece, last, fuzz_record, &t, &used, &f);
		if (used > t.piece.n || used < t.at || (last && !e && used != t.piece.n))
			abort();
		for (size_t i = 0; i < used; i++)
			t.lines += t.piece.p[i] == '\n';
		from += used;
		token.n = 0;
		format->save(state, &token);
		if (e || last)
			break;
		want = used ? piece : 2 * want;
	}
	buf_release(&token);
	free(state);
	*ret_digest = t.digest;
	return e;
}

static inline int fuzz_feed(const struct feed_format *format, struct span text)
{
	uint64_t whole, cut;
	int sure = format->sniff(text, true, NULL);
	if (sure < 0 || sure > 100)
		abort();
	bool ok = fuzz_pieces(format, text, text.n + 1, &whole) == OK;
	for (size_t piece = 1; piece < text.n; piece = 3 * piece + text.p[text.n / 2] % 7)
		if ((fuzz_pieces(format, text, piece, &cut) == OK) && ok && cut != whole)
			abort();
	void *state = mem_zalloc(format->state_size);
	(void)!format->load(state, text);
	free(state);
	return 0;
}

#endif
