#include "enforce/answer.h"

#include "base/num.h"
#include "codec/json.h"

struct reading {
	struct json_reader r;
	const char *feed;
	struct answer *answer;
	answer_visit *visit;   /* NULL: only look whether it is right */
	bool removed, values;  /* which of the lists is to be visited */
	void *ctx;
	struct buf scratch;
	bool has_serial, has_complete, has_values, has_feed;
	const char *why;
};

static bool wrong(struct reading *d, const char *why)
{
	d->why = d->r.error ? d->r.error : why;
	return false;
}

static bool take_number(struct reading *d, uint64_t *ret)
{
	return (json_next(&d->r) == JSON_NUMBER && num_parse_u64(d->r.slice, UINT64_MAX, ret) == OK) || wrong(d, "a serial is a number without sign and fraction");
}

struct entry {
	struct buf value, kind, action; /* as text */
};

static bool take_text(struct reading *d, struct buf *out)
{
	if (json_next(&d->r) != JSON_STRING)
		return wrong(d, "value, kind and action are strings");
	struct span text = json_text(&d->r, &d->scratch);
	out->n = 0;
	buf_putspan(out, text);
	return true;
}

static bool is_ours(struct span kind)
{
	return span_is(kind, obs_kind_name(OBS_IPV4)) || span_is(kind, obs_kind_name(OBS_IPV6)) || span_is(kind, obs_kind_name(OBS_CIDR4));
}

static bool tell(struct reading *d, const struct entry *e, bool removed)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	if (e->value.n == 0 || e->kind.n == 0 || (!removed && e->action.n == 0))
		return wrong(d, removed ? "what is removed has a value and a kind" : "an entry has a value, a kind and an action");
	if (!is_ours(buf_span(&e->kind)))
		return true;
	if (obs_parse_as(OBS_IPV4, buf_span(&e->value), store, &o, NULL) || (o.kind != OBS_IPV4 && o.kind != OBS_IPV6 && o.kind != OBS_CIDR4 && o.kind != OBS_CIDR6))
		return wrong(d, "a value is no address or prefix, though its kind says so");
	d->answer->n_removed += removed;
	d->answer->n_values += !removed;
	if (d->visit && (removed ? d->removed : d->values))
		d->visit(d->ctx, &o, removed || !(span_is(buf_span(&e->action), "block") || span_is(buf_span(&e->action), "challenge")) ? ANSWER_REMOVES :
			 span_is(buf_span(&e->action), "block") ? ANSWER_BLOCKS : ANSWER_CHALLENGES);
	return true;
}

static bool take_entry(struct reading *d, struct entry *e, bool removed)
{
	enum json_token t;
	e->value.n = e->kind.n = e->action.n = 0;
	while ((t = json_next(&d->r)) == JSON_KEY) {
		struct span key = json_text(&d->r, &d->scratch);
		struct buf *to = span_is(key, "value") ? &e->value : span_is(key, "kind") ? &e->kind : span_is(key, "action") ? &e->action : NULL;
		if (to ? !take_text(d, to) : json_skip(&d->r) <= JSON_ERROR)
			return wrong(d, d->why);
	}
	return t == JSON_OBJECT_END ? tell(d, e, removed) : wrong(d, "the object does not end");
}

static bool take_list(struct reading *d, bool removed)
{
	struct entry e = { 0 };
	enum json_token t = json_next(&d->r);
	bool fine = t == JSON_ARRAY || wrong(d, "removed and values are lists");
	while (fine && (t = json_next(&d->r)) == JSON_OBJECT)
		fine = take_entry(d, &e, removed);
	if (fine && t != JSON_ARRAY_END)
		fine = wrong(d, "a list has objects in it");
	buf_release(&e.value);
	buf_release(&e.kind);
	buf_release(&e.action);
	return fine;
}

static bool take_member(struct reading *d)
{
	struct span key = json_text(&d->r, &d->scratch);
	if (span_is(key, "serial"))
		return d->has_serial = take_number(d, &d->answer->serial);
	if (span_is(key, "since"))
		return d->answer->has_since = take_number(d, &d->answer->since);
	if (span_is(key, "complete")) {
		enum json_token t = json_next(&d->r);
		d->answer->complete = t == JSON_TRUE;
		d->has_complete = true;
		return t == JSON_TRUE || t == JSON_FALSE || wrong(d, "complete is true or false");
	}
	if (span_is(key, "feed")) {
		d->has_feed = true;
		return (json_next(&d->r) == JSON_STRING && span_is(json_text(&d->r, &d->scratch), d->feed)) || wrong(d, "it is another feed");
	}
	if (span_is(key, "removed"))
		return take_list(d, true);
	if (span_is(key, "values"))
		return d->has_values = take_list(d, false);
	return json_skip(&d->r) > JSON_ERROR || wrong(d, "not JSON");
}

static bool take_all(struct reading *d)
{
	enum json_token t = json_next(&d->r);
	if (t != JSON_OBJECT)
		return wrong(d, "it is no object");
	while ((t = json_next(&d->r)) == JSON_KEY)
		if (!take_member(d))
			return false;
	if (t != JSON_OBJECT_END || json_next(&d->r) != JSON_END)
		return wrong(d, "it does not end where it should");
	return (d->has_serial && d->has_complete && d->has_values && d->has_feed) || wrong(d, "feed, serial, complete or values is missing");
}

/* @return the sentence that says what is wrong; NULL: nothing. */
static const char *pass(struct reading *d, struct span text, answer_visit *visit, bool removed)
{
	json_init(&d->r, text, true);
	d->visit = visit;
	d->removed = removed;
	d->values = !removed;
	*d->answer = (struct answer){ .serial = 0 };
	return take_all(d) ? NULL : d->why ? d->why : "not JSON";
}

enum err answer_read(struct span text, const char *feed, const uint64_t *since, struct answer *ret_answer, answer_visit *visit, void *ctx, struct fault *f)
{
	struct answer answer;
	struct reading d = { .feed = feed, .answer = &answer, .ctx = ctx };
	enum err e = OK;
	const char *why = pass(&d, text, NULL, false);
	if (why) {
		uint64_t line, column;
		json_place(&d.r, &line, &column);
		e = fault_set(f, ERR_SYNTAX, "%llu:%llu: this is not what a node answers for feed \"%s\": %s", (unsigned long long)line,
			      (unsigned long long)column, feed, why);
	}
	else if (!answer.complete && (!since || !answer.has_since || answer.since != *since))
		e = fault_set(f, ERR_SYNTAX, "the node answers for feed \"%s\" with changes that were not asked for", feed);
	if (e == OK && answer.n_removed)
		(void)pass(&d, text, visit, true);
	if (e == OK && answer.n_values)
		(void)pass(&d, text, visit, false);
	buf_release(&d.scratch);
	if (e == OK)
		*ret_answer = answer;
	return e;
}
