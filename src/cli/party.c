/* sipar party: who may ask under a name. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/option.h"
#include "cli/say.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "codec/tlp.h"
#include "gate/parties_tell.h"

struct party_options {
	const char *dir, *name, *title, *sector, *contact, *clearance, *as;
	bool json, all;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		OPTION_WORD(&(o)->name, "name", "NAME", "add: its name, 1 to 63 of a-z, 0-9, . _ - (default: made from the title)"), \
		OPTION_WORD(&(o)->title, "title", "TEXT", "set: what it is called"),                                           \
		OPTION_WORD(&(o)->sector, "sector", "TEXT", "add, set: what it works in, for people"),                         \
		OPTION_WORD(&(o)->contact, "contact", "TEXT", "add, set: whom to call, for people"),                           \
		OPTION_WORD(&(o)->clearance, "clearance", "TLP", "add, set: lanes up to this level are open to it: clear (default), green, amber, amber+strict, red"), \
		{ 'a', "all", NULL, "list: removed ones, too", OPTION_FLAG, &(o)->all, 0 }, OPTION_AS(&(o)->as), OPTION_END     \
	}

static void list(struct verb_env *env, const struct party_options *o)
{
	struct buf out = { 0 };
	struct parties *p = node_parties(env->node);
	const struct party_set *s = parties_hold(p);
	if (!o->json)
		buf_printf(&out, "%-24s %-13s %-16s %s\n", "PARTY", "CLEARANCE", "SECTOR", "TITLE");
	for (unsigned i = 0; i < party_count(s); i++) {
		const struct party *party = party_at(s, i);
		if (party->removed && !o->all)
			continue;
		if (o->json) {
			parties_put_party(s, i, clock_ms(), &out);
			buf_putc(&out, '\n');
		} else {
			buf_printf(&out, "%-24s %-13s %-16s %s%s\n", party->name, tlp_name(party->clearance) + strlen("tlp:"), party->sector, party->title,
				   party->removed ? "  (removed)" : "");
		}
	}
	parties_let(p);
	verb_out(env, &out);
	buf_release(&out);
}

/* The lanes that it sees as a reader. */
static void put_lanes(struct node *n, const char *name, bool json, struct buf *out)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned all = ledger_lanes(node_ledger(n), parties_clear(node_parties(n), name, ROLE_READER), lanes);
	for (unsigned i = 0; i < all; i++)
		buf_printf(out, json ? "%s\"%s\"" : "%s%s", !i ? "" : json ? "," : " ", lanes[i].name);
	free(lanes);
}

static void show_tokens(const struct parties *p, const struct party_set *s, unsigned of, bool json, struct buf *out)
{
	int64_t now_ms = clock_ms();
	const char *comma = "";
	for (unsigned i = 0; i < token_count(s); i++) {
		const struct token *t = token_at(s, i);
		if (t->party != of || t->revoked)
			continue;
		if (json) {
			buf_puts(out, comma);
			parties_put_token(p, s, i, now_ms, out);
			comma = ",";
		} else {
			buf_printf(out, "token      %s %s%s%s%s%s\n", t->id, role_name(t->role), t->certificate ? ", by certificate" : "",
				   strcmp(token_state(t, now_ms), "valid") != 0 ? ", expired" : "", t->label[0] ? ", " : "", t->label);
		}
	}
}

static enum err show(struct verb_env *env, const struct party_options *o, const char *name, struct fault *f)
{
	struct buf out = { 0 }, lanes = { 0 };
	struct parties *p = node_parties(env->node);
	put_lanes(env->node, name, o->json, &lanes);
	const struct party_set *s = parties_hold(p);
	const struct party *party = party_find(s, span_str(name));
	enum err e = party && !party->removed ? OK : fault_set(f, ERR_NOTFOUND, "there is no party \"%.80s\"", name);
	for (unsigned i = 0; e == OK && i < party_count(s); i++) {
		if (party_at(s, i) != party)
			continue;
		if (o->json) {
			parties_put_party(s, i, clock_ms(), &out);
			out.n--;
			buf_printf(&out, ",\"lanes\":[%s],\"held\":[", buf_cstr(&lanes));
			show_tokens(p, s, i, true, &out);
			buf_puts(&out, "]}\n");
			continue;
		}
		buf_printf(&out, "party      %s\ntitle      %s\nclearance  %s\nlanes      %s\n", party->name, party->title,
			   tlp_name(party->clearance) + strlen("tlp:"), buf_cstr(&lanes));
		buf_printf(&out, party->sector[0] ? "sector     %s\n" : "%s", party->sector);
		buf_printf(&out, party->contact[0] ? "contact    %s\n" : "%s", party->contact);
		buf_puts(&out, "since      ");
		say_time(party->since_ms, &out);
		buf_putc(&out, '\n');
		show_tokens(p, s, i, false, &out);
	}
	parties_let(p);
	verb_out(env, &out);
	buf_release(&out);
	buf_release(&lanes);
	return e;
}

