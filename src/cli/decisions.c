/* sipar decisions: what is proposed, in force, over; who said so; who has it. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/option.h"
#include "cli/say.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "view/decision_tell.h"

struct decisions_options {
	const char *dir;
	bool json, active, history, values, consumers;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'a', "active", NULL, "those in force (without an option: those that wait for somebody, too)", OPTION_FLAG,   \
		  &(o)->active, 0 },                                                                                           \
		{ 0, "consumers", NULL, "instead, who has which of them, and how long it took to undo them there", OPTION_FLAG,      \
		  &(o)->consumers, 0 },                                                                                        \
		{ 0, "history", NULL, "all that there ever were, with everything that was said", OPTION_FLAG, &(o)->history, 0 },\
		{ 0, "values", NULL, "every value, not only the first", OPTION_FLAG, &(o)->values, 0 }, OPTION_END             \
	}

struct listing {
	struct verb_env *env;
	const struct decisions_options *o;
	struct buf out;
};

static void put_voice_text(const struct voice *v, struct buf *out)
{
	buf_puts(out, "    ");
	say_time(v->time_ms, out);
	buf_printf(out, "  %-8s %s%s%s%s%s\n", op_name(v->op), v->party, v->by[0] ? "/" : "", v->by, v->why[0] ? ": " : "", v->why);
}

static void put_text(const struct listing *l, const char *lane, const struct decision *d, struct span values, struct buf *out)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	buf_printf(out, "%s/%-6llu %-10s %-9s %-12s until ", lane, (unsigned long long)d->index, decision_state_name(d->state), action_name(d->action),
		   reason_row(d->reason)->name);
	say_time((int64_t)d->until_s * 1000, out);
	buf_printf(out, "  %s", d->first);
	if (d->n_values > 1)
		buf_printf(out, " and %llu more", (unsigned long long)d->n_values - 1);
	if (d->n_out && d->state == DECISION_ACTIVE)
		buf_printf(out, " (%llu unblocked)", (unsigned long long)d->n_out);
	if (d->hits)
		buf_printf(out, ", %llu hits", (unsigned long long)d->hits);
	buf_putc(out, '\n');
	if (l->o->history) {
		for (unsigned i = 0; i < d->n_voices; i++)
			put_voice_text(&d->voice[i], out);
		if (d->evidence[0])
			buf_printf(out, "    evidence %s\n", d->evidence);
	}
	while (decision_value(&values, store, &o)) {
		buf_puts(out, "    ");
		obs_format(&o, out);
		buf_putc(out, '\n');
	}
}

static bool is_wanted(const struct decisions_options *o, const struct decision *d)
{
	return o->history || d->state == DECISION_ACTIVE || (!o->active && (d->state == DECISION_PROPOSED || d->state == DECISION_SUSPENDED));
}

/* Our own (0), or those of a peer, while the docket is held.  NULL: there are not so many. */
static const struct decision_set *set_of(struct docket *d, unsigned whose, const struct decision_set *own, const char **ret_lane)
{
	*ret_lane = DOCKET_LANE;
	return whose ? docket_foreign(d, whose - 1, ret_lane) : own;
}

/* The i-th decision.  @return false: there is none. */
static bool list_one(struct listing *l, unsigned whose, size_t i, enum err *ret_err, struct fault *f)
{
	struct docket *d = node_docket(l->env->node);
	const char *lane;
	const struct decision_set *set = set_of(d, whose, docket_hold(d), &lane);
	bool there = set && i < decision_count(set), wanted = there && is_wanted(l->o, decision_at(set, i));
	struct buf values = { 0 };
	if (wanted && l->o->values) {
		uint64_t index = decision_at(set, i)->index;
		docket_let(d);
		*ret_err = whose ? docket_foreign_values(d, whose - 1, index, &values, f) : docket_values(d, index, &values, f);
		set = set_of(d, whose, docket_hold(d), &lane);
	}
	if (wanted && l->o->json)
		decision_put(lane, decision_at(set, i), buf_span(&values), &l->out), buf_putc(&l->out, '\n');
	else if (wanted)
		put_text(l, lane, decision_at(set, i), buf_span(&values), &l->out);
	docket_let(d);
	buf_release(&values);
	return there && (l->out.n < 1 << 16 || verb_out(l->env, &l->out));
}

static enum err list(struct verb_env *env, const struct decisions_options *o, struct fault *f)
{
	struct listing l = { .env = env, .o = o };
	enum err e = OK;
	for (unsigned whose = 0; whose <= LANES_MAX && e == OK; whose++)
		for (size_t i = 0; e == OK && list_one(&l, whose, i, &e, f); i++)
			if ((i & 0xfff) == 0 && verb_cancelled(env))
				break;
	verb_out(env, &l.out);
	buf_release(&l.out);
	return e;
}

static void list_consumers(struct verb_env *env, bool json)
{
	struct consumer_seen seen;
	struct buf out = { 0 };
	uint64_t serial = docket_serial(node_docket(env->node));
	for (size_t i = 0; consumers_get(node_consumers(env->node), i, &seen); i++) {
		if (json) {
			consumer_json(&seen, serial, &out);
			buf_putc(&out, '\n');
			continue;
		}
		buf_printf(&out, "%-20s ", seen.feed);
		say_consumer(&seen, &out);
	}
	if (!json)
		buf_printf(&out, "the decisions have serial %llu\n", (unsigned long long)serial);
	verb_out(env, &out);
	buf_release(&out);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct decisions_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "decisions: \"%s\" is one word too many", argv[1]);
	if (e == OK && o.consumers && (o.active || o.history || o.values))
		e = fault_set(&f, ERR_USAGE, "decisions: --consumers goes alone");
	if (e == OK && env->node && o.consumers)
		list_consumers(env, o.json);
	else if (e == OK && env->node)
		e = list(env, &o, &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct decisions_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_decisions = {
	.name = "decisions",
	.summary = "List decisions: what is in force, what waits, what was said",
	.usage = "[OPTION...]",
	.details = "Exit status: 0 listed, 2 not.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
