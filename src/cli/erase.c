/* sipar erase: the body of an entry goes, the entry and all proofs stay. */
#include "cli/option.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "codec/json.h"

struct erase_options {
	const char *dir, *reason;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'r', "reason", "TEXT", "why; it goes into the lane and into answers, for all to see (needed)", OPTION_TEXT,  \
		  &(o)->reason, 0 }, OPTION_END                                                                                \
	}

static enum err erase(struct verb_env *env, const struct erase_options *o, const char *name, struct fault *f)
{
	struct ledger *l = node_ledger(env->node);
	struct buf out = { 0 };
	struct entry said;
	uint64_t number, by;
	struct lane *lanes = mem_zalloc(LANES_MAX * sizeof(*lanes));
	enum err e = ledger_resolve(l, CLEARANCE_ALL, span_str(name), &number, f);
	if (e == OK && (e = node_erase(env->node, number, o->reason, &by, f)) == OK &&
	    (e = ledger_entry(l, CLEARANCE_ALL, by, &said)) == OK) {
		unsigned n = ledger_lanes(l, (clearance)1 << said.lane, lanes);
		buf_puts(&out, o->json ? "{\"erased\":" : "the body of ");
		if (o->json)
			json_put_string(&out, span_str(name));
		else
			buf_puts(&out, name);
		buf_puts(&out, o->json ? ",\"said\":\"" : " is erased, as ");
		if (n)
			say_entry_name(&lanes[0], said.index, &out);
		buf_puts(&out, o->json ? "\"}\n" : " says\n");
		verb_out(env, &out);
		entry_release(&said);
	}
	buf_release(&out);
	free(lanes);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct erase_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n != 1)
		e = fault_set(&f, ERR_USAGE, "erase: give one entry, LANE/INDEX");
	if (e == OK && (!o.reason || !*o.reason))
		e = fault_set(&f, ERR_USAGE, "erase: say why: --reason");
	if (e == OK && env->node)
		e = erase(env, &o, argv[1], &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct erase_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_erase = {
	.name = "erase",
	.summary = "Erase the body of an entry of a feed, and what was claimed with it",
	.usage = "[OPTION...] ENTRY --reason TEXT",
	.details = "Body and nonce are overwritten in the ledger; the entry, its place and every proof stay, and an entry of the lane says\n"
		   "that it was erased and why.  Its claims count no more.  Copies that others have, and backups, are not reached.\n\n"
		   "Exit status: 0 erased, 2 not erased (there is no such entry, it is erased already, it is not of a feed), or erased\n"
		   "and not overwritten yet (a full disk): the message says so, and it follows when there is room.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
