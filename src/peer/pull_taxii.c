/* A TAXII 2.1 server: from a discovery, an API root or a collection to its objects, page by page.
 *
 * Pages are gathered into a file as one bundle, and each such run is an import; where the collection stands is written when the import is durable.
 * So a reading of a million objects that breaks off goes on where it was.
 *
 * What servers do that the standard does not say, and what is done about it:
 *   - more without next, or the same next again: on by added_after, as long as X-TAXII-Date-Added-Last grows; else it is an error, after what came is kept;
 *   - an empty page with more: on, by its next;
 *   - a next that is not known any more (400, 404): on from the last page by its time;
 *   - no X-TAXII-Date-Added-Last, or one that is no time: at the end of the collection the server's clock at its beginning, less a minute, is the cursor;
 *   - the last page over and over: it is known by its digest;
 *   - a limit that is ignored: a page may be as large as an answer may;
 *   - another Content-Type: what counts is what the body is;
 *   - roots with http or another port of the same host: the server that was given is asked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/formats.h"
#include "codec/taxii.h"
#include "peer/cursors.h"
#include "peer/pull_parts.h"
#include "sys/digest.h"

enum {
	LIMIT = 1000,
	RUN_OCTETS = 16 << 20,        /* of pages, then an import is made of them */
	PAGE_OCTETS_MAX = 256 << 20,
	OVERLAP_S = 60,
	EMPTY_MAX = 1000,             /* pages */
};

struct taxii {
	struct pulling *x;
	struct cursors cursors;
	struct buf page, scratch;
	char media[120];             /* of the answer */
	char **collections;          /* their URLs */
	unsigned n_collections;
	unsigned n_refused;          /* those that are there and cannot be read */
	/* the run */
	int fd;                      /* -1: none */
	size_t octets, objects;
};

/* ---- requests ---- */

static bool take_page(void *ctx, struct span octets)
{
	struct taxii *t = ctx;
	pulling_came(t->x, octets.n);
	buf_putspan(&t->page, octets);
	return true;
}

static void again(void *ctx)
{
	struct taxii *t = ctx;
	t->page.n = 0;
}

static enum err ask(struct taxii *t, const char *url, struct get *ret_get, struct fault *f)
{
	uint64_t max = pulling_octets_max(t->x);
	struct get g = {
		.url = url, .header = { "Accept: " TAXII_MEDIA }, .packed = true, .max_octets = max < PAGE_OCTETS_MAX ? max : PAGE_OCTETS_MAX,
		.take = take_page, .again = again, .ctx = t,
	};
	t->page.n = 0;
	enum err e = pulling_get(t->x, &g, f);
	*ret_get = g;
	if (e == OK && g.status != 200)
		e = get_refused(&g, f);
	if (!fetch_field(t->x->fetcher, "Content-Type", t->media, sizeof(t->media)))
		snprintf(t->media, sizeof(t->media), "unnamed");
	return e;
}

/* The answer is no JSON: what the server says that it is tells more than where its first brace is missing. */
static enum err not_taxii(struct taxii *t, const char *url, struct fault *f)
{
	struct buf shown = { 0 };
	pull_url_shown(url, &shown);
	struct span media = span_head(span_str(t->media), span_find(span_str(t->media), ';'));
	fault_at(f, "\"%.150s\" (%.*s)", buf_cstr(&shown), media.n < 60 ? (int)media.n : 60, (const char *)media.p);
	buf_release(&shown);
	return f ? f->code : ERR_SYNTAX;
}

/* ---- from the URL to collections ---- */

