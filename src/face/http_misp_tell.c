/* Sightings that come in, and values that are asked for in the warning lists. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/json_feed.h"
#include "face/http_misp_parts.h"
#include "gate/sighting.h"
#include "view/reputation.h"

/* ---- what values ---- */

struct values {
	struct observable *v;
	uint8_t (*store)[OBS_KEY_MAX];
	size_t n, cap;
};

static void values_release(struct values *v)
{
	free(v->v);
	free(v->store);
}

/* What is not an observable is left out. */
static void add_value(struct values *v, struct span text)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 4;
		v->v = mem_realloc(v->v, v->cap * sizeof(*v->v));
		v->store = mem_realloc(v->store, v->cap * sizeof(*v->store));
	}
	if (obs_parse(text, v->store[v->n], &v->v[v->n], NULL) == OK)
		v->n++;
}

/* The stores have stopped moving. */
static void settle(struct values *v)
{
	for (size_t i = 0; i < v->n; i++)
		v->v[i].key = v->store[i];
}

/* ---- an attribute by its UUID or number ---- */

struct looking {
	struct span text;
	uint64_t id;
	struct buf value;
	bool found;
};

static void on_attribute(void *ctx, const struct misp_attribute *a)
{
	struct looking *l = ctx;
	if (l->found || a->deleted || !(l->id ? a->id == l->id : span_ieq(span_str(a->uuid), l->text)))
		return;
	obs_format(&a->obs, &l->value);
	l->found = true;
}

static void find_attribute(struct http_server *s, struct misp_events *events, clearance clear, struct looking *l)
{
	struct misp_listed listed;
	struct misp_pick pick;
	size_t at = 0;
	if (num_parse_u64(l->text, UINT64_MAX, &l->id))
		l->id = 0;
	while (!l->found && misp_events_next(events, clear, &at, &listed)) {
		if (listed.over || !misp_events_pick(events, clear, span_str(listed.uuid), &pick))
			continue;
		struct misp_reading *r = misp_reading_new(s->options.node, &pick);
		while (misp_reading_more(r, MISP_RECORDS, on_attribute, l) && !l->found)
			;
		misp_reading_free(r);
	}
}

/* ---- sightings ---- */

enum { VALUE, VALUES, UUID, ID, TYPE, TIMESTAMP, DATE_SIGHTING, MEMBERS };

struct sighting {
	struct values values;
	enum stance stance;
	unsigned type;
	uint32_t seen_s;
	struct span attribute; /* UUID or number */
};

static const struct json_member blank[MEMBERS] = {
	[VALUE] = { "value" }, [VALUES] = { "values" }, [UUID] = { "uuid" }, [ID] = { "id" }, [TYPE] = { "type" }, [TIMESTAMP] = { "timestamp" },
	[DATE_SIGHTING] = { "date_sighting" },
};

static const char *read_sighting(struct span body, uint32_t now_s, struct misp_filter *m, struct sighting *g)
{
	struct json_member v[MEMBERS], wrap[1] = { { "Sighting" } };
	uint64_t type = 0;
	memcpy(v, blank, sizeof(v));
	(void)json_peek(body, wrap, 1);
	(void)json_peek(wrap[0].kind == JSON_OBJECT ? wrap[0].value : body, v, MEMBERS);
	if (v[TYPE].value.n && (v[TYPE].kind == JSON_STRING || v[TYPE].kind == JSON_NUMBER) && num_parse_u64(v[TYPE].value, 2, &type))
		return "the type of a sighting is 0 (seen), 1 (false positive) or 2 (expiration)";
	if (type == 2)
		return "an expiration is not taken: who has told it takes it back";
	g->type = (unsigned)type;
	g->stance = type ? STANCE_FALSE_POSITIVE : STANCE_SIGHTING;
	g->seen_s = json_feed_time(&v[TIMESTAMP]);
	if (!g->seen_s)
		g->seen_s = json_feed_time(&v[DATE_SIGHTING]);
	if (!g->seen_s || g->seen_s > now_s)
		g->seen_s = now_s;
	if (!g->attribute.n && v[UUID].kind == JSON_STRING)
		g->attribute = v[UUID].value;
	if (!g->attribute.n && (v[ID].kind == JSON_STRING || v[ID].kind == JSON_NUMBER))
		g->attribute = v[ID].value;
	for (size_t i = 0; i < m->value.n; i++)
		add_value(&g->values, m->value.v[i].text);
	return NULL;
}

/* "values" and "value" alike, as a search has them. */
static enum err read_values(struct span body, uint32_t now_s, struct misp_filter *m, struct fault *f)
{
	struct json_member list[1] = { { "values" } };
	struct buf as_filter = { 0 };
	(void)json_peek(span_trim(body), list, 1);
	if (list[0].kind != JSON_ARRAY && list[0].kind != JSON_STRING)
		return misp_filter_read(body, now_s, m, f);
	buf_puts(&as_filter, "{\"value\":");
	if (list[0].kind == JSON_STRING) {
		buf_putc(&as_filter, '"');
		buf_putspan(&as_filter, list[0].value);
		buf_putc(&as_filter, '"');
	} else {
		buf_putspan(&as_filter, list[0].value);
	}
	buf_putc(&as_filter, '}');
	enum err e = misp_filter_read(buf_span(&as_filter), now_s, m, f);
	buf_release(&as_filter);
	return e;
}

