/* TAXII 2.1: objects come in and are taken back, and what became of them. */
#include "base/clock.h"
#include "codec/json.h"
#include "face/http_taxii_parts.h"
#include "face/http_taxii_query.h"
#include "gate/retract.h"
#include "gate/submit.h"

enum { SHOWN_MS = 10000 };

static unsigned status_of(enum err e)
{
	switch (e) {
	case ERR_SYNTAX:
		return 400;
	case ERR_UNSUPPORTED:
	case ERR_RANGE:
		return 422;
	case ERR_NOTFOUND:
	case ERR_GONE:
		return 404;
	case ERR_FORBIDDEN:
		return 403;
	default:
		return 503;
	}
}

static void trouble(struct http_request *q, enum err e, const struct fault *f, struct http_answer *a)
{
	unsigned status = status_of(e);
	if (status == 503)
		http_answer_header(a, "Retry-After", "5");
	http_problem(a, status, q->target, e == ERR_BUSY || status != 503 ? f->text : "the ledger cannot be written to at the moment");
}

/* ---- adding ---- */

struct details {
	struct buf successes, failures;
	char now[32];
};

static void put_detail(void *ctx, const struct stix_object *o, bool taken, const char *message)
{
	struct details *d = ctx;
	struct buf *out = taken ? &d->successes : &d->failures;
	buf_puts(out, out->n ? ",{\"id\":" : "{\"id\":");
	json_put_string(out, o->id);
	buf_puts(out, ",\"version\":");
	json_put_string(out, o->version.n ? o->version : span_str(d->now));
	if (message) {
		buf_puts(out, ",\"message\":");
		json_put_string(out, span_str(message));
	}
	buf_putc(out, '}');
}

static void put_status(const char *id, const struct details *d, const struct submit_counts *c, struct buf *out)
{
	buf_printf(out, "{\"id\":\"%s\",\"status\":\"complete\",\"request_timestamp\":\"%s\",\"total_count\":%llu,\"success_count\":%llu,\"successes\":[", id,
		   d->now, (unsigned long long)c->total, (unsigned long long)c->taken);
	buf_putspan(out, buf_span(&d->successes));
	buf_printf(out, "],\"failure_count\":%llu,\"failures\":[", (unsigned long long)c->refused);
	buf_putspan(out, buf_span(&d->failures));
	buf_puts(out, "],\"pending_count\":0,\"pendings\":[]}\n");
}

void http_taxii_add(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct taxii_lane c;
	struct submit_counts counts;
	struct details d = { .now = "" };
	struct fault f;
	char id[UUID_TEXT];
	if (!taxii_open(s, q, w->word[0], true, true, &c, a))
		return;
	time_format_us(clock_ms() * 1000, d.now);
	http_reader(s);
	enum err e = submit_objects(s->objects, http_asker(q), &c.lane, buf_span(&q->body), SHOWN_MS, put_detail, &d, &counts, &f);
	if (e)
		trouble(q, e, &f, a);
	else {
		uuid_random(id);
		put_status(id, &d, &counts, &a->body);
		taxii_status_keep(s->statuses, http_asker(q)->party, id, buf_span(&a->body));
		a->status = 202;
		a->type = TAXII_MEDIA;
	}
	buf_release(&d.successes);
	buf_release(&d.failures);
}

void http_taxii_status(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	if (!taxii_begin(s, q, a))
		return;
	if (!taxii_status_find(s->statuses, http_asker(q)->party, w->word[0], &a->body)) {
		http_problem(a, 404, q->target, "there is no status of this id");
		return;
	}
	a->status = 200;
	a->type = TAXII_MEDIA;
}

/* ---- taking back ---- */

/* A lane is only appended to: an object is taken back whole. */
static enum err only_whole(struct http_request *q, struct fault *f)
{
	struct taxii_query *query = mem_alloc(sizeof(*query));
	enum err e = taxii_query_parse(q->target, TAXII_MAY_VERSION | TAXII_MAY_SPEC, (struct span){ 0 }, query, f);
	if (e == OK) {
		if (query->n_versions || (query->first && !query->last))
			e = fault_set(f, ERR_UNSUPPORTED, "an object is taken back as a whole, by a version that is revoked: no version can be deleted alone");
		taxii_query_release(query);
	}
	free(query);
	return e;
}

static enum err take_back(struct http_server *s, struct http_request *q, const struct taxii_lane *c, struct span id, struct fault *f)
{
	struct asker asker = *http_asker(q);
	struct retract_done done = { 0 };
	struct object_index *x = objects_index(s->objects, c->lane.number, SHOWN_MS);
	struct object_ref ref;
	bool there = x && object_index_last(x, id, &ref);
	object_index_drop(x);
	if (!there)
		return fault_set(f, ERR_NOTFOUND, "the collection has no object of this id");
	if (ref.flags & OBJECT_UNVERSIONED)
		return fault_set(f, ERR_UNSUPPORTED, "an object without versions cannot be revoked; whoever keeps the node can erase it");
	asker.clear = (clearance)1 << c->lane.number;
	enum err e = retract(s->options.node, &asker, id, NULL, "deleted over TAXII", &done, f);
	if (e == ERR_EXISTS)
		return OK;
	if (e == OK)
		objects_show(s->objects, &c->lane, SHOWN_MS);
	return e;
}

void http_taxii_delete(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct taxii_lane c;
	struct fault f;
	if (!taxii_open(s, q, w->word[0], true, false, &c, a))
		return;
	http_reader(s);
	enum err e = only_whole(q, &f);
	if (e == OK)
		e = take_back(s, q, &c, w->word[1], &f);
	if (e) {
		trouble(q, e, &f, a);
		return;
	}
	a->status = 200;
	a->type = TAXII_MEDIA;
}
