/* sipar key: the keys that the node's lanes are signed with. */
#include <stdlib.h>

#include "base/num.h"
#include "cli/option.h"
#include "cli/verbs.h"
#include "gate/rotate.h"
#include "ledger/note.h"
#include "sys/key.h"
#include "sys/passphrase.h"

enum { KEYS = 256, DIGITS = 2 * KEY_OCTETS };

struct key_options {
	const char *dir;
	bool json, passphrase;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'p', "passphrase", NULL, "rotate: protect the new key with a passphrase (always so when the old one has one)", \
		  OPTION_FLAG, &(o)->passphrase, 0 }, OPTION_END                                                               \
	}

/* All that have signed, by realm, first to last. */
struct keys {
	unsigned n[REALMS];
	uint8_t key[REALMS][KEYS][KEY_OCTETS];
};

static void load_keys(struct node *n, struct keys *k)
{
	for (enum realm r = 0; r < REALMS; r++)
		k->n[r] = ledger_keys(node_ledger(n), realm_name(r), k->key[r], KEYS);
}

static const uint8_t *current(const struct keys *k, enum realm r)
{
	return k->n[r] ? k->key[r][k->n[r] - 1] : NULL;
}

static void put_hex(const uint8_t key[KEY_OCTETS], struct buf *out)
{
	hex_encode(key, KEY_OCTETS, (char *)buf_reserve(out, DIGITS));
	out->n += DIGITS;
}

/* ---- show ---- */

static bool put_vkey(const struct keys *k, const struct lane *l, struct buf *out)
{
	const uint8_t *key = current(k, realm_find(l->realm));
	struct verifier v = { .type = NOTE_ED25519 };
	if (!key)
		return false;
	snprintf(v.name, sizeof(v.name), "%s", l->origin);
	memcpy(v.key, key, sizeof(v.key));
	verifier_put(&v, out);
	return true;
}

static void put_json(const struct keys *k, const struct lane *lanes, unsigned n, struct buf *out)
{
	for (enum realm r = 0; r < REALMS; r++) {
		buf_printf(out, "%s\"%s\":[", r ? "," : "{", realm_name(r));
		for (unsigned i = 0; i < k->n[r]; i++) {
			buf_puts(out, i ? ",\"" : "\"");
			put_hex(k->key[r][i], out);
			buf_putc(out, '"');
		}
		buf_putc(out, ']');
	}
	buf_puts(out, ",\"lanes\":[");
	for (unsigned i = 0; i < n; i++) {
		buf_printf(out, "%s{\"lane\":\"%s\",\"origin\":\"%s\",\"realm\":\"%s\",\"vkey\":\"", i ? "," : "", lanes[i].name,
			   lanes[i].origin, lanes[i].realm);
		put_vkey(k, &lanes[i], out);
		buf_puts(out, "\"}");
	}
	buf_puts(out, "]}\n");
}

static void put_text(const struct keys *k, const struct lane *lanes, unsigned n, struct buf *out)
{
	for (enum realm r = 0; r < REALMS; r++) {
		for (unsigned i = 0; i < k->n[r]; i++) {
			buf_printf(out, "%-12s ", realm_name(r));
			put_hex(k->key[r][i], out);
			buf_puts(out, i + 1 == k->n[r] ? "  current\n" : "  replaced\n");
		}
	}
	buf_putc(out, '\n');
	for (unsigned i = 0; i < n; i++) {
		buf_printf(out, "%-12s ", lanes[i].name);
		put_vkey(k, &lanes[i], out);
		buf_putc(out, '\n');
	}
}

static void show(struct verb_env *env, bool json, const struct keys *k)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	struct buf out = { 0 };
	unsigned all = ledger_lanes(node_ledger(env->node), CLEARANCE_ALL, lanes), n = 0;
	for (unsigned i = 0; i < all; i++)
		if (!lanes[i].peer[0])
			lanes[n++] = lanes[i];
	(json ? put_json : put_text)(k, lanes, n, &out);
	verb_out(env, &out);
	buf_release(&out);
	free(lanes);
}

