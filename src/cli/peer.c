/* sipar peer: whose lanes are mirrored here. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/keys.h"
#include "cli/option.h"
#include "cli/peer_parts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "ledger/lane.h"
#include "peer/puller.h"
#include "sys/fetch.h"

struct peer_options {
	const char *dir, *url, *lanes, *token_file, *every;
	struct option_list keys;
	bool json, forget;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'u', "url", "URL", "add, set: where the node answers, like https://hub.example/; without it, or\n"                 \
		  "                             with -, its lanes come in files (join)", OPTION_TEXT, &(o)->url, 0 },           \
		{ 'k', "key", "KEY", "add, set: its public key: name+id+base64, hexadecimal digits, or a file with it\n"         \
		  "                             (node.pub); several, oldest first, when it was replaced",  OPTION_LIST, &(o)->keys, 0 }, \
		{ 'l', "lanes", "NAMES", "add, set: which lanes are mirrored, with commas", OPTION_TEXT, &(o)->lanes, 0 },      \
		{ 0, "token-file", "FILE", "add, set: the token that this node shows there (- none)", OPTION_TEXT,             \
		  &(o)->token_file, 0 },                                                                                       \
		{ 0, "every", "TIME", "add, set: how often it is asked: 500ms, 2s (default), 5m", OPTION_TEXT, &(o)->every, 0 }, \
		{ 0, "forget", NULL, "remove: what it told counts no more, either", OPTION_FLAG, &(o)->forget, 0 }, OPTION_END  \
	}

/* ---- what is asked for ---- */

static enum err read_every(const char *text, uint32_t *ret_ms, struct fault *f)
{
	static const struct { const char *unit; uint32_t ms; } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	size_t digits = strspn(text, "0123456789");
	uint64_t n;
	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (strcmp(text + digits, units[i].unit) == 0 && num_parse_u64(span_of(text, digits), 3600000 / units[i].ms, &n) == OK)
			return *ret_ms = (uint32_t)n * units[i].ms, OK;
	return fault_set(f, ERR_USAGE, "--every \"%.40s\" is not a time like 500ms, 2s or 5m", text);
}

static enum err read_token(const struct verb_env *env, const char *path, struct peer *p, struct fault *f)
{
	struct buf text = { 0 };
	p->token[0] = 0;
	if (strcmp(path, "-") == 0)
		return OK;
	enum err e = file_whole(env->cwd, path, PEER_TOKEN_MAX + 2, &text, f);
	struct span token = span_trim(buf_span(&text));
	if (e == OK && (!token.n || token.n > PEER_TOKEN_MAX || span_find(token, 0) < token.n))
		e = fault_set(f, ERR_USAGE, "\"%s\" does not hold a token", path);
	if (e == OK)
		snprintf(p->token, sizeof(p->token), SPAN_FMT, SPAN_ARG(token));
	if (text.p)
		explicit_bzero(text.p, text.cap);
	buf_release(&text);
	return e;
}

static enum err read_keys(const struct verb_env *env, const struct option_list *list, struct peer *p, struct fault *f)
{
	struct keys keys = { 0 };
	enum err e = keys_read(env->cwd, list, NOTE_ED25519, &keys, f);
	if (e)
		return e;
	if (keys.n > PEER_KEYS_MAX)
		return fault_set(f, ERR_USAGE, "more than %d keys", PEER_KEYS_MAX);
	p->n_keys = keys.n;
	for (unsigned i = 0; i < keys.n; i++)
		memcpy(p->key[i], keys.v[i].key, sizeof(p->key[i]));
	return OK;
}

static enum err take_options(const struct verb_env *env, const struct peer_options *o, struct peer *p, struct fault *f)
{
	enum err e = OK;
	if (o->url && (size_t)snprintf(p->url, sizeof(p->url), "%s", strcmp(o->url, "-") == 0 ? "" : o->url) >= sizeof(p->url))
		return fault_set(f, ERR_USAGE, "the URL is longer than %d octets", PEER_URL_MAX);
	if ((o->lanes && (e = peer_lanes_parse(p, span_str(o->lanes), f))) || (o->every && (e = read_every(o->every, &p->every_ms, f))) ||
	    (o->keys.n && (e = read_keys(env, &o->keys, p, f))) || (o->token_file && (e = read_token(env, o->token_file, p, f))))
		return e;
	return peer_check(p, f);
}

/* ---- what is done ---- */

static enum err reload(struct verb_env *env, struct fault *f)
{
	struct puller *p = node_puller(env->node);
	return p ? puller_reload(p, f) : OK;
}

