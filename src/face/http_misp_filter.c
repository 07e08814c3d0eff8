#include "face/http_misp_filter.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json_walk.h"
#include "codec/tlp.h"

/* ---- words ---- */

/* Of a string or number, copied into the store, which has room for it. */
static struct span take_text(struct misp_filter *m, const struct json_member *v)
{
	size_t at = m->store.n;
	if (!v->escaped || json_unescape(v->value, &m->store))
		buf_putspan(&m->store, v->value);
	return span_trim(span_of(m->store.p + at, m->store.n - at));
}

static bool is_word(const struct json_member *v)
{
	return v->kind == JSON_STRING || v->kind == JSON_NUMBER;
}

static enum err add_term(struct misp_terms *t, struct span text, int how, struct fault *f)
{
	if (!text.n)
		return OK;
	if (t->n == MISP_TERMS_MAX)
		return fault_set(f, ERR_RANGE, "a filter has more than %d values; send them in parts", MISP_TERMS_MAX);
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 8;
		t->v = mem_realloc(t->v, t->cap * sizeof(*t->v));
	}
	if (text.p[0] == '!') {
		text = span_from(text, 1);
		how = TERM_NONE;
	}
	t->v[t->n++] = (struct misp_term){ text, how };
	return OK;
}

static enum err add_value(struct misp_filter *m, struct misp_terms *t, const struct json_member *v, int how, struct fault *f);

static enum err add_list(struct misp_filter *m, struct misp_terms *t, struct span list, int how, struct fault *f)
{
	struct json_reader r;
	enum err e = OK;
	json_init(&r, list, true);
	if (json_next(&r) != JSON_ARRAY)
		return OK;
	for (enum json_token k; e == OK && (k = json_skip(&r)) > JSON_ERROR && k != JSON_ARRAY_END;) {
		struct json_member v = { .kind = k, .value = r.slice, .escaped = r.escaped };
		if (k == JSON_STRING && r.slice.n >= 2) { /* with its quotes */
			v.value = span_of(r.slice.p + 1, r.slice.n - 2);
			v.escaped = span_find(v.value, '\\') < v.value.n;
		}
		if (is_word(&v))
			e = add_term(t, take_text(m, &v), how, f);
	}
	return e;
}

static enum err add_value(struct misp_filter *m, struct misp_terms *t, const struct json_member *v, int how, struct fault *f)
{
	struct json_member way[3] = { { "OR" }, { "AND" }, { "NOT" } };
	static const int ways[3] = { TERM_ANY, TERM_ALL, TERM_NONE };
	enum err e = OK;
	if (is_word(v))
		return add_term(t, take_text(m, v), how, f);
	if (v->kind == JSON_ARRAY)
		return add_list(m, t, v->value, how, f);
	if (v->kind != JSON_OBJECT)
		return OK;
	(void)json_peek(v->value, way, 3);
	for (unsigned i = 0; i < 3 && e == OK; i++)
		if (way[i].kind == JSON_ARRAY || is_word(&way[i]))
			e = add_value(m, t, &way[i], ways[i], f);
	return e;
}

/* ---- times ---- */

/* "5d", "1700000000", "2026-08-22" and what time_parse() takes. */
static enum err read_time(struct span text, uint32_t now_s, uint32_t *ret_s, struct fault *f)
{
	static const struct { char unit; uint32_t s; } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	uint64_t n;
	int64_t t;
	for (size_t i = 0; i < COUNT_OF(units) && text.n; i++)
		if (ascii_lower(text.p[text.n - 1]) == units[i].unit && num_parse_u64(span_head(text, text.n - 1), UINT32_MAX, &n) == OK) {
			uint64_t back = n * units[i].s;
			*ret_s = back > now_s ? 0 : now_s - (uint32_t)back;
			return OK;
		}
	if (num_parse_u64(span_head(text, span_find(text, '.')), UINT32_MAX, &n) == OK) {
		*ret_s = (uint32_t)n;
		return OK;
	}
	if (time_parse(text, &t) == OK && t >= 0 && t <= UINT32_MAX) {
		*ret_s = (uint32_t)t;
		return OK;
	}
	return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not a time: write seconds since 1970, a date, or how long ago as in \"5d\"",
			 SPAN_ARG(span_head(text, 60)));
}

/* One time: what is newer; a list of two: what lies between, whichever is first. */
static enum err read_range(struct misp_filter *m, const struct json_member *v, uint32_t now_s, uint32_t *from, uint32_t *to, struct fault *f)
{
	struct misp_terms t = { 0 };
	uint32_t a = 0, b = UINT32_MAX;
	enum err e = add_value(m, &t, v, TERM_ANY, f);
	if (e == OK && t.n > 0)
		e = read_time(t.v[0].text, now_s, &a, f);
	if (e == OK && t.n > 1)
		e = read_time(t.v[1].text, now_s, &b, f);
	free(t.v);
	*from = a < b ? a : b;
	*to = a < b ? b : a;
	return e;
}

