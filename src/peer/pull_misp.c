/* A MISP: a feed (a manifest and a file for each event), or a server that is asked for what has changed.
 *
 * An event is a fact that grows: a newer version of it takes the place of the older one, and what only the older one said is taken back, as is what is
 * said by an event that has left the manifest.  The gate knows no events, only what a source says and takes back, in order.  So it is kept here what each
 * event says (kept.h), and what nobody says any more goes in as a retraction, before the new versions: what another event says is not touched.
 *
 * Attributes with "deleted":true are cut out of the events before they go in, for the same reason: of themselves they would take back the value whoever
 * else says it.  The rest of an event goes in to the octet.
 *
 * A run of events is an import, with a retraction in front of it if there is something to take back; then the list of what is kept is written.  Whoever
 * breaks off in between does both again, which says the same. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/formats.h"
#include "codec/json.h"
#include "codec/misp_index.h"
#include "peer/kept.h"
#include "peer/pull_parts.h"
#include "sys/digest.h"

enum {
	RUN_OCTETS = 16 << 20,
	PAGE_OCTETS_MAX = 256 << 20,
	LIMIT = 100,           /* events that a server is asked for at once */
	PAGES_MAX = 100000,
};

struct misp {
	struct pulling *x;
	struct kept kept;
	struct buf page;
	uint8_t lane_tlp;
	int fd;                /* of the run; -1: none */
	size_t octets;
	struct buf lost;       /* lines that an older version said, and the newer one does not */
	uint64_t newest;       /* timestamp */
	bool broken;           /* the run, or what is kept, is not whole: nothing of it may be made durable */
	struct fault first;    /* of an event that could not be read; the others go on */
};

/* ---- requests ---- */

static bool take_page(void *ctx, struct span octets)
{
	struct misp *t = ctx;
	pulling_came(t->x, octets.n);
	buf_putspan(&t->page, octets);
	return true;
}

static void again(void *ctx)
{
	struct misp *t = ctx;
	t->page.n = 0;
}

static enum err ask(struct misp *t, struct get *g, struct fault *f)
{
	uint64_t max = pulling_octets_max(t->x);
	g->header[0] = "Accept: application/json";
	g->packed = true;
	g->max_octets = max < PAGE_OCTETS_MAX ? max : PAGE_OCTETS_MAX;
	g->take = take_page;
	g->again = again;
	g->ctx = t;
	t->page.n = 0;
	return pulling_get(t->x, g, f);
}

static enum err at_url(const char *url, struct fault *f)
{
	struct buf shown = { 0 };
	pull_url_shown(url, &shown);
	fault_at(f, "\"%.200s\"", buf_cstr(&shown));
	buf_release(&shown);
	return f ? f->code : ERR_SYNTAX;
}

/* ---- what an event says ---- */

struct cut {
	size_t off, len;
};
struct saying {
	const struct misp *t;
	struct buf *says;
	struct cut *cuts;
	unsigned n_cuts;
	size_t base;
};

static void cut_out(struct saying *s, size_t off, size_t len)
{
	if ((s->n_cuts & (s->n_cuts - 1)) == 0)
		s->cuts = mem_realloc(s->cuts, (s->n_cuts ? 2 * s->n_cuts : 1) * sizeof(*s->cuts));
	s->cuts[s->n_cuts++] = (struct cut){ off, len };
}

static bool on_record(void *ctx, const struct feed_record *r)
{
	struct saying *s = ctx;
	if (r->fate != FATE_CLAIMS)
		return true;
	if (r->n_claims && r->claims[0].stance == STANCE_RETRACTED)
		cut_out(s, s->base + r->off, r->len);
	else if (r->tlp == TLP_UNSAID || r->tlp <= s->t->lane_tlp) /* else the gate rejects it */
		for (unsigned i = 0; i < r->n_claims; i++)
			if (r->claims[i].stance == STANCE_INDICATOR)
				kept_say(s->says, &r->claims[i].obs);
	return true;
}

static enum err read_event(const struct misp *t, struct span body, struct saying *s, struct fault *f)
{
	struct feed_options o = { .stance = STANCE_INDICATOR };
	struct feed_parser *parser = feed_parser_new(&feed_misp, &o);
	size_t used = 1;
	enum err e = OK;
	s->t = t;
	while (e == OK && used && body.n > s->base) {
		e = feed_parse(parser, span_from(body, s->base), true, on_record, s, &used, f);
		s->base += used;
	}
	feed_parser_free(parser);
	kept_sort(s->says);
	return e;
}

