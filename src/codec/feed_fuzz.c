/* The formats of text (those of JSON have their own): the first line names one, or its first octet picks one; the rest is
 * the stream.  Whole or in pieces with a token between them, it must say the same. */
#include "codec/formats.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	uint64_t records, claims, hash;
	size_t at;
};

static void mix(struct sum *s, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ ((const uint8_t *)p)[i]) * 0x100000001b3;
}

static bool add(void *ctx, const struct feed_record *r)
{
	struct sum *s = ctx;
	if (r->off < s->at || r->n_claims > FEED_CLAIMS_MAX || (r->fate == FATE_CLAIMS && !r->n_claims && !r->rule) ||
	    (r->fate == FATE_SKIPPED && !r->what) || (r->fate == FATE_REJECTED && !r->reason))
		abort();
	s->at = r->off + r->len;
	s->records++;
	s->claims += r->n_claims;
	mix(s, &r->line, sizeof(r->line));
	mix(s, &r->fate, sizeof(r->fate));
	for (unsigned i = 0; i < r->n_claims; i++) {
		const struct observable *o = &r->claims[i].obs;
		struct buf text = { 0 };
		if (o->kind == OBS_NONE || o->kind >= OBS_KINDS || o->n > OBS_KEY_MAX)
			abort();
		obs_format(o, &text);
		mix(s, text.p, text.n);
		buf_release(&text);
	}
	return true;
}

static enum err parse_pieces(const struct feed_format *f, struct span in, size_t piece, struct sum *s)
{
	struct buf token = { 0 };
	enum err e = OK;
	for (size_t at = 0, more = piece, used = 0; !e && at < in.n; at += used, more = used ? piece : more + piece) {
		struct feed_parser *p = feed_parser_new(f, NULL);
		if (at && feed_parser_load(p, buf_span(&token)))
			abort();
		s->at = 0;
		struct span part = span_head(span_from(in, at), more);
		e = feed_parse(p, part, at + more >= in.n, add, s, &used, NULL);
		if (used > part.n || (!e && !used && at + more >= in.n))
			abort();
		token.n = 0;
		feed_parser_save(p, &token);
		if (token.n > FEED_TOKEN_MAX)
			abort();
		feed_parser_free(p);
	}
	buf_release(&token);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct feed_format *const texts[] = {
		&feed_lines,  &feed_csv,     &feed_rpz,	      &feed_abusech,   &feed_netset,  &feed_hosts,
		&feed_adblock, &feed_dnsmasq, &feed_unbound, &feed_bindzones, &feed_suricata,
	};
	if (!size)
		return 0;
	struct span all = { data, size }, name = span_head(all, span_find(all, '\n')), in = span_from(all, name.n + 1);
	const struct feed_format *f = texts[data[0] % COUNT_OF(texts)];
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (span_is(name, texts[i]->name))
			f = texts[i];
	struct sum whole = { 0 }, pieces = { 0 };
	int sure;
	feed_detect(in, true, NULL, &sure);
	enum err a = parse_pieces(f, in, size, &whole), b = parse_pieces(f, in, 7, &pieces);
	if (a != b || (!a && (whole.records != pieces.records || whole.claims != pieces.claims || whole.hash != pieces.hash)))
		abort();
	struct feed_parser *p = feed_parser_new(f, NULL);
	(void)!feed_parser_load(p, in);
	feed_parser_free(p);
	return 0;
}
