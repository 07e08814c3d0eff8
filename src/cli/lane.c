/* sipar lane: who may see what, and for how long it is kept. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/lane_parts.h"
#include "cli/option.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "codec/tlp.h"
#include "ledger/note.h"

struct lane_options {
	const char *dir, *audience, *members, *retention, *realm, *output, *file;
	uint64_t since;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'a', "audience", "TLP", "create: tlp:clear, tlp:green, tlp:amber, tlp:amber+strict or tlp:red",              \
		  OPTION_TEXT, &(o)->audience, 0 },                                                                            \
		{ 'm', "members", "NAMES", "create: the parties that it is for, with commas (default: all whom the level allows)", \
		  OPTION_TEXT, &(o)->members, 0 },                                                                             \
		{ 'r', "retention", "TIME", "create: how long bodies of feeds are kept: 12mo, 90d, 2y, forever (default)",     \
		  OPTION_TEXT, &(o)->retention, 0 },                                                                           \
		{ 0, "realm", "REALM", "create: production (default) or exercise", OPTION_TEXT, &(o)->realm, 0 },              \
		{ 'o', "output", "FILE", "export: where to write it (-: standard output)", OPTION_TEXT, &(o)->output, 0 },      \
		{ 0, "since", "N", "export: from entry N on (default: 0, all of it)", OPTION_NUMBER, &(o)->since, INT64_MAX },  \
		{ 0, "file", "FILE", "show: what such a file holds", OPTION_TEXT, &(o)->file, 0 }, OPTION_END                  \
	}

/* The key that signs the lane now, as "name+id+base64". */
static void put_vkey(struct ledger *l, const struct lane *lane, struct buf *out)
{
	uint8_t keys[256][32];
	struct verifier v = { .type = NOTE_ED25519 };
	unsigned n = ledger_lane_keys(l, lane, keys, 256);
	if (!n)
		return;
	snprintf(v.name, sizeof(v.name), "%s", lane->origin);
	memcpy(v.key, keys[n - 1], sizeof(v.key));
	verifier_put(&v, out);
}

static bool is_forgotten(struct node *n, const struct lane *lane)
{
	return node_forgotten(n) >> lane->number & 1;
}

static void put_json(struct node *node, const struct lane *lane, struct buf *out)
{
	buf_printf(out, "{\"name\":\"%s\",\"audience\":\"%s\",\"realm\":\"%s\",\"members\":[", lane->name, tlp_name(lane->tlp), lane->realm);
	struct span rest = span_str(lane->members);
	for (const char *comma = ""; rest.n; comma = ",") {
		size_t n = span_find(rest, ',');
		buf_printf(out, "%s\"" SPAN_FMT "\"", comma, SPAN_ARG(span_head(rest, n)));
		rest = span_from(rest, n + 1);
	}
	buf_puts(out, "],\"retention\":\"");
	retention_put(lane->retention_s, out);
	buf_printf(out, "\",\"entries\":%llu,\"pruned\":%llu,\"origin\":\"%s\",\"vkey\":\"", (unsigned long long)lane->size,
		   (unsigned long long)lane->pruned, lane->origin);
	put_vkey(node_ledger(node), lane, out);
	buf_puts(out, is_forgotten(node, lane) ? "\",\"forgotten\":true}\n" : "\"}\n");
}

static void put_row(struct node *n, const struct lane *lane, struct buf *out)
{
	struct buf retention = { 0 };
	retention_put(lane->retention_s, &retention);
	buf_printf(out, "%-20s %-16s %-10s %-9s %12llu  %s%s%s%s\n", lane->name, tlp_name(lane->tlp), lane->realm, buf_cstr(&retention),
		   (unsigned long long)lane->size, lane->origin, lane->members[0] ? "  for " : "", lane->members,
		   is_forgotten(n, lane) ? "  forgotten" : "");
	buf_release(&retention);
}