/* ---- runs ---- */

static enum err put(struct misp *t, struct span octets, struct fault *f)
{
	t->octets += octets.n;
	while (octets.n) {
		ssize_t n = write(t->fd, octets.p, octets.n);
		if (n < 0 && errno != EINTR) {
			t->broken = true;
			return fault_set(f, ERR_IO, "an event cannot be stored in \"%s/pulls\": %s", node_dir(t->x->node), strerror(errno));
		}
		octets = span_from(octets, n > 0 ? (size_t)n : 0);
	}
	return OK;
}

static enum err put_event(struct misp *t, struct span body, const struct saying *s, struct fault *f)
{
	size_t from = 0;
	enum err e = t->fd < 0 ? pulling_file(t->x, &t->fd, f) : OK;
	for (unsigned i = 0; i < s->n_cuts && e == OK; i++) {
		e = put(t, span_head(span_from(body, from), s->cuts[i].off - from), f);
		from = s->cuts[i].off + s->cuts[i].len;
	}
	if (e == OK)
		e = put(t, span_from(body, from), f);
	return e ? e : put(t, SPAN_LIT("\n"), f);
}

/* Lines of the sorted `before` that are not in the sorted `now`. */
static void note_lost(struct misp *t, struct span before, struct span now)
{
	struct span a, b = { 0 };
	bool more = span_line(&now, &b);
	while (span_line(&before, &a)) {
		int d = 1;
		while (more) {
			d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
			d = d ? d : (a.n > b.n) - (a.n < b.n);
			if (d <= 0)
				break;
			more = span_line(&now, &b);
		}
		if (!more || d != 0)
			buf_put(&t->lost, a.p, a.n + 1);
	}
}

/* Its newer version into the run, and what it says into the list of what is kept. */
static enum err add_event(struct misp *t, const struct misp_event *v, struct fault *f)
{
	struct buf says = { 0 };
	struct saying s = { .says = &says };
	enum err e = read_event(t, v->whole, &s, f);
	if (e == OK)
		e = put_event(t, v->whole, &s, f);
	struct kept_event *k = e ? NULL : kept_find(&t->kept, v->uuid);
	if (e == OK && !k && !(k = kept_add(&t->kept, v->uuid)))
		e = fault_set(f, ERR_FULL, "there are more than %d events", MISP_EVENTS_MAX);
	if (k) {
		note_lost(t, buf_span(&k->says), buf_span(&says));
		buf_release(&k->says);
		k->says = says;
		k->timestamp = v->timestamp;
		k->marked = true;
		t->newest = v->timestamp > t->newest ? v->timestamp : t->newest;
	} else {
		buf_release(&says);
	}
	free(s.cuts);
	return e;
}

static enum err import_file(struct misp *t, int fd, const char *name, struct fault *f)
{
	struct import_counts c;
	enum err e = pulling_stream(t->x, fd, name, f);
	return e ? e : pulling_finish(t->x, &c, f);
}

static size_t put_retractions(struct misp *t, struct buf *out)
{
	struct kept_said *said = kept_said_new(&t->kept);
	size_t n = 0;
	kept_sort(&t->lost);
	struct span rest = buf_span(&t->lost), line;
	while (span_line(&rest, &line)) {
		struct span value = line, kind = span_word(&value);
		if (kept_said(said, line))
			continue;
		buf_printf(out, "{\"type\":\"" SPAN_FMT "\",\"value\":", SPAN_ARG(kind));
		json_put_string(out, span_from(value, 1));
		buf_puts(out, ",\"retracts\":\"event\"}\n");
		n++;
	}
	kept_said_free(said);
	t->lost.n = 0;
	return n;
}

static enum err take_back(struct misp *t, struct fault *f)
{
	struct buf lines = { 0 };
	int fd, events = t->fd;
	enum err e = OK;
	if (t->lost.n && put_retractions(t, &lines) && (e = pulling_file(t->x, &fd, f)) == OK) {
		t->fd = fd;
		e = put(t, buf_span(&lines), f);
		t->fd = events;
		if (e == OK)
			e = pulling_begin_retraction(t->x, "no event says it any more", f);
		if (e)
			close(fd);
		else
			e = import_file(t, fd, "retractions", f);
	}
	buf_release(&lines);
	return e;
}

