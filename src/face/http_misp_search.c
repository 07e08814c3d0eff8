/* restSearch.  Values that are exact are looked up in the table, and what it says of them is put with the events that they came in;
 * any other search reads the events one after the other, while the answer is being sent. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "face/http_misp_parts.h"
#include "view/reputation.h"

struct search {
	struct http_server *server;
	struct misp_events *events;
	clearance clear;
	struct misp_filter filter;
	bool of_events;                 /* else of attributes */
	unsigned passed;                /* of attributes: MISP_PASSED_* */
	uint32_t now_s;
	size_t at;                      /* of all events, or of `only` */
	bool has_only;
	char (*only)[UUID_TEXT];        /* the events that may have something */
	size_t n_only;
	struct misp_reading *reading;
	struct misp_event event;        /* that is being read */
	uint64_t skip, found, given;
	bool begun, comma, over, met;
	uint64_t *seen;                 /* attributes of one value that have come */
	size_t n_seen, seen_cap;
	struct buf *out;
};

static void search_release(struct search *s)
{
	misp_reading_free(s->reading);
	misp_filter_release(&s->filter);
	free(s->only);
	free(s->seen);
	free(s);
}

/* ---- what comes out ---- */

static void put_begin(struct search *s)
{
	if (s->begun)
		return;
	s->begun = true;
	if (s->filter.format == MISP_JSON)
		buf_puts(s->out, s->of_events ? "{\"response\":[" : "{\"response\":{\"Attribute\":[");
	else if (s->filter.format == MISP_CSV && !s->filter.headerless)
		buf_puts(s->out, misp_csv_heading);
}

static void put_end(struct search *s)
{
	put_begin(s);
	if (s->filter.format == MISP_JSON)
		buf_puts(s->out, s->of_events ? "]}\n" : "]}}\n");
	else if (s->filter.format == MISP_COUNT)
		buf_printf(s->out, "%llu\n", (unsigned long long)s->given);
}

static void put_value(struct search *s, const struct misp_attribute *a)
{
	obs_format(&a->obs, s->out);
	buf_putc(s->out, '\n');
}

static void put_one(struct search *s, const struct misp_attribute *a)
{
	switch (s->filter.format) {
	case MISP_JSON:
		if (s->comma)
			buf_putc(s->out, ',');
		misp_put_attribute(s->out, &s->event, a, !s->of_events);
		s->comma = true;
		break;
	case MISP_CSV:
		misp_put_csv(s->out, &s->event, a);
		break;
	case MISP_TEXT:
		put_value(s, a);
		break;
	case MISP_COUNT:
		break;
	}
}

/* Is there a page that begins behind what was found so far, or is the page full? */
static bool takes(struct search *s)
{
	s->found++;
	if (s->found <= s->skip)
		return false;
	s->given++;
	s->over = s->filter.limit && s->given >= s->filter.limit;
	return true;
}

/* ---- warning lists ---- */

static bool is_warned_of(struct search *s, const struct observable *o)
{
	struct reputation r;
	struct score_line lines[SCORE_LINES_MAX];
	unsigned n = 0;
	const struct table_view *v = http_table_enter(s->server);
	reputation_of(v, o, s->clear, s->now_s, &r, lines, &n);
	bool warned = r.protected_by || r.rule;
	for (unsigned i = 0; i < n; i++)
		warned |= lines[i].fate == LINE_PROTECTS || lines[i].fate == LINE_KNOWN;
	http_table_leave(s->server);
	return warned;
}

static bool passes(struct search *s, const struct misp_attribute *a)
{
	return misp_filter_attribute(&s->filter, &s->event, a, s->passed) && !(s->filter.no_warninglist && is_warned_of(s, &a->obs));
}

/* ---- reading events ---- */

static void on_attribute(void *ctx, const struct misp_attribute *a)
{
	struct search *s = ctx;
	if (s->over || !passes(s, a))
		return;
	if (s->of_events || takes(s))
		put_one(s, a);
}

/* For a look ahead: does the event have one that was asked for? */
static void on_candidate(void *ctx, const struct misp_attribute *a)
{
	struct search *s = ctx;
	s->met |= misp_filter_attribute(&s->filter, &s->event, a, MISP_PASSED_TIME);
}

/* Events are asked for by what is in them. */
static bool has_wanted(struct search *s, const struct misp_listed *l)
{
	struct misp_pick pick;
	const struct misp_filter *m = &s->filter;
	if (!s->of_events || s->has_only || !(m->value.n || m->uuid.n || m->type.n || m->tags.n || m->category.n))
		return true;
	if (!misp_events_pick(s->events, s->clear, span_str(l->uuid), &pick))
		return false;
	struct misp_reading *r = misp_reading_new(s->server->options.node, &pick);
	for (s->met = false; misp_reading_more(r, MISP_RECORDS, on_candidate, s) && !s->met;)
		;
	misp_reading_free(r);
	return s->met;
}

