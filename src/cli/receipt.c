/* sipar receipt: proof that an entry is in a lane, to be kept and checked without the node. */
#include "cli/option.h"
#include "cli/verbs.h"

#define OPTION_ROWS(dir) { OPTION_DIR(dir), OPTION_END }

static int run(struct verb_env *env, int argc, char **argv)
{
	const char *dir;
	const struct option rows[] = OPTION_ROWS(&dir);
	struct buf out = { 0 };
	struct fault f;
	uint64_t number;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n != 1)
		e = fault_set(&f, ERR_USAGE, "give one entry: LANE/INDEX, or its number");
	if (e) {
		verb_complain(env, "receipt: %s", f.text);
		return EXIT_USAGE;
	}
	if (!env->node)
		return EXIT_FINE;
	struct ledger *l = node_ledger(env->node);
	if ((e = ledger_resolve(l, CLEARANCE_ALL, span_str(argv[1]), &number, &f)) == OK)
		e = ledger_receipt(l, CLEARANCE_ALL, number, &out, &f);
	if (e)
		verb_complain(env, "receipt: %s", f.text);
	else
		verb_out(env, &out);
	buf_release(&out);
	return e ? EXIT_TROUBLE : EXIT_FINE;
}

static void options(struct buf *out)
{
	const char *dir;
	const struct option rows[] = OPTION_ROWS(&dir);
	options_help(rows, out);
}

const struct verb verb_receipt = {
	.name = "receipt",
	.summary = "Print the proof that an entry is in its lane",
	.usage = "[OPTION...] ENTRY",
	.details = "ENTRY is LANE/INDEX, as \"sipar why\" names it.  The proof has the entry's record, the way to the root of the log,\n"
		   "and the signed checkpoint; whoever has the key checks it with \"sipar verify\", on any machine, at any time.  It has\n"
		   "the nonce of the body, too: give it to those who may see the body.\n\n"
		   "Exit status: 0 done, 2 there is no such entry or another error.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
