/* Retractions: what a source takes back of what it has told, one JSON object per line, as "sipar retract" writes them (docs/retract.md):
 *
 *   {"type":"domain","value":"evil.example","category":"phishing","stance":"indicator","retracts":"public/17","by":"bank/ali","why":"ours"}
 *
 * With a category, what was said in just that category and stance ("indicator" when none is named) is taken back; without, all that
 * made the value look bad.  "retracts" is what it was, for people; that it is there tells these lines from other JSON. */
#include <stdlib.h>

#include "codec/json_feed.h"
#include "codec/formats.h"

struct retraction_state {
	struct walk_place place; /* path "a": in an array */
};

enum { TYPE, VALUE, CATEGORY, STANCE, PART, MEMBERS };

static enum obs_kind kind_of(struct span name)
{
	for (enum obs_kind k = OBS_IPV4; k < OBS_KINDS; k++)
		if (span_is(name, obs_kind_name(k)))
			return k;
	return OBS_NONE;
}

static bool stance_of(const struct json_member *m, uint8_t *ret_stance)
{
	static const char *const names[] = { "indicator", "sighting", "false-positive" };
	*ret_stance = STANCE_UNSAID + STANCE_INDICATOR;
	if (m->kind == JSON_END)
		return true;
	for (uint8_t i = 0; i < COUNT_OF(names) && m->kind == JSON_STRING; i++)
		if (span_is(m->value, names[i]))
			return *ret_stance = STANCE_UNSAID + i, true;
	return false;
}

static bool read_extent(struct draft *d, const struct json_member *m)
{
	struct feed_claim *c = &d->claims[0];
	enum category category = CAT_COUNT;
	uint8_t stance;
	c->stance = STANCE_RETRACTED;
	if (m[CATEGORY].kind == JSON_END && m[STANCE].kind == JSON_END)
		return true;
	if (m[CATEGORY].kind == JSON_STRING)
		category = category_find(m[CATEGORY].value);
	if (category == CAT_COUNT) {
		draft_reject(d, "a retraction of one category names none that is known");
		return false;
	}
	if (!stance_of(&m[STANCE], &stance)) {
		draft_reject(d, "a retraction has a stance that is none of indicator, sighting and false-positive");
		return false;
	}
	c->category = (uint8_t)category;
	c->stance = stance;
	c->part = json_feed_true(&m[PART]);
	return true;
}

static void read_retraction(struct json_feed *j, const struct json_member *m)
{
	struct draft *d = &j->draft;
	enum obs_kind kind = m[TYPE].kind == JSON_STRING ? kind_of(m[TYPE].value) : OBS_NONE;
	if (kind == OBS_NONE || m[VALUE].kind != JSON_STRING)
		draft_reject(d, "a retraction has no %s", kind == OBS_NONE ? "type that is known" : "value");
	else if (json_feed_claim(j, OBS_BIT(kind), json_feed_text(j, &m[VALUE])))
		draft_reject_fault(d);
	else
		(void)read_extent(d, m);
}

static enum walk_step one_value(void *state, struct json_feed *j)
{
	struct walker *w = &j->walk;
	struct json_member m[MEMBERS] = { { "type" }, { "value" }, { "category" }, { "stance" }, { "part" } };
	(void)state;
	if (!w->in && w->kind == JSON_ARRAY && walk_enter(w, 'a'))
		return WALK_VALUE;
	enum walk_step step = json_feed_record(j, walk_take(w, m, MEMBERS));
	if (step != WALK_VALUE)
		return step == WALK_END ? WALK_VALUE : step;
	if (w->kind == JSON_OBJECT)
		read_retraction(j, m);
	else
		draft_reject(&j->draft, "there is something other than an object among the retractions");
	return json_feed_emit(j);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f)
{
	struct retraction_state *s = state;
	struct json_feed j;
	json_feed_begin(&j, &s->place, STANCE_RETRACTED, in, last, sink, ctx);
	return json_feed_run(&j, one_value, s, ret_used, f);
}

static void start(void *state, const struct feed_options *o)
{
	(void)o;
	*(struct retraction_state *)state = (struct retraction_state){ 0 };
}

static void save(const void *state, struct buf *out)
{
	walk_save(&((const struct retraction_state *)state)->place, out);
}

static enum err load(void *state, struct span token)
{
	struct span rest;
	enum err e = walk_load(&((struct retraction_state *)state)->place, token, &rest);
	return e ? e : rest.n ? ERR_SYNTAX : OK;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct json_member m[] = { { "type" }, { "value" }, { "retracts" } };
	(void)whole;
	(void)filename;
	(void)json_peek(json_feed_first(head), m, COUNT_OF(m));
	return m[0].kind == JSON_STRING && kind_of(m[0].value) && m[1].kind == JSON_STRING && m[2].kind == JSON_STRING ? 95 : 0;
}

const struct feed_format feed_retraction = {
	.name = "retraction",
	.title = "retractions: what a source takes back, one JSON object per line",
	.sniff = sniff,
	.adds = true,
	.state_size = sizeof(struct retraction_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
