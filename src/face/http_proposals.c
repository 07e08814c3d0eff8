/* Decisions by parties: proposed, approved, refused, suspended and undone over HTTP, as docs/decisions.md says it of the command line.  Who says it is the
 * party of the token.  (What bouncers ask for below /v1/decisions is in http_lapi.c.) */
#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "face/http_form.h"
#include "face/http_parts.h"
#include "gate/docket.h"
#include "view/decision_tell.h"
#include "view/decision_terms.h"

enum { LISTED_MAX = 1000 };

/* Where those who do not see the lane are told that there is nothing.  NULL: the answer is there. */
static struct docket *docket_of(struct http_server *s, const struct http_request *q, struct http_answer *a)
{
	struct lane lane;
	if (s->options.node && ledger_lane_find(s->ledger, http_clear(q), DOCKET_LANE, &lane) == OK)
		return node_docket(s->options.node);
	http_problem(a, 404, q->target, "there are no decisions that you may see");
	return NULL;
}

static void refuse(const struct http_request *q, const struct fault *f, struct http_answer *a)
{
	switch (f->code) {
	case ERR_SYNTAX: case ERR_RANGE: case ERR_USAGE:
		http_problem(a, 400, q->target, f->text);
		break;
	case ERR_NOTFOUND:
		http_problem(a, 404, q->target, f->text);
		break;
	case ERR_FORBIDDEN:
		http_problem(a, 409, q->target, f->text);
		break;
	default:
		http_problem(a, f->code == ERR_FULL ? 507 : 500, q->target, f->text);
	}
}

/* ---- reading ---- */

struct wanted {
	struct span state;  /* empty: what waits for somebody */
	uint64_t after;
	bool has_after;
};

static bool is_state(struct span text)
{
	bool known = span_is(text, "all");
	for (unsigned i = 0; i < DECISION_STATES; i++)
		known |= span_is(text, decision_state_name(i));
	return known;
}

static bool read_wanted(struct span target, struct wanted *ret)
{
	*ret = (struct wanted){ .after = 0 };
	for (struct span rest = span_from(target, span_find(target, '?') + 1); rest.n;) {
		struct span item = span_head(rest, span_find(rest, '&')), name = span_head(item, span_find(item, '=')), value = span_from(item, name.n + 1);
		rest = span_from(rest, item.n + 1);
		if (span_is(name, "state") && is_state(value))
			ret->state = value;
		else if (span_is(name, "after") && num_parse_u64(value, UINT64_MAX, &ret->after) == OK)
			ret->has_after = true;
		else
			return false;
	}
	return true;
}

static bool is_wanted(const struct wanted *w, const struct decision *d)
{
	if (w->has_after && d->index <= w->after)
		return false;
	if (w->state.n == 0)
		return d->state == DECISION_PROPOSED || d->state == DECISION_SUSPENDED;
	return span_is(w->state, "all") || span_is(w->state, decision_state_name(d->state));
}

void http_proposals(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct docket *d = docket_of(s, q, a);
	const char *comma = "";
	struct wanted wanted;
	unsigned n = 0;
	if (!d)
		return;
	if (!read_wanted(q->target, &wanted)) {
		http_problem(a, 400, q->target, "the parameters are state (proposed, active, suspended, refused, retracted, expired, all) and after (a number)");
		return;
	}
	const struct decision_set *set = docket_hold(d);
	buf_puts(&a->body, "{\"decisions\":[");
	for (size_t i = 0; i < decision_count(set) && n <= LISTED_MAX; i++) {
		const struct decision *one = decision_at(set, i);
		if (!is_wanted(&wanted, one) || n++ == LISTED_MAX)
			continue;
		buf_puts(&a->body, comma);
		decision_put(DOCKET_LANE, one, span_of(NULL, 0), &a->body);
		comma = ",";
	}
	docket_let(d);
	buf_printf(&a->body, "],\"more\":%s}\n", n > LISTED_MAX ? "true" : "false");
	a->status = 200;
	a->type = "application/json";
}

/* One, as it is now.  @param whole  with all of its values. */
static void answer_one(const struct http_request *q, struct docket *d, uint64_t index, bool whole, unsigned status, struct http_answer *a)
{
	struct buf values = { 0 };
	struct fault f;
	enum err e = whole ? docket_values(d, index, &values, &f) : OK;
	const struct decision *one = e ? NULL : decision_find(docket_hold(d), index);
	if (one) {
		decision_put(DOCKET_LANE, one, buf_span(&values), &a->body);
		buf_putc(&a->body, '\n');
		a->status = status;
		a->type = "application/json";
	}
	if (!e)
		docket_let(d);
	if (!one)
		http_problem(a, 404, q->target, "there is no such decision");
	buf_release(&values);
}

static bool read_index(const struct http_request *q, struct span text, uint64_t *ret_index, struct http_answer *a)
{
	if (num_parse_u64(text, UINT64_MAX, ret_index) == OK)
		return true;
	http_problem(a, 404, q->target, "there is no such decision");
	return false;
}

void http_proposal(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct docket *d = docket_of(s, q, a);
	uint64_t index;
	if (d && read_index(q, w->word[0], &index, a))
		answer_one(q, d, index, true, 200, a);
}

/* ---- what a party says ---- */

/* The party by its token: whose it is, nobody else can say, so nobody is two. */
static struct speaker speaker_of(const struct http_request *q)
{
	return (struct speaker){ .party = http_asker(q)->party, .by = http_asker(q)->token, .stranger = true };
}

