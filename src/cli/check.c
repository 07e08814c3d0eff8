/* sipar check: is this listed? */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/edge.h"
#include "cli/lines.h"
#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "codec/tlp.h"

enum { GROUP = 512, FLUSH_AT = 1 << 16 };

struct check_options {
	const char *dir;
	bool json, quiet, listed_only;
	struct edge_options edge;
};

struct check {
	struct verb_env *env;
	struct check_options o;
	struct snapshot *snapshot; /* or NULL: the node's table answers */
	const struct meaning *meaning;
	uint32_t now_s;
	struct buf out;
	bool listed, trouble, closed;
	/* One group: values, and for each how to answer it. */
	size_t n;
	struct observable obs[GROUP];
	uint8_t store[GROUP * 64 + OBS_KEY_MAX]; /* keys one behind the other; a group ends early when it is full */
	size_t store_used;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'q', "quiet", NULL, "print nothing, only the exit status", OPTION_FLAG, &(o)->quiet, 0 },                    \
		{ 'l', "listed", NULL, "print only what is listed", OPTION_FLAG, &(o)->listed_only, 0 },                       \
		EDGE_ROWS(&(o)->edge), OPTION_END                                                                              \
	}

static void put_text(struct check *c, const struct observable *o, const struct reputation *r)
{
	struct buf *out = &c->out;
	const struct verdict *v = &r->verdict;
	obs_format(o, out);
	if (r->protected_by) {
		buf_puts(out, ": protected, ");
		buf_puts(out, r->protected_by);
	} else if (!v->listed) {
		buf_puts(out, ": not listed");
	} else {
		buf_puts(out, ": listed, score ");
		buf_putu(out, v->score);
		for (unsigned cat = 0, n = 0; cat < CAT_COUNT; cat++)
			if (v->categories >> cat & 1) {
				buf_puts(out, n++ ? " " : ", ");
				buf_puts(out, category_row(cat)->name);
			}
		for (unsigned i = 0; i < v->n_sources && i < COUNT_OF(v->sources); i++) {
			buf_puts(out, i ? " " : " (");
			buf_puts(out, source_get(c->meaning->sources, v->sources[i])->name);
		}
		buf_puts(out, v->n_sources > COUNT_OF(v->sources) ? " ...)" : ")");
		uint8_t tlp = reputation_audience(r, c->meaning);
		if (tlp > TLP_CLEAR) {
			buf_putc(out, ' ');
			buf_puts(out, tlp_name(tlp));
		}
	}
	buf_putc(out, '\n');
}

static void answer(void *ctx, size_t i, const struct reputation *r)
{
	struct check *c = ctx;
	c->listed |= r->verdict.listed;
	if (c->o.quiet || (c->o.listed_only && !r->verdict.listed))
		return;
	if (c->o.json) {
		reputation_json(r, &c->obs[i], c->meaning, &c->out);
		buf_putc(&c->out, '\n');
	} else
		put_text(c, &c->obs[i], r);
}

static void answer_group(struct check *c, const struct table_view *v)
{
	c->meaning = v->context;
	reputation_batch(v, c->obs, c->n, CLEARANCE_ALL, c->now_s, answer, c);
}

/* Answers for which something damaged was read are not given. */
static void answer_from_snapshot(struct check *c)
{
	struct fault f;
	bool listed = c->listed;
	size_t before = c->out.n;
	answer_group(c, snapshot_view(c->snapshot));
	if (snapshot_sound(c->snapshot, &f) == OK)
		return;
	c->out.n = before;
	c->listed = listed;
	c->trouble = c->closed = true;
	(void)verb_out(c->env, &c->out);
	verb_complain(c->env, "%s", f.text);
}

static void end_group(struct check *c)
{
	struct table *t = c->snapshot ? NULL : node_table(c->env->node);
	if (c->snapshot) {
		answer_from_snapshot(c);
	} else {
		answer_group(c, table_enter(t));
		table_leave(t);
	}
	c->n = c->store_used = 0;
	if (c->out.n >= FLUSH_AT)
		c->closed |= !verb_out(c->env, &c->out);
}