static enum err say(struct verb_env *env, const struct peer_options *o, const char *op, const char *name, const char *lane)
{
	struct buf out = { 0 };
	if (o->json)
		buf_printf(&out, "{\"op\":\"%s\",\"peer\":\"%s\"%s%s%s}\n", op, name, lane ? ",\"lane\":\"" : "", lane ? lane : "", lane ? "\"" : "");
	else if (lane)
		buf_printf(&out, "peer \"%s\", lane \"%s\": %s\n", name, lane, op);
	else
		buf_printf(&out, "peer \"%s\": %s\n", name, op);
	verb_out(env, &out);
	buf_release(&out);
	return OK;
}

static enum err set(struct verb_env *env, const struct peer_options *o, struct peers *peers, const char *name, bool adds, struct fault *f)
{
	struct peer *there = peers_find(peers, name), p = { .every_ms = PEER_EVERY_MS };
	enum err e;
	if (adds && there)
		return fault_set(f, ERR_EXISTS, "there is a peer \"%s\" already; \"peer set\" changes it", name);
	if (!adds && !there)
		return fault_set(f, ERR_NOTFOUND, "there is no peer \"%s\"", name);
	if (strlen(name) > PEER_NAME_MAX)
		return fault_set(f, ERR_USAGE, "the name of a peer has at most %d octets", PEER_NAME_MAX);
	if (there)
		p = *there;
	else
		snprintf(p.name, sizeof(p.name), "%s", name);
	if ((e = take_options(env, o, &p, f)) == OK && (e = peers_set(peers, &p, f)) == OK &&
	    (e = peer_say(env->node, adds ? "add" : "set", &p, NULL, f)) == OK && (e = peers_write(node_dir(env->node), peers, f)) == OK &&
	    (e = reload(env, f)) == OK)
		e = say(env, o, !p.url[0] ? adds ? "added; its lanes come in files" : "changed; its lanes come in files" : adds ? "added" : "changed", name, NULL);
	explicit_bzero(&p, sizeof(p));
	return e;
}

/* Mirrored lanes of the peer from the i-th of all on, as many as go into one entry.  @return how many of all were looked at. */
static unsigned put_lanes_here(struct verb_env *env, const char *name, const char *lane, unsigned i, struct peer *p)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(node_ledger(env->node), CLEARANCE_ALL, lanes);
	p->n_lanes = 0;
	for (; i < n && p->n_lanes < PEER_LANES_MAX; i++) {
		const char *there = lanes[i].name + strlen(name) + 1;
		if (strcmp(lanes[i].peer, name) == 0 && (!lane || strcmp(there, lane) == 0))
			snprintf(p->lane[p->n_lanes++], sizeof(p->lane[0]), "%s", there);
	}
	free(lanes);
	return i;
}

/* An entry of the node says so, and the entries of the lanes stay. */
static enum err forget(struct verb_env *env, const struct peer_options *o, struct peers *peers, const char *name, const char *lane, struct fault *f)
{
	const struct peer *there = peers_find(peers, name);
	struct peer p = { .every_ms = PEER_EVERY_MS };
	unsigned i = 0, n = 0;
	enum err e = OK;
	for (unsigned k = 0; there && k < there->n_lanes; k++)
		if (!lane || strcmp(there->lane[k], lane) == 0)
			return fault_set(f, ERR_EXISTS, "the lane \"%s\" is still mirrored from \"%s\": \"peer remove\" ends that, or \"peer set --lanes\"", there->lane[k], name);
	if (!peer_name_ok(span_str(name)))
		return fault_set(f, ERR_USAGE, "\"%.100s\" is not the name of a peer", name);
	snprintf(p.name, sizeof(p.name), "%s", name);
	do {
		i = put_lanes_here(env, name, lane, i, &p);
		n += p.n_lanes;
		e = p.n_lanes ? peer_say(env->node, "forget", &p, NULL, f) : OK;
	} while (e == OK && p.n_lanes == PEER_LANES_MAX);
	if (e == OK && !n)
		e = fault_set(f, ERR_NOTFOUND, "no lane \"%s.%.100s\" is here", name, lane ? lane : "*");
	return e ? e : say(env, o, "forgotten; its entries stay, and count no more", name, lane);
}

static enum err remove_peer(struct verb_env *env, const struct peer_options *o, struct peers *peers, const char *name, struct fault *f)
{
	struct peer *there = peers_find(peers, name);
	if (!there)
		return fault_set(f, ERR_NOTFOUND, "there is no peer \"%s\"", name);
	enum err e = peer_say(env->node, "remove", there, NULL, f);
	peers_remove(peers, name);
	if (e == OK && (e = peers_write(node_dir(env->node), peers, f)) == OK && (e = reload(env, f)) == OK)
		e = say(env, o, o->forget ? "removed" : "removed; what was mirrored stays, and counts", name, NULL);
	if (e == OK && o->forget && (e = forget(env, o, peers, name, NULL, f)) == ERR_NOTFOUND)
		e = OK; /* nothing of it ever came */
	return e;
}

