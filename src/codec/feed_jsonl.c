/* JSON objects with an observable in a field of a usual name: one per line (NDJSON: Spamhaus DROP, many others), in an
 * array, or in the dumps of abuse.ch ({"1234": [{...}], ...}) and of web APIs ({"data": [...]}).  Strings in an array
 * are observables.
 *
 * Path letters: "D" an object of arrays, "a" an array of records.
 *
 * A line that is not JSON is rejected and the next one read; elsewhere broken JSON ends the stream. */
#include <stdlib.h>

#include "codec/json_feed.h"
#include "codec/formats.h"

enum { COLUMN_MAX = 63 };

struct jsonl_state {
	struct walk_place place;
	uint8_t stance;
	uint8_t column_n;
	char column[COLUMN_MAX + 1];
};

/* In the order of preference: what is called an indicator; then the most specific that does least harm when blocked.  A
 * URL before the address of its host; an address before the name of its owner's network; generic names last. */
static const char *const names[] = {
	"ioc_value", "ioc",       "indicator",   "observable", "url",      "uri",      "ip",       "ip_address",
	"ipaddress", "ipAddress", "ipv4",        "ipv6",       "cidr",     "network",  "netblock", "prefix",
	"subnet",    "domain",    "domain_name", "fqdn",       "host",     "hostname", "sha256",   "sha256_hash",
	"sha512",    "sha1",      "sha1_hash",   "md5",        "md5_hash", "hash",     "email",    "value",
	"address",   "dst_ip",    "dest_ip",     "src_ip",     "source_ip", "srcip",
};
enum {
	NAMES = COUNT_OF(names),
	ENDS = NAMES - 5 /**< the ends of a connection */,
	TELLING = ENDS - 2 /**< not generic */
};

/* Then what else is read of an object, each by its first name that is there. */
static const char *const times[] = { "last_seen",      "last_seen_utc", "lastseen",       "last_online",
				     "lastReportedAt", "timestamp",     "date",           "date_added",
				     "dateadded",      "first_seen",    "first_seen_utc", "firstseen" };
static const char *const sureness[] = { "confidence_level", "confidence", "abuseConfidenceScore" };
static const char *const reasons[] = { "threat_type", "category", "classification", "threat", "malware_printable",
				       "malware",     "tags" };
static const char *const others[] = { "tlp", "asn", "asname", "type" };

enum {
	TIMES = NAMES,
	SURENESS = TIMES + COUNT_OF(times),
	REASONS = SURENESS + COUNT_OF(sureness),
	TLP = REASONS + COUNT_OF(reasons),
	ASN, ASNAME, TYPE, MEMBERS,
};

static void set_names(struct json_member *m, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		m[i] = (struct json_member){ .name = list[i] };
}

static void all_names(const struct jsonl_state *s, struct json_member m[MEMBERS + 1])
{
	for (size_t i = 0; i < NAMES; i++)
		m[i] = (struct json_member){ .name = s->column_n ? "" : names[i] };
	set_names(m + TIMES, times, COUNT_OF(times));
	set_names(m + SURENESS, sureness, COUNT_OF(sureness));
	set_names(m + REASONS, reasons, COUNT_OF(reasons));
	set_names(m + TLP, others, COUNT_OF(others));
	m[MEMBERS] = (struct json_member){ .name = s->column };
}

/* ---- records ---- */

static bool is_scalar(const struct json_member *m)
{
	return m->kind == JSON_STRING && m->value.n;
}

static void complete(struct json_feed *j, const struct json_member *m)
{
	struct draft *d = &j->draft;
	struct feed_claim *c = &d->claims[0];
	for (size_t i = TIMES; i < SURENESS && !c->seen; i++)
		c->seen = json_feed_time(&m[i]);
	for (size_t i = SURENESS; i < REASONS && c->confidence == CONFIDENCE_ABSENT; i++)
		c->confidence = json_feed_confidence(&m[i]);
	for (size_t i = REASONS; i < TLP && c->category == CAT_UNKNOWN; i++)
		c->category = (uint8_t)json_feed_category(j, &m[i], "name");
	if (m[TLP].kind == JSON_STRING)
		d->r.tlp = json_feed_tlp(m[TLP].value);
}

