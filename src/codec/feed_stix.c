/* STIX 2.0 and 2.1: bundles, TAXII envelopes, arrays and lines of objects, single objects.  A record is an object.
 *
 * Path letters: "B" a bundle or envelope, "o" its array of objects, "a" an array at the top.
 *
 * Only indicators assert that something is bad.  An observable object alone (ipv4-addr, url, ...) is an observation:
 * reports name the victim's addresses and benign hosts as well, so it is passed over like every other type.
 *
 * Event time is `modified`: each version of an indicator, not revoked, is its producer saying it again (as MISP's own
 * decay takes an attribute's timestamp); else valid_from, else created. */
#include <stdlib.h>

#include "codec/json_feed.h"
#include "codec/formats.h"
#include "codec/stix_pattern.h"

struct stix_state {
	struct walk_place place;
	uint8_t stance;
};

enum {
	TYPE,
	ID,
	PATTERN,
	PATTERN_TYPE,
	VALID_FROM,
	VALID_UNTIL,
	MODIFIED,
	CREATED,
	REVOKED,
	CONFIDENCE,
	INDICATOR_TYPES,
	LABELS,
	KILL_CHAIN,
	MARKINGS,
	GRANULAR,
	MEMBERS
};

static const struct json_member blank[MEMBERS] = {
	[TYPE] = { "type" },
	[ID] = { "id" },
	[PATTERN] = { "pattern" },
	[PATTERN_TYPE] = { "pattern_type" },
	[VALID_FROM] = { "valid_from" },
	[VALID_UNTIL] = { "valid_until" },
	[MODIFIED] = { "modified" },
	[CREATED] = { "created" },
	[REVOKED] = { "revoked" },
	[CONFIDENCE] = { "confidence" },
	[INDICATOR_TYPES] = { "indicator_types" },
	[LABELS] = { "labels" },
	[KILL_CHAIN] = { "kill_chain_phases" },
	[MARKINGS] = { "object_marking_refs" },
	[GRANULAR] = { "granular_markings" },
};

/* ---- markings ---- */

/* The fixed objects of STIX 2.1 section 7.2.1.4, and of TLP 2.0. */
static const struct {
	const char *id;
	enum tlp tlp;
} markings[] = {
	{ "613f2e26-407d-48c7-9eca-b8e91df99dc9", TLP_CLEAR },
	{ "34098fce-860f-48ae-8e50-ebd3cc5e41da", TLP_GREEN },
	{ "f88d31f6-486f-44da-b317-01333bde0b82", TLP_AMBER },
	{ "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", TLP_RED },
	{ "94868c89-83c2-464b-929b-a1a8aa3c8487", TLP_CLEAR },
	{ "bab4a63c-aed9-4cf5-a766-dfca5abac2bb", TLP_GREEN },
	{ "55d920b0-5e8b-4f79-9ee9-91f868d9b421", TLP_AMBER },
	{ "939a9414-2ddd-4d32-a0cd-375ea402b003", TLP_AMBER_STRICT },
	{ "e828b379-4e03-4974-9ac4-e53a884c97c1", TLP_RED },
};

/* The strictest of the TLP markings named in a value; selectors and the like are no ids of them. */
static uint8_t strictest(const struct json_member *m, uint8_t tlp)
{
	static const char prefix[] = "marking-definition--";
	struct json_reader r;
	if (m->kind != JSON_ARRAY)
		return tlp;
	json_init(&r, m->value, true);
	for (enum json_token t; (t = json_next(&r)) > JSON_ERROR;)
		if (t == JSON_STRING && span_starts(r.slice, SPAN_LIT(prefix)))
			for (size_t i = 0; i < COUNT_OF(markings); i++)
				if (markings[i].tlp > tlp &&
				    span_is(span_from(r.slice, sizeof(prefix) - 1), markings[i].id))
					tlp = (uint8_t)markings[i].tlp;
	return tlp;
}

/* ---- indicators ---- */

static bool is_benign(const struct json_member *types)
{
	return types->kind == JSON_ARRAY && memmem(types->value.p, types->value.n, "\"benign\"", 8) &&
	       !memmem(types->value.p, types->value.n, "\"malicious-activity\"", 20);
}

/* Benign things are harmless in general; with this label it is said that others are wrong about the value. */
static bool is_false_positive(const struct json_member *m)
{
	return is_benign(&m[INDICATOR_TYPES]) && m[LABELS].kind == JSON_ARRAY && memmem(m[LABELS].value.p, m[LABELS].value.n, "\"false-positive\"", 16);
}

