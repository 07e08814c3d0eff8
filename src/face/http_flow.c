/* An answer that is made while it is sent.  It is not begun before the connection asks for it, so a HEAD costs nothing, and what is over
 * when the last piece was taken has arrived, as far as anybody here can know. */
#include <stdlib.h>

#include "base/num.h"
#include "face/http_parts.h"
#include "sys/gzip.h"

struct flow {
	struct http_flow own;
	struct gzip_writer *gzip; /* NULL: as it is */
	struct buf piece;         /* what is not packed yet */
	bool whole;
};

/* RFC 9110 §12.5.3, as far as it is about gzip: named and not with a weight of 0.  A "*" alone is not taken for a wish. */
static bool takes_gzip(const char *field)
{
	struct span rest = span_str(field ? field : "");
	while (rest.n) {
		struct span item = span_head(rest, span_find(rest, ','));
		rest = span_from(rest, item.n + 1);
		struct span weight = span_trim(span_from(item, span_find(item, ';') + 1));
		bool none = span_starts(weight, SPAN_LIT("q=0")) && span_trim(span_from(weight, 3)).n == 0;
		none |= span_is(weight, "q=0.0") || span_is(weight, "q=0.00") || span_is(weight, "q=0.000");
		if (http_media_is(item, "gzip") && !none)
			return true;
	}
	return false;
}

static bool flow_more(void *ctx, struct buf *out)
{
	struct flow *w = ctx;
	if (!w->gzip)
		return !(w->whole = !w->own.make(w->own.ctx, out));
	w->piece.n = 0;
	bool more = w->own.make(w->own.ctx, &w->piece);
	gzip_writer_put(w->gzip, buf_span(&w->piece), !more, out);
	w->whole = !more;
	return more;
}

static void flow_over(void *ctx)
{
	struct flow *w = ctx;
	w->own.over(w->own.ctx, w->whole);
	gzip_writer_free(w->gzip);
	buf_release(&w->piece);
	free(w);
}

void http_flow(struct http_request *q, struct http_answer *a, const struct http_flow *flow, const char *type)
{
	struct flow *w = mem_zalloc(sizeof(*w));
	w->own = *flow;
	if (takes_gzip(http_request_header(q, "Accept-Encoding"))) {
		w->gzip = gzip_writer_new();
		http_answer_header(a, "Content-Encoding", "gzip");
	}
	http_answer_header(a, "Vary", HTTP_VARY);
	a->status = 200;
	a->type = type;
	a->more = flow_more;
	a->release = flow_over;
	a->ctx = w;
}