static bool ends_with(struct span s, const char *end)
{
	size_t n = strlen(end);
	return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* The URL of a root, on the server that is pulled from.  @return false: it is on another host. */
static bool root_url(const struct taxii *t, struct span root, char ret_url[PULL_URL_MAX + 1])
{
	const char *given = pull_address(t->x->p);
	char host[2][PULL_HOST_MAX + 1], text[PULL_URL_MAX + 1];
	struct span all = span_str(given), server = all;
	size_t start = span_find(all, ':') + 3;
	server = span_head(all, start + span_find(span_from(all, start), '/'));
	if (root.n > PULL_URL_MAX || !root.n)
		return false;
	snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(root));
	if (root.p[0] == '/' && !(root.n > 1 && root.p[1] == '/'))
		return snprintf(ret_url, PULL_URL_MAX + 1, SPAN_FMT "%s", SPAN_ARG(server), text) <= PULL_URL_MAX;
	pull_host(given, host[0]);
	pull_host(text, host[1]);
	if (strcmp(host[0], host[1]) != 0)
		return false;
	start = span_find(root, ':') + 3;
	struct span path = span_from(span_from(root, start), span_find(span_from(root, start), '/'));
	return snprintf(ret_url, PULL_URL_MAX + 1, SPAN_FMT SPAN_FMT, SPAN_ARG(server), SPAN_ARG(path)) <= PULL_URL_MAX;
}

static void add_collection(struct taxii *t, const char *url)
{
	t->collections = mem_realloc(t->collections, (t->n_collections + 1) * sizeof(*t->collections));
	t->collections[t->n_collections++] = mem_strdup(url);
}

struct finding {
	struct taxii *t;
	const char *root;      /* URL of its collections */
	char *roots[TAXII_ROOTS_MAX];
	unsigned n_roots, n_elsewhere;
};

static bool on_collection(void *ctx, const struct taxii_collection *c)
{
	struct finding *d = ctx;
	const char *wanted = d->t->x->p->collection;
	char url[PULL_URL_MAX + 1], id[200];
	if (wanted[0] && !span_is(c->id, wanted) && !span_is(c->alias, wanted) && !span_is(c->title, wanted))
		return true;
	for (size_t i = 0; i < c->id.n; i++) /* it becomes a part of a path */
		if (c->id.p[i] <= ' ' || c->id.p[i] >= 0x7f || strchr("/?#%\\", c->id.p[i]))
			return true;
	if (!c->can_read) {
		d->t->n_refused++;
		return true;
	}
	if (c->id.n + 2 > sizeof(id))
		return true;
	snprintf(id, sizeof(id), SPAN_FMT "/", SPAN_ARG(c->id));
	get_join(d->root, id, url);
	add_collection(d->t, url);
	return true;
}

static enum err find_in_root(struct taxii *t, const char *root, struct fault *f)
{
	char url[PULL_URL_MAX + 1];
	struct get g;
	struct finding d = { .t = t, .root = url };
	get_join(root, "collections/", url);
	enum err e = ask(t, url, &g, f);
	if (e)
		return e;
	e = taxii_each_collection(buf_span(&t->page), on_collection, &d, f);
	return e ? not_taxii(t, url, f) : OK;
}

static bool on_root(void *ctx, struct span root)
{
	struct finding *d = ctx;
	char url[PULL_URL_MAX + 1];
	if (root_url(d->t, root, url))
		d->roots[d->n_roots++] = mem_strdup(url);
	else
		d->n_elsewhere++;
	return true;
}

/* A root that cannot be read does not keep the others from being read. */
static enum err find_in_roots(struct finding *d, struct fault *f)
{
	struct fault first = { .code = OK };
	unsigned fine = 0;
	for (unsigned i = 0; i < d->n_roots && first.code != ERR_CANCELLED; i++) {
		struct fault why = { .code = OK };
		enum err e = find_in_root(d->t, d->roots[i], &why);
		fine += e == OK;
		if (e && (!first.code || e == ERR_CANCELLED))
			first = why;
	}
	if (fine && first.code != ERR_CANCELLED)
		return OK;
	if (!first.code)
		return fault_set(f, ERR_NOTFOUND, d->n_elsewhere ? "all API roots of the server are on other hosts: give the URL of a root" :
							       "the server has no API root");
	if (f)
		*f = first;
	return first.code;
}

static enum err find_in_discovery(struct taxii *t, struct fault *f)
{
	struct finding d = { .t = t };
	enum err e = taxii_roots(buf_span(&t->page), on_root, &d, f);
	if (e == OK)
		e = find_in_roots(&d, f);
	for (unsigned i = 0; i < d.n_roots; i++)
		free(d.roots[i]);
	return e;
}