static enum err end_run(struct misp *t, struct fault *f)
{
	enum err e = take_back(t, f);
	if (e == OK && t->fd >= 0 && (e = pulling_begin(t->x, &feed_misp, f)) == OK) {
		int fd = t->fd;
		t->fd = -1;
		e = import_file(t, fd, "events", f);
	}
	t->octets = 0;
	if (e == OK)
		e = kept_write(node_dir(t->x->node), t->x->p->source, &t->kept, f);
	t->broken |= e != OK;
	return e;
}

/* Does it end the pull, or only this event? */
static bool is_fatal(enum err e, unsigned status)
{
	return e == ERR_CANCELLED || e == ERR_FULL || status == 429 || status == 503;
}

static void note(struct misp *t, const struct fault *why)
{
	if (!t->first.code)
		t->first = *why;
}

/* ---- a feed ---- */

struct wanted {
	struct misp *t;
	struct misp_event *v; /* their uuids point into the manifest */
	unsigned n, cap, all;
};

static bool on_entry(void *ctx, const struct misp_event *e)
{
	struct wanted *w = ctx;
	struct kept_event *k = kept_find(&w->t->kept, e->uuid);
	w->all++;
	w->t->newest = e->timestamp > w->t->newest ? e->timestamp : w->t->newest;
	if (k)
		k->marked = true;
	if (k && k->timestamp == e->timestamp)
		return true;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		w->v = mem_realloc(w->v, w->cap * sizeof(*w->v));
	}
	w->v[w->n++] = *e;
	return true;
}

static bool is_unmarked(const struct kept_event *e)
{
	return !e->marked;
}

static void drop_unmarked(struct misp *t)
{
	for (unsigned i = 0; i < t->kept.n; i++)
		if (is_unmarked(&t->kept.v[i]))
			buf_putspan(&t->lost, buf_span(&t->kept.v[i].says));
	kept_remove(&t->kept, is_unmarked);
}

static bool first_event(void *ctx, const struct misp_event *e)
{
	*(struct misp_event *)ctx = *e;
	return false;
}

/* The file of an event; the timestamp of the manifest decides whether it is asked for again. */
static enum err fetch_event(struct misp *t, const struct misp_event *wanted, unsigned *ret_status, struct fault *f)
{
	char name[MISP_UUID + 6], url[PULL_URL_MAX + 1];
	struct misp_event v = { .timestamp = 0 };
	snprintf(name, sizeof(name), SPAN_FMT ".json", SPAN_ARG(wanted->uuid));
	get_join(pull_address(t->x->p), name, url);
	struct get g = { .url = url };
	enum err e = ask(t, &g, f);
	*ret_status = g.status;
	if (e)
		return e;
	if ((e = misp_events(buf_span(&t->page), first_event, &v, f)) != OK)
		return at_url(url, f);
	if (!v.uuid.n || memcmp(v.uuid.p, wanted->uuid.p, MISP_UUID) != 0) {
		fault_set(f, ERR_SYNTAX, "it is not the event of that name");
		return at_url(url, f);
	}
	v.timestamp = wanted->timestamp;
	return add_event(t, &v, f) ? at_url(url, f) : OK;
}

static enum err fetch_events(struct misp *t, const struct wanted *w, struct fault *f)
{
	enum err e = OK;
	for (unsigned i = 0; i < w->n && e == OK; i++) {
		struct fault why = { .code = OK };
		unsigned status = 0;
		enum err one = pulling_cancelled(t->x) ? fault_set(&why, ERR_CANCELLED, "stopped") : fetch_event(t, &w->v[i], &status, &why);
		if (one)
			note(t, &why);
		if (t->broken && f)
			*f = why;
		if (t->broken)
			return one;
		if (one && is_fatal(one, status))
			break;
		if (t->octets >= RUN_OCTETS)
			e = end_run(t, f);
	}
	return e;
}