static void list(struct verb_env *env, const struct lane_options *o)
{
	struct ledger *l = node_ledger(env->node);
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	struct buf out = { 0 };
	unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes);
	if (!o->json)
		buf_printf(&out, "%-20s %-16s %-10s %-9s %12s  %s\n", "LANE", "AUDIENCE", "REALM", "RETENTION", "ENTRIES", "ORIGIN");
	for (unsigned i = 0; i < n; i++) {
		if (o->json)
			put_json(env->node, &lanes[i], &out);
		else
			put_row(env->node, &lanes[i], &out);
	}
	verb_out(env, &out);
	buf_release(&out);
	free(lanes);
}

static enum err find(struct verb_env *env, const char *name, struct lane *ret_lane, struct fault *f)
{
	enum err e = ledger_lane_find(node_ledger(env->node), CLEARANCE_ALL, name, ret_lane);
	return e == ERR_NOTFOUND ? fault_set(f, e, "there is no lane \"%s\"", name) : e ? fault_set(f, e, "the lanes cannot be read") : OK;
}

static enum err show(struct verb_env *env, const struct lane_options *o, const char *name, struct fault *f)
{
	struct ledger *l = node_ledger(env->node);
	struct lane lane;
	struct buf out = { 0 }, note = { 0 };
	enum err e = find(env, name, &lane, f);
	if (e || (e = ledger_checkpoint(l, CLEARANCE_ALL, lane.number, &note, f)))
		return e;
	if (o->json) {
		put_json(env->node, &lane, &out);
		out.n -= 2; /* "}\n" */
		buf_puts(&out, ",\"checkpoint\":");
		json_put_string(&out, buf_span(&note));
		buf_puts(&out, "}\n");
	} else {
		buf_printf(&out, "lane       %s\norigin     %s\naudience   %s%s%s\nrealm      %s\nretention  ", lane.name, lane.origin, tlp_name(lane.tlp),
			   lane.members[0] ? ", members " : "", lane.members, lane.realm);
		retention_put(lane.retention_s, &out);
		buf_printf(&out, "\nentries    %llu\n", (unsigned long long)lane.size);
		if (lane.pruned)
			buf_printf(&out, "pruned     bodies of feeds before %s/%llu\n", lane.name, (unsigned long long)lane.pruned);
		buf_puts(&out, "vkey       ");
		put_vkey(l, &lane, &out);
		buf_puts(&out, "\n\nLast checkpoint:\n\n");
		buf_putspan(&out, buf_span(&note));
	}
	verb_out(env, &out);
	buf_release(&out);
	buf_release(&note);
	return OK;
}

static enum err read_audience(const char *text, uint8_t *ret_tlp, struct fault *f)
{
	for (*ret_tlp = TLP_CLEAR; *ret_tlp <= TLP_RED; (*ret_tlp)++)
		if (strcmp(text, tlp_name(*ret_tlp)) == 0)
			return OK;
	return fault_set(f, ERR_USAGE, "audience \"%s\" is none of tlp:clear, tlp:green, tlp:amber, tlp:amber+strict and tlp:red", text);
}

static enum err create(struct verb_env *env, const struct lane_options *o, const char *name, struct fault *f)
{
	struct lane lane = { .number = 0 };
	struct buf out = { 0 };
	enum err e;
	if (!o->audience)
		return fault_set(f, ERR_USAGE, "lane create: say for whom it is: --audience");
	if (strlen(name) > LANE_OWN_MAX)
		return fault_set(f, ERR_USAGE, "lane name \"%.64s\" is longer than %d", name, LANE_OWN_MAX);
	snprintf(lane.name, sizeof(lane.name), "%s", name);
	snprintf(lane.realm, sizeof(lane.realm), "%s", o->realm ? o->realm : "production");
	if ((e = read_audience(o->audience, &lane.tlp, f)) || (e = members_parse(span_str(o->members ? o->members : ""), lane.members, f)) ||
	    (e = retention_parse(span_str(o->retention ? o->retention : "forever"), &lane.retention_s, f)) || (e = lane_check(&lane, f)))
		return f->code = ERR_USAGE;
	if (!env->node || (e = node_lane_create(env->node, &lane, &lane, f)))
		return e;
	if (o->json)
		put_json(env->node, &lane, &out);
	else
		buf_printf(&out, "lane \"%s\" made: %s\n", lane.name, lane.origin);
	verb_out(env, &out);
	buf_release(&out);
	return OK;
}