static enum err find_collections(struct taxii *t, struct fault *f)
{
	const char *given = pull_address(t->x->p);
	char url[PULL_URL_MAX + 1];
	struct get g;
	enum taxii_resource what;
	struct span path = span_head(span_str(given), span_find(span_str(given), '?'));
	if (ends_with(path, "/objects") || ends_with(path, "/objects/")) { /* its filters are kept */
		size_t n = path.n - (ends_with(path, "/") ? strlen("objects/") : strlen("objects"));
		snprintf(url, sizeof(url), SPAN_FMT "%s", (int)n, (const char *)path.p, given + path.n);
		add_collection(t, url);
		return OK;
	}
	get_join(given, "", url);
	enum err e = ask(t, url, &g, f);
	if (e)
		return e;
	if ((e = taxii_resource(buf_span(&t->page), &what, f)) != OK)
		return not_taxii(t, url, f);
	struct finding d = { .t = t, .root = url };
	switch (what) {
	case TAXII_DISCOVERY:
		e = find_in_discovery(t, f);
		break;
	case TAXII_ROOT:
		e = find_in_root(t, url, f);
		break;
	case TAXII_COLLECTION:
		add_collection(t, url);
		break;
	case TAXII_COLLECTIONS:
		e = taxii_each_collection(buf_span(&t->page), on_collection, &d, f);
		break;
	case TAXII_OTHER:
		e = fault_set(f, ERR_SYNTAX, "the answer is no discovery, API root or collection of TAXII 2.1");
		break;
	}
	if (e == OK && !t->n_collections && t->x->p->collection[0])
		e = fault_set(f, ERR_NOTFOUND, "the server has no collection \"%s\"%s", t->x->p->collection, t->n_refused ? " that may be read" : "");
	else if (e == OK && !t->n_collections && t->n_refused)
		e = fault_set(f, ERR_FORBIDDEN, "none of the %u collections of the server may be read", t->n_refused);
	return e;
}

/* ---- a run of pages ---- */

static enum err put(struct taxii *t, struct span octets, struct fault *f)
{
	t->octets += octets.n;
	while (octets.n) {
		ssize_t n = write(t->fd, octets.p, octets.n);
		if (n < 0 && errno != EINTR)
			return fault_set(f, ERR_IO, "a page cannot be stored in \"%s/pulls\": %s", node_dir(t->x->node), strerror(errno));
		octets = span_from(octets, n > 0 ? (size_t)n : 0);
	}
	return OK;
}

