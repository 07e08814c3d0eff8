#include "codec/json_feed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"

void json_feed_begin(struct json_feed *j, struct walk_place *place, uint8_t stance, struct span in, bool last,
		     feed_sink *sink, void *ctx)
{
	walk_begin(&j->walk, place, in, last);
	draft_init(&j->draft, (enum stance)stance);
	j->sink = sink;
	j->ctx = ctx;
	j->cancelled = false;
	j->scratch = j->more_scratch = (struct buf){ 0 };
	for (int i = 0; i < GUESSES; i++)
		j->guess[i].n = 0;
}

enum walk_step json_feed_emit(struct json_feed *j)
{
	struct walker *w = &j->walk;
	struct feed_record *r = &j->draft.r;
	r->line = walk_line(w);
	r->off = w->item;
	r->len = w->used - w->item;
	if (LIKELY(j->sink(j->ctx, r)))
		return WALK_VALUE;
	w->used = w->item;
	w->place->passing = false; /* a record that was too large is not passed over either */
	j->cancelled = true;
	return WALK_MORE;
}

enum walk_step json_feed_record(struct json_feed *j, enum walk_step taken)
{
	if (taken != WALK_VALUE && taken != WALK_END)
		return taken;
	struct feed_record *r = &j->draft.r;
	draft_begin(&j->draft);
	r->rule = RULE_NONE;
	r->tlp = TLP_UNSAID;
	r->what = r->reason = NULL;
	if (taken == WALK_VALUE)
		return WALK_VALUE;
	draft_reject(&j->draft, "an object is larger than %d MiB", FEED_OBJECT_MAX >> 20);
	enum walk_step step = json_feed_emit(j);
	return step == WALK_VALUE ? WALK_END : step;
}

enum walk_step json_feed_broken_line(struct json_feed *j)
{
	struct walker *w = &j->walk;
	struct span rest = span_from(w->piece, w->item);
	size_t end = span_find(rest, '\n');
	if (w->place->depth || w->pos > w->item + end || end > FEED_RECORD_MAX)
		return WALK_ERROR;
	if (end == rest.n && !w->last)
		return WALK_MORE;
	(void)!json_feed_record(j, WALK_VALUE);
	draft_reject(&j->draft, "the line is not JSON: %s", w->error);
	w->used = w->pos = w->item + end;
	return json_feed_emit(j);
}

static enum err finish(struct json_feed *j, enum walk_step step, size_t *ret_used, struct fault *f)
{
	struct walker *w = &j->walk;
	if (j->cancelled)
		w->last = false;
	enum err e = walk_finish(w, step, f);
	*ret_used = w->used;
	buf_release(&j->scratch);
	buf_release(&j->more_scratch);
	return j->cancelled ? ERR_CANCELLED : e;
}

enum err json_feed_run(struct json_feed *j, json_value_reader *read, void *state, size_t *ret_used, struct fault *f)
{
	enum walk_step step;
	do
		step = walk_next(&j->walk);
	while (step == WALK_VALUE && (step = read(state, j)) == WALK_VALUE);
	return finish(j, step, ret_used, f);
}

struct span json_feed_text(struct json_feed *j, const struct json_member *m)
{
	j->scratch.n = 0;
	if (!m->escaped || json_unescape(m->value, &j->scratch))
		return m->value;
	return buf_span(&j->scratch);
}

enum err json_feed_claim(struct json_feed *j, unsigned kinds, struct span text)
{
	struct draft *d = &j->draft;
	enum err e;
	if ((kinds & (kinds - 1)) == 0) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		e = obs_parse_as((enum obs_kind)__builtin_ctz(kinds), text, store, &o, &d->fault);
		return e ? e : draft_claim_obs(d, &o);
	}
	e = draft_claim(d, text);
	if (e)
		return e;
	uint8_t kind = d->claims[d->r.n_claims - 1].obs.kind;
	if (kinds & OBS_BIT(kind))
		return OK;
	draft_drop(d);
	char quoted[64];
	return fault_set(&d->fault, ERR_SYNTAX, "\"%s\" is a %s, which does not belong here", draft_quote(text, quoted),
			 obs_kind_name((enum obs_kind)kind));
}