static void read_object(const struct jsonl_state *s, struct json_feed *j, const struct json_member *m)
{
	struct draft *d = &j->draft;
	/* a domain beside these is the network's own */
	bool owner = m[ASN].kind != JSON_END && m[ASNAME].kind == JSON_STRING;
	unsigned ends = 0;
	enum err e = ERR_NOTFOUND;
	for (size_t i = ENDS; i < NAMES; i++)
		ends += is_scalar(&m[i]);
	if (s->column_n) { /* the other names are not looked for */
		if (!is_scalar(&m[MEMBERS])) {
			draft_reject(d, "an object has no text in the column \"%s\"", s->column);
			return;
		}
		e = json_feed_claim(j, OBS_ANY, json_feed_text(j, &m[MEMBERS]));
	}
	for (size_t i = 0; i < (ends > 1 ? ENDS : NAMES) && e && e != ERR_FULL; i++)
		if (is_scalar(&m[i]) && !(owner && names[i][0] == 'd' && names[i][1] == 'o'))
			e = json_feed_claim(j, OBS_ANY, json_feed_text(j, &m[i]));
	if (!e)
		complete(j, m);
	else if (e == ERR_NOTFOUND && owner)
		draft_skip(d, "asn");
	else if (e == ERR_NOTFOUND && m[TYPE].kind == JSON_STRING && span_is(m[TYPE].value, "metadata"))
		draft_skip(d, "metadata");
	else if (e == ERR_NOTFOUND && ends > 1)
		draft_reject(d, "an object names both ends of a connection, as a log does; choose one with --column");
	else if (e == ERR_NOTFOUND)
		draft_reject(d, "an object has no field of a name that is known; name it with --column");
	else
		draft_reject_fault(d);
}

static enum walk_step take_record(const struct jsonl_state *s, struct json_feed *j)
{
	struct json_member m[MEMBERS + 1];
	all_names(s, m);
	enum walk_step step = json_feed_record(j, walk_take(&j->walk, m, s->column_n ? MEMBERS + 1 : MEMBERS));
	if (step == WALK_ERROR)
		return json_feed_broken_line(j);
	if (step != WALK_VALUE)
		return step == WALK_END ? WALK_VALUE : step;
	if (j->walk.kind == JSON_OBJECT)
		read_object(s, j, m);
	else if (m[0].kind != JSON_STRING)
		draft_reject(&j->draft, "there is neither an object nor a string where a record should be");
	else if (json_feed_claim(j, OBS_ANY, json_feed_text(j, &m[0])))
		draft_reject_fault(&j->draft);
	return json_feed_emit(j);
}

/* ---- the stream ---- */

static bool holds_records(struct span key)
{
	static const char *const keys[] = { "data",    "results",    "items", "records",
					    "entries", "indicators", "iocs",  "list" };
	size_t digits = 0;
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (span_is(key, keys[i]))
			return true;
	while (digits < key.n && ascii_digit(key.p[digits]))
		digits++;
	return key.n && digits == key.n;
}

enum shape { SHAPE_UNKNOWN, SHAPE_RECORD, SHAPE_DUMP };

static bool shape_member(void *ctx, struct span key, const struct json_member *m)
{
	enum shape *shape = ctx;
	if (m->kind == JSON_ARRAY && holds_records(key))
		*shape = SHAPE_DUMP;
	for (size_t i = 0; i < NAMES && m->kind == JSON_STRING; i++)
		if (span_is(key, names[i]))
			*shape = SHAPE_RECORD;
	return *shape == SHAPE_UNKNOWN;
}

