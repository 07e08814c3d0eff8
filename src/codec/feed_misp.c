/* MISP events as JSON: {"Event": ...}, {"response": [{"Event": ...}]}, lists of either, bare events, and the attributes
 * of a search.  A record is an attribute, those of objects too; proposals (ShadowAttribute) are none.
 *
 * Path letters: "a" a list of events, "W" what wraps an event or a response, "E" an event (or whatever has attributes),
 * "o" its objects, "O" one of them, "t" attributes.
 *
 * MISP writes an event's tags behind its attributes, and they decide who may see these.  So an event is looked through
 * before it is entered: it must be in the piece as a whole, up to FEED_OBJECT_MAX; of a larger one the tags that are in
 * the piece count, and without them it is nobody's, where not everybody may see everything. */
#include <stdlib.h>

#include "base/num.h"
#include "codec/json_feed.h"
#include "codec/formats.h"
#include "codec/tlp.h"

/* What is known of a record from its tags and those of its event. */
struct tags {
	uint8_t tlp, confidence, category;
};

struct misp_state {
	struct walk_place place;
	uint8_t stance, tlp; /* as in struct feed_options */
	struct tags event;
	uint32_t event_seen;
};

/* ---- attribute types ---- */

enum split { WHOLE, FIRST, LAST, BOTH };

#define HASH_TYPES(name, kind) \
	{ name, WHOLE, OBS_BIT(kind), 0 }, { "filename|" name, LAST, OBS_BIT(kind), 0 }

static const struct {
	const char *name;
	enum split split;     /* of a value with a '|' what is read */
	unsigned kinds, more; /* more: of the second part */
} types[] = {
	{ "ip-dst", WHOLE, OBS_ADDRESS, 0 },
	{ "ip-src", WHOLE, OBS_ADDRESS, 0 },
	{ "ip-dst|port", FIRST, OBS_ADDRESS, 0 },
	{ "ip-src|port", FIRST, OBS_ADDRESS, 0 },
	{ "domain", WHOLE, OBS_HOST, 0 },
	{ "hostname", WHOLE, OBS_HOST, 0 },
	{ "hostname|port", FIRST, OBS_HOST, 0 },
	{ "domain|ip", BOTH, OBS_HOST, OBS_ADDRESS },
	{ "url", WHOLE, OBS_BIT(OBS_URL), 0 },
	{ "uri", WHOLE, OBS_BIT(OBS_URL), 0 },
	{ "link", WHOLE, OBS_BIT(OBS_URL), 0 },
	{ "email", WHOLE, OBS_BIT(OBS_EMAIL), 0 },
	{ "email-src", WHOLE, OBS_BIT(OBS_EMAIL), 0 },
	{ "email-dst", WHOLE, OBS_BIT(OBS_EMAIL), 0 },
	HASH_TYPES("md5", OBS_MD5),
	HASH_TYPES("sha1", OBS_SHA1),
	HASH_TYPES("sha256", OBS_SHA256),
	HASH_TYPES("sha512", OBS_SHA512),
	{ "malware-sample", LAST, OBS_BIT(OBS_MD5), 0 },
};

/* ---- tags ---- */

/* The scales of the STIX standard (appendix A), as MISP's own exporter uses them; 6 is "cannot be judged". */
static const struct {
	const char *tag;
	uint8_t confidence;
} levels[] = {
	{ "misp:confidence-level=\"completely-confident\"", 100 },
	{ "misp:confidence-level=\"usually-confident\"", 75 },
	{ "misp:confidence-level=\"fairly-confident\"", 50 },
	{ "misp:confidence-level=\"rarely-confident\"", 25 },
	{ "misp:confidence-level=\"unconfident\"", 0 },
	{ "admiralty-scale:information-credibility=\"1\"", 90 },
	{ "admiralty-scale:information-credibility=\"2\"", 70 },
	{ "admiralty-scale:information-credibility=\"3\"", 50 },
	{ "admiralty-scale:information-credibility=\"4\"", 30 },
	{ "admiralty-scale:information-credibility=\"5\"", 10 },
};

static void read_tag(struct json_feed *j, struct tags *t, struct span name)
{
	if (name.n > 4 && span_ieq(span_head(name, 4), SPAN_LIT("tlp:"))) {
		uint8_t tlp = json_feed_tlp(span_from(name, 4));
		t->tlp = tlp > t->tlp ? tlp : t->tlp;
		return;
	}
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		if (span_is(name, levels[i].tag)) {
			t->confidence = levels[i].confidence;
			return;
		}
	if (t->category == CAT_UNKNOWN)
		t->category = (uint8_t)json_feed_guess(j, name);
}

