/* sipar protect: what must never be blocked. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/lines.h"
#include "cli/option.h"
#include "cli/say.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "codec/json.h"

enum { FLUSH_AT = 1 << 16 };

struct protect_options {
	const char *dir, *why, *lease, *as;
	bool json, blast, quiet;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'w', "why", "TEXT", "add, remove: for the record", OPTION_TEXT, &(o)->why, 0 },                              \
		{ 0, "for", "TIME", "add: how long: 90d, 2y (default: until it is removed)", OPTION_TEXT, &(o)->lease, 0 },    \
		{ 0, "blast", NULL, "test: what else a block would reach, too", OPTION_FLAG, &(o)->blast, 0 },                 \
		{ 'q', "quiet", NULL, "test: print nothing, only the exit status", OPTION_FLAG, &(o)->quiet, 0 },              \
		OPTION_AS(&(o)->as), OPTION_END                                                                                \
	}

struct protect {
	struct verb_env *env;
	const struct protect_options *o;
	struct speaker who;
	struct fault *f;
	struct buf out;
	uint32_t now_s;
	bool found, trouble;
};

static void flush(struct protect *p, size_t at)
{
	if (p->out.n >= at)
		verb_out(p->env, &p->out);
}

/* ---- add and remove ---- */

static enum err parse_lease(const struct protect_options *o, uint32_t now_s, uint32_t *ret_until, struct fault *f)
{
	uint32_t s = 0;
	*ret_until = 0;
	if (!o->lease)
		return OK;
	if (retention_parse(span_str(o->lease), &s, f) || (s && s > UINT32_MAX - now_s))
		return fault_set(f, ERR_USAGE, "protect: --for \"%.40s\" is not a time like 90d or 2y", o->lease);
	*ret_until = s ? now_s + s : 0;
	return OK;
}

static void tell_said(struct protect *p, const struct decision_op *op, uint64_t index, const char *first, unsigned n)
{
	if (p->o->json) {
		buf_printf(&p->out, "{\"said\":\"%s\",\"entry\":\"" DOCKET_LANE "/%llu\",\"values\":%u,\"first\":", op_name(op->op), (unsigned long long)index, n);
		json_put_string(&p->out, span_str(first));
		buf_puts(&p->out, "}\n");
		return;
	}
	buf_printf(&p->out, DOCKET_LANE "/%llu  %s  %s", (unsigned long long)index, op->op == OP_PROTECT ? "protected" : "not protected any more", first);
	if (n > 1)
		buf_printf(&p->out, " and %u more", n - 1);
	buf_putc(&p->out, '\n');
}

static enum err say_values(struct protect *p, struct decision_op *op, struct buf *values, const char *first, unsigned n)
{
	uint64_t index;
	op->values = buf_span(values);
	enum err e = docket_say(node_docket(p->env->node), &p->who, op, &index, p->f);
	if (e == OK)
		tell_said(p, op, index, first, n);
	return e;
}

/* What was in force and is protected now goes out of force at once, and is told. */
static enum err recheck(struct protect *p)
{
	unsigned n = 0;
	enum err e = docket_recheck(node_docket(p->env->node), &n, p->f);
	if (e == OK && n && !p->o->json)
		buf_printf(&p->out, "%u decision%s that blocked %s suspended: \"sipar decisions\" lists %s\n", n, n == 1 ? "" : "s",
			   n == 1 ? "it is" : "some of it are", n == 1 ? "it" : "them");
	return e;
}

static enum err change(struct protect *p, enum op what, int n, char **argv)
{
	struct decision_op op = { .op = what, .action = ACTION_PROTECT, .why = span_str(p->o->why ? p->o->why : "") };
	struct buf values = { 0 };
	enum err e = parse_lease(p->o, p->now_s, &op.until_s, p->f);
	for (int i = 2; i <= n && e == OK; i++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		if ((e = obs_parse(span_str(argv[i]), store, &o, p->f)) != OK)
			break;
		decision_value_put(&values, &o);
		if (what == OP_UNPROTECT && (e = say_values(p, &op, &values, argv[i], 1)) == OK)
			values.n = 0;
	}
	if (e == OK && what == OP_PROTECT && (e = say_values(p, &op, &values, argv[2], (unsigned)n - 1)) == OK)
		e = recheck(p);
	buf_release(&values);
	flush(p, 0);
	return e;
}

