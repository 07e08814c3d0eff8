/* Feeds as lists: GET /v1/feeds and /v1/feeds/NAME.ENDING. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/octets.h"
#include "codec/json.h"
#include "face/http_parts.h"
#include "gate/consumers.h"
#include "gate/list.h"

enum { PIECE = 64 << 10 };

/* One list that is being sent. */
struct serving {
	struct http_server *server;
	struct feed feed;
	struct http_caller caller;
	struct feed_reading *reading;
	struct feed_item *ranked; /* NULL: all, in the order of the reading */
	size_t n_ranked, at;
	struct list list;
	bool epoch_told;          /* the client says what the feed was when it took it: */
	uint32_t epoch;
	enum { BEGIN, GONE, VALUES } stage;
};

/* ---- making it ---- */

static bool next(struct serving *v, struct feed_item *ret_item)
{
	if (!v->ranked)
		return feed_next(v->reading, ret_item);
	if (v->at == v->n_ranked)
		return false;
	*ret_item = v->ranked[v->at++];
	return true;
}

static bool make(void *ctx, struct buf *out)
{
	struct serving *v = ctx;
	struct feed_item item;
	http_reader(v->server); /* for the guard */
	if (v->stage == BEGIN) {
		list_begin(&v->list, out);
		v->stage = v->list.complete ? VALUES : GONE;
	}
	while (v->stage == GONE && out->n < PIECE) {
		if (next(v, &item))
			list_gone(&v->list, &item, out);
		else {
			feed_rewind(v->reading);
			v->stage = VALUES;
		}
	}
	while (v->stage == VALUES && out->n < PIECE) {
		if (!next(v, &item)) {
			list_end(&v->list, out);
			return false;
		}
		list_put(&v->list, &item, out);
	}
	return true;
}

static void saw(struct serving *v)
{
	consumers_saw(node_consumers(v->server->options.node), v->feed.name, http_caller_name(&v->caller, v->feed.name), v->list.serial, "http", clock_ms());
}

static void over(void *ctx, bool whole)
{
	struct serving *v = ctx;
	if (whole)
		saw(v);
	list_release(&v->list);
	feed_reading_free(v->reading);
	free(v->ranked);
	free(v);
}

/* ---- what is asked for ---- */

/* "17", or "17-9f3a01c2": then it is known what the feed was at that serial. */
static bool parse_since(struct span text, struct serving *v)
{
	size_t dash = span_find(text, '-');
	uint8_t octets[4];
	if (num_parse_u64(span_head(text, dash), UINT64_MAX, &v->list.since))
		return false;
	if (dash == text.n)
		return true;
	v->epoch_told = hex_decode(span_from(text, dash + 1), octets, sizeof(octets)) == OK;
	v->epoch = get_be32(octets);
	return v->epoch_told;
}

/* "edge.json?since=17". */
static bool parse(const struct http_request *q, struct span text, char ret_name[FEED_NAME_MAX + 1], struct serving *v, struct http_answer *a)
{
	struct list *l = &v->list;
	struct span path = span_head(text, span_find(text, '?')), query = span_from(text, path.n + 1);
	size_t dot = path.n;
	while (dot && path.p[dot - 1] != '.')
		dot--;
	l->format = dot > 1 && dot - 1 <= FEED_NAME_MAX ? list_format_find(span_from(path, dot)) : NULL;
	if (!l->format) {
		http_problem(a, 404, q->target, "there is no such form of a feed: they are NAME.txt .csv .json .nft .ipset .rsc .hosts .adblock .rpz "
						".suricata and .zeek");
		return false;
	}
	memcpy(ret_name, path.p, dot - 1);
	ret_name[dot - 1] = 0;
	if (!query.n)
		return true;
	if (!span_starts(query, SPAN_LIT("since=")) || !parse_since(span_from(query, 6), v)) {
		http_problem(a, 400, q->target, "the one parameter is since=SERIAL or since=NEXT, as the last answer says it");
		return false;
	}
	if (!l->format->tells_changes) {
		http_problem(a, 400, q->target, "only .txt and .json have a form for changes (since)");
		return false;
	}
	return l->asked_since = true;
}

/* A cap keeps what matters most at the moment that it is asked, so what has changed in such a list is not known. */
static enum err open_reading(struct serving *v, struct docket *d, struct fault *f)
{
	enum err e = ERR_NOTFOUND;
	struct feed feed = v->feed;
	bool same = !v->epoch_told || v->epoch == feed_epoch(&feed);
	if (v->epoch_told)
		feed.from = 0; /* what it has is of this selection, whenever that began */
	if (v->list.asked_since && same && !feed.max)
		e = feed_read_since(d, &feed, v->list.since, &v->reading, f);
	v->list.complete = e == ERR_NOTFOUND;
	return v->list.complete ? feed_read(d, &v->feed, &v->reading, f) : e;
}

static void rank(struct serving *v)
{
	struct feed_item item;
	size_t n = 0;
	if (!v->feed.max)
		return;
	while (n <= v->feed.max && feed_next(v->reading, &item))
		n++;
	feed_rewind(v->reading);
	if (n > v->feed.max)
		v->ranked = http_rank(v->server, v->reading, ledger_clearance(v->server->ledger, v->feed.audience), v->feed.max, &v->n_ranked,
				      &v->list.beyond);
}