/* Names of a list of tags, which may be cut off. */
static void read_tags(struct json_feed *j, struct tags *t, struct span list)
{
	struct json_reader r;
	struct buf scratch = { 0 };
	bool named = false;
	json_init(&r, list, false);
	for (enum json_token token; (token = json_next(&r)) > JSON_ERROR;) {
		if (token == JSON_KEY)
			named = r.depth == 2 && span_is(r.slice, "name");
		else if (token == JSON_STRING && named)
			read_tag(j, t, json_text(&r, &scratch));
	}
	buf_release(&scratch);
}

/* ---- attributes ---- */

enum { TYPE, UUID, VALUE, TO_IDS, DELETED, CATEGORY, TIMESTAMP, FIRST_SEEN, LAST_SEEN, TAG, SIGHTING, MEMBERS };

static const struct json_member blank[MEMBERS] = {
	[TYPE] = { "type" },
	[UUID] = { "uuid" },
	[VALUE] = { "value" },
	[TO_IDS] = { "to_ids" },
	[DELETED] = { "deleted" },
	[CATEGORY] = { "category" },
	[TIMESTAMP] = { "timestamp" },
	[FIRST_SEEN] = { "first_seen" },
	[LAST_SEEN] = { "last_seen" },
	[TAG] = { "Tag" },
	[SIGHTING] = { "Sighting" },
};

/* The newest sighting of each type: 0 seen, 1 false positive, 2 expiration. */
static void read_sightings(const struct json_member *list, uint32_t newest[3])
{
	struct json_reader r;
	struct json_member m[2] = { { "type" }, { "date_sighting" } };
	if (list->kind != JSON_ARRAY)
		return;
	json_init(&r, list->value, true);
	if (json_next(&r) != JSON_ARRAY)
		return;
	while (json_skip(&r) == JSON_OBJECT) {
		uint64_t type;
		(void)json_peek(r.slice, m, 2);
		uint32_t when = json_feed_time(&m[1]);
		if (num_parse_u64(m[0].value, 2, &type) == OK && when > newest[type])
			newest[type] = when;
	}
}

static enum err claim_value(struct json_feed *j, size_t type, struct span value)
{
	size_t bar = span_find(value, '|'), last = value.n;
	while (last && value.p[last - 1] != '|')
		last--;
	switch (types[type].split) {
	case FIRST:
		value = span_head(value, bar);
		break;
	case LAST:
		value = span_from(value, last);
		break;
	case BOTH:
		if (bar == value.n)
			return fault_set(&j->draft.fault, ERR_SYNTAX, "a value of type \"%s\" has no '|' in it",
					 types[type].name);
		enum err e = json_feed_claim(j, types[type].kinds, span_head(value, bar));
		return e ? e : json_feed_claim(j, types[type].more, span_from(value, bar + 1));
	case WHOLE:
		break;
	}
	return json_feed_claim(j, types[type].kinds, value);
}

static void add_stance(struct draft *d, unsigned n, enum stance stance, uint32_t seen)
{
	for (unsigned i = 0; i < n; i++) {
		struct feed_claim c = d->claims[i];
		c.stance = (uint8_t)stance;
		c.seen = seen;
		d->claims[d->r.n_claims++] = c; /* at most 2 observables times 3 stances */
	}
}

/* All but the observables. */
static void complete(struct json_feed *j, const struct json_member *m, const struct tags *t, uint32_t event_seen)
{
	struct draft *d = &j->draft;
	uint32_t sighted[3] = { 0 }, seen = json_feed_time(&m[LAST_SEEN]);
	enum category category = t->category;
	if (category == CAT_UNKNOWN)
		category = json_feed_category(j, &m[CATEGORY], "");
	for (int i = 0; i < 2 && !seen; i++)
		seen = json_feed_time(&m[i ? FIRST_SEEN : TIMESTAMP]);
	read_sightings(&m[SIGHTING], sighted);
	unsigned n = d->r.n_claims;
	for (unsigned i = 0; i < n; i++) {
		struct feed_claim *c = &d->claims[i];
		bool hash = c->obs.kind >= OBS_MD5 && c->obs.kind <= OBS_SHA512;
		c->category = (uint8_t)(category == CAT_UNKNOWN && hash ? CAT_MALWARE : category);
		c->confidence = t->confidence;
		c->seen = seen ? seen : event_seen;
		c->until = sighted[2];
		if (json_feed_true(&m[DELETED]))
			c->stance = STANCE_RETRACTED;
	}
	if (sighted[0])
		add_stance(d, n, STANCE_SIGHTING, sighted[0]);
	if (sighted[1])
		add_stance(d, n, STANCE_FALSE_POSITIVE, sighted[1]);
}

