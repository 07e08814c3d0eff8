/* The driver: formats see a piece and count lines in it from 1; the driver knows how many line ends came before.  The token
 * of a stream is "LINES:STATE". */
#include "codec/feed.h"

#include "base/num.h"

static bool is_utf16(struct span s)
{
	return s.n >= 2 && ((s.p[0] == 0xff && s.p[1] == 0xfe) || (s.p[0] == 0xfe && s.p[1] == 0xff));
}

struct feed_parser {
	const struct feed_format *format;
	uint64_t lines; /**< line ends consumed so far */
	bool began;
	_Alignas(max_align_t) uint8_t state[];
};

struct feed_parser *feed_parser_new(const struct feed_format *format, const struct feed_options *o)
{
	static const struct feed_options none = { .stance = STANCE_INDICATOR };
	struct feed_parser *p = mem_zalloc(sizeof(*p) + format->state_size);
	p->format = format;
	format->start(p->state, o ? o : &none);
	return p;
}

void feed_parser_free(struct feed_parser *p)
{
	free(p);
}

struct relay {
	feed_sink *sink;
	void *ctx;
	uint64_t lines;
};

static bool relay_record(void *ctx, const struct feed_record *r)
{
	const struct relay *to = ctx;
	struct feed_record placed = *r;
	placed.line += to->lines;
	return to->sink(to->ctx, &placed);
}

/* The compiler makes vector code of this. */
static uint64_t line_ends(struct span s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

enum err feed_parse(struct feed_parser *p, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,
		    struct fault *f)
{
	struct relay to = { sink, ctx, p->lines };
	struct fault own = { 0 };
	*ret_used = 0;
	if (!p->began && is_utf16(in))
		return fault_set(f, ERR_SYNTAX, "the text is UTF-16; convert it to UTF-8 first");
	enum err e = p->format->parse(p->state, in, last, relay_record, &to, ret_used, f ? f : &own);
	p->lines += line_ends(span_head(in, *ret_used));
	p->began |= *ret_used > 0;
	return e;
}

void feed_parser_save(const struct feed_parser *p, struct buf *out)
{
	buf_putu(out, p->lines);
	buf_putc(out, p->began ? ':' : '-');
	if (p->format->save)
		p->format->save(p->state, out);
}

enum err feed_parser_load(struct feed_parser *p, struct span token)
{
	size_t digits = 0;
	uint64_t lines;
	while (digits < token.n && ascii_digit(token.p[digits]))
		digits++;
	if (token.n > FEED_TOKEN_MAX || digits == token.n || (token.p[digits] != ':' && token.p[digits] != '-') ||
	    num_parse_u64(span_head(token, digits), UINT64_MAX, &lines))
		return ERR_SYNTAX;
	struct span state = span_from(token, digits + 1);
	enum err e = p->format->load ? p->format->load(p->state, state) : state.n ? ERR_SYNTAX : OK;
	if (!e) {
		p->lines = lines;
		p->began = token.p[digits] == ':';
	}
	return e;
}