static enum err claim_atom(struct json_feed *j, const struct stix_atom *a)
{
	static const unsigned kinds[] = {
		[STIX_ADDRESS] = OBS_ADDRESS,        [STIX_HOST] = OBS_HOST,
		[STIX_URL] = OBS_BIT(OBS_URL),       [STIX_EMAIL] = OBS_BIT(OBS_EMAIL),
		[STIX_MD5] = OBS_BIT(OBS_MD5),       [STIX_SHA1] = OBS_BIT(OBS_SHA1),
		[STIX_SHA256] = OBS_BIT(OBS_SHA256), [STIX_SHA512] = OBS_BIT(OBS_SHA512),
	};
	struct draft *d = &j->draft;
	enum err e = json_feed_claim(j, kinds[a->what], stix_atom_text(a, &j->more_scratch));
	if (!e)
		d->claims[d->r.n_claims - 1].part = a->part;
	return e;
}

/* The claims of a pattern; false: rejected or skipped. */
static bool claim_pattern(struct json_feed *j, struct span pattern)
{
	struct stix_atom atoms[STIX_ATOMS_MAX];
	struct draft *d = &j->draft;
	struct fault first = { 0 };
	unsigned n, asserting = 0;
	if (stix_pattern_parse(pattern, atoms, &n, &d->fault)) {
		draft_reject_fault(d);
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		if (!stix_atom_asserts(&atoms[i]))
			continue;
		asserting++;
		enum err e = claim_atom(j, &atoms[i]);
		if (e == ERR_FULL) {
			draft_reject_fault(d);
			return false;
		}
		if (e && !first.code)
			first = d->fault;
	}
	if (d->r.n_claims)
		return true;
	if (asserting)
		draft_reject(d, "%s", first.text);
	else
		json_feed_skip(j, "indicator:",
			       n ? span_head(atoms[0].path, span_find(atoms[0].path, '.')) : SPAN_LIT("empty"));
	return false;
}

static void read_indicator(struct json_feed *j, const struct json_member *m)
{
	struct draft *d = &j->draft;
	if (m[PATTERN_TYPE].kind == JSON_STRING && !span_is(m[PATTERN_TYPE].value, "stix")) {
		json_feed_skip(j, "indicator:", m[PATTERN_TYPE].value);
		return;
	}
	bool mistaken = is_false_positive(m);
	if (!mistaken && is_benign(&m[INDICATOR_TYPES])) {
		draft_skip(d, "indicator:benign");
		return;
	}
	if (m[PATTERN].kind != JSON_STRING) {
		draft_reject(d, "an indicator has no pattern");
		return;
	}
	if (!claim_pattern(j, json_feed_text(j, &m[PATTERN])))
		return;
	enum category category = json_feed_category(j, &m[INDICATOR_TYPES], "");
	if (category == CAT_UNKNOWN)
		category = json_feed_category(j, &m[LABELS], "");
	if (category == CAT_UNKNOWN)
		category = json_feed_category(j, &m[KILL_CHAIN], "phase_name");
	uint32_t seen = json_feed_time(&m[MODIFIED]);
	if (!seen)
		seen = json_feed_time(&m[VALID_FROM]);
	if (!seen)
		seen = json_feed_time(&m[CREATED]);
	uint32_t until = json_feed_time(&m[VALID_UNTIL]);
	uint8_t confidence = json_feed_confidence(&m[CONFIDENCE]);
	for (unsigned i = 0; i < d->r.n_claims; i++) {
		struct feed_claim *c = &d->claims[i];
		c->category = (uint8_t)category;
		c->seen = seen;
		c->until = until;
		c->confidence = confidence;
		if (mistaken)
			c->stance = STANCE_FALSE_POSITIVE;
		if (m[REVOKED].kind == JSON_TRUE)
			c->stance = STANCE_RETRACTED;
	}
}

static enum walk_step take_object(struct json_feed *j)
{
	struct json_member m[MEMBERS];
	memcpy(m, blank, sizeof(m));
	enum walk_step step = json_feed_record(j, walk_take(&j->walk, m, MEMBERS));
	if (step != WALK_VALUE)
		return step == WALK_END ? WALK_VALUE : step;
	struct draft *d = &j->draft;
	json_feed_id(j, &m[ID]);
	d->r.tlp = strictest(&m[GRANULAR], strictest(&m[MARKINGS], TLP_UNSAID));
	if (j->walk.kind != JSON_OBJECT)
		draft_reject(d, "there is something other than an object among the STIX objects");
	else if (m[TYPE].kind != JSON_STRING)
		draft_reject(d, "a STIX object has no type");
	else if (span_is(m[TYPE].value, "indicator"))
		read_indicator(j, m);
	else
		json_feed_skip(j, "", m[TYPE].value);
	return json_feed_emit(j);
}