static void read_attribute(struct json_feed *j, const struct json_member *m, const struct tags *t, uint32_t event_seen)
{
	struct draft *d = &j->draft;
	size_t type = 0;
	if (m[TYPE].kind != JSON_STRING || (m[VALUE].kind != JSON_STRING && m[VALUE].kind != JSON_NUMBER)) {
		draft_reject(d, "an attribute has no %s", m[TYPE].kind != JSON_STRING ? "type" : "value");
		return;
	}
	while (type < COUNT_OF(types) && !span_is(m[TYPE].value, types[type].name))
		type++;
	if (type == COUNT_OF(types))
		json_feed_skip(j, "", m[TYPE].value);
	else if (!json_feed_true(&m[TO_IDS]))
		draft_skip(d, "to_ids false");
	else if (claim_value(j, type, json_feed_text(j, &m[VALUE])))
		draft_reject_fault(d);
	else
		complete(j, m, t, event_seen);
}

static enum walk_step take_attribute(struct misp_state *s, struct json_feed *j)
{
	struct json_member m[MEMBERS];
	struct tags t = s->event;
	memcpy(m, blank, sizeof(m));
	enum walk_step step = json_feed_record(j, walk_take(&j->walk, m, MEMBERS));
	if (step != WALK_VALUE)
		return step == WALK_END ? WALK_VALUE : step;
	if (m[TAG].kind == JSON_ARRAY) {
		struct tags own = { .tlp = t.tlp, .confidence = t.confidence };
		read_tags(j, &own, m[TAG].value);
		if (own.category == CAT_UNKNOWN)
			own.category = t.category;
		t = own;
	}
	json_feed_id(j, &m[UUID]);
	j->draft.r.tlp = t.tlp;
	if (j->walk.kind != JSON_OBJECT)
		draft_reject(&j->draft, "there is something other than an object among the attributes");
	else
		read_attribute(j, m, &t, s->event_seen);
	return json_feed_emit(j);
}

/* ---- the stream ---- */

/* An event that may not be kept: not only its attributes, but its text, its tags, its reports. */
static enum walk_step take_event(struct misp_state *s, struct json_feed *j, bool whole)
{
	struct json_member m[] = { { "uuid" } };
	if (!whole) {
		j->walk.error = "an event is not whole, and marked more strictly than may be kept, or without the tags that say for whom it is";
		return WALK_ERROR;
	}
	enum walk_step step = json_feed_record(j, walk_take(&j->walk, m, COUNT_OF(m)));
	if (step != WALK_VALUE)
		return step;
	j->draft.r.tlp = s->event.tlp;
	draft_reject(&j->draft, "an event is marked %s", tlp_name(s->event.tlp));
	s->event = (struct tags){ .confidence = CONFIDENCE_ABSENT };
	return json_feed_emit(j);
}

static enum walk_step enter_event(struct misp_state *s, struct json_feed *j)
{
	struct walker *w = &j->walk;
	struct json_member m[] = { { "Tag" }, { "timestamp" }, { "date" }, { "info" } };
	bool whole = walk_peek(w, m, COUNT_OF(m));
	if (!whole && !w->last && w->piece.n - w->start <= FEED_OBJECT_MAX)
		return WALK_MORE;
	s->event = (struct tags){ .confidence = CONFIDENCE_ABSENT };
	s->event_seen = json_feed_time(&m[1]);
	if (!s->event_seen)
		s->event_seen = json_feed_time(&m[2]);
	if (m[0].kind == JSON_ARRAY)
		read_tags(j, &s->event, m[0].value);
	bool unsaid = !whole && m[3].kind == JSON_STRING && s->tlp < TLP_RED && (m[0].kind != JSON_ARRAY || m[0].cut);
	if (s->tlp && (s->event.tlp > s->tlp || unsaid))
		return take_event(s, j, whole);
	return walk_enter(w, 'E') ? WALK_VALUE : walk_pass(w);
}

enum shape { SHAPE_UNKNOWN, SHAPE_WRAP, SHAPE_EVENT };

static bool shape_member(void *ctx, struct span key, const struct json_member *m)
{
	enum shape *shape = ctx;
	bool container = m->kind == JSON_OBJECT || m->kind == JSON_ARRAY;
	if (container && (span_is(key, "Event") || span_is(key, "response")))
		*shape = SHAPE_WRAP;
	else if (m->kind == JSON_ARRAY && (span_is(key, "Attribute") || span_is(key, "Object")))
		*shape = SHAPE_EVENT;
	return *shape == SHAPE_UNKNOWN;
}