static enum err to_change(const struct party_options *o, struct party_change *c, struct fault *f)
{
	const char *level = o->clearance ? o->clearance : c->op == PARTY_ADD ? "clear" : NULL;
	if (o->title)
		c->has_title = true, c->title = span_str(o->title);
	if (o->sector)
		c->has_sector = true, c->sector = span_str(o->sector);
	if (o->contact)
		c->has_contact = true, c->contact = span_str(o->contact);
	if (!level)
		return OK;
	c->has_clearance = true;
	return party_clearance_parse(span_str(level), &c->clearance, f);
}

static enum err change(struct verb_env *env, const struct party_options *o, struct party_change *c, const char *operand, struct fault *f)
{
	char made[PARTY_NAME_MAX + 1];
	struct spoken who;
	c->name = span_str(operand);
	enum err e = OK;
	if (c->op == PARTY_ADD) {
		c->has_title = true, c->title = span_str(operand);
		c->name = span_str(o->name ? o->name : made);
		e = o->name ? OK : party_name_made(c->title, made, f);
		c->name.n = o->name ? c->name.n : e ? 0 : strlen(made);
	} else if (o->name) {
		e = fault_set(f, ERR_USAGE, "a party keeps its name: --name is for \"party add\"");
	}
	if (e || to_change(o, c, f) || speaker_parse(o->as, &who, f))
		return f->code = ERR_USAGE;
	if (!env->node || (e = parties_say(node_parties(env->node), &(struct speaker){ who.party, who.by }, c, f)))
		return e;
	if (c->op != PARTY_ADD)
		return OK;
	struct buf out = { 0 };
	buf_printf(&out, o->json ? "{\"name\":\"" SPAN_FMT "\"}\n" : "party \"" SPAN_FMT "\" added\n", SPAN_ARG(c->name));
	verb_out(env, &out);
	buf_release(&out);
	return OK;
}

static enum err act(struct verb_env *env, const struct party_options *o, int n, char **argv, struct fault *f)
{
	static const char *const names[] = { [PARTY_ADD] = "add", [PARTY_SET] = "set", [PARTY_REMOVE] = "remove" };
	const char *what = n ? argv[1] : "list";
	if (strcmp(what, "list") == 0 && n <= 1)
		return env->node ? list(env, o) : (void)0, OK;
	bool shows = strcmp(what, "show") == 0;
	for (unsigned op = 0; op < COUNT_OF(names) || shows; op++) {
		if (!shows && strcmp(what, names[op]) != 0)
			continue;
		if (n != 2)
			return fault_set(f, ERR_USAGE, "party %s: give %s", what, op == PARTY_ADD && !shows ? "the title of one party, in quotes" : "the name of one party");
		if (shows)
			return env->node ? show(env, o, argv[2], f) : OK;
		return change(env, o, &(struct party_change){ .op = op }, argv[2], f);
	}
	return fault_set(f, ERR_USAGE, "party: \"%s\" is none of list, show, add, set and remove", what);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct party_options o = { 0 };
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
	struct party_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_party = {
	.name = "party",
	.summary = "List, show, add, change or remove those who may ask under a name",
	.usage = "[OPTION...] list | show NAME | add TITLE | set NAME | remove NAME",
	.details = "A party sees the lanes up to its clearance that have no members, or have it among them.  It is known by its tokens\n"
		   "(\"sipar token\"); removing it ends them.  Each change is an entry in the ledger and takes effect at once.\n\n"
		   "Exit status: 0 done, 2 not done, 64 wrong command line.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