/* ---- the stream ---- */

enum shape { SHAPE_UNKNOWN, SHAPE_BUNDLE, SHAPE_OBJECT };

static bool shape_member(void *ctx, struct span key, const struct json_member *m)
{
	enum shape *shape = ctx;
	if (span_is(key, "type") && !m->cut)
		*shape = span_is(m->value, "bundle") ? SHAPE_BUNDLE : SHAPE_OBJECT;
	else if (span_is(key, "objects") && m->kind == JSON_ARRAY)
		*shape = SHAPE_BUNDLE;
	return *shape == SHAPE_UNKNOWN;
}

/* Before an object outside of a bundle: enter a bundle, take an object. */
static enum walk_step top_object(struct json_feed *j)
{
	struct walker *w = &j->walk;
	enum shape shape = SHAPE_UNKNOWN;
	struct span rest = span_from(w->piece, w->start);
	bool whole = json_peek_each(rest, shape_member, &shape);
	if (shape == SHAPE_UNKNOWN && !whole && !w->last && rest.n <= FEED_OBJECT_MAX)
		return WALK_MORE;
	if (shape == SHAPE_OBJECT || (shape == SHAPE_UNKNOWN && !whole) || !walk_enter(w, 'B'))
		return take_object(j);
	return WALK_VALUE;
}

static enum walk_step one_value(void *state, struct json_feed *j)
{
	(void)state;
	struct walker *w = &j->walk;
	if (w->in == 'o')
		return take_object(j);
	if (w->in == 'B')
		return span_is(w->key, "objects") && w->kind == JSON_ARRAY && walk_enter(w, 'o') ? WALK_VALUE :
												   walk_pass(w);
	if (w->kind == JSON_OBJECT)
		return top_object(j);
	if (!w->in && w->kind == JSON_ARRAY && walk_enter(w, 'a'))
		return WALK_VALUE;
	return take_object(j);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,
		      struct fault *f)
{
	struct stix_state *s = state;
	struct json_feed j;
	json_feed_begin(&j, &s->place, s->stance, in, last, sink, ctx);
	return json_feed_run(&j, one_value, s, ret_used, f);
}

static void start(void *state, const struct feed_options *o)
{
	struct stix_state *s = state;
	*s = (struct stix_state){ .stance = (uint8_t)o->stance };
}

static void save(const void *state, struct buf *out)
{
	walk_save(&((const struct stix_state *)state)->place, out);
}

static enum err load(void *state, struct span token)
{
	struct span rest;
	enum err e = walk_load(&((struct stix_state *)state)->place, token, &rest);
	return e ? e : rest.n ? ERR_SYNTAX : OK;
}

/* ---- detection ---- */

/* An object with an id of its own type: "indicator--..." */
static bool is_object(const struct json_member *type, const struct json_member *id)
{
	return type->value.n && type->kind == JSON_STRING && id->kind == JSON_STRING &&
	       id->value.n > type->value.n + 2 && span_starts(id->value, type->value) &&
	       span_starts(span_from(id->value, type->value.n), SPAN_LIT("--"));
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct json_member m[3] = { { "type" }, { "id" }, { "objects" } }, of[2] = { { "type" }, { "id" } };
	struct span s = json_feed_first(head);
	(void)json_peek(s, m, 3);
	if (is_object(&m[0], &m[1]))
		return span_is(m[0].value, "bundle") ? 100 : 90;
	if (m[0].kind == JSON_STRING && span_is(m[0].value, "bundle"))
		return 90;
	if (m[2].kind != JSON_ARRAY)
		return 0;
	struct span first = json_feed_first(m[2].value);
	(void)json_peek(first, of, 2);
	return is_object(&of[0], &of[1]) ? 95 : first.n && first.p[0] == ']' ? 50 : 0;
}

const struct feed_format feed_stix = {
	.name = "stix",
	.title = "STIX 2.0 and 2.1 bundles, TAXII envelopes, objects in an array or one per line",
	.sniff = sniff,
	.adds = true,
	.state_size = sizeof(struct stix_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