/* Before an object that wraps an event or is one. */
static enum walk_step enter_object(struct misp_state *s, struct json_feed *j)
{
	struct walker *w = &j->walk;
	enum shape shape = SHAPE_UNKNOWN;
	struct span rest = span_from(w->piece, w->start);
	bool whole = json_peek_each(rest, shape_member, &shape);
	if (shape == SHAPE_UNKNOWN && !whole && !w->last && rest.n <= FEED_OBJECT_MAX)
		return WALK_MORE;
	if (shape == SHAPE_WRAP)
		return walk_enter(w, 'W') ? WALK_VALUE : walk_pass(w);
	return enter_event(s, j);
}

static enum walk_step one_value(void *state, struct json_feed *j)
{
	struct misp_state *s = state;
	struct walker *w = &j->walk;
	char list = 0;
	switch (w->in) {
	case 't':
		return take_attribute(s, j);
	case 'E':
	case 'O':
		list = span_is(w->key, "Attribute") ? 't' : w->in == 'E' && span_is(w->key, "Object") ? 'o' : 0;
		break;
	case 'o':
		return w->kind == JSON_OBJECT && walk_enter(w, 'O') ? WALK_VALUE : walk_pass(w);
	case 'W':
		if (w->kind == JSON_OBJECT && span_is(w->key, "Event"))
			return enter_event(s, j);
		if (!span_is(w->key, "Event") && !span_is(w->key, "response"))
			break;
		/* fall through */
	default:
		if (w->kind == JSON_OBJECT)
			return enter_object(s, j);
		list = 'a';
	}
	return list && w->kind == JSON_ARRAY && walk_enter(w, list) ? WALK_VALUE : walk_pass(w);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,
		      struct fault *f)
{
	struct misp_state *s = state;
	struct json_feed j;
	json_feed_begin(&j, &s->place, s->stance, in, last, sink, ctx);
	return json_feed_run(&j, one_value, s, ret_used, f);
}

static void start(void *state, const struct feed_options *o)
{
	*(struct misp_state *)state = (struct misp_state){ .stance = (uint8_t)o->stance, .tlp = o->tlp,
							   .event.confidence = CONFIDENCE_ABSENT };
}

/* "PLACE:tlp,confidence,category,seen" */
static void save(const void *state, struct buf *out)
{
	const struct misp_state *s = state;
	walk_save(&s->place, out);
	buf_printf(out, "%u,%u,%u,%u", s->event.tlp, s->event.confidence, s->event.category, s->event_seen);
}

static enum err load(void *state, struct span token)
{
	struct misp_state *s = state;
	struct walk_place place;
	struct span rest;
	uint64_t n[4];
	static const uint64_t max[4] = { TLP_RED, 255, CAT_COUNT - 1, UINT32_MAX };
	enum err e = walk_load(&place, token, &rest);
	for (int i = 0; i < 4 && !e; i++) {
		size_t comma = span_find(rest, ',');
		e = num_parse_u64(span_head(rest, comma), max[i], &n[i]);
		rest = span_from(rest, comma + 1);
	}
	if (e || rest.n)
		return ERR_SYNTAX;
	s->place = place;
	s->event = (struct tags){ (uint8_t)n[0], (uint8_t)n[1], (uint8_t)n[2] };
	s->event_seen = (uint32_t)n[3];
	return OK;
}

/* ---- detection ---- */

static int sniff_object(struct span s)
{
	struct json_member m[] = { { "Event" }, { "response" }, { "Attribute" },       { "Object" }, { "info" },
				   { "uuid" },  { "Orgc" },     { "threat_level_id" }, { "value" },  { "category" } };
	(void)json_peek(s, m, COUNT_OF(m));
	bool headed = m[4].kind == JSON_STRING || m[6].kind == JSON_OBJECT || m[7].kind != JSON_END;
	if (m[0].kind == JSON_OBJECT || m[0].kind == JSON_ARRAY)
		return 90;
	if (m[1].kind == JSON_OBJECT || m[1].kind == JSON_ARRAY)
		return 1;
	if (m[2].kind == JSON_ARRAY || m[3].kind == JSON_ARRAY)
		return headed || m[5].kind == JSON_STRING || m[3].kind == JSON_ARRAY ? 85 : 60;
	/* the attributes may be further back than the head reaches */
	return m[4].kind == JSON_STRING && m[7].kind != JSON_END && m[6].kind != JSON_END ? 40 : 0;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct span s = json_feed_first(head);
	int sure = sniff_object(s);
	if (sure != 1)
		return sure;
	struct json_member m[] = { { "response" } };
	(void)json_peek(s, m, 1);
	return sniff_object(json_feed_first(m[0].value)) > 1 ? 90 : 0;
}

const struct feed_format feed_misp = {
	.name = "misp",
	.title = "MISP events as JSON, one or many",
	.sniff = sniff,
	.adds = true,
	.state_size = sizeof(struct misp_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
