/* TAXII 2.1: what is in a collection, page by page: objects, manifest, one object, its versions.
 *
 * A page is made whole, up to PAGE_OCTETS of objects, so that its fields can say when its first and last item were added. */
#include "base/clock.h"
#include "codec/json.h"
#include "face/http_taxii_parts.h"
#include "face/http_taxii_query.h"
#include "gate/objects.h"

enum { PAGE_OCTETS = 8 << 20, OPENING_MS = 2000 };

enum kind { OBJECTS, MANIFEST, VERSIONS };

struct page {
	enum kind kind;
	const struct taxii_query *query;
	struct buf *out;
	struct buf starts; /* size_t: where each version begins in `out` */
	unsigned n;
	int64_t first_us, last_us; /* of what is in it */
	bool full;
};

static bool type_asked(const struct taxii_query *q, struct span type)
{
	bool asked = !q->n_types;
	for (unsigned i = 0; i < q->n_types && !asked; i++)
		asked = span_eq(q->types[i], type);
	return asked;
}

static void put_version(const struct object_ref *r, const struct stix_object *o, struct buf *out)
{
	char added[32];
	time_format_us(r->added_us, added);
	json_put_string(out, o->version.n ? o->version : span_str(added));
}

static void put_manifest(const struct object_ref *r, const struct stix_object *o, struct buf *out)
{
	char added[32];
	time_format_us(r->added_us, added);
	buf_puts(out, "{\"id\":");
	json_put_string(out, o->id);
	buf_printf(out, ",\"date_added\":\"%s\",\"version\":", added);
	put_version(r, o, out);
	buf_printf(out, ",\"media_type\":\"application/stix+json;version=%s\"}", o->old ? "2.0" : "2.1");
}

static bool put_object(void *ctx, const struct object_ref *r, const struct stix_object *o)
{
	struct page *p = ctx;
	if (!type_asked(p->query, o->type))
		return true;
	if (p->n && p->out->n + o->octets.n > PAGE_OCTETS) {
		p->full = true;
		return false;
	}
	buf_put(&p->starts, &p->out->n, sizeof(p->out->n));
	buf_puts(p->out, p->n ? "," : "");
	if (p->kind == OBJECTS)
		buf_putspan(p->out, o->octets);
	else if (p->kind == MANIFEST)
		put_manifest(r, o, p->out);
	else
		put_version(r, o, p->out);
	p->first_us = p->n++ ? p->first_us : r->added_us;
	p->last_us = r->added_us;
	return true;
}

/* The newest first, within a page. */
static void reverse(struct page *p)
{
	struct buf turned = { 0 };
	const size_t *start = (const size_t *)(const void *)p->starts.p;
	for (unsigned i = p->n; i-- > 0;) {
		size_t end = i + 1 < p->n ? start[i + 1] : p->out->n, from = start[i] + (i > 0);
		buf_puts(&turned, turned.n ? "," : "");
		buf_put(&turned, p->out->p + from, end - from);
	}
	buf_release(p->out);
	*p->out = turned;
}

static void put_header(struct http_answer *a, const char *name, int64_t us)
{
	char text[32];
	time_format_us(us, text);
	http_answer_header(a, name, text);
}

static void finish(struct page *p, struct span owner, bool more, int64_t place_us, struct http_answer *a)
{
	static const char *const name[] = { [OBJECTS] = "{\"objects\":[", [MANIFEST] = "{\"objects\":[", [VERSIONS] = "{\"versions\":[" };
	struct buf items = *p->out;
	if (p->kind == VERSIONS && p->n) {
		reverse(p);
		items = *p->out;
	}
	a->status = 200;
	a->type = TAXII_MEDIA;
	if (!p->n) {
		buf_puts(&a->body, "{}\n");
		buf_release(&items);
		return;
	}
	buf_reserve(&a->body, items.n + TAXII_CURSOR_MAX + 100);
	buf_puts(&a->body, name[p->kind]);
	buf_putspan(&a->body, buf_span(&items));
	buf_puts(&a->body, more ? "],\"more\":true,\"next\":\"" : "],\"more\":false}\n");
	if (more) {
		taxii_query_next(p->query, owner, place_us, &a->body);
		buf_puts(&a->body, "\"}\n");
	}
	put_header(a, "X-TAXII-Date-Added-First", p->first_us);
	put_header(a, "X-TAXII-Date-Added-Last", p->last_us);
	buf_release(&items);
}

static struct object_filter filter_of(const struct taxii_query *q)
{
	return (struct object_filter){
		.ids = q->ids, .n_ids = q->n_ids, .types = q->types, .n_types = q->n_types, .versions_us = q->versions_us, .n_versions = q->n_versions,
		.first = q->first, .last = q->last, .all = q->all, .specs = q->specs, .after_us = q->after_us,
	};
}