static enum err prune(struct verb_env *env, const struct lane_options *o, const char *name, struct fault *f)
{
	struct lane lane = { .number = LANES_MAX };
	struct buf out = { 0 };
	uint64_t n;
	enum err e = name ? find(env, name, &lane, f) : OK;
	if (e || (e = node_prune(env->node, lane.number, clock_ms(), &n, f)))
		return e;
	buf_printf(&out, o->json ? "{\"pruned\":%llu}\n" : "%llu bodies pruned\n", (unsigned long long)n);
	verb_out(env, &out);
	buf_release(&out);
	return OK;
}

static enum err act(struct verb_env *env, const struct lane_options *o, int n, char **argv, struct fault *f)
{
	const char *what = n ? argv[1] : "list", *name = n > 1 ? argv[2] : NULL;
	bool exports = strcmp(what, "export") == 0, of_file = strcmp(what, "show") == 0 && o->file;
	bool named = !of_file && (strcmp(what, "show") == 0 || strcmp(what, "create") == 0 || exports), prunes = strcmp(what, "prune") == 0;
	if (!named && !prunes && !of_file && strcmp(what, "list") != 0)
		return fault_set(f, ERR_USAGE, "lane: \"%s\" is none of list, show, create, export and prune", what);
	if (named ? n != 2 : n > (prunes ? 2 : 1))
		return fault_set(f, ERR_USAGE, "lane %s: give the name of one lane", what);
	if (exports && (!o->output || !*o->output))
		return fault_set(f, ERR_USAGE, "lane export: give -o FILE");
	if (strcmp(what, "create") == 0)
		return create(env, o, name, f);
	if (of_file) {
		bool now = env->without_node;
		env->without_node = true;
		return now ? lane_show_file(env, o->file, o->json, f) : OK;
	}
	if (!env->node)
		return OK;
	if (prunes)
		return prune(env, o, name, f);
	if (exports) {
		struct lane lane;
		enum err e = find(env, name, &lane, f);
		return e ? e : lane_export(env, &lane, o->output, o->since, o->json, f);
	}
	return named ? show(env, o, name, f) : (list(env, o), OK);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct lane_options o = { 0 };
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
	struct lane_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_lane = {
	.name = "lane",
	.summary = "List, show or make lanes, write one into a file, or prune them now",
	.usage = "[OPTION...] list | show NAME | show --file FILE | create NAME --audience TLP | export NAME -o FILE [--since N] |\n"
		 "             prune [NAME]",
	.details = "A lane is an append-only log with one audience and one retention, fixed for ever when it is made.  \"show\" prints its\n"
		   "verification key and the last signed checkpoint.  The daemon prunes by itself; \"prune\" does it now: bodies of feeds\n"
		   "older than the lane's retention go, and an entry of the lane says so.\n\n"
		   "\"export\" writes the lane, or what is new in it, into one file with all that its reader needs to verify it, for a node that\n"
		   "no network leads to: \"sipar peer join\" takes it there.  It holds what the lane holds: mind the audience.\n\n"
		   "  sipar lane create sector-finance --audience tlp:amber --members bank-a,bank-b --retention 12mo\n"
		   "  sipar lane export public -o /media/stick/public.lane\n"
		   "  sipar lane export public --since 812 -o - | ssh relay sipar peer join bank -\n"
		   "  sipar lane show --file /media/stick/public.lane\n\n"
		   "Exit status: 0 done, 2 not done, 64 wrong command line.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