/* ---- all of it ---- */

static bool is_true(const struct json_member *v)
{
	return v->kind == JSON_TRUE || (is_word(v) && v->value.n && !span_is(v->value, "0") && !span_is(v->value, "false"));
}

static bool is_said(const struct json_member *v)
{
	return v->kind == JSON_TRUE || v->kind == JSON_FALSE || (is_word(v) && v->value.n) || v->kind == JSON_ARRAY;
}

static enum err read_format(const struct json_member *v, struct misp_filter *m, struct fault *f)
{
	static const char *const names[] = { "json", "csv", "text", "count" };
	if (!is_word(v) || !v->value.n)
		return OK;
	for (unsigned i = 0; i < COUNT_OF(names); i++)
		if (span_ieq(v->value, span_str(names[i]))) {
			m->format = i;
			return OK;
		}
	return fault_set(f, ERR_UNSUPPORTED, "the returnFormat \"" SPAN_FMT "\" is not made here; there are json, csv, text and count",
			 SPAN_ARG(span_head(v->value, 40)));
}

static enum err read_number(const struct json_member *v, const char *what, uint64_t *ret_n, struct fault *f)
{
	if (!is_word(v) || !v->value.n)
		return OK;
	if (num_parse_u64(v->value, INT32_MAX, ret_n))
		return fault_set(f, ERR_SYNTAX, "%s is not a number", what);
	return OK;
}

/* "deleted": 0 or false, 1 or true (those alone), "only", or [0, 1] for both. */
static enum err read_deleted(struct misp_filter *m, const struct json_member *v, struct fault *f)
{
	struct misp_terms t = { 0 };
	m->standing = true;
	if (v->kind == JSON_TRUE) {
		m->standing = false;
		m->deleted = true;
	}
	enum err e = add_value(m, &t, v, TERM_ANY, f);
	if (t.n)
		m->standing = false;
	for (size_t i = 0; i < t.n; i++)
		*(span_is(t.v[i].text, "0") || span_is(t.v[i].text, "false") ? &m->standing : &m->deleted) = true;
	free(t.v);
	return e;
}

enum {
	RETURN_FORMAT, VALUE, TYPE, CATEGORY, TAGS, EVENT_TAGS, UUID, EVENTID, ORG, EVENTINFO, FROM, TO, DATE, LAST, TIMESTAMP, PUBLISH_TIMESTAMP,
	EVENT_TIMESTAMP, TO_IDS, DELETED, WARNINGLIST, CONTEXT, HEADERLESS, METADATA, PUBLISHED, LIMIT, PAGE, TYPE_ATTRIBUTE, ID, MEMBERS,
};

static enum err read_times(struct misp_filter *m, const struct json_member *v, uint32_t now_s, struct fault *f)
{
	uint32_t none;
	enum err e = OK;
	if (is_said(&v[DATE]))
		e = read_range(m, &v[DATE], now_s, &m->from_s, &m->to_s, f);
	if (e == OK && is_said(&v[FROM]))
		e = read_range(m, &v[FROM], now_s, &m->from_s, &none, f);
	if (e == OK && is_said(&v[TO]))
		e = read_range(m, &v[TO], now_s, &m->to_s, &none, f);
	if (e == OK && is_said(&v[TIMESTAMP]))
		e = read_range(m, &v[TIMESTAMP], now_s, &m->since_s, &m->until_s, f);
	for (unsigned i = LAST; i <= EVENT_TIMESTAMP && e == OK; i++)
		if (i != TIMESTAMP && is_said(&v[i]))
			e = read_range(m, &v[i], now_s, &m->event_since_s, &m->event_until_s, f);
	return e;
}

static enum err read_members(struct misp_filter *m, const struct json_member *v, uint32_t now_s, struct fault *f)
{
	static const uint8_t terms[] = { VALUE, TYPE, CATEGORY, TAGS, EVENT_TAGS, UUID, EVENTID, ORG, EVENTINFO, TYPE_ATTRIBUTE };
	struct misp_terms *into[] = { &m->value, &m->type, &m->category, &m->tags, &m->tags, &m->uuid, &m->eventid, &m->org, &m->info, &m->type };
	enum err e = read_format(&v[RETURN_FORMAT], m, f);
	for (size_t i = 0; i < COUNT_OF(terms) && e == OK; i++)
		e = add_value(m, into[i], &v[terms[i]], TERM_ANY, f);
	if (e == OK)
		e = read_times(m, v, now_s, f);
	if (e == OK)
		e = read_number(&v[LIMIT], "limit", &m->limit, f);
	if (e == OK)
		e = read_number(&v[PAGE], "page", &m->page, f);
	if (e == OK)
		e = read_deleted(m, &v[DELETED], f);
	m->page += m->page == 0;
	m->has_to_ids = is_said(&v[TO_IDS]) && v[TO_IDS].kind != JSON_ARRAY;
	m->to_ids = is_true(&v[TO_IDS]);
	m->no_warninglist = is_true(&v[WARNINGLIST]);
	m->context = is_true(&v[CONTEXT]);
	m->headerless = is_true(&v[HEADERLESS]);
	m->metadata = is_true(&v[METADATA]);
	m->unpublished = is_said(&v[PUBLISHED]) && !is_true(&v[PUBLISHED]);
	return e;
}