static bool next_listed(struct search *s, struct misp_listed *ret_listed)
{
	if (!s->has_only)
		return misp_events_next(s->events, s->clear, &s->at, ret_listed);
	while (s->at < s->n_only)
		if (misp_events_find(s->events, s->clear, span_str(s->only[s->at++]), ret_listed))
			return true;
	return false;
}

/* The next event that may have something.  @return false: there is none. */
static bool next_event(struct search *s)
{
	struct misp_listed l;
	struct misp_pick pick;
	while (next_listed(s, &l)) {
		struct misp_event e = misp_listed_event(&l);
		s->event = e;
		if ((l.over && !s->filter.deleted) || !misp_filter_event(&s->filter, &e))
			continue;
		if (s->of_events && (e.time_s < s->filter.since_s || e.time_s > s->filter.until_s || !has_wanted(s, &l) || !takes(s)))
			continue;
		if (s->of_events && s->filter.format == MISP_COUNT) {
			if (s->over)
				return false;
			continue;
		}
		if (!misp_events_pick(s->events, s->clear, span_str(l.uuid), &pick))
			continue;
		s->reading = misp_reading_new(s->server->options.node, &pick);
		s->event = misp_listed_event(misp_reading_of(s->reading));
		return true;
	}
	return false;
}

static void begin_event(struct search *s)
{
	if (!s->of_events || s->filter.format != MISP_JSON)
		return;
	if (s->given > 1)
		buf_putc(s->out, ',');
	misp_put_event_begin(s->out, &s->event);
	s->comma = false;
}

static void end_event(struct search *s)
{
	if (s->of_events && s->filter.format == MISP_JSON)
		misp_put_event_end(s->out);
	misp_reading_free(s->reading);
	s->reading = NULL;
}

static bool search_make(void *ctx, struct buf *out)
{
	struct search *s = ctx;
	bool full = s->over; /* of events: the one that is being read is the last */
	http_reader(s->server);
	s->out = out;
	put_begin(s);
	if (!s->reading) {
		if (s->over || !next_event(s)) {
			put_end(s);
			return false;
		}
		full = s->over;
		begin_event(s);
	}
	s->over = s->of_events ? false : s->over;
	bool more = !(s->of_events && s->filter.metadata) && misp_reading_more(s->reading, MISP_RECORDS, on_attribute, s);
	if (!more || (!s->of_events && s->over))
		end_event(s);
	s->over |= full;
	return true;
}

static void search_over(void *ctx, bool whole)
{
	search_release(ctx);
}

/* ---- exact values ---- */

static bool is_new(struct search *s, const char *uuid)
{
	uint64_t id = misp_id_of(uuid);
	for (size_t i = 0; i < s->n_seen; i++)
		if (s->seen[i] == id)
			return false;
	if (s->n_seen == s->seen_cap) {
		s->seen_cap = s->seen_cap ? s->seen_cap * 2 : 32;
		s->seen = mem_realloc(s->seen, s->seen_cap * sizeof(*s->seen));
	}
	s->seen[s->n_seen++] = id;
	return true;
}

/* A claim of the table, copied out of it. */
struct found {
	struct claim claim;
	bool stands;
	uint8_t category; /* its source's, for those that say none */
};

enum { FOUND_MAX = 256 };

static bool is_taken_back(const struct claim *c, const struct claim *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (score_takes_back(&all[i], c))
			return true;
	return false;
}

/* What the table says of exactly this, the newest first. */
static unsigned find_claims(struct search *s, const struct observable *o, struct found found[FOUND_MAX])
{
	struct table_key key = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	unsigned n = 0;
	const struct table_view *v = http_table_enter(s->server);
	const struct meaning *m = v->context;
	for (unsigned i = v->n; i-- > 0;) {
		const struct claim *c;
		unsigned n_claims = image_find(v->level[i], &key, &c);
		for (unsigned k = 0; k < n_claims && n < FOUND_MAX; k++) {
			if (!(s->clear >> (c[k].lane & 63) & 1) || (c[k].stance > STANCE_RETRACTED && c[k].stance < STANCE_UNSAID) || c[k].source >= source_count(m->sources))
				continue;
			found[n++] = (struct found){
				.claim = c[k], .stands = source_claim_counts((void *)(uintptr_t)m->sources, &c[k]),
				.category = source_get(m->sources, c[k].source)->category,
			};
		}
	}
	http_table_leave(s->server);
	struct claim all[FOUND_MAX];
	for (unsigned i = 0; i < n; i++)
		all[i] = found[i].claim;
	for (unsigned i = 0; i < n; i++)
		found[i].stands &= !is_taken_back(&found[i].claim, all, n);
	return n;
}