/* ---- list ---- */

static void list_one(void *ctx, const struct guard_entry *g)
{
	struct protect *p = ctx;
	struct buf value = { 0 }, body = { 0 }, store = { 0 };
	struct decision_op op = { 0 };
	struct entry entry;
	char until[32] = "", since[32] = "";
	if (ledger_entry(node_ledger(p->env->node), CLEARANCE_ALL, g->entry, &entry))
		return;
	if (docket_read(node_docket(p->env->node), entry.index, &body, &store, &op, NULL))
		op = (struct decision_op){ 0 }; /* its octets are gone: party and time stand */
	obs_format(&g->value, &value);
	time_format(entry.time_ms / 1000, since);
	if (g->until_s)
		time_format(g->until_s, until);
	if (p->o->json) {
		buf_puts(&p->out, "{\"value\":");
		json_put_string(&p->out, buf_span(&value));
		buf_puts(&p->out, ",\"party\":");
		json_put_string(&p->out, span_str(entry.party));
		buf_puts(&p->out, ",\"by\":");
		json_put_string(&p->out, op.by);
		buf_puts(&p->out, ",\"why\":");
		json_put_string(&p->out, op.why);
		buf_printf(&p->out, ",\"since\":\"%s\",\"until\":", since);
		buf_printf(&p->out, g->until_s ? "\"%s\"" : "null", until);
		buf_printf(&p->out, ",\"entry\":\"" DOCKET_LANE "/%llu\"}\n", (unsigned long long)entry.index);
	} else {
		buf_printf(&p->out, "%-40s  since %s%s%s  %s%s" SPAN_FMT "%s" SPAN_FMT "\n", buf_cstr(&value), since, g->until_s ? " until " : "", until,
			   entry.party, op.by.n ? "/" : "", SPAN_ARG(op.by), op.why.n ? ": " : "", SPAN_ARG(op.why));
	}
	entry_release(&entry);
	buf_release(&value);
	buf_release(&body);
	buf_release(&store);
	flush(p, FLUSH_AT);
}

static void list(struct protect *p)
{
	uint64_t count[GUARD_PARTS];
	struct guard *g = node_guard(p->env->node);
	guard_own_each(g, list_one, p);
	guard_counts(g, count);
	if (p->o->json)
		buf_printf(&p->out, "{\"own\":%llu,\"built_in\":%llu,\"configuration\":%llu,\"lists\":%llu,\"rules\":%llu}\n",
			   (unsigned long long)count[GUARD_OWN], (unsigned long long)count[GUARD_BUILTIN], (unsigned long long)count[GUARD_CONFIG],
			   (unsigned long long)count[GUARD_LIST], (unsigned long long)count[GUARD_RULE]);
	else
		buf_printf(&p->out, "%llu by this register; besides %llu built in, %llu in sipar.conf, %llu and %llu text rules by sources,\n"
			   "special-purpose ranges and names, and every public suffix\n", (unsigned long long)count[GUARD_OWN],
			   (unsigned long long)count[GUARD_BUILTIN], (unsigned long long)count[GUARD_CONFIG], (unsigned long long)count[GUARD_LIST],
			   (unsigned long long)count[GUARD_RULE]);
	flush(p, 0);
}

/* ---- test ---- */

static void put_reason(void *ctx, enum guard_part part, struct span clause)
{
	struct protect *p = ctx;
	buf_printf(&p->out, "  %s: " SPAN_FMT "\n", guard_part_name(part), SPAN_ARG(clause));
}

static void test_observable(struct protect *p, const struct observable *o)
{
	struct guard *g = node_guard(p->env->node);
	bool protected = guard_at_gate(g, o, ACTION_BLOCK, NULL);
	p->found |= protected;
	if (p->o->quiet)
		return;
	if (p->o->json) {
		guard_blast(g, o, p->now_s, p->o->blast ? GUARD_JSON : GUARD_BRIEF, &p->out);
		buf_putc(&p->out, '\n');
		return;
	}
	obs_format(o, &p->out);
	buf_puts(&p->out, protected ? ": protected\n" : ": may be blocked\n");
	if (p->o->blast)
		guard_blast(g, o, p->now_s, GUARD_TEXT, &p->out);
	else if (protected)
		guard_each(g, o, put_reason, p);
	flush(p, FLUSH_AT);
}