/* Until the page has something, or nothing follows: what was erased may be a long stretch. */
static enum err fill(struct http_server *s, struct http_request *q, const struct taxii_lane *c, struct object_index *x, struct page *p,
		     bool *ret_more, int64_t *ret_place_us, struct fault *f)
{
	struct object_filter filter = filter_of(p->query);
	unsigned room = p->query->limit + 1, n;
	struct object_ref *refs = mem_alloc(room * sizeof(*refs));
	int64_t from_us = p->query->from_us;
	bool more;
	enum err e;
	do {
		n = object_index_find(x, &filter, from_us, refs, room);
		more = n == room;
		n -= more;
		e = objects_read(s->objects, http_clear(q) & (clearance)1 << c->lane.number, x, refs, n, put_object, p, f);
		from_us = p->full ? p->last_us : n ? refs[n - 1].added_us : from_us;
		more |= p->full;
	} while (e == OK && more && !p->n);
	free(refs);
	*ret_more = more;
	*ret_place_us = from_us;
	return e;
}

/* What a cursor belongs to. */
static void put_owner(const struct http_request *q, const struct taxii_lane *c, enum kind kind, struct span id, struct buf *out)
{
	buf_printf(out, "%s %d %s ", c->id, kind, http_asker(q)->party);
	buf_putspan(out, id);
}

static bool plain(const struct taxii_query *q)
{
	return q->from_us == INT64_MIN && !q->specs && !q->n_versions && !q->first && !q->last && !q->all;
}

static void answer_page(struct http_server *s, struct http_request *q, const struct taxii_lane *c, enum kind kind, struct taxii_query *query,
			bool one, struct span owner, struct http_answer *a)
{
	struct object_index *x = objects_index(s->objects, c->lane.number, OPENING_MS);
	struct buf items = { 0 };
	struct page p = { .kind = kind, .query = query, .out = &items };
	bool more = false;
	int64_t place_us = 0;
	struct object_ref ref;
	struct fault f;
	if (!x) {
		http_answer_header(a, "Retry-After", "1");
		http_problem(a, 503, q->target, "the objects of this collection are being counted; try again in a moment");
		return;
	}
	enum err e = one && !object_index_last(x, query->ids[0], &ref) ? ERR_NOTFOUND : fill(s, q, c, x, &p, &more, &place_us, &f);
	if (e == OK && one && !p.n && plain(query))
		e = ERR_NOTFOUND;
	if (e == ERR_NOTFOUND)
		http_problem(a, 404, q->target, "the collection has no object of this id");
	else if (e)
		http_problem(a, 500, q->target, "the ledger cannot be read");
	else
		finish(&p, owner, more, place_us, a);
	if (e)
		buf_release(&items);
	buf_release(&p.starts);
	object_index_drop(x);
}

static void serve(struct http_server *s, struct http_request *q, const struct http_words *w, enum kind kind, unsigned may, struct http_answer *a)
{
	bool one = w->n > 1;
	struct span id = one ? w->word[1] : (struct span){ 0 };
	struct taxii_lane c;
	struct buf owner = { 0 };
	struct fault f;
	if (!taxii_open(s, q, w->word[0], false, false, &c, a))
		return;
	struct taxii_query *query = mem_alloc(sizeof(*query));
	put_owner(q, &c, kind, id, &owner);
	if (taxii_query_parse(q->target, may, buf_span(&owner), query, &f))
		http_problem(a, 400, q->target, f.text);
	else {
		if (one)
			query->ids[query->n_ids++] = id;
		if (kind == VERSIONS)
			query->all = true;
		answer_page(s, q, &c, kind, query, one, buf_span(&owner), a);
		taxii_query_release(query);
	}
	free(query);
	buf_release(&owner);
}

void http_taxii_objects(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	serve(s, q, w, OBJECTS, TAXII_MAY_ID | TAXII_MAY_TYPE | TAXII_MAY_VERSION | TAXII_MAY_SPEC | TAXII_MAY_PAGE, a);
}

void http_taxii_manifest(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	serve(s, q, w, MANIFEST, TAXII_MAY_ID | TAXII_MAY_TYPE | TAXII_MAY_VERSION | TAXII_MAY_SPEC | TAXII_MAY_PAGE, a);
}

void http_taxii_object(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	serve(s, q, w, OBJECTS, TAXII_MAY_VERSION | TAXII_MAY_SPEC | TAXII_MAY_PAGE, a);
}

void http_taxii_versions(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	serve(s, q, w, VERSIONS, TAXII_MAY_SPEC | TAXII_MAY_PAGE, a);
}