/* Of a list of one, what is in it: filters in a path are all lists. */
static void unwrap(struct json_member *v)
{
	struct json_reader r;
	json_init(&r, v->value, true);
	if (v->kind != JSON_ARRAY || json_next(&r) != JSON_ARRAY)
		return;
	enum json_token k = json_next(&r);
	struct json_member one = { .name = v->name, .kind = k, .value = r.slice, .escaped = r.escaped };
	if (is_word(&one) && json_next(&r) == JSON_ARRAY_END)
		*v = one;
}

enum err misp_filter_read(struct span body, uint32_t now_s, struct misp_filter *ret_filter, struct fault *f)
{
	static const struct json_member blank[MEMBERS] = {
		[RETURN_FORMAT] = { "returnFormat" }, [VALUE] = { "value" }, [TYPE] = { "type" }, [CATEGORY] = { "category" }, [TAGS] = { "tags" },
		[EVENT_TAGS] = { "event_tags" }, [UUID] = { "uuid" }, [EVENTID] = { "eventid" }, [ORG] = { "org" }, [EVENTINFO] = { "eventinfo" },
		[FROM] = { "from" }, [TO] = { "to" }, [DATE] = { "date" }, [LAST] = { "last" }, [TIMESTAMP] = { "timestamp" },
		[PUBLISH_TIMESTAMP] = { "publish_timestamp" }, [EVENT_TIMESTAMP] = { "event_timestamp" }, [TO_IDS] = { "to_ids" },
		[DELETED] = { "deleted" }, [WARNINGLIST] = { "enforceWarninglist" }, [CONTEXT] = { "includeContext" },
		[HEADERLESS] = { "headerless" }, [METADATA] = { "metadata" }, [PUBLISHED] = { "published" }, [LIMIT] = { "limit" },
		[PAGE] = { "page" }, [TYPE_ATTRIBUTE] = { "type_attribute" }, [ID] = { "id" },
	};
	struct json_member v[MEMBERS], request[1] = { { "request" } };
	struct json_reader r;
	uint64_t line, column;
	struct misp_filter m = { .to_s = UINT32_MAX, .until_s = UINT32_MAX, .event_until_s = UINT32_MAX, .standing = true, .page = 1 };
	body = span_trim(body);
	if (body.n) {
		json_init(&r, body, true);
		enum json_token t = json_skip(&r);
		if (t == JSON_ERROR || t == JSON_MORE || json_next(&r) != JSON_END) {
			json_place(&r, &line, &column);
			return fault_set(f, ERR_SYNTAX, "the body is not JSON: line %llu, column %llu: %s", (unsigned long long)line,
					 (unsigned long long)column, r.error ? r.error : "it goes on behind its end");
		}
		if (t != JSON_OBJECT)
			return fault_set(f, ERR_SYNTAX, "the body is not a JSON object of filters");
	}
	memcpy(v, blank, sizeof(v));
	(void)json_peek(body, request, 1);
	(void)json_peek(request[0].kind == JSON_OBJECT ? request[0].value : body, v, MEMBERS);
	for (size_t i = 0; i < MEMBERS; i++)
		unwrap(&v[i]);
	buf_reserve(&m.store, 2 * body.n + 16); /* so that it does not move */
	enum err e = read_members(&m, v, now_s, f);
	if (e)
		misp_filter_release(&m);
	else
		*ret_filter = m;
	return e;
}

void misp_filter_release(struct misp_filter *m)
{
	struct misp_terms *t[] = { &m->value, &m->type, &m->category, &m->tags, &m->uuid, &m->eventid, &m->org, &m->info };
	for (size_t i = 0; i < COUNT_OF(t); i++)
		free(t[i]->v);
	buf_release(&m->store);
	*m = (struct misp_filter){ 0 };
}

/* ---- passing ---- */