/* ---- rotate ---- */

/* The passphrase of the new key; empty when it is to have none. */
static enum err get_passphrase(const struct verb_env *env, bool wanted, struct passphrase *p, struct fault *f)
{
	bool protected = false;
	enum err e = key_protected(node_dir(env->node), &protected, f);
	if (e || !(wanted || protected))
		return e;
	if (env->caller >= 0 && !passphrase_unattended())
		return fault_set(f, ERR_FORBIDDEN, "the daemon has nobody to ask for the passphrase: stop it first, or start it with "
				 "SIPAR_PASSPHRASE_FILE or a credential \"sipar-passphrase\"");
	return passphrase_get(true, p, f);
}

static void tell(struct verb_env *env, bool json, bool resumed, const struct keys *before, const struct keys *now)
{
	struct buf out = { 0 };
	buf_puts(&out, json ? "{" : resumed ? "The rotation that was begun before has ended.\n" : "The key was replaced.\n");
	for (enum realm r = 0; r < REALMS; r++) {
		/* Of a rotation that the ledger knew of already, the old one is the last but one. */
		bool known = before->n[r] == now->n[r];
		const uint8_t *old = known && now->n[r] > 1 ? now->key[r][now->n[r] - 2] : current(before, r), *new = current(now, r);
		if (!old || !new)
			continue;
		buf_printf(&out, json ? "\"%s\":{\"old\":\"" : "%-12s old ", realm_name(r));
		put_hex(old, &out);
		buf_printf(&out, json ? "\",\"new\":\"" : "\n%-12s new ", json ? "" : realm_name(r));
		put_hex(new, &out);
		buf_puts(&out, json ? "\"}," : "\n");
	}
	if (json)
		buf_printf(&out, "\"resumed\":%s}\n", resumed ? "true" : "false");
	verb_out(env, &out);
	buf_release(&out);
}

static enum err rotate(struct verb_env *env, const struct key_options *o, const struct keys *before, struct keys *now, struct fault *f)
{
	struct passphrase p = { 0 };
	bool resumed = false;
	enum err e = get_passphrase(env, o->passphrase, &p, f);
	if (e == OK)
		e = node_rotate(env->node, span_of(p.octets, p.n), &resumed, f);
	passphrase_wipe(&p);
	if (e)
		return e;
	load_keys(env->node, now);
	tell(env, o->json, resumed, before, now);
	return OK;
}

static enum err act(struct verb_env *env, const struct key_options *o, int n, char **argv, struct fault *f)
{
	const char *what = n ? argv[1] : "show";
	bool turn = strcmp(what, "rotate") == 0;
	if (!turn && strcmp(what, "show") != 0)
		return fault_set(f, ERR_USAGE, "\"%s\" is neither show nor rotate", what);
	if (n > 1)
		return fault_set(f, ERR_USAGE, "\"%s\" is one word too many", argv[2]);
	if (o->passphrase && !turn)
		return fault_set(f, ERR_USAGE, "--passphrase goes with rotate");
	if (!env->node)
		return OK;
	struct keys *k = mem_zalloc(2 * sizeof(*k));
	enum err e = OK;
	load_keys(env->node, k);
	if (turn)
		e = rotate(env, o, k, k + 1, f);
	else
		show(env, o->json, k);
	free(k);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct key_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = act(env, &o, n, argv, &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct key_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_key = {
	.name = "key",
	.summary = "Show the public keys of the node and its lanes, or replace the key",
	.usage = "[OPTION...] show | rotate",
	.details = "show tells all keys that have signed, and for each lane the line that others check its checkpoints with.\n"
		   "rotate makes a new key; each lane says so in an entry that both keys have signed, and the old key is kept as\n"
		   "node.key.old-XXXXXXXX.  When it was cut off, the same command finishes it.\n\n"
		   "Exit status: 0 done, 2 not done.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
