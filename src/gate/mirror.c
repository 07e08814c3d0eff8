#include "gate/mirror.h"

#include <stdio.h>

#include "codec/feed.h"
#include "gate/intake.h"
#include "ledger/record.h"

static void note_source(struct mirror_news *news, struct span source, bool snapshot)
{
	for (unsigned i = 0; i < news->n; i++)
		if (span_is(source, news->source[i].name))
			return;
	snprintf(news->source[news->n].name, sizeof(news->source[0].name), SPAN_FMT, SPAN_ARG(source));
	news->source[news->n++].snapshot = snapshot;
}

enum err mirror_look(struct span parcel, struct mirror_news *ret_news, struct fault *f)
{
	struct parcel p;
	struct parcel_entry e;
	struct record r;
	enum err err = parcel_open(parcel, &p, f);
	ret_news->n = 0;
	ret_news->counts = false;
	if (err)
		return err;
	while ((err = parcel_next(&p, &e, f)) == OK && (err = record_parse(e.record, &r, f)) == OK) {
		if (r.kind == ENTRY_ENDED)
			note_source(ret_news, r.source, r.flags & ENTRY_SNAPSHOT);
		if (r.kind == ENTRY_HITS)
			note_source(ret_news, SPAN_LIT(HITS_SOURCE), false);
		ret_news->counts |= r.kind == ENTRY_ENDED || r.kind == ENTRY_HITS || r.kind == ENTRY_ERASED || r.kind == ENTRY_PRUNED;
	}
	return err == ERR_NOTFOUND ? OK : err;
}

struct noting {
	struct span body;
	struct buf *objects;
};

static bool note_object(void *ctx, const struct feed_record *r)
{
	struct noting *n = ctx;
	struct span record = span_from(span_head(n->body, r->off + r->len), r->off);
	size_t brace = span_find(record, '{');
	struct object o = { .id = r->id, .offset = (uint32_t)(r->off + brace) };
	if (r->id.n && brace < record.n)
		buf_put(n->objects, &o, sizeof(o));
	return true;
}

void mirror_objects(void *ctx, const struct record *r, struct span body, struct buf *ret_objects)
{
	const struct feed_format *format = feed_format_find(r->media);
	struct noting n = { body, ret_objects };
	struct feed_parser *parser;
	struct fault ignored;
	size_t used;
	if (!format || r->flags & ENTRY_CONTINUES || intake_resume(format, r->token, &parser))
		return;
	(void)!feed_parse(parser, body, true, note_object, &n, &used, &ignored);
	feed_parser_free(parser);
}