static void not_observable(struct check *c, struct span value, const char *where, uint64_t line, const struct fault *f)
{
	end_group(c); /* keep the order */
	c->trouble = true;
	if (c->o.json && !c->o.quiet) {
		buf_puts(&c->out, "{\"value\":");
		json_put_string(&c->out, value);
		buf_puts(&c->out, ",\"error\":");
		json_put_string(&c->out, span_str(f->text));
		buf_puts(&c->out, "}\n");
	}
	c->closed |= !verb_out(c->env, &c->out);
	if (line)
		verb_complain(c->env, "%s:%llu: %s", where, (unsigned long long)line, f->text);
	else
		verb_complain(c->env, "%s", f->text);
}

static bool check_value(struct check *c, struct span value, const char *where, uint64_t line)
{
	struct fault f = { 0 };
	uint8_t *store = c->store + c->store_used;
	struct observable *o = &c->obs[c->n];
	if (obs_parse_plain(value, store, o) != OK && obs_parse(value, store, o, &f) != OK) {
		not_observable(c, value, where, line, &f);
		return !c->closed;
	}
	if (o->key != store) { /* the line it points into may be gone before the group ends */
		memcpy(store, o->key, o->n);
		o->key = store;
	}
	c->store_used += o->n;
	if (++c->n == GROUP || c->store_used > sizeof(c->store) - OBS_KEY_MAX)
		end_group(c);
	return !c->closed;
}

static bool check_line(void *ctx, struct span line, uint64_t number)
{
	struct check *c = ctx;
	line = span_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return true;
	if ((number & 0xffff) == 0 && verb_cancelled(c->env))
		return false;
	return check_value(c, line, "(standard input)", number);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct check_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	bool looking = !env->node && !env->without_node;
	if (options_parse(rows, argc, argv, &n, &f) || edge_look(env, &o.edge, &f)) {
		verb_complain(env, "check: %s", f.text);
		return EXIT_USAGE;
	}
	if (looking)
		return EXIT_FINE;
	struct check *c = mem_zalloc(sizeof(*c));
	if (o.edge.snapshot && edge_open(env, &o.edge, &c->snapshot, &f)) {
		free(c);
		verb_complain(env, "check: %s", f.text);
		return EXIT_TROUBLE;
	}
	c->env = env;
	c->o = o;
	c->now_s = (uint32_t)(clock_ms() / 1000);
	for (int i = 1; i <= n; i++) {
		if (!check_value(c, span_str(argv[i]), NULL, 0))
			break;
		if (faccessat(env->cwd, argv[i], F_OK, 0) == 0)
			verb_complain(env, "\"%s\" is the name of a file here, too; \"sipar check < FILE\" checks the values in it", argv[i]);
	}
	if (n == 0 && lines_each(env->in, env->caller, check_line, c, &f)) {
		verb_complain(env, "(standard input): %s", f.text);
		c->trouble = true;
	}
	end_group(c);
	c->closed |= !verb_out(env, &c->out);
	int code = c->trouble ? EXIT_TROUBLE : c->listed ? EXIT_FOUND : EXIT_FINE;
	buf_release(&c->out);
	snapshot_close(c->snapshot);
	free(c);
	return code;
}

static void options(struct buf *out)
{
	struct check_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_check = {
	.name = "check",
	.summary = "Say whether addresses, prefixes, domains, URLs, hashes or e-mail addresses are listed",
	.usage = "[OPTION...] [VALUE...]",
	.details = "Without a VALUE, values are read from standard input, one a line; blank lines and lines that begin with\n"
		   "'#' are passed over.  Any usual spelling is understood, defanged ones (hxxp://evil[.]example) too.\n\n"
		   "With --snapshot the answers are those of the node that wrote the file (sipar snapshot) at the present time, for\n"
		   "what it put there.  Its signature is always checked: with --key, that it is by that key.\n\n"
		   "Exit status: 0 nothing is listed, 1 something is listed, 2 a value could not be understood or another error.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