static enum err trust(struct verb_env *env, const struct peer_options *o, struct peers *peers, const char *name, const char *lane, struct fault *f)
{
	struct peer *there = peers_find(peers, name);
	char local[LANE_NAME_MAX + 1];
	if (!there)
		return fault_set(f, ERR_NOTFOUND, "there is no peer \"%s\"", name);
	if ((size_t)snprintf(local, sizeof(local), "%s.%s", name, lane) >= sizeof(local))
		return fault_set(f, ERR_NOTFOUND, "there is no lane \"%.100s\"", lane);
	enum err e = evidence_aside(node_dir(env->node), local, f);
	if (e == OK && (e = peer_say(env->node, "trust", there, lane, f)) == OK && (e = reload(env, f)) == OK)
		e = say(env, o, "asked again; what was held against it is kept", name, lane);
	return e;
}

static enum err join(struct verb_env *env, const struct peer_options *o, struct peers *peers, const char *name, const char *path, bool *ret_bad, struct fault *f)
{
	const struct peer *there = peers_find(peers, name);
	if (!there)
		return fault_set(f, ERR_NOTFOUND, "there is no peer \"%s\"", name);
	enum err e = peer_join_file(env, there, path, o->json, ret_bad, f), err = reload(env, e ? NULL : f);
	return e ? e : err;
}

/* ---- what is there ---- */

static void put_peer(const struct peer *p, bool json, struct buf *out)
{
	char shown[PEER_URL_MAX + 1], digits[65] = "";
	fetch_url_shown(p->url, shown, sizeof(shown));
	if (json)
		buf_printf(out, "{\"peer\":\"%s\",\"url\":", p->name), json_put_string(out, span_str(shown));
	else
		buf_printf(out, p->url[0] ? "%-16s %-40s every %u ms%s  " : "%-16s %-40s", p->name, p->url[0] ? shown : "in files", p->every_ms,
			   p->token[0] ? ", with a token" : "");
	buf_puts(out, json ? ",\"lanes\":[" : "");
	for (unsigned i = 0; i < p->n_lanes; i++)
		buf_printf(out, json ? "%s\"%s\"" : "%s%s", i ? "," : "", p->lane[i]);
	if (!json) {
		buf_putc(out, '\n');
		return;
	}
	buf_puts(out, "],\"keys\":[");
	for (unsigned i = 0; i < p->n_keys; i++) {
		hex_encode(p->key[i], 32, digits);
		buf_printf(out, "%s\"%.64s\"", i ? "," : "", digits);
	}
	buf_printf(out, "],\"token\":%s,\"every_ms\":%u}\n", p->token[0] ? "true" : "false", p->every_ms);
}

static void list(struct verb_env *env, const struct peer_options *o, const struct peers *peers)
{
	struct buf out = { 0 };
	for (unsigned i = 0; i < peers->n; i++)
		put_peer(&peers->v[i], o->json, &out);
	if (!peers->n && !o->json)
		buf_puts(&out, "there are no peers\n");
	verb_out(env, &out);
	buf_release(&out);
}

/* Since when there was more than is here; 0: there is not; -1: it was never so. */
static int64_t lag_s(const struct pull_status *t)
{
	return t->state == PULL_OK ? 0 : t->level_ms ? (clock_ms() - t->level_ms) / 1000 : -1;
}

static void put_status_json(const struct pull_status *t, struct buf *out)
{
	buf_printf(out, "{\"peer\":\"%s\",\"lane\":\"%s\",\"state\":\"%s\",\"size\":%llu,\"there\":%llu,\"lag_entries\":%llu,\"lag_s\":%lld,\"octets\":%llu,", t->peer,
		   t->lane, pull_state_name(t->state), (unsigned long long)t->size, (unsigned long long)t->there,
		   (unsigned long long)(t->there - t->size), (long long)lag_s(t), (unsigned long long)t->octets);
	buf_puts(out, "\"last_contact\":");
	if (t->contact_ms) {
		buf_putc(out, '"');
		say_time(t->contact_ms, out);
		buf_putc(out, '"');
	} else {
		buf_puts(out, "null");
	}
	buf_puts(out, ",\"reason\":");
	json_put_string(out, span_str(t->why));
	buf_puts(out, "}\n");
}

static void put_status_text(const struct pull_status *t, struct buf *out)
{
	buf_printf(out, "%-24s %-12s %10llu %10llu ", t->lane, pull_state_name(t->state), (unsigned long long)t->size, (unsigned long long)t->there);
	if (t->contact_ms)
		say_time(t->contact_ms, out);
	else
		buf_puts(out, "never");
	buf_printf(out, "%s%s\n", t->why[0] ? "  " : "", t->why);
}

