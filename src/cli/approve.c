/* sipar approve, refuse, suspend: what others say to a decision. */
#include "cli/option.h"
#include "cli/speaker.h"
#include "cli/verbs.h"

struct approve_options {
	const char *dir, *why, *as;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'w', "why", "TEXT", "for the record", OPTION_TEXT, &(o)->why, 0 }, OPTION_AS(&(o)->as), OPTION_END           \
	}

static void tell(struct verb_env *env, bool json, uint64_t index)
{
	struct docket *d = node_docket(env->node);
	struct buf out = { 0 };
	const struct decision *of = decision_find(docket_hold(d), index);
	if (json)
		buf_printf(&out, "{\"decision\":\"" DOCKET_LANE "/%llu\",\"state\":\"%s\",\"approvals\":%u,\"parties\":%u}\n", (unsigned long long)index,
			   decision_state_name(of->state), decision_approvals(of), decision_parties(of, NULL));
	else
		buf_printf(&out, DOCKET_LANE "/%llu  %s  %s: %u approval%s, %u part%s\n", (unsigned long long)index, decision_state_name(of->state),
			   of->first, decision_approvals(of), decision_approvals(of) == 1 ? "" : "s", decision_parties(of, NULL),
			   decision_parties(of, NULL) == 1 ? "y" : "ies");
	docket_let(d);
	verb_out(env, &out);
	buf_release(&out);
}

static enum err say(struct verb_env *env, enum op what, const struct approve_options *o, const struct speaker *who, uint64_t of, struct fault *f)
{
	struct decision_op op = { .op = what, .of = &of, .n_of = 1, .why = span_str(o->why ? o->why : "") };
	uint64_t index;
	enum err e = docket_say(node_docket(env->node), who, &op, &index, f);
	if (e == OK)
		tell(env, o->json, of);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv, enum op what)
{
	struct approve_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct spoken spoken;
	struct speaker who = { spoken.party, spoken.by };
	struct fault f;
	uint64_t of;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n == 0)
		e = fault_set(&f, ERR_USAGE, "%s: give the names of decisions, " DOCKET_LANE "/NUMBER", op_name(what));
	if (e == OK && o.why && strlen(o.why) > OP_TEXT_MAX)
		e = fault_set(&f, ERR_USAGE, "%s: --why has more than %d octets", op_name(what), OP_TEXT_MAX);
	if (e == OK)
		e = speaker_parse(o.as, &spoken, &f);
	for (int i = 1; i <= n && e == OK; i++)
		if ((e = decision_name_parse(argv[i], &of, &f)) == OK && env->node)
			e = say(env, what, &o, &who, of, &f);
	return verb_end(env, e, &f);
}

static int run_approve(struct verb_env *env, int argc, char **argv)
{
	return run(env, argc, argv, OP_APPROVE);
}

static int run_refuse(struct verb_env *env, int argc, char **argv)
{
	return run(env, argc, argv, OP_REFUSE);
}

static int run_suspend(struct verb_env *env, int argc, char **argv)
{
	return run(env, argc, argv, OP_SUSPEND);
}

static void options(struct buf *out)
{
	struct approve_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_approve = {
	.name = "approve",
	.summary = "Approve a proposed decision, which puts it in force when enough have",
	.usage = "[OPTION...] DECISION...",
	.details = "Nobody approves what he has proposed, and sipar.conf says how many approvals and how many distinct parties it takes\n"
		   "(approvals, parties).  The protected register is asked once more.  A suspended decision is put in force again by approvals\n"
		   "that came behind the suspension.\n\n"
		   "Exit status: 0 said, 2 not said.\n",
	.flags = VERB_NODE,
	.run = run_approve,
	.options = options,
};

const struct verb verb_refuse = {
	.name = "refuse",
	.summary = "Refuse a proposed or suspended decision for good",
	.usage = "[OPTION...] DECISION...",
	.details = "Exit status: 0 said, 2 not said.\n",
	.flags = VERB_NODE,
	.run = run_refuse,
	.options = options,
};

const struct verb verb_suspend = {
	.name = "suspend",
	.summary = "Take a decision out of force until it is approved anew",
	.usage = "[OPTION...] DECISION...",
	.details = "Exit status: 0 said, 2 not said.\n",
	.flags = VERB_NODE,
	.run = run_suspend,
	.options = options,
};