static struct feed_claim claim_of(const struct found *g, const struct observable *o)
{
	const struct claim *c = &g->claim;
	struct feed_claim fc = {
		.obs = *o, .stance = c->stance, .category = c->category == CAT_UNKNOWN ? g->category : c->category,
		.confidence = c->confidence, .kinds = KINDS_ALL, .part = c->flags & CLAIM_PART, .seen = c->seen, .until = c->until,
	};
	fc.obs.wildcard = c->flags & CLAIM_WILDCARD;
	return fc;
}

struct wanted {
	struct search *search;
	const struct observable *o;
};

static void on_original(void *ctx, const struct misp_attribute *a)
{
	struct wanted *w = ctx;
	if (a->obs.kind == w->o->kind && a->obs.prefix == w->o->prefix && a->obs.n == w->o->n && memcmp(a->obs.key, w->o->key, a->obs.n) == 0 &&
	    is_new(w->search, a->uuid))
		on_attribute(w->search, a);
}

/* An event that came as MISP has UUIDs of its own for what is in it. */
static void give_original(struct search *s, const struct misp_listed *l, const struct observable *o)
{
	struct misp_pick pick;
	struct wanted w = { s, o };
	if (!is_new(s, l->uuid) || !misp_events_pick(s->events, s->clear, span_str(l->uuid), &pick))
		return;
	struct misp_reading *r = misp_reading_new(s->server->options.node, &pick);
	while (misp_reading_more(r, MISP_RECORDS, on_original, &w) && !s->over)
		;
	misp_reading_free(r);
}

static void give_claim(struct search *s, const struct found *g, const struct found *all, unsigned n, const struct observable *o,
		       const struct misp_piece *piece)
{
	char uuid[UUID_TEXT];
	struct misp_attribute a;
	struct feed_claim fc = claim_of(g, o);
	if (!misp_attribute_of(&fc, &a))
		return;
	misp_attribute_uuid(s->event.uuid, &a.obs, a.category, uuid);
	if (!is_new(s, uuid))
		return;
	for (unsigned i = 0; i < n; i++) {
		struct feed_claim other = claim_of(&all[i], o);
		if (&all[i] != g && all[i].claim.source == g->claim.source && all[i].claim.lane == g->claim.lane && other.category == fc.category)
			misp_attribute_add(&a, &other);
	}
	a.uuid = uuid;
	a.id = misp_id_of(uuid);
	a.deleted = !g->stands;
	a.time_s = a.deleted ? s->event.time_s : piece->stamp_s;
	on_attribute(s, &a);
}

static void add_only(struct search *s, const char *uuid)
{
	for (size_t i = 0; i < s->n_only; i++)
		if (strcmp(s->only[i], uuid) == 0)
			return;
	s->only = mem_realloc(s->only, (s->n_only + 1) * sizeof(*s->only));
	snprintf(s->only[s->n_only++], UUID_TEXT, "%s", uuid);
}

/* What is wanted comes first, so that a sighting is said with the indicator that it is of. */
static void look_up(struct search *s, struct span text)
{
	static const uint8_t order[] = { STANCE_INDICATOR, STANCE_SIGHTING, STANCE_FALSE_POSITIVE };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct found found[FOUND_MAX];
	struct misp_listed l;
	struct misp_piece piece;
	if (obs_parse(text, store, &o, NULL))
		return;
	unsigned n = find_claims(s, &o, found);
	s->n_seen = 0;
	for (size_t k = 0; k < COUNT_OF(order); k++)
		for (unsigned i = 0; i < n && !s->over; i++) {
			if (found[i].claim.stance != order[k] || (!found[i].stands && !s->filter.deleted) ||
			    !misp_events_of_entry(s->events, s->clear, found[i].claim.entry, &l, &piece))
				continue;
			s->event = misp_listed_event(&l);
			if (!misp_filter_event(&s->filter, &s->event))
				continue;
			if (s->of_events)
				add_only(s, l.uuid);
			else if (l.original)
				give_original(s, &l, &o);
			else
				give_claim(s, &found[i], found, n, &o, &piece);
		}
}

/* ---- the requests ---- */

static const char *type_of(const struct search *s)
{
	return s->filter.format == MISP_CSV ? "text/csv; charset=utf-8" : s->filter.format == MISP_TEXT ? "text/plain; charset=utf-8" :
									   "application/json";
}

