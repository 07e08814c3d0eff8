/* GET /v1/stream: server-sent events.
 *
 * Each answer holds a cursor and nothing else between two events; what is sent is read when the connection can take it (gate/stream.h), so a
 * client that reads slowly falls behind by itself, costs a bounded amount of memory, and nobody waits for it. */
#include <stdlib.h>

#include "base/clock.h"
#include "face/http_parts.h"
#include "gate/stream.h"

enum {
	KEEP_MS = 15000,             /* something is sent so often, so that both sides notice that the other is gone */
	RETRY_MS = 2000,             /* clients are asked to wait so long before they come back */
	BATCH_OCTETS = 16 << 10,     /* events that are sent together */
	PARAMETER_MAX = STREAM_CURSOR_MAX,
};

struct http_streams {
	struct node *node;
	unsigned room;
	atomic_uint generation;      /* answers of an older one end */
	atomic_uint open;
	_Atomic uint64_t events, behind, octets, refused;
};

struct answer {
	struct http_streams *all;
	struct http_wait *wait;
	struct stream *stream;
	struct stream_listener listener;
	struct stream_cursor *cursor;
	clearance clear;             /* what they could see when they came, */
	clearance open;              /* and of it what everybody may */
	char token[sizeof(((struct asker *)0)->token)]; /* by which they are known; "" */
	unsigned generation;
	bool heads, begun;
};

/* ---- what is sent ---- */

static uint64_t now_ms(void)
{
	return clock_mono_ns() / 1000000;
}

static void wake(void *ctx)
{
	struct answer *t = ctx;
	http_wait_wake(t->wait);
}

/* The cursor alone is not an event: the client only keeps it. */
static void put_id(const struct answer *t, struct buf *out)
{
	buf_puts(out, "id: ");
	stream_cursor_put(t->cursor, out);
	buf_putc(out, '\n');
}

/* @return false: it cannot go on. */
static bool put_events(struct answer *t, struct buf *out)
{
	while (out->n < BATCH_OCTETS) {
		struct stream_event event;
		struct fault f;
		if (stream_next(t->stream, t->clear, t->cursor, &event, &f))
			return false;
		if (!event.name)
			break;
		put_id(t, out);
		buf_printf(out, "event: %s\ndata: ", event.name);
		buf_putspan(out, event.data);
		buf_puts(out, "\n\n");
		atomic_fetch_add_explicit(&t->all->events, 1, memory_order_relaxed);
		if (!event.fresh)
			atomic_fetch_add_explicit(&t->all->behind, 1, memory_order_relaxed);
		stream_event_drop(&event);
	}
	return true;
}

/* How long the lanes are: the last size only, however many commits there were.  At the start each is told. */
static void put_heads(struct answer *t, struct buf *out)
{
	for (unsigned i = 0; i < t->cursor->n; i++) {
		struct stream_lane *l = &t->cursor->lane[i];
		uint64_t size = stream_size(t->stream, l->number);
		if (t->begun && size <= l->place.index)
			continue;
		l->place = (struct stream_place){ .index = size > l->place.index ? size : l->place.index };
		put_id(t, out);
		buf_printf(out, "event: head\ndata: {\"lane\":\"%s\",\"size\":%llu}\n\n", l->name, (unsigned long long)l->place.index);
		atomic_fetch_add_explicit(&t->all->events, 1, memory_order_relaxed);
	}
}

/* Nothing is sent to one whose token has ended, and one who may see another set of lanes by now begins anew. */
static bool goes_on(const struct answer *t)
{
	clearance clear;
	if (t->generation != atomic_load_explicit(&t->all->generation, memory_order_relaxed))
		return false;
	return !t->token[0] || (parties_still(node_parties(t->all->node), t->token, clock_ms(), &clear) == OK && (clear | t->open) == t->clear);
}

static enum http_next pull(void *ctx, struct buf *out)
{
	struct answer *t = ctx;
	uint64_t now = now_ms();
	size_t before = out->n;
	if (!goes_on(t))
		return HTTP_OVER;
	if (!t->begun) {
		buf_printf(out, "retry: %d\n", RETRY_MS);
		put_id(t, out);
		buf_putc(out, '\n');
	}
	if (t->heads)
		put_heads(t, out);
	else if (!put_events(t, out))
		return HTTP_OVER;
	t->begun = true;
	if (out->n == before && now >= atomic_load_explicit(&t->listener.due_ms, memory_order_relaxed))
		buf_puts(out, ": keep-alive\n\n");
	if (out->n == before)
		return HTTP_WAIT;
	atomic_store_explicit(&t->listener.due_ms, now + KEEP_MS, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->all->octets, out->n - before, memory_order_relaxed);
	return HTTP_MORE;
}

static void over(void *ctx)
{
	struct answer *t = ctx;
	stream_leave(t->stream, &t->listener);
	atomic_fetch_sub_explicit(&t->all->open, 1, memory_order_relaxed);
	http_wait_free(t->wait);
	free(t->cursor);
	free(t);
}

/* ---- the request ---- */

struct wishes {
	struct span lanes, after;
	bool heads;
	struct buf store[2];
};

static enum err take(struct buf *store, struct span value, struct span *ret_text, struct fault *f)
{
	size_t n;
	if (value.n > PARAMETER_MAX)
		return fault_set(f, ERR_RANGE, "a parameter is longer than %d octets", PARAMETER_MAX);
	enum err e = http_percent_decode(value, buf_reserve(store, value.n + 1), &n, f);
	if (e)
		return e;
	store->n = n;
	*ret_text = buf_span(store);
	return OK;
}