/* The star falls back to its last place only, so the time is at most the product of the lengths. */
bool misp_like(struct span text, struct span pattern)
{
	size_t t = 0, p = 0, star = SIZE_MAX, from = 0;
	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '%') {
			star = p++;
			from = t;
		} else if (p < pattern.n && ascii_lower(pattern.p[p]) == ascii_lower(text.p[t])) {
			p++, t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '%')
		p++;
	return p == pattern.n;
}

/* Over several texts: one of ANY when there are some, each of ALL, none of NONE. */
static bool pass_each(const struct misp_terms *t, const struct span *text, size_t n)
{
	bool wants = false, has = false;
	for (size_t i = 0; i < t->n; i++) {
		bool met = false;
		for (size_t k = 0; k < n && !met; k++)
			met = misp_like(text[k], t->v[i].text);
		if (t->v[i].how == TERM_NONE ? met : t->v[i].how == TERM_ALL && !met)
			return false;
		wants |= t->v[i].how == TERM_ANY;
		has |= t->v[i].how == TERM_ANY && met;
	}
	return !wants || has;
}

bool misp_terms_pass(const struct misp_terms *t, struct span text)
{
	return t->n == 0 || pass_each(t, &text, 1);
}

static bool asks_for_event(const struct misp_filter *m, const struct misp_event *e)
{
	char id[24];
	int n = snprintf(id, sizeof(id), "%llu", (unsigned long long)e->id);
	struct span names[2] = { span_of(id, (size_t)n), span_str(e->uuid) };
	return m->eventid.n == 0 || pass_each(&m->eventid, names, 2);
}

bool misp_filter_event(const struct misp_filter *m, const struct misp_event *e)
{
	struct span org[2] = { e->org.name, span_str(e->org.uuid) };
	return !m->unpublished && e->date_s >= m->from_s && e->date_s <= m->to_s && e->time_s >= m->event_since_s && e->time_s <= m->event_until_s &&
	       asks_for_event(m, e) && (m->org.n == 0 || pass_each(&m->org, org, 2)) && misp_terms_pass(&m->info, e->info);
}

/* "tlp:white" is what "tlp:clear" was called before. */
static bool tags_pass(const struct misp_filter *m, const struct misp_event *e, const struct misp_attribute *a)
{
	struct span tags[4];
	size_t n = 0;
	const char *confidence = misp_confidence_tag(a->confidence);
	if (m->tags.n == 0)
		return true;
	tags[n++] = span_str(misp_category_tag(a->category));
	tags[n++] = span_str(tlp_name(e->tlp));
	if (e->tlp == TLP_CLEAR)
		tags[n++] = SPAN_LIT("tlp:white");
	if (confidence)
		tags[n++] = span_str(confidence);
	return pass_each(&m->tags, tags, n);
}

static bool type_passes(const struct misp_filter *m, const struct misp_attribute *a)
{
	bool wants = false, has = false;
	for (size_t i = 0; i < m->type.n; i++) {
		const struct misp_term *t = &m->type.v[i];
		bool met = misp_type_kinds(t->text) >> a->obs.kind & 1 || misp_like(span_str(misp_type(&a->obs)), t->text);
		if (t->how == TERM_NONE && met)
			return false;
		wants |= t->how != TERM_NONE;
		has |= t->how != TERM_NONE && met;
	}
	return !wants || has;
}

static bool value_passes(const struct misp_filter *m, const struct misp_attribute *a)
{
	struct buf text = { 0 };
	if (m->value.n == 0)
		return true;
	obs_format(&a->obs, &text);
	bool passes = misp_terms_pass(&m->value, buf_span(&text));
	buf_release(&text);
	return passes;
}

static bool uuid_passes(const struct misp_filter *m, const struct misp_event *e, const struct misp_attribute *a)
{
	struct span names[2] = { span_str(a->uuid), span_str(e->uuid) };
	return m->uuid.n == 0 || pass_each(&m->uuid, names, 2);
}

bool misp_filter_attribute(const struct misp_filter *m, const struct misp_event *e, const struct misp_attribute *a, unsigned passed)
{
	return (a->deleted ? m->deleted : m->standing) && (!m->has_to_ids || m->to_ids == a->to_ids) &&
	       (passed & MISP_PASSED_TIME || (a->time_s >= m->since_s && a->time_s <= m->until_s)) && type_passes(m, a) &&
	       misp_terms_pass(&m->category, span_str(misp_type_category(&a->obs))) && tags_pass(m, e, a) &&
	       (passed & MISP_PASSED_VALUE || value_passes(m, a)) && (passed & MISP_PASSED_UUID || uuid_passes(m, e, a));
}

bool misp_filter_is_exact(const struct misp_filter *m)
{
	for (size_t i = 0; i < m->value.n; i++)
		if (m->value.v[i].how != TERM_ANY || span_find(m->value.v[i].text, '%') < m->value.v[i].text.n)
			return false;
	return m->value.n > 0;
}