void json_feed_skip(struct json_feed *j, const char *prefix, struct span name)
{
	size_t n = 0;
	for (; n < sizeof(j->what) - 1 && prefix[n]; n++)
		j->what[n] = prefix[n];
	for (size_t i = 0; i < name.n && n < sizeof(j->what) - 1; i++)
		j->what[n++] = (char)(name.p[i] > ' ' && name.p[i] < 0x7f ? name.p[i] : '?');
	j->what[n] = 0;
	draft_skip(&j->draft, j->what);
}

uint32_t json_feed_time(const struct json_member *m)
{
	uint64_t n;
	int64_t t;
	if (m->kind != JSON_STRING && m->kind != JSON_NUMBER)
		return 0;
	struct span text = span_trim(m->value);
	struct span whole = span_head(text, span_find(text, '.'));
	if (num_parse_u64(whole, INT64_MAX, &n) == OK)
		t = (int64_t)(n > UINT32_MAX ? n / 1000 : n);
	else if (time_parse(text, &t))
		return 0;
	return t < 0 ? 0 : t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

uint8_t json_feed_confidence(const struct json_member *m)
{
	uint64_t n;
	if (m->kind != JSON_STRING && m->kind != JSON_NUMBER)
		return CONFIDENCE_ABSENT;
	if (num_parse_u64(span_head(m->value, span_find(m->value, '.')), 100, &n))
		return CONFIDENCE_ABSENT;
	return (uint8_t)n;
}

uint8_t json_feed_tlp(struct span level)
{
	static const char *const levels[] = { "unsaid", "clear", "green", "amber", "amber+strict", "red" };
	for (uint8_t i = TLP_CLEAR; i <= TLP_RED; i++)
		if (span_ieq(level, span_str(levels[i])))
			return i;
	return span_ieq(level, SPAN_LIT("white")) ? TLP_CLEAR : TLP_UNSAID;
}

bool json_feed_true(const struct json_member *m)
{
	return m->kind == JSON_TRUE || ((m->kind == JSON_STRING || m->kind == JSON_NUMBER) &&
					(span_is(m->value, "1") || span_ieq(m->value, SPAN_LIT("true"))));
}

enum category json_feed_guess(struct json_feed *j, struct span label)
{
	if (label.n == 0 || label.n > GUESS_TEXT)
		return category_guess(label);
	unsigned slot = (label.p[0] + 3u * label.p[label.n - 1] + 5u * label.p[label.n / 2] + (unsigned)label.n) %
			GUESSES;
	if (j->guess[slot].n != label.n || memcmp(j->guess[slot].text, label.p, label.n) != 0) {
		j->guess[slot].n = (uint8_t)label.n;
		memcpy(j->guess[slot].text, label.p, label.n);
		j->guess[slot].category = (uint8_t)category_guess(label);
	}
	return (enum category)j->guess[slot].category;
}

enum category json_feed_category(struct json_feed *j, const struct json_member *m, const char *key)
{
	enum category c = CAT_UNKNOWN;
	if (m->kind == JSON_STRING)
		return json_feed_guess(j, m->value);
	if (m->kind != JSON_ARRAY || m->value.n == 0)
		return c;
	struct json_reader r;
	unsigned objects = 0;
	bool named = false;
	json_init(&r, m->value, true);
	for (enum json_token t; c == CAT_UNKNOWN && (t = json_next(&r)) > JSON_ERROR;) {
		objects += t == JSON_OBJECT;
		objects -= t == JSON_OBJECT_END;
		if (t == JSON_KEY)
			named = span_is(r.slice, key);
		else if (t == JSON_STRING && (named || !objects))
			c = json_feed_guess(j, r.slice);
	}
	return c;
}

struct span json_feed_first(struct span s)
{
	s = span_trim(s);
	if (span_starts(s, SPAN_LIT("\xef\xbb\xbf")))
		s = span_trim(span_from(s, 3));
	return s.n && s.p[0] == '[' ? span_trim(span_from(s, 1)) : s;
}
