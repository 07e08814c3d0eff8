/* sipar witness: cosign the checkpoint of another node's lane, when it is a continuation of the one before. */
#include "base/clock.h"
#include "cli/keys.h"
#include "cli/verbs.h"
#include "ledger/audit.h"
#include "ledger/remote.h"
#include "ledger/witness.h"

struct witness_options {
	const char *dir, *peer;
	struct option_list keys;
	bool vkey;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir),                                                                                         \
		{ 'p', "peer", "URL", "prefix of the lane, like http://hub/lanes/public", OPTION_TEXT, &(o)->peer, 0 },        \
		{ 'k', "key", "KEY", "key that must have signed: name+id+base64, hexadecimal digits, or a file with it",       \
		  OPTION_LIST, &(o)->keys, 0 },                                                                                \
		{ 0, "vkey", NULL, "only print the key with which this node cosigns, for others' sipar.conf", OPTION_FLAG,     \
		  &(o)->vkey, 0 }, OPTION_END                                                                                  \
	}

struct witnessing {
	struct verb_env *env;
	const char *peer;
	struct ledger *ledger;
	struct remote *remote;
	struct keys keys;
	struct buf note, old_note, line, cosigned;
	struct checkpoint now, old;
};

static bool cancelled(void *ctx)
{
	const struct verb_env *env = ctx;
	return verb_cancelled(env);
}

/* How what is there now follows from what was cosigned last. */
static enum err find_proof(struct witnessing *w, struct merkle_proof *ret_proof, struct fault *f)
{
	struct tile_source tiles = { .get = remote_tile, .ctx = w->remote, .size = w->now.size };
	ret_proof->n = 0;
	enum err e = witness_last(w->ledger, w->now.origin, &w->old_note, &w->old, f);
	if (e == OK && w->old.size)
		e = audit_continues(&tiles, &w->now, &w->old, ret_proof, f);
	tile_source_release(&tiles);
	return e;
}

/* @return ERR_CORRUPT, ERR_NOTFOUND: what is there is refused. */
static enum err cosign(struct witnessing *w, struct fault *f)
{
	struct merkle_proof proof;
	uint64_t last;
	enum err e;
	if ((e = keys_checkpoint(&w->keys, buf_span(&w->note), &w->now, NULL, f)) || (e = find_proof(w, &proof, f)) ||
	    (e = witness_cosign(w->ledger, buf_span(&w->note), &w->now, w->old.size, &proof, (uint64_t)clock_ms() / 1000, &w->line, &last, f)))
		return e;
	return witness_add_line(buf_span(&w->note), buf_span(&w->line), &w->cosigned, f);
}

/* Our line alone: whether it was taken is then the answer, not whether another's was. */
static enum err hand_in(struct witnessing *w, struct fault *f)
{
	struct note n;
	struct buf octets = { 0 };
	enum err e = note_parse(buf_span(&w->cosigned), &n, f);
	if (e)
		return e;
	buf_putspan(&octets, n.text);
	buf_putc(&octets, '\n');
	buf_putspan(&octets, buf_span(&w->line));
	e = remote_cosign(w->remote, buf_span(&octets), f);
	buf_release(&octets);
	return e;
}

static int go(struct witnessing *w)
{
	struct fault f;
	enum err e = remote_open(w->peer, cancelled, w->env, &w->remote, &f);
	if (e == OK)
		e = remote_checkpoint(w->remote, &w->note, &f);
	if (e) {
		verb_complain(w->env, "witness: %s", f.text);
		return EXIT_TROUBLE;
	}
	if ((e = cosign(w, &f)) != OK) {
		bool refused = e == ERR_CORRUPT || e == ERR_NOTFOUND || e == ERR_RANGE || e == ERR_SYNTAX;
		verb_complain(w->env, refused ? "witness: refused: %s" : "witness: %s", f.text);
		return refused ? EXIT_FOUND : EXIT_TROUBLE;
	}
	e = hand_in(w, &f);
	verb_out(w->env, &w->cosigned);
	if (e)
		verb_complain(w->env, "witness: cosigned, but the log did not take it: %s", f.text);
	return e ? EXIT_TROUBLE : EXIT_FINE;
}

static int print_key(struct verb_env *env)
{
	struct buf out = { 0 };
	struct verifier v;
	struct fault f;
	if (ledger_cosigner(node_ledger(env->node), &v, &f)) {
		verb_complain(env, "witness: %s", f.text);
		return EXIT_TROUBLE;
	}
	verifier_put(&v, &out);
	buf_putc(&out, '\n');
	verb_out(env, &out);
	buf_release(&out);
	return EXIT_FINE;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct witness_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n, code = EXIT_TROUBLE;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "\"%s\" is one word too many", argv[1]);
	if (e == OK && !o.vkey && (!o.peer || !o.keys.n))
		e = fault_set(&f, ERR_USAGE, "give --peer and --key");
	if (e) {
		verb_complain(env, "witness: %s", f.text);
		return EXIT_USAGE;
	}
	if (!env->node)
		return EXIT_FINE;
	if (o.vkey)
		return print_key(env);
	struct witnessing w = { .env = env, .peer = o.peer, .ledger = node_ledger(env->node) };
	if (keys_read(env->cwd, &o.keys, NOTE_ED25519, &w.keys, &f))
		verb_complain(env, "witness: %s", f.text);
	else
		code = go(&w);
	remote_close(w.remote);
	buf_release(&w.note);
	buf_release(&w.old_note);
	buf_release(&w.line);
	buf_release(&w.cosigned);
	return code;
}

static void options(struct buf *out)
{
	struct witness_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_witness = {
	.name = "witness",
	.summary = "Cosign the log of another node, if it continues what was cosigned before",
	.usage = "[OPTION...] --peer URL --key KEY | --vkey",
	.details = "The lane's checkpoint is fetched, its signature checked, and from its hash tiles that it is a continuation of the\n"
		   "last one that this node has cosigned.  Then it is cosigned, handed to the peer, and printed.  A roll-back, a fork\n"
		   "and a bad signature are refused.  Run it from time to time: a cosignature says when, too.\n\n"
		   "The peer takes it when its sipar.conf has \"witness = \" and the key that --vkey prints here.\n\n"
		   "Exit status: 0 cosigned and taken, 1 refused, 2 not taken by the peer or another error.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