static enum err take_manifest(struct misp *t, struct span text, struct fault *f)
{
	struct wanted w = { .t = t };
	enum err e = misp_manifest(text, on_entry, &w, f);
	if (e == OK && !w.all && t->kept.n && !t->x->p->allow_empty)
		e = fault_set(f, ERR_SYNTAX, "the manifest has no event, so what the source said before still counts");
	if (e == OK) {
		drop_unmarked(t);
		e = fetch_events(t, &w, f);
	}
	if (e == OK && t->first.code != ERR_CANCELLED && (t->fd >= 0 || t->lost.n))
		e = end_run(t, f);
	free(w.v);
	return e;
}

static void note_tags(struct pulling *x, const char *digest, const char *etag, const char *modified)
{
	snprintf(x->health->etag, sizeof(x->health->etag), "%s", etag);
	snprintf(x->health->modified, sizeof(x->health->modified), "%s", modified);
	memcpy(x->health->digest, digest, sizeof(x->health->digest));
}

/* The manifest is held apart: the page is that of events from here on. */
static enum err read_feed(struct misp *t, struct fault *f)
{
	struct pulling *x = t->x;
	char digest[65], etag[sizeof(x->health->etag)] = "", modified[sizeof(x->health->modified)] = "";
	uint8_t d[32];
	struct buf manifest = t->page;
	t->page = (struct buf){ 0 };
	sha256_two(buf_span(&manifest), (struct span){ 0 }, d);
	hex_encode(d, sizeof(d), digest);
	digest[64] = 0;
	if (!fetch_field(x->fetcher, "ETag", etag, sizeof(etag)))
		etag[0] = 0;
	if (!fetch_field(x->fetcher, "Last-Modified", modified, sizeof(modified)))
		modified[0] = 0;
	enum err e = t->kept.n && strcmp(digest, x->health->digest) == 0 ? OK : take_manifest(t, buf_span(&manifest), f);
	if (e == OK && !t->first.code) /* else it is looked through again */
		note_tags(x, digest, etag, modified);
	buf_release(&manifest);
	return e;
}

/* ---- a server ---- */

struct batch {
	struct misp *t;
	unsigned all;
	uint8_t digest[32]; /* of the page */
	enum err e;
	struct fault why;
};

static bool on_event(void *ctx, const struct misp_event *v)
{
	struct batch *b = ctx;
	struct kept_event *k = kept_find(&b->t->kept, v->uuid);
	b->all++;
	b->t->newest = v->timestamp > b->t->newest ? v->timestamp : b->t->newest;
	if (k && k->timestamp == v->timestamp)
		return true;
	b->e = add_event(b->t, v, &b->why);
	return b->e == OK;
}

static enum err ask_page(struct misp *t, unsigned page, struct batch *b, struct fault *f)
{
	char url[PULL_URL_MAX + 1], body[160];
	get_join(pull_address(t->x->p), "events/restSearch", url);
	snprintf(body, sizeof(body), "{\"returnFormat\":\"json\",\"published\":true,\"timestamp\":\"%llu\",\"limit\":%d,\"page\":%u}",
		 (unsigned long long)t->kept.cursor, LIMIT, page);
	struct get g = { .url = url, .media = "application/json", .body = span_str(body) };
	enum err e = ask(t, &g, f);
	if (e)
		return e;
	sha256_two(buf_span(&t->page), (struct span){ 0 }, b->digest);
	if ((e = misp_events(buf_span(&t->page), on_event, b, f)) != OK)
		return at_url(url, f);
	if (b->e && f)
		*f = b->why;
	return b->e;
}

static unsigned unmarked(const struct kept *k)
{
	unsigned n = 0;
	for (unsigned i = 0; i < k->n; i++)
		n += !k->v[i].marked;
	return n;
}

/* Which events there are at all, where the server says so: those that are not among them any more are gone.  A list that lacks more than half of
 * them is rather a list of something else. */
static enum err drop_gone(struct misp *t, struct fault *f)
{
	char url[PULL_URL_MAX + 1];
	uint64_t status = t->x->health->status, newest = t->newest;
	struct wanted w = { .t = t };
	get_join(pull_address(t->x->p), "events/index", url);
	struct get g = { .url = url, .media = "application/json", .body = SPAN_LIT("{\"minimal\":1}") };
	for (unsigned i = 0; i < t->kept.n; i++)
		t->kept.v[i].marked = false;
	enum err e = ask(t, &g, f);
	if (e == ERR_CANCELLED)
		return e;
	bool told = e == OK && misp_manifest(buf_span(&t->page), on_entry, &w, NULL) == OK && w.all;
	free(w.v);
	if (told && (unmarked(&t->kept) <= t->kept.n / 2 || t->x->p->allow_empty))
		drop_unmarked(t);
	t->x->health->status = status; /* not every server has it */
	t->x->retry_s = 0;
	t->newest = newest;
	return OK;
}