static enum walk_step one_value(void *state, struct json_feed *j)
{
	const struct jsonl_state *s = state;
	struct walker *w = &j->walk;
	enum shape shape = SHAPE_UNKNOWN;
	if (w->in == 'a')
		return take_record(s, j);
	if (w->in == 'D')
		return w->kind == JSON_ARRAY && holds_records(w->key) && walk_enter(w, 'a') ? WALK_VALUE : walk_pass(w);
	if (w->kind == JSON_OBJECT) {
		struct span rest = span_from(w->piece, w->start);
		bool whole = json_peek_each(rest, shape_member, &shape);
		if (shape == SHAPE_UNKNOWN && !whole && !w->last && rest.n <= FEED_OBJECT_MAX)
			return WALK_MORE;
	}
	if (shape == SHAPE_DUMP && walk_enter(w, 'D'))
		return WALK_VALUE;
	return w->kind == JSON_ARRAY && walk_enter(w, 'a') ? WALK_VALUE : take_record(s, j);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,
		      struct fault *f)
{
	struct jsonl_state *s = state;
	struct json_feed j;
	json_feed_begin(&j, &s->place, s->stance, in, last, sink, ctx);
	return json_feed_run(&j, one_value, s, ret_used, f);
}

static void start(void *state, const struct feed_options *o)
{
	struct jsonl_state *s = state;
	*s = (struct jsonl_state){ .stance = (uint8_t)o->stance };
	s->column_n = (uint8_t)span_head(o->column, COLUMN_MAX).n;
	if (s->column_n)
		memcpy(s->column, o->column.p, s->column_n);
}

static void save(const void *state, struct buf *out)
{
	walk_save(&((const struct jsonl_state *)state)->place, out);
}

static enum err load(void *state, struct span token)
{
	struct span rest;
	enum err e = walk_load(&((struct jsonl_state *)state)->place, token, &rest);
	return e ? e : rest.n ? ERR_SYNTAX : OK;
}

/* ---- detection ---- */

static bool is_observable(struct span text)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	return obs_parse(text, store, &o, NULL) == OK;
}

static bool find_dump(void *ctx, struct span key, const struct json_member *m)
{
	struct span *inside = ctx;
	if (m->kind == JSON_ARRAY && holds_records(key))
		*inside = m->value;
	return inside->n == 0;
}

/* Logs name hosts as well, their own among them; nothing should be blocked because a log was taken for a feed. */
static bool is_record(struct span s)
{
	static const char *const of_logs[] = { "event_type", "src_port",     "message", "msg",
					       "level",      "program",      "log",     "@timestamp",
					       "event",      "xarf_version", "$schema" };
	struct json_member m[TELLING + COUNT_OF(of_logs)];
	bool telling = false;
	if (s.n && s.p[0] == '"')
		return is_observable(span_head(span_from(s, 1), span_find(span_from(s, 1), '"')));
	set_names(m, names, TELLING);
	set_names(m + TELLING, of_logs, COUNT_OF(of_logs));
	(void)json_peek(s, m, COUNT_OF(m));
	for (size_t i = 0; i < TELLING && !telling; i++)
		telling = is_scalar(&m[i]) && !m[i].cut && is_observable(m[i].value);
	for (size_t i = TELLING; i < COUNT_OF(m); i++)
		telling &= m[i].kind == JSON_END;
	return telling;
}

/* A line of its own, or the first of several objects: not a document that happens to have an "url". */
static bool is_line(struct span head, bool whole)
{
	struct json_reader r;
	json_init(&r, head, whole);
	if (json_skip(&r) != JSON_OBJECT)
		return false;
	struct span rest = span_trim(span_from(head, r.pos));
	return rest.n ? rest.p[0] == '{' : span_find(r.slice, '\n') == r.slice.n;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct span s = json_feed_first(head), inside = { 0 };
	bool in_array = s.n && s.p > head.p && memchr(head.p, '[', (size_t)(s.p - head.p));
	if (s.n == 0 || (s.p[0] != '{' && (s.p[0] != '"' || !in_array)))
		return 0;
	if (is_record(s))
		return in_array || is_line(head, whole) ? 40 : 0;
	(void)json_peek_each(s, find_dump, &inside);
	return inside.n && is_record(json_feed_first(inside)) ? 40 : 0;
}

const struct feed_format feed_jsonl = {
	.name = "jsonl",
	.title = "JSON objects with an observable in a field: one per line, in an array, or in a dump",
	.sniff = sniff,
	.state_size = sizeof(struct jsonl_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