/* All of it at once: so it is known how much it is. */
static void answer_exact(struct search *s, struct http_answer *a)
{
	char count[24];
	s->out = &a->body;
	put_begin(s);
	for (size_t i = 0; i < s->filter.value.n && !s->over; i++)
		look_up(s, s->filter.value.v[i].text);
	put_end(s);
	snprintf(count, sizeof(count), "%llu", (unsigned long long)s->given);
	http_answer_header(a, "X-Result-Count", count);
	a->status = 200;
	a->type = type_of(s);
	search_release(s);
}

/* Events that are named need not be searched for. */
static void find_only(struct search *s)
{
	const struct misp_terms *by[2] = { &s->filter.eventid, &s->filter.uuid };
	struct misp_listed l;
	uint64_t id;
	for (unsigned k = 0; k < 2; k++) {
		bool all = by[k]->n > 0;
		size_t before = s->n_only;
		for (size_t i = 0; i < by[k]->n && all; i++) {
			struct span text = by[k]->v[i].text;
			all = by[k]->v[i].how == TERM_ANY &&
			      (misp_events_find(s->events, s->clear, text, &l) ||
			       (k == 0 && num_parse_u64(text, UINT64_MAX, &id) == OK && misp_events_find_id(s->events, s->clear, id, &l)));
			if (all)
				add_only(s, l.uuid);
			else if (k == 0 && by[k]->v[i].how == TERM_ANY)
				all = true; /* no such event: nothing is found by it */
		}
		if (all) {
			s->has_only = true;
			return;
		}
		s->n_only = before;
	}
}

static void search(struct http_server *server, struct http_request *q, struct span body, bool of_events, struct http_answer *a)
{
	struct fault f;
	struct misp_events *events = misp_begin(server, q, a);
	if (!events)
		return;
	struct search *s = mem_zalloc(sizeof(*s));
	*s = (struct search){ .server = server, .events = events, .clear = http_told_clear(server, q), .of_events = of_events, .now_s = (uint32_t)(clock_ms() / 1000) };
	if (misp_filter_read(body, s->now_s, &s->filter, &f)) {
		free(s);
		misp_refuse(q, a, 400, f.text);
		return;
	}
	s->skip = (s->filter.page - 1) * s->filter.limit;
	s->passed = of_events ? MISP_PASSED_TIME | MISP_PASSED_VALUE | MISP_PASSED_UUID : misp_filter_is_exact(&s->filter) ? MISP_PASSED_VALUE : 0;
	if (misp_filter_is_exact(&s->filter)) {
		if (!of_events) {
			answer_exact(s, a);
			return;
		}
		for (size_t i = 0; i < s->filter.value.n; i++)
			look_up(s, s->filter.value.v[i].text);
		s->has_only = true;
	} else {
		find_only(s);
	}
	http_flow(q, a, &(struct http_flow){ search_make, search_over, s }, type_of(s));
}

void http_misp_attributes(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	search(s, q, buf_span(&q->body), false, a);
}

void http_misp_search_events(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	search(s, q, buf_span(&q->body), true, a);
}

/* "key:value/key:value", as MISP takes filters in a path; "a||b" is a list.  Words without a ':' are left out. */
static void from_path(struct span path, struct buf *out)
{
	struct span rest = span_head(path, span_find(path, '?'));
	const char *between = "{";
	while (rest.n) {
		struct span word = span_head(rest, span_find(rest, '/')), key = span_head(word, span_find(word, ':'));
		rest = span_from(rest, word.n + 1);
		if (key.n == word.n || !key.n)
			continue;
		buf_puts(out, between);
		json_put_string(out, key);
		buf_puts(out, ":[");
		for (struct span value = span_from(word, key.n + 1);;) {
			const uint8_t *bars = value.n ? memmem(value.p, value.n, "||", 2) : NULL;
			json_put_string(out, span_head(value, bars ? (size_t)(bars - value.p) : value.n));
			if (!bars)
				break;
			buf_putc(out, ',');
			value = span_from(value, (size_t)(bars - value.p) + 2);
		}
		buf_putc(out, ']');
		between = ",";
	}
	buf_puts(out, between[0] == '{' ? "{}" : "}");
}

static void search_path(struct http_server *s, struct http_request *q, const struct http_words *w, bool of_events, struct http_answer *a)
{
	struct buf body = { 0 };
	from_path(w->word[0], &body);
	search(s, q, buf_span(&body), of_events, a);
	buf_release(&body);
}

void http_misp_attributes_by(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	search_path(s, q, w, false, a);
}

void http_misp_events_by(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	search_path(s, q, w, true, a);
}
