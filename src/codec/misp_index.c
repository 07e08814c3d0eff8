#include "codec/misp_index.h"

#include "base/num.h"
#include "codec/json.h"

enum { WRAPS_MAX = 4 /* responses in lists in responses ... */ };

struct telling {
	misp_event_visit *visit;
	void *ctx;
	size_t n;
	bool stop;
};

static enum err check(struct span text, enum json_token *ret_kind, struct fault *f)
{
	struct json_reader r;
	uint64_t line, column;
	json_init(&r, text, true);
	*ret_kind = json_skip(&r);
	if (*ret_kind > JSON_ERROR && json_next(&r) == JSON_END)
		return OK;
	json_place(&r, &line, &column);
	return fault_set(f, ERR_SYNTAX, "%s, at line %llu, column %llu", r.error ? r.error : "it is no JSON", (unsigned long long)line,
			 (unsigned long long)column);
}

static bool is_uuid(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		uint8_t c = ascii_lower(s.p[i]);
		if (dash ? c != '-' : !ascii_digit(c) && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return s.n == MISP_UUID;
}

/* Of a string what is between its quotes; of anything else what is written. */
static struct span unquoted(struct span value)
{
	return value.n >= 2 && value.p[0] == '"' ? span_of(value.p + 1, value.n - 2) : value;
}

static enum err tell(struct telling *to, const struct misp_event *e, struct fault *f)
{
	if (!is_uuid(e->uuid) || to->stop)
		return OK;
	if (to->n++ == MISP_EVENTS_MAX)
		return fault_set(f, ERR_RANGE, "there are more than %d events", MISP_EVENTS_MAX);
	to->stop = !to->visit(to->ctx, e);
	return OK;
}

/* Members of an object that was checked. */
struct members {
	struct span uuid, timestamp, event, response;
	bool eventful; /* it has what events have */
};

static struct members look(struct span object)
{
	struct members m = { .eventful = false };
	struct json_reader r;
	json_init(&r, object, true);
	if (json_next(&r) != JSON_OBJECT)
		return m;
	while (json_next(&r) == JSON_KEY) {
		struct span key = r.escaped ? (struct span){ 0 } : r.slice;
		enum json_token t = json_skip(&r);
		if (span_is(key, "uuid") && t == JSON_STRING)
			m.uuid = unquoted(r.slice);
		else if (span_is(key, "timestamp"))
			m.timestamp = unquoted(r.slice);
		else if (span_is(key, "Event") && t == JSON_OBJECT)
			m.event = r.slice;
		else if (span_is(key, "response") && (t == JSON_OBJECT || t == JSON_ARRAY))
			m.response = r.slice;
		m.eventful |= span_is(key, "Attribute") || span_is(key, "Object") || span_is(key, "info");
	}
	return m;
}

static bool time_of(const struct members *m, uint64_t *ret)
{
	return num_parse_u64(m->timestamp, UINT32_MAX, ret) == OK;
}

/* ---- manifest ---- */

static enum err take_entry(struct telling *to, struct span uuid, struct span object, struct fault *f)
{
	struct members m = look(object);
	struct misp_event e = { .uuid = uuid.n ? uuid : m.uuid };
	return time_of(&m, &e.timestamp) ? tell(to, &e, f) : OK;
}

enum err misp_manifest(struct span text, misp_event_visit *visit, void *ctx, struct fault *f)
{
	struct telling to = { .visit = visit, .ctx = ctx };
	struct json_reader r;
	enum json_token t, kind;
	enum err e = check(text, &kind, f);
	if (e)
		return e;
	if (kind != JSON_OBJECT && kind != JSON_ARRAY)
		return fault_set(f, ERR_SYNTAX, "it is no list of events");
	json_init(&r, text, true);
	(void)!json_next(&r);
	if (kind == JSON_ARRAY) {
		while (e == OK && !to.stop && (t = json_skip(&r)) > JSON_ERROR && t != JSON_ARRAY_END)
			if (t == JSON_OBJECT)
				e = take_entry(&to, (struct span){ 0 }, r.slice, f);
		return e;
	}
	while (e == OK && !to.stop && json_next(&r) == JSON_KEY) {
		struct span uuid = r.slice;
		if (json_skip(&r) == JSON_OBJECT && uuid.n)
			e = take_entry(&to, uuid, r.slice, f);
	}
	return e;
}

/* ---- events ---- */

static enum err take_value(struct telling *to, struct span value, unsigned depth, struct fault *f);

static enum err take_list(struct telling *to, struct span list, unsigned depth, struct fault *f)
{
	struct json_reader r;
	enum json_token t;
	enum err e = OK;
	json_init(&r, list, true);
	(void)!json_next(&r);
	while (e == OK && !to->stop && (t = json_skip(&r)) > JSON_ERROR && t != JSON_ARRAY_END)
		e = take_value(to, r.slice, depth, f);
	return e;
}

static enum err take_value(struct telling *to, struct span value, unsigned depth, struct fault *f)
{
	struct misp_event e = { .whole = value };
	if (depth == WRAPS_MAX || !value.n || (value.p[0] != '{' && value.p[0] != '['))
		return OK;
	if (value.p[0] == '[')
		return take_list(to, value, depth + 1, f);
	struct members m = look(value);
	if (m.event.n)
		m = look(m.event);
	else if (m.response.n)
		return take_value(to, m.response, depth + 1, f);
	else if (!m.eventful)
		return OK;
	e.uuid = m.uuid;
	return time_of(&m, &e.timestamp) ? tell(to, &e, f) : OK;
}

enum err misp_events(struct span text, misp_event_visit *visit, void *ctx, struct fault *f)
{
	struct telling to = { .visit = visit, .ctx = ctx };
	enum json_token kind;
	enum err e = check(text, &kind, f);
	return e ? e : take_value(&to, span_trim(text), 0, f);
}
