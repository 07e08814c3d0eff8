/* A lookup of many values.  They are read, looked up and answered in batches; what does not fit into the first piece of the
 * answer is made when the client has taken what went before, so that memory is bounded by the body, and a client with many
 * values does not hold up the others of its thread.  Each batch sees the table as it is then. */
#include "base/clock.h"
#include "codec/json.h"
#include "face/http_parts.h"
#include "face/http_values.h"
#include "view/reputation.h"

enum {
	BATCH = 256,
	KEYS_OCTETS = 32 << 10, /* keys of a batch; a batch ends early when they are long */
	PIECE = 128 << 10,
	ECHO_MAX = 2048,        /* of a value that is not an observable */
};

struct bulk {
	struct http_server *server;
	clearance clear;
	struct buf body;
	struct http_values values;
	unsigned n;
	size_t keys_n;
	struct observable obs[BATCH];
	uint8_t keys[KEYS_OCTETS + OBS_KEY_MAX];
};

struct answering {
	const struct bulk *bulk;
	const struct meaning *meaning;
	struct buf *out;
};

static void answer_one(void *ctx, size_t i, const struct reputation *r)
{
	const struct answering *w = ctx;
	reputation_json(r, &w->bulk->obs[i], w->meaning, w->out);
	buf_putc(w->out, '\n');
}

static void answer_batch(struct bulk *b, struct buf *out)
{
	if (!b->n)
		return;
	struct http_server *s = b->server;
	const struct table_view *v = http_table_enter(s);
	struct answering w = { b, v->context, out };
	reputation_batch(v, b->obs, b->n, b->clear, (uint32_t)(clock_ms() / 1000), answer_one, &w);
	http_table_leave(s);
	b->n = 0;
	b->keys_n = 0;
}

static void answer_fault(struct span value, const struct fault *f, struct buf *out)
{
	buf_puts(out, "{\"value\":");
	json_put_string(out, span_head(value, ECHO_MAX));
	buf_puts(out, ",\"error\":");
	json_put_string(out, span_str(f->text));
	buf_puts(out, "}\n");
}

/* The keys of a batch stand one behind the other: room for the longest is kept free behind them. */
static enum err add(struct bulk *b, struct span value, struct fault *f)
{
	struct observable *o = &b->obs[b->n];
	enum err e = obs_parse(value, b->keys + b->keys_n, o, f);
	if (e)
		return e;
	b->n++;
	if (o->key >= b->keys && o->key < b->keys + sizeof(b->keys))
		b->keys_n = (size_t)(o->key - b->keys) + o->n;
	return OK;
}

static bool bulk_more(void *ctx, struct buf *out)
{
	struct bulk *b = ctx;
	bool more = true;
	while (more && b->n < BATCH && b->keys_n <= KEYS_OCTETS && out->n < PIECE) {
		struct span value;
		struct fault f;
		enum err e = http_values_next(&b->values, &value, &f);
		if (e == ERR_NOTFOUND)
			more = false;
		else if (e || add(b, value, &f)) {
			answer_batch(b, out); /* what stands before it comes first */
			answer_fault(value, &f, out);
		}
	}
	answer_batch(b, out);
	return more;
}

static void bulk_free(void *ctx)
{
	struct bulk *b = ctx;
	http_values_release(&b->values);
	buf_release(&b->body);
	free(b);
}

void http_bulk(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	const char *type = http_request_header(q, "Content-Type");
	bool array = type && http_media_is(span_str(type), "application/json");
	struct fault f;
	struct bulk *b = mem_alloc(sizeof(*b));
	b->server = s;
	b->clear = http_clear(q);
	b->n = 0;
	b->keys_n = 0;
	b->body = q->body;
	q->body = (struct buf){ 0 };
	if (http_values_init(&b->values, buf_span(&b->body), array, &f)) {
		http_problem(a, 400, q->target, f.text);
		bulk_free(b);
		return;
	}
	a->status = 200;
	a->type = "application/x-ndjson";
	if (bulk_more(b, &a->body)) {
		a->more = bulk_more;
		a->release = bulk_free;
		a->ctx = b;
	} else
		bulk_free(b);
}
