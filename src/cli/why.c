/* sipar why: the sum behind a score, line by line. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/edge.h"
#include "cli/option.h"
#include "cli/verbs.h"

struct why_options {
	const char *dir;
	bool json;
	struct edge_options edge;
};

#define OPTION_ROWS(o) { OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json), EDGE_ROWS(&(o)->edge), OPTION_END }

static void explain(const struct table_view *v, struct ledger *l, const struct why_options *o, const struct observable *obs, struct buf *out)
{
	struct score_line *lines = mem_alloc(SCORE_LINES_MAX * sizeof(*lines));
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	struct reputation r;
	unsigned n = 0;
	reputation_of(v, obs, CLEARANCE_ALL, now_s, &r, lines, &n);
	if (o->json) {
		reputation_why_json(&r, obs, v->context, l, lines, n, now_s, out);
		buf_putc(out, '\n');
	} else
		reputation_why_text(&r, obs, v->context, l, lines, n, now_s, out);
	free(lines);
}

/* @return ERR_CORRUPT: the snapshot is damaged where it was read, and nothing is added to `out`. */
static enum err explain_one(struct verb_env *env, const struct snapshot *s, const struct why_options *o, const struct observable *obs,
			    struct buf *out, struct fault *f)
{
	size_t before = out->n;
	if (!s) {
		struct table *t = node_table(env->node);
		explain(table_enter(t), node_ledger(env->node), o, obs, out);
		table_leave(t);
		return OK;
	}
	explain(snapshot_view(s), NULL, o, obs, out);
	enum err e = snapshot_sound(s, f);
	if (e)
		out->n = before;
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct why_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	struct snapshot *s = NULL;
	bool looking = !env->node && !env->without_node;
	int n, code = EXIT_FINE;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n == 0)
		e = fault_set(&f, ERR_USAGE, "no value was given");
	if (e == OK)
		e = edge_look(env, &o.edge, &f);
	if (e) {
		verb_complain(env, "why: %s", f.text);
		return EXIT_USAGE;
	}
	if (looking)
		return EXIT_FINE;
	if (o.edge.snapshot && edge_open(env, &o.edge, &s, &f)) {
		verb_complain(env, "why: %s", f.text);
		return EXIT_TROUBLE;
	}
	struct buf out = { 0 };
	for (int i = 1; i <= n; i++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable obs;
		if (obs_parse(span_str(argv[i]), store, &obs, &f) || explain_one(env, s, &o, &obs, &out, &f)) {
			verb_out(env, &out);
			verb_complain(env, "%s", f.text);
			code = EXIT_TROUBLE;
		}
	}
	verb_out(env, &out);
	snapshot_close(s);
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