/* A bundle has an id; it is made from the page that begins it, so that the same is the same. */
static enum err begin_run(struct taxii *t, struct span objects, struct fault *f)
{
	uint8_t d[32];
	char text[160], hex[33];
	enum err e = pulling_file(t->x, &t->fd, f);
	if (e)
		return e;
	sha256_two(span_str(t->x->p->source), objects, d);
	d[6] = (uint8_t)((d[6] & 15) | 0x50);
	d[8] = (uint8_t)((d[8] & 63) | 0x80);
	hex_encode(d, 16, hex);
	snprintf(text, sizeof(text), "{\"type\":\"bundle\",\"id\":\"bundle--%.8s-%.4s-%.4s-%.4s-%.12s\",\"objects\":[\n", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	t->octets = t->objects = 0;
	return put(t, span_str(text), f);
}

static enum err add_page(struct taxii *t, const struct taxii_envelope *v, struct fault *f)
{
	enum err e = t->fd < 0 ? begin_run(t, v->objects, f) : put(t, SPAN_LIT(",\n"), f);
	if (e == OK)
		e = put(t, v->objects, f);
	t->objects += v->n_objects;
	return e;
}

static void drop_run(struct taxii *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->octets = t->objects = 0;
}

/* The run becomes an import; then the cursor is what it is. */
static enum err end_run(struct taxii *t, struct fault *f)
{
	struct import_counts c;
	enum err e = OK;
	if (t->fd >= 0) {
		if ((e = put(t, SPAN_LIT("\n]}\n"), f)) || (e = pulling_begin(t->x, &feed_stix, f))) {
			drop_run(t);
			return e;
		}
		int fd = t->fd;
		t->fd = -1;
		t->octets = t->objects = 0;
		if ((e = pulling_stream(t->x, fd, "objects", f)) || (e = pulling_finish(t->x, &c, f)))
			return e;
	}
	return cursors_write(node_dir(t->x->node), t->x->p->source, &t->cursors, f);
}

/* ---- a collection ---- */

static void put_escaped(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (ascii_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c && strchr("-._~", c)))
			buf_putc(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void objects_url(const struct cursor *c, struct buf *out)
{
	char url[PULL_URL_MAX + 1];
	out->n = 0;
	get_join(c->url, "objects/", url);
	buf_printf(out, "%s%climit=%d", url, strchr(url, '?') ? '&' : '?', LIMIT);
	if (c->after[0]) {
		buf_puts(out, "&added_after=");
		put_escaped(span_str(c->after), out);
	}
	if (c->next[0]) {
		buf_puts(out, "&next=");
		put_escaped(span_str(c->next), out);
	}
}

/* A time that the server has said, as it has said it. */
static bool time_field(struct taxii *t, const char *name, char ret_text[64])
{
	uint64_t ns;
	return fetch_field(t->x->fetcher, name, ret_text, 64) && taxii_time(span_str(ret_text), &ns) == OK;
}

static bool is_later(const char *a, const char *b)
{
	uint64_t x, y;
	if (taxii_time(span_str(a), &x))
		return false;
	return taxii_time(span_str(b), &y) || x > y;
}

/* The server's clock at the beginning, less some overlap, where it gives no time of its pages.  Its Date has whole seconds. */
static void clock_of(struct taxii *t, char ret_text[64])
{
	char date[64], when[32];
	int64_t then_s = fetch_field(t->x->fetcher, "Date", date, sizeof(date)) ? get_http_date(span_str(date)) : 0;
	time_format((then_s ? then_s : clock_ms() / 1000) - OVERLAP_S, when);
	snprintf(ret_text, 64, "%s", when);
}

struct reading {
	struct cursor *c;
	char begun[64];          /* see clock_of() */
	bool timed, untimed;     /* pages with objects have said their time; have not */
	uint64_t seen;           /* pages of this reading ... */
	unsigned empty;          /* ... and of them, one after the other, without an object */
	uint8_t (*tokens)[16];   /* ... and digests of their `next` */
	unsigned n_tokens;
	bool retried;            /* a next was not known any more */
};

static bool was_seen(struct reading *r, struct span next)
{
	uint8_t d[32];
	sha256_two(next, (struct span){ 0 }, d);
	for (unsigned i = 0; i < r->n_tokens; i++)
		if (memcmp(r->tokens[i], d, 16) == 0)
			return true;
	if ((r->n_tokens & (r->n_tokens - 1)) == 0)
		r->tokens = mem_realloc(r->tokens, (r->n_tokens ? 2 * r->n_tokens : 1) * sizeof(*r->tokens));
	memcpy(r->tokens[r->n_tokens++], d, 16);
	return false;
}

/* Where the next page is: the cursor is set for it.  *ret_over: there is none. */
static enum err step(struct reading *r, const struct taxii_envelope *v, bool *ret_over, struct fault *f)
{
	struct cursor *c = r->c;
	bool more = v->more || (!v->has_more && v->next.n);
	*ret_over = !more;
	if (more && v->next.n && v->next.n < sizeof(c->next) && !was_seen(r, v->next)) {
		memcpy(c->next, v->next.p, v->next.n);
		c->next[v->next.n] = 0;
		return OK;
	}
	c->next[0] = 0;
	if (more && !is_later(c->last, c->after))
		return fault_set(f, ERR_SYNTAX, "the server says that there is more, and gives no way to it (%s)",
				 v->next.n ? "the same next again" : "neither next nor X-TAXII-Date-Added-Last");
	if (c->last[0] && is_later(c->last, c->after))
		memcpy(c->after, c->last, sizeof(c->after));
	if (!more && r->untimed && !r->timed)
		memcpy(c->after, r->begun, sizeof(c->after));
	return OK;
}

static enum err take_objects(struct taxii *t, struct reading *r, const struct taxii_envelope *v, struct fault *f)
{
	struct cursor *c = r->c;
	uint8_t d[32];
	char hex[65], last[64];
	sha256_two(v->objects, (struct span){ 0 }, d);
	hex_encode(d, sizeof(d), hex);
	hex[64] = 0;
	bool timed = time_field(t, "X-TAXII-Date-Added-Last", last);
	r->timed |= timed;
	r->untimed |= !timed;
	if (timed && is_later(last, c->last))
		memcpy(c->last, last, sizeof(c->last));
	if (strcmp(hex, c->digest) == 0)
		return OK; /* the last page over again */
	memcpy(c->digest, hex, sizeof(hex));
	return add_page(t, v, f);
}

static enum err read_page(struct taxii *t, struct reading *r, struct buf *url, bool *ret_over, struct fault *f)
{
	struct taxii_envelope v;
	struct get g;
	objects_url(r->c, url);
	enum err e = ask(t, buf_cstr(url), &g, f);
	if (e && r->c->next[0] && !r->retried && (g.status == 400 || g.status == 404)) {
		r->retried = true;
		r->c->next[0] = 0;
		if (is_later(r->c->last, r->c->after))
			memcpy(r->c->after, r->c->last, sizeof(r->c->after));
		return OK;
	}
	if (e)
		return e;
	if (!r->seen++)
		clock_of(t, r->begun);
	if ((e = taxii_envelope(buf_span(&t->page), &t->scratch, &v, f)) != OK)
		return not_taxii(t, buf_cstr(url), f);
	r->empty = v.n_objects ? 0 : r->empty + 1;
	if (r->empty > EMPTY_MAX)
		return fault_set(f, ERR_SYNTAX, "the server gives page after page without an object");
	if (v.n_objects)
		e = take_objects(t, r, &v, f);
	return e ? e : step(r, &v, ret_over, f);
}

/* What came before an error is kept: the cursor says where to go on.  It never says more than is durable. */
static enum err read_collection(struct taxii *t, struct cursor *c, struct fault *f)
{
	struct reading r = { .c = c };
	struct cursor *durable = mem_alloc(sizeof(*durable));
	struct buf url = { 0 };
	bool over = false;
	enum err e = OK, kept = OK;
	*durable = *c;
	while (e == OK && !over) {
		e = pulling_cancelled(t->x) ? fault_set(f, ERR_CANCELLED, "stopped") : read_page(t, &r, &url, &over, f);
		if (e == OK && (over || t->octets >= RUN_OCTETS)) {
			kept = e = end_run(t, f);
			if (e == OK)
				*durable = *c;
		}
	}
	if (e && e != ERR_CANCELLED && kept == OK && t->fd >= 0 && end_run(t, NULL) == OK)
		*durable = *c;
	*c = *durable;
	drop_run(t);
	pulling_drop(t->x);
	buf_release(&url);
	free(durable);
	free(r.tokens);
	return e;
}

static void show_cursor(struct taxii *t)
{
	struct health *h = t->x->health;
	for (unsigned i = 0; i < t->cursors.n; i++)
		if (t->cursors.v[i].after[0] && is_later(t->cursors.v[i].after, h->after))
			snprintf(h->after, sizeof(h->after), "%s", t->cursors.v[i].after);
}

enum err pull_taxii(struct pulling *x, struct fault *f)
{
	struct taxii t = { .x = x, .fd = -1 };
	struct fault first = { .code = OK };
	enum err e = cursors_read(node_dir(x->node), x->p->source, &t.cursors, f);
	if (e == OK)
		e = find_collections(&t, f);
	for (unsigned i = 0; i < t.n_collections && e != ERR_CANCELLED; i++) {
		struct fault why = { .code = OK };
		struct cursor *c = e ? NULL : cursors_of(&t.cursors, t.collections[i]);
		enum err one = c ? read_collection(&t, c, &why) : OK;
		if (one == ERR_CANCELLED)
			e = one;
		if (one && (first.code == OK || one == ERR_CANCELLED))
			first = why;
	}
	if (first.code && f)
		*f = first;
	e = e ? e : first.code;
	show_cursor(&t);
	for (unsigned i = 0; i < t.n_collections; i++)
		free(t.collections[i]);
	free(t.collections);
	cursors_release(&t.cursors);
	buf_release(&t.page);
	buf_release(&t.scratch);
	return e;
}