/* The octets follow from what the feed is, the serial, the form and this program; with a cap from scores, too, which change with time. */
static void tag(const struct feed *feed, uint64_t serial, const struct list_format *format, char ret_tag[HTTP_HEADER_VALUE_MAX])
{
	struct buf row = { 0 };
	feed_put(feed, &row);
	buf_puts(&row, SIPAR_VERSION);
	if (feed->max)
		buf_putu(&row, (uint64_t)clock_ms() / 60000);
	uint64_t hash = siphash13((struct siphash_seed){ 0, 0 }, row.p, row.n);
	buf_release(&row);
	snprintf(ret_tag, HTTP_HEADER_VALUE_MAX, "W/\"%016llx-%llu-%s\"", (unsigned long long)hash, (unsigned long long)serial, format->ending);
}

/* RFC 9110 §13.1.2: any of a list, compared weakly. */
static bool matches(const char *field, const char *etag)
{
	struct span rest = span_str(field ? field : ""), own = span_from(span_str(etag), 2);
	while (rest.n) {
		struct span one = span_trim(span_head(rest, span_find(rest, ',')));
		rest = span_from(rest, span_find(rest, ',') + 1);
		if (span_is(one, "*") || span_eq(span_starts(one, SPAN_LIT("W/")) ? span_from(one, 2) : one, own))
			return true;
	}
	return false;
}

static void put_fields(const struct serving *v, const char *etag, struct http_answer *a)
{
	char serial[24];
	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)v->list.serial);
	http_answer_header(a, "Sipar-Serial", serial);
	http_answer_header(a, "Cache-Control", v->feed.open ? "no-cache" : "private, no-cache");
	if (etag)
		http_answer_header(a, "ETag", etag);
}

static void serve(struct http_server *s, struct http_request *q, struct serving *v, struct http_answer *a)
{
	struct docket *d = node_docket(s->options.node);
	char etag[HTTP_HEADER_VALUE_MAX];
	struct fault f;
	http_reader(s);
	v->list.serial = docket_serial(d);
	tag(&v->feed, v->list.serial, v->list.format, etag);
	if (!v->list.asked_since && matches(http_request_header(q, "If-None-Match"), etag)) {
		a->status = 304;
		put_fields(v, etag, a);
		http_answer_header(a, "Vary", HTTP_VARY);
		saw(v);
		over(v, false);
		return;
	}
	if (open_reading(v, d, &f)) {
		http_problem(a, 503, q->target, f.text);
		over(v, false);
		return;
	}
	v->list.serial = feed_reading_serial(v->reading);
	v->list.time_ms = docket_time_of(d, v->list.serial);
	tag(&v->feed, v->list.serial, v->list.format, etag);
	if (strcmp(q->method, "HEAD") != 0)
		rank(v);
	put_fields(v, v->list.asked_since ? NULL : etag, a);
	http_flow(q, a, &(struct http_flow){ make, over, v }, v->list.format->media);
}

void http_feed(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	char name[FEED_NAME_MAX + 1];
	struct serving *v = mem_zalloc(sizeof(*v));
	const struct feeds *feeds = s->options.node ? node_feeds(s->options.node) : feeds_new();
	v->server = s;
	v->list.feed = &v->feed;
	bool fine = parse(q, w->word[0], name, v, a) && http_caller_find(q, feeds, &v->caller, a) &&
		    http_caller_may(q, feeds_find(feeds, name), &v->caller, a);
	if (fine)
		v->feed = *feeds_find(feeds, name);
	feeds_drop(feeds);
	if (fine)
		serve(s, q, v, a);
	else
		over(v, false);
}

/* ---- which there are ---- */

static void put_own_row(struct http_server *s, const char *feed, const char *name, struct buf *out)
{
	struct consumer_seen seen;
	struct consumers *c = node_consumers(s->options.node);
	const char *between = "";
	buf_printf(out, ",\"consumer\":\"%s\",\"seen\":[", name);
	for (size_t i = 0; consumers_get(c, i, &seen); i++) {
		if (strcmp(seen.feed, feed) != 0 || strcmp(seen.who, name) != 0)
			continue;
		buf_puts(out, between);
		consumer_json(&seen, docket_serial(node_docket(s->options.node)), out);
		between = ",";
	}
	buf_putc(out, ']');
}

static void put_feed(struct http_server *s, const struct feed *feed, const struct http_caller *caller, struct buf *out)
{
	buf_printf(out, "{\"feed\":\"%s\",\"type\":\"%s\",\"open\":%s,\"reasons\":[\"", feed->name, feed_type_name(feed->type),
		   feed->open ? "true" : "false");
	list_put_reasons(feed->wanted & REASONS_ALL, "\",\"", out);
	buf_puts(out, "\"],\"forms\":[");
	for (const struct list_format *f = list_formats; f->ending; f++)
		buf_printf(out, "%s\"/v1/feeds/%s.%s\"", f == list_formats ? "" : ",", feed->name, f->ending);
	buf_putc(out, ']');
	if (caller->known && strcmp(caller->feed, feed->name) == 0)
		put_own_row(s, feed->name, caller->name, out);
	buf_putc(out, '}');
}

void http_feeds(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct http_caller caller;
	const char *between = "";
	const struct feeds *feeds = s->options.node ? node_feeds(s->options.node) : feeds_new();
	if (http_caller_find(q, feeds, &caller, a)) {
		buf_printf(&a->body, "{\"serial\":%llu,\"feeds\":[",
			   (unsigned long long)(s->options.node ? docket_serial(node_docket(s->options.node)) : 0));
		for (unsigned i = 0; i < feeds->n; i++) {
			const struct feed *feed = &feeds->v[i];
			if (feed->type == FEED_SNAPSHOT || (!feed->open && !(caller.known && strcmp(caller.feed, feed->name) == 0)))
				continue;
			buf_puts(&a->body, between);
			put_feed(s, feed, &caller, &a->body);
			between = ",";
		}
		buf_puts(&a->body, "]}\n");
		a->status = 200;
		a->type = "application/json";
	}
	feeds_drop(feeds);
}