static unsigned status_of(enum err e)
{
	return e == ERR_NOTFOUND ? 404 : e == ERR_FORBIDDEN || e == ERR_EXISTS ? 403 : e == ERR_BUSY ? 503 : 500;
}

static void answer_told(struct http_server *s, struct http_request *q, const struct sighting *g, struct http_answer *a)
{
	struct fault f = { .text = "" };
	size_t told = 0;
	enum err e = sighting_tell(s->options.node, http_asker(q), g->stance, g->seen_s, g->values.v, g->values.n, &told, &f);
	if (e && !told) {
		misp_refuse(q, a, status_of(e), e == ERR_NOTFOUND ? "No valid attributes found that would match the sighting criteria." : f.text);
		return;
	}
	buf_printf(&a->body, "{\"saved\":true,\"success\":true,\"message\":\"%zu sighting%s successfully added.\",\"Sighting\":{\"type\":\"%u\","
		   "\"date_sighting\":\"%u\",\"source\":", told, told == 1 ? "" : "s", g->type, g->seen_s);
	json_put_string(&a->body, span_str(http_asker(q)->party));
	buf_puts(&a->body, "}}\n");
	a->status = 200;
	a->type = "application/json";
}

static void take_sighting(struct http_server *s, struct http_request *q, struct span attribute, struct http_answer *a)
{
	struct sighting g = { .attribute = attribute };
	struct misp_filter m;
	struct looking l = { .found = false };
	struct fault f;
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	struct misp_events *events = misp_begin(s, q, a);
	if (!events)
		return;
	if (!http_asker(q)->party[0]) {
		misp_refuse(q, a, 403, "a sighting is told by a party: a token is needed");
		return;
	}
	if (read_values(buf_span(&q->body), now_s, &m, &f)) {
		misp_refuse(q, a, 400, f.text);
		return;
	}
	const char *wrong = read_sighting(buf_span(&q->body), now_s, &m, &g);
	if (!wrong && g.attribute.n) {
		l.text = g.attribute;
		find_attribute(s, events, http_told_clear(s, q), &l);
		if (l.found)
			add_value(&g.values, buf_span(&l.value));
	}
	settle(&g.values);
	if (wrong)
		misp_refuse(q, a, 400, wrong);
	else
		answer_told(s, q, &g, a);
	values_release(&g.values);
	misp_filter_release(&m);
	buf_release(&l.value);
}

void http_misp_sighting(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	take_sighting(s, q, span_of(NULL, 0), a);
}

void http_misp_sighting_of(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	take_sighting(s, q, span_head(w->word[0], span_find(w->word[0], '?')), a);
}

/* ---- warning lists ---- */

static void put_hit(struct buf *out, bool *first, struct span name, struct span matched)
{
	buf_puts(out, *first ? "[{\"id\":\"0\",\"name\":" : ",{\"id\":\"0\",\"name\":");
	json_put_string(out, name);
	buf_puts(out, ",\"matched\":");
	json_put_string(out, matched);
	buf_putc(out, '}');
	*first = false;
}

/* The lists that have it, as `"value":[...]`. */
static void put_lists(struct http_server *s, clearance clear, uint32_t now_s, struct span text, bool *comma, struct buf *out)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation r;
	struct score_line lines[SCORE_LINES_MAX];
	struct buf hits = { 0 }, key = { 0 };
	unsigned n = 0;
	bool first = true;
	if (obs_parse(text, store, &o, NULL))
		return;
	const struct table_view *v = http_table_enter(s);
	reputation_of(v, &o, clear, now_s, &r, lines, &n);
	for (unsigned i = 0; i < n; i++) {
		if (lines[i].fate != LINE_PROTECTS && lines[i].fate != LINE_KNOWN)
			continue;
		struct observable of = { .kind = lines[i].key.kind, .prefix = lines[i].key.prefix, .n = lines[i].key.n, .key = lines[i].key.p };
		key.n = 0;
		obs_format(&of, &key);
		put_hit(&hits, &first, span_str(lines[i].source->name), buf_span(&key));
	}
	if (r.rule)
		put_hit(&hits, &first, span_str(r.rule), text);
	if (first && r.protected_by)
		put_hit(&hits, &first, span_str(r.protected_by), text);
	http_table_leave(s);
	if (!first) {
		buf_puts(out, *comma ? "," : "");
		*comma = true;
		json_put_string(out, text);
		buf_putc(out, ':');
		buf_putspan(out, buf_span(&hits));
		buf_putc(out, ']');
	}
	buf_release(&hits);
	buf_release(&key);
}

/* A JSON string, a list of them, or an object with "value". */
void http_misp_warninglists(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct misp_filter m;
	struct fault f;
	struct buf as_filter = { 0 };
	struct span body = span_trim(buf_span(&q->body));
	bool comma = false, bare = body.n && body.p[0] != '{';
	if (bare) {
		buf_puts(&as_filter, "{\"value\":");
		buf_putspan(&as_filter, body);
		buf_putc(&as_filter, '}');
	}
	enum err e = misp_filter_read(bare ? buf_span(&as_filter) : body, 0, &m, &f);
	buf_release(&as_filter);
	if (e) {
		misp_refuse(q, a, 400, f.text);
		return;
	}
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	buf_putc(&a->body, '{');
	for (size_t i = 0; i < m.value.n; i++)
		put_lists(s, http_told_clear(s, q), now_s, m.value.v[i].text, &comma, &a->body);
	buf_puts(&a->body, "}\n");
	misp_filter_release(&m);
	a->status = 200;
	a->type = "application/json";
}