static enum err take_values(struct span lines, struct buf *out, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	if (!lines.n)
		return fault_set(f, ERR_SYNTAX, "\"values\" is needed: what is to be blocked");
	for (size_t n = 1; lines.n; n++) {
		struct span line = span_head(lines, span_find(lines, '\n'));
		lines = span_from(lines, line.n + 1);
		if (obs_parse_plain(line, store, &o) && obs_parse(line, store, &o, f))
			return fault_at(f, "value %zu, \"" SPAN_FMT "\"", n, SPAN_ARG(span_head(line, 100)));
		decision_value_put(out, &o);
	}
	return OK;
}

static enum err take_evidence(struct span text, struct decision_op *op, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable url;
	op->evidence = text;
	return text.n && obs_parse_as(OBS_URL, text, store, &url, f) ? fault_at(f, "\"evidence\"") : OK;
}

void http_propose(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	enum { VALUES, REASON, LEASE, ACTION, WHY, EVIDENCE, EXACT };
	struct form_row rows[] = { [VALUES] = { "values", FORM_TEXTS }, [REASON] = { "reason" }, [LEASE] = { "for" }, [ACTION] = { "action" }, [WHY] = { "why" },
				   [EVIDENCE] = { "evidence" }, [EXACT] = { "exact", FORM_FLAG }, { NULL } };
	struct form form = { rows };
	struct docket *d = docket_of(s, q, a);
	struct buf values = { 0 };
	struct decision_op op;
	const struct speaker who = speaker_of(q);
	struct fault f;
	uint64_t index;
	if (!d)
		return;
	enum err e = form_read(&form, buf_span(&q->body), &f);
	const struct decision_terms terms = { rows[REASON].text, rows[LEASE].text, rows[ACTION].text, rows[WHY].text, rows[EXACT].flag };
	if (e == OK && (e = decision_propose(&terms, (uint32_t)(clock_ms() / 1000), &op, &f)) == OK && (e = take_values(buf_span(&rows[VALUES].texts), &values, &f)) == OK && (e = take_evidence(rows[EVIDENCE].text, &op, &f)) == OK) {
		op.values = buf_span(&values);
		e = docket_say(d, &who, &op, &index, &f);
	}
	if (e)
		refuse(q, &f, a);
	else
		answer_one(q, d, index, false, 201, a);
	buf_release(&values);
	form_release(&form);
}

/* Of one decision. */
static void say_of(struct http_server *s, struct http_request *q, enum op what, struct span name, struct http_answer *a)
{
	enum { WHY };
	struct form_row rows[] = { [WHY] = { "why" }, { NULL } };
	struct form form = { rows };
	struct docket *d = docket_of(s, q, a);
	const struct speaker who = speaker_of(q);
	struct fault f;
	uint64_t of, index;
	if (!d || !read_index(q, name, &of, a))
		return;
	enum err e = form_read(&form, buf_span(&q->body), &f);
	if (e == OK) {
		struct decision_op op = { .op = what, .of = &of, .n_of = 1, .why = rows[WHY].text };
		e = docket_say(d, &who, &op, &index, &f);
	}
	if (e)
		refuse(q, &f, a);
	else
		answer_one(q, d, of, false, 200, a);
	form_release(&form);
}

void http_approve(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	say_of(s, q, OP_APPROVE, w->word[0], a);
}

void http_refuse_proposal(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	say_of(s, q, OP_REFUSE, w->word[0], a);
}

void http_suspend(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	say_of(s, q, OP_SUSPEND, w->word[0], a);
}

void http_unblock(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	enum { VALUE, DECISION, WHY };
	struct form_row rows[] = { [VALUE] = { "value" }, [DECISION] = { "decision", FORM_NUMBER, UINT64_MAX }, [WHY] = { "why" }, { NULL } };
	struct form form = { rows };
	struct docket *d = docket_of(s, q, a);
	struct buf values = { 0 };
	const struct speaker who = speaker_of(q);
	struct fault f;
	uint64_t index;
	if (!d)
		return;
	enum err e = form_read(&form, buf_span(&q->body), &f);
	struct decision_op op = { .op = OP_UNBLOCK, .of = &rows[DECISION].number, .n_of = rows[DECISION].there, .why = rows[WHY].text };
	struct span value = rows[VALUE].text;
	if (e == OK && (!op.why.n || op.why.n > OP_TEXT_MAX))
		e = fault_set(&f, ERR_SYNTAX, "say why, in %d octets: \"why\"", OP_TEXT_MAX);
	if (e == OK && (rows[DECISION].there == (value.n > 0) || span_find(value, '\n') < value.n))
		e = fault_set(&f, ERR_SYNTAX, "give one \"value\", or the number of one \"decision\"");
	if (e == OK && (rows[DECISION].there || (e = take_values(value, &values, &f)) == OK)) {
		op.values = buf_span(&values);
		e = docket_say(d, &who, &op, &index, &f);
	}
	if (e) {
		refuse(q, &f, a);
	} else {
		buf_printf(&a->body, "{\"said\":\"" DOCKET_LANE "/%llu\",\"serial\":%llu}\n", (unsigned long long)index, (unsigned long long)docket_serial(d));
		a->status = 200;
		a->type = "application/json";
	}
	buf_release(&values);
	form_release(&form);
}