static enum err read_pages(struct misp *t, struct fault *f)
{
	uint8_t before[32] = { 0 };
	enum err e = OK;
	for (unsigned page = 1; e == OK && page <= PAGES_MAX; page++) {
		struct batch b = { .t = t };
		if (pulling_cancelled(t->x))
			return fault_set(f, ERR_CANCELLED, "stopped");
		e = ask_page(t, page, &b, f);
		if (e || b.all < LIMIT || memcmp(b.digest, before, sizeof(before)) == 0) /* the same: it does not know of pages */
			break;
		memcpy(before, b.digest, sizeof(before));
		if (t->octets >= RUN_OCTETS)
			e = end_run(t, f);
	}
	return e;
}

/* In the order of their numbers, not of their times: where the next pull begins is known at the end alone.  What was broken off is asked for again, and
 * what of it is here already is passed over. */
static enum err read_server(struct misp *t, struct fault *f)
{
	uint64_t before = t->kept.cursor;
	enum err e = read_pages(t, f);
	if (e == OK && t->kept.n)
		e = drop_gone(t, f);
	if (e == OK && t->newest > t->kept.cursor)
		t->kept.cursor = t->newest;
	if (e == ERR_CANCELLED || t->broken || (t->fd < 0 && !t->lost.n && t->kept.cursor == before))
		return e;
	enum err kept = end_run(t, e ? NULL : f);
	return e ? e : kept;
}

/* ---- which of both ---- */

static bool is_json(const struct misp *t, uint8_t brace)
{
	struct span s = span_trim(buf_span(&t->page));
	return s.n && s.p[0] == brace;
}

/* The manifest is asked for first.  A server has none, and says so by a status or by a page to log in. */
static enum err read_either(struct misp *t, struct fault *f)
{
	const struct health *h = t->x->health;
	char url[PULL_URL_MAX + 1], match[300], since[100];
	get_join(pull_address(t->x->p), "manifest.json", url);
	struct get g = { .url = url };
	snprintf(match, sizeof(match), "If-None-Match: %s", h->etag);
	snprintf(since, sizeof(since), "If-Modified-Since: %s", h->modified);
	if (t->kept.n && h->etag[0])
		g.header[1] = match;
	if (t->kept.n && h->modified[0])
		g.header[2] = since;
	enum err e = ask(t, &g, f);
	if (e == OK && g.status == 304)
		return OK;
	if (e == OK && is_json(t, '{'))
		return read_feed(t, f);
	if (e == OK)
		e = fault_set(f, ERR_SYNTAX, "the answer is no manifest");
	if (g.status == 429 || g.status >= 500 || !g.status)
		return e;
	struct fault ignored;
	get_join(pull_address(t->x->p), "servers/getVersion", url);
	struct get v = { .url = url };
	if (ask(t, &v, &ignored) || !is_json(t, '{'))
		return v.status == 401 || v.status == 403 ? get_refused(&v, f) : at_url(g.url, f);
	return read_server(t, f);
}

enum err pull_misp(struct pulling *x, struct fault *f)
{
	struct misp t = { .x = x, .fd = -1 };
	struct lane lane;
	char when[32];
	enum err e = ledger_lane_find(node_ledger(x->node), CLEARANCE_ALL, x->p->lane[0] ? x->p->lane : "public", &lane);
	if (e)
		return fault_set(f, ERR_NOTFOUND, "there is no lane \"%s\"", x->p->lane);
	t.lane_tlp = lane.tlp;
	e = kept_read(node_dir(x->node), x->p->source, &t.kept, f);
	if (e == OK)
		e = read_either(&t, f);
	if (e == OK && t.first.code) {
		e = t.first.code;
		if (f)
			*f = t.first;
	}
	if (e == OK && t.newest) {
		time_format((int64_t)t.newest, when);
		snprintf(x->health->after, sizeof(x->health->after), "%s", when);
	}
	if (t.fd >= 0)
		close(t.fd);
	kept_release(&t.kept);
	buf_release(&t.page);
	buf_release(&t.lost);
	return e;
}