static enum err read_wishes(struct span target, struct wishes *w, struct fault *f)
{
	struct span rest = span_from(target, span_find(target, '?') + 1);
	while (rest.n) {
		struct span item = span_head(rest, span_find(rest, '&')), name = span_head(item, span_find(item, '='));
		struct span value = span_from(item, name.n + 1);
		rest = span_from(rest, item.n + 1);
		enum err e = OK;
		if (span_is(name, "lane"))
			e = take(&w->store[0], value, &w->lanes, f);
		else if (span_is(name, "after"))
			e = take(&w->store[1], value, &w->after, f);
		else if (span_is(name, "only") && span_is(value, "heads"))
			w->heads = true;
		else
			e = fault_set(f, ERR_SYNTAX, "the parameters are lane, after and only=heads");
		if (e)
			return e;
	}
	return OK;
}

static void refuse(struct http_request *q, struct http_answer *a, const struct fault *f)
{
	http_problem(a, f->code == ERR_NOTFOUND ? 404 : f->code == ERR_RANGE ? 409 : f->code == ERR_SYNTAX ? 400 : 500, q->target,
		     f->code == ERR_NOTFOUND || f->code == ERR_RANGE || f->code == ERR_SYNTAX ? f->text : "the ledger cannot be read");
}

static bool find_room(struct http_streams *all, struct http_request *q, struct http_answer *a)
{
	if (atomic_fetch_add_explicit(&all->open, 1, memory_order_relaxed) < all->room)
		return true;
	atomic_fetch_sub_explicit(&all->open, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&all->refused, 1, memory_order_relaxed);
	http_answer_header(a, "Retry-After", "30");
	http_problem(a, 503, q->target, "too many are listening; http_connections in sipar.conf says how many may");
	return false;
}

/* Where it begins: a client that comes back says what it had last. */
static enum err open_cursor(struct http_server *s, struct http_request *q, struct wishes *w, struct answer *t, struct fault *f)
{
	const char *last = http_request_header(q, "Last-Event-ID");
	struct span from = last && last[0] ? span_str(last) : w->after;
	return stream_cursor_open(t->stream, t->clear, w->lanes, from, &t->cursor, f);
}

static void answer(struct http_server *s, struct http_request *q, struct wishes *w, struct http_answer *a)
{
	struct fault f;
	struct answer *t = mem_zalloc(sizeof(*t));
	*t = (struct answer){ .all = s->streams, .clear = http_clear(q), .heads = w->heads, .stream = node_stream(s->options.node),
			      .generation = atomic_load(&s->streams->generation), .open = atomic_load(&s->clear) };
	memcpy(t->token, http_asker(q)->token, sizeof(t->token));
	if (open_cursor(s, q, w, t, &f)) {
		refuse(q, a, &f);
		free(t);
		return;
	}
	if (!find_room(s->streams, q, a)) {
		free(t->cursor);
		free(t);
		return;
	}
	t->wait = http_wait_new();
	t->listener = (struct stream_listener){ .lanes = stream_cursor_lanes(t->cursor), .any = t->heads, .due_ms = now_ms() + KEEP_MS,
						.call = wake, .ctx = t };
	stream_join(t->stream, &t->listener);
	a->status = 200;
	a->type = "text/event-stream";
	http_answer_header(a, "X-Accel-Buffering", "no");
	a->pull = pull;
	a->wait = t->wait;
	a->release = over;
	a->ctx = t;
}

void http_stream(struct http_server *s, struct http_request *q, const struct http_words *words, struct http_answer *a)
{
	struct wishes w = { .heads = false };
	struct fault f;
	if (!s->streams)
		http_problem(a, 404, q->target, "no lanes are served here");
	else if (read_wishes(q->target, &w, &f))
		http_problem(a, 400, q->target, f.text);
	else
		answer(s, q, &w, a);
	buf_release(&w.store[0]);
	buf_release(&w.store[1]);
}

/* ---- all of them ---- */

struct http_streams *http_streams_new(struct node *n, unsigned room)
{
	struct http_streams *all = mem_zalloc(sizeof(*all));
	all->node = n;
	all->room = room;
	return all;
}

void http_streams_free(struct http_streams *all)
{
	free(all);
}

void http_streams_end(struct http_streams *all)
{
	if (!all)
		return;
	atomic_fetch_add_explicit(&all->generation, 1, memory_order_relaxed);
	stream_wake_all(node_stream(all->node));
}

static void metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t v)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name, (unsigned long long)v);
}

void http_streams_metrics(struct http_streams *all, struct buf *out)
{
	metric(out, "sipar_stream_subscribers", "gauge", "Clients that listen to the stream.", atomic_load(&all->open));
	metric(out, "sipar_stream_events_total", "counter", "Events sent, to all of them.", atomic_load(&all->events));
	metric(out, "sipar_stream_catch_up_events_total", "counter", "Of these, read out of the ledger for a client that was behind, or was the first.",
	       atomic_load(&all->behind));
	metric(out, "sipar_stream_octets_total", "counter", "Octets sent to them.", atomic_load(&all->octets));
	metric(out, "sipar_stream_refused_total", "counter", "Clients that were refused since too many listen.", atomic_load(&all->refused));
}
