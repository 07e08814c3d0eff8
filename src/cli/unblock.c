/* sipar unblock: take it back, everywhere. */
#include "cli/option.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "codec/json.h"

struct unblock_options {
	const char *dir, *why, *as;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'w', "why", "TEXT", "for the record (needed)", OPTION_TEXT, &(o)->why, 0 }, OPTION_AS(&(o)->as), OPTION_END  \
	}

static void tell(struct verb_env *env, bool json, const char *what, uint64_t index)
{
	struct buf out = { 0 };
	uint64_t serial = docket_serial(node_docket(env->node));
	if (json) {
		buf_puts(&out, "{\"unblocked\":");
		json_put_string(&out, span_str(what));
		buf_printf(&out, ",\"said\":\"" DOCKET_LANE "/%llu\",\"serial\":%llu}\n", (unsigned long long)index, (unsigned long long)serial);
	} else
		buf_printf(&out, "%s is not blocked any more, as " DOCKET_LANE "/%llu says; consumers see it with serial %llu\n", what,
			   (unsigned long long)index, (unsigned long long)serial);
	verb_out(env, &out);
	buf_release(&out);
}

static bool is_decision(const char *text, uint64_t *ret_index)
{
	return span_starts(span_str(text), SPAN_LIT(DOCKET_LANE "/")) && decision_name_parse(text, ret_index, NULL) == OK;
}

static enum err unblock(struct verb_env *env, const struct unblock_options *o, const struct speaker *who, const char *what, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable value;
	struct buf values = { 0 };
	uint64_t of, index;
	struct decision_op op = { .op = OP_UNBLOCK, .why = span_str(o->why) };
	enum err e = OK;
	if (is_decision(what, &of)) {
		op.of = &of;
		op.n_of = 1;
	} else if ((e = obs_parse(span_str(what), store, &value, f)) != OK) {
		(void)fault_at(f, "\"%.100s\"", what);
	} else {
		decision_value_put(&values, &value);
		op.values = buf_span(&values);
	}
	if (e == OK && (e = docket_say(node_docket(env->node), who, &op, &index, f)) == OK)
		tell(env, o->json, what, index);
	buf_release(&values);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct unblock_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct spoken spoken;
	struct speaker who = { spoken.party, spoken.by };
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n == 0)
		e = fault_set(&f, ERR_USAGE, "unblock: give at least one value, or the name of a decision");
	if (e == OK && (!o.why || !*o.why || strlen(o.why) > OP_TEXT_MAX))
		e = fault_set(&f, ERR_USAGE, "unblock: say why, in %d octets: --why", OP_TEXT_MAX);
	if (e == OK)
		e = speaker_parse(o.as, &spoken, &f);
	for (int i = 1; i <= n && e == OK && env->node; i++)
		e = unblock(env, &o, &who, argv[i], &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct unblock_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_unblock = {
	.name = "unblock",
	.summary = "Take values, or a whole decision, out of force at once",
	.usage = "[OPTION...] VALUE|DECISION... --why TEXT",
	.details = "One voice is enough: a mistake is undone faster than it is made.  Every decision on the value ends for that value, with and without \"*.\"; who\n"
		   "still has it is shown by \"sipar decisions --consumers\".\n\n"
		   "Exit status: 0 unblocked, 2 not (nothing blocks it, or another decision covers it: the message names it).\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