static enum err status(struct verb_env *env, const struct peer_options *o, struct peers *peers, const char *name, bool *ret_bad, struct fault *f)
{
	struct buf out = { 0 };
	unsigned n;
	if (name && !peers_find(peers, name))
		return fault_set(f, ERR_NOTFOUND, "there is no peer \"%s\"", name);
	struct pull_status *all = pull_statuses(env->node, peers, name, &n);
	if (!o->json)
		buf_printf(&out, "%-24s %-12s %10s %10s %s\n", "LANE", "STATE", "HERE", "THERE", "LAST CONTACT");
	for (unsigned i = 0; i < n; i++) {
		(o->json ? put_status_json : put_status_text)(&all[i], &out);
		*ret_bad |= pull_state_is_bad(all[i].state);
	}
	verb_out(env, &out);
	buf_release(&out);
	free(all);
	return OK;
}

/* ---- the verb ---- */

static const struct { const char *word; int least, most; } words[] = {
	{ "list", 1, 1 }, { "status", 1, 2 }, { "add", 2, 2 }, { "set", 2, 2 }, { "remove", 2, 2 }, { "join", 3, 3 }, { "trust", 3, 3 }, { "forget", 2, 3 },
};

static enum err act(struct verb_env *env, const struct peer_options *o, int n, char **argv, bool *ret_bad, struct fault *f)
{
	const char *what = n ? argv[1] : "list", *name = n > 1 ? argv[2] : NULL;
	struct peers peers;
	size_t i = 0;
	while (i < COUNT_OF(words) && strcmp(what, words[i].word) != 0)
		i++;
	if (i == COUNT_OF(words))
		return fault_set(f, ERR_USAGE, "peer: \"%s\" is none of list, status, add, set, remove, join, trust and forget", what);
	if ((n ? n : 1) < words[i].least || n > words[i].most)
		return fault_set(f, ERR_USAGE, "peer %s: %s", what, i < 2 ? "a word too many" : i < 5 ? "give the name of one peer" :
				   i == 5 ? "give a peer and a file" : i == 6 ? "give a peer and a lane" : "give a peer, and a lane or none");
	if (!env->node)
		return OK;
	enum err e = peers_read(node_dir(env->node), &peers, f);
	if (e)
		return e;
	if (i == 0)
		list(env, o, &peers);
	else if (i == 1)
		e = status(env, o, &peers, name, ret_bad, f);
	else if (i < 4)
		e = set(env, o, &peers, name, i == 2, f);
	else
		e = i == 4 ? remove_peer(env, o, &peers, name, f) : i == 5 ? join(env, o, &peers, name, argv[3], ret_bad, f) :
		    i == 6 ? trust(env, o, &peers, name, argv[3], f) : forget(env, o, &peers, name, n > 2 ? argv[3] : NULL, f);
	peers_release(&peers);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct peer_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	bool bad = false;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = act(env, &o, n, argv, &bad, &f);
	int code = verb_end(env, e, &f);
	return bad ? EXIT_FOUND : code;
}

static void options(struct buf *out)
{
	struct peer_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_peer = {
	.name = "peer",
	.summary = "Mirror lanes of other nodes, verified, and say how that stands",
	.usage = "[OPTION...] list | status [NAME] | add NAME --url URL --key KEY --lanes NAMES | set NAME | remove NAME | join NAME FILE |\n"
		 "             trust NAME LANE | forget NAME [LANE]",
	.details = "A lane of a peer is called \"PEER.LANE\" here.  While the daemon runs, what the peer adds to it comes here, is checked\n"
		   "against the peer's key, and counts as what was imported here does; its sources are \"PEER.SOURCE\", which \"sipar source\n"
		   "set\" changes.  Nobody here can write into such a lane.  A peer that shows another history than before is not followed:\n"
		   "both checkpoints are kept in DIR/peers/, and \"trust\" asks it again.\n\n"
		   "A peer that no network leads to is added without --url.  \"sipar lane export\" there writes a lane into a file, and \"join\"\n"
		   "takes it here, verified as what comes over the wire; what is here already is passed over.  \"-\" is standard input.\n\n"
		   "What a removed peer has told stays and counts, until \"forget\" (or \"remove --forget\") says that it counts no more: its claims\n"
		   "and decisions go from all answers, zones and feeds, its entries stay, and adding the peer anew takes it up again.\n\n"
		   "  sipar peer add bank --key bank.pub\n"
		   "  sipar peer join bank /media/stick/bank.lane\n"
		   "  sipar peer add hub --url https://hub.example/ --key hub.pub --lanes public,green --token-file token\n"
		   "  sipar peer status\n\n"
		   "Exit status: 0 done (status: all is well); 1 status: a lane is unreachable, refused, rolled back or forked; join: rolled\n"
		   "back or forked; 2 not done; 64 wrong command line.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
