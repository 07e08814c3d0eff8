/* sipar why: the sum behind a score, line by line. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/option.h"
#include "cli/verbs.h"

struct why_options {
	const char *dir;
	bool json;
};

#define OPTION_ROWS(o) { OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json), OPTION_END }

static void explain(struct verb_env *env, const struct why_options *o, const struct observable *obs, struct buf *out)
{
	struct score_line *lines = mem_alloc(SCORE_LINES_MAX * sizeof(*lines));
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	struct reputation r;
	unsigned n = 0;
	struct table *t = node_table(env->node);
	const struct table_view *v = table_enter(t);
	reputation_of(v, obs, CLEARANCE_ALL, now_s, &r, lines, &n);
	if (o->json) {
		reputation_why_json(&r, obs, v->context, node_ledger(env->node), lines, n, now_s, out);
		buf_putc(out, '\n');
	} else
		reputation_why_text(&r, obs, v->context, node_ledger(env->node), lines, n, now_s, out);
	table_leave(t);
	free(lines);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct why_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n, code = EXIT_FINE;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n == 0)
		e = fault_set(&f, ERR_USAGE, "no value was given");
	if (e) {
		verb_complain(env, "why: %s", f.text);
		return EXIT_USAGE;
	}
	if (!env->node)
		return EXIT_FINE;
	struct buf out = { 0 };
	for (int i = 1; i <= n; i++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable obs;
		if (obs_parse(span_str(argv[i]), store, &obs, &f)) {
			verb_out(env, &out);
			verb_complain(env, "%s", f.text);
			code = EXIT_TROUBLE;
		} else
			explain(env, &o, &obs, &out);
	}
	verb_out(env, &out);
	buf_release(&out);
	return code;
}

static void options(struct buf *out)
{
	struct why_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_why = {
	.name = "why",
	.summary = "Show the sum behind a score, line by line, with source, age and ledger entry",
	.usage = "[OPTION...] VALUE...",
	.details = "Every claim that concerns the value is shown, those that do not count with the reason.  docs/scoring.md has the\n"
		   "arithmetic; with --json there is all that is needed to do it again.\n\n"
		   "Exit status: 0, listed or not; 2 a value could not be understood or another error.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