static void test_value(struct protect *p, struct span text, uint64_t line)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct fault f;
	if (obs_parse(text, store, &o, &f) == OK) {
		test_observable(p, &o);
		return;
	}
	p->trouble = true;
	flush(p, 0);
	if (line)
		verb_complain(p->env, "(standard input):%llu: %s", (unsigned long long)line, f.text);
	else
		verb_complain(p->env, "%s", f.text);
}

static bool test_line(void *ctx, struct span line, uint64_t number)
{
	struct protect *p = ctx;
	line = span_trim(span_head(line, span_find(line, '#')));
	if (line.n)
		test_value(p, line, number);
	return !((number & 0xfff) == 0 && verb_cancelled(p->env));
}

static enum err test(struct protect *p, int n, char **argv)
{
	enum err e = OK;
	for (int i = 2; i <= n && e == OK; i++)
		if (strcmp(argv[i], "-") == 0)
			e = lines_each(p->env->in, p->env->caller, test_line, p, p->f);
		else
			test_value(p, span_str(argv[i]), 0);
	flush(p, 0);
	return e;
}

/* ---- the verb ---- */

static enum err act(struct protect *p, int n, char **argv)
{
	const char *what = n ? argv[1] : "list";
	bool add = strcmp(what, "add") == 0, remove = strcmp(what, "remove") == 0, tests = strcmp(what, "test") == 0;
	if (!add && !remove && !tests && (strcmp(what, "list") != 0 || n > 1))
		return fault_set(p->f, ERR_USAGE, "protect: \"%s\" is none of list, add, remove and test", n > 1 && strcmp(what, "list") == 0 ? argv[2] : what);
	if ((add || remove || tests) && n < 2)
		return fault_set(p->f, ERR_USAGE, "protect %s: give at least one value", what);
	if (p->o->lease && !add)
		return fault_set(p->f, ERR_USAGE, "protect: --for is for add");
	if (p->o->why && strlen(p->o->why) > OP_TEXT_MAX)
		return fault_set(p->f, ERR_USAGE, "protect: --why has more than %d octets", OP_TEXT_MAX);
	if (!p->env->node) {
		uint32_t until;
		return parse_lease(p->o, p->now_s, &until, p->f);
	}
	if (tests)
		return test(p, n, argv);
	if (add || remove)
		return change(p, add ? OP_PROTECT : OP_UNPROTECT, n, argv);
	return list(p), OK;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct protect_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct spoken spoken;
	struct fault f;
	int n;
	struct protect p = { .env = env, .o = &o, .who = { spoken.party, spoken.by }, .f = &f, .now_s = (uint32_t)(clock_ms() / 1000) };
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && (e = speaker_parse(o.as, &spoken, &f)) == OK)
		e = act(&p, n, argv);
	buf_release(&p.out);
	if (e)
		return verb_end(env, e, &f);
	return p.trouble ? EXIT_TROUBLE : p.found ? EXIT_FOUND : EXIT_FINE;
}

static void options(struct buf *out)
{
	struct protect_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_protect = {
	.name = "protect",
	.summary = "Say what must never be blocked, and who protects a value and why",
	.usage = "[OPTION...] list | add VALUE... | remove VALUE... | test VALUE...",
	.details = "A name protects all below it as well, \"*.NAME\" what is below it alone, a prefix all that is in it.  What is added while it\n"
		   "is blocked is not blocked any more from that moment, and the decision waits for a person.\n\n"
		   "test says who protects a value: this register, what is built in, the configuration, or sources; also when a block would\n"
		   "only take something with it that is protected.  A VALUE of '-' reads values from standard input, one a line.\n\n"
		   "Exit status: 0 done, or nothing that was tested is protected; 1 something is; 2 not done.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
