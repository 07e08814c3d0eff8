/* sipar source: who is heard, and what for. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/option.h"
#include "cli/source_pull.h"
#include "cli/verbs.h"
#include "codec/json.h"

#define UNSET UINT64_MAX

struct source_options {
	const char *dir, *group, *category, *type;
	uint64_t weight, confidence, lifetime, speed;
	bool json, all, snapshot, event;
	struct pull_options pull;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'w', "weight", "DB", "decibans that a fresh, sure claim of it adds, 0 to 60 (default 20; 0: distrusted)",    \
		  OPTION_NUMBER, &(o)->weight, SOURCE_WEIGHT_MAX },                                                            \
		{ 'g', "group", "NAME", "independence group: sources of one group count once (default: its own)",              \
		  OPTION_TEXT, &(o)->group, 0 },                                                                               \
		{ 'c', "category", "NAME", "category of claims that do not say one", OPTION_TEXT, &(o)->category, 0 },         \
		{ 0, "confidence", "N", "confidence of claims that do not say one, 0 to 100 (default 100)", OPTION_NUMBER,     \
		  &(o)->confidence, 100 },                                                                                     \
		{ 't', "type", "TYPE", "snapshot (an import is all it says; default) or event (each claim stands)",            \
		  OPTION_TEXT, &(o)->type, 0 },                                                                                \
		{ 0, "snapshot", NULL, "the same as --type snapshot", OPTION_FLAG, &(o)->snapshot, 0 },                        \
		{ 0, "event", NULL, "the same as --type event", OPTION_FLAG, &(o)->event, 0 },                                 \
		{ 0, "lifetime", "DAYS", "decay: days until a claim is at its floor (0: by category)", OPTION_NUMBER,          \
		  &(o)->lifetime, 36500 },                                                                                     \
		{ 0, "decay-speed", "N", "decay: speed times 10 (3, 5, 10, 15, 20 or 30; 0: by category)", OPTION_NUMBER,      \
		  &(o)->speed, 100 },                                                                                          \
		{ 'a', "all", NULL, "list: removed sources, too", OPTION_FLAG, &(o)->all, 0 },                   \
		PULL_OPTION_ROWS(&(o)->pull), OPTION_END                      \
	}

static void put_source_json(struct verb_env *env, const struct source *s, const struct pull *p, struct buf *out)
{
	char when[32] = "";
	if (s->last_import)
		time_format(s->last_import_ms / 1000, when);
	buf_printf(out,
		   "{\"name\":\"%s\",\"weight\":%u,\"group\":\"%s\",\"category\":\"%s\",\"confidence\":%u,\"type\":\"%s\","
		   "\"lifetime\":%u,\"decay_speed\":%u,\"removed\":%s,\"last_import\":",
		   s->name, s->weight_db, s->group, category_row(s->category)->name, s->confidence, s->snapshot ? "snapshot" : "event",
		   s->lifetime_d, s->speed_x10, s->removed ? "true" : "false");
	buf_printf(out, s->last_import ? "\"%s\"" : "null", when);
	buf_printf(out, ",\"accepted\":%llu,\"pull\":", (unsigned long long)s->accepted);
	source_pull_json(env, p, out);
	buf_puts(out, "}\n");
}

static void put_source_text(struct verb_env *env, const struct source *s, const struct pull *p, struct buf *out)
{
	char when[32] = "never", decay[32] = "by category";
	if (s->last_import)
		time_format(s->last_import_ms / 1000, when);
	if (s->lifetime_d)
		snprintf(decay, sizeof(decay), "%u d", s->lifetime_d);
	buf_printf(out, "%-24s %3u dB  %-20s %-16s %-9s %-12s %10llu  %s%s", s->name, s->weight_db, s->group,
		   category_row(s->category)->name, s->snapshot ? "snapshot" : "event", decay, (unsigned long long)s->accepted, when,
		   s->removed ? "  (removed)" : "");
	source_pull_text(env, p, false, out);
	buf_putc(out, '\n');
}

static void put_heading(struct buf *out)
{
	buf_printf(out, "%-24s %6s  %-20s %-16s %-9s %-12s %10s  %s\n", "SOURCE", "WEIGHT", "GROUP", "CATEGORY", "TYPE", "DECAY",
		   "ACCEPTED", "LAST IMPORT");
}

/* All, or the one of that name. */
static enum err list(struct verb_env *env, const struct source_options *o, const char *name, struct fault *f)
{
	struct buf out = { 0 };
	struct pulls pulls = { 0 };
	bool found = false;
	enum err e = pulls_read(node_dir(env->node), &pulls, f);
	if (e)
		return e;
	struct table *t = node_table(env->node);
	const struct table_view *v = table_enter(t);
	const struct source_set *set = ((const struct meaning *)v->context)->sources;
	if (!o->json)
		put_heading(&out);
	for (unsigned i = 0; i < source_count(set); i++) {
		const struct source *s = source_get(set, (uint16_t)i);
		const struct pull *p = s->removed ? NULL : pulls_find(&pulls, span_str(s->name));
		if ((s->removed && !o->all) || (name && strcmp(name, s->name) != 0))
			continue;
		found = true;
		(o->json ? put_source_json : put_source_text)(env, s, p, &out);
		if (name && !o->json)
			source_pull_text(env, p, true, &out);
	}
	table_leave(t);
	pulls_release(&pulls);
	if (!name || found)
		verb_out(env, &out);
	buf_release(&out);
	return name && !found ? fault_set(f, ERR_NOTFOUND, "there is no source \"%s\"", name) : OK;
}

static enum err to_change(const struct source_options *o, struct source_change *c, struct fault *f)
{
	if (o->group)
		c->has_group = true, c->group = span_str(o->group);
	if (o->weight != UNSET)
		c->has_weight = true, c->weight_db = (uint8_t)o->weight;
	if (o->confidence != UNSET)
		c->has_confidence = true, c->confidence = (uint8_t)o->confidence;
	if (o->lifetime != UNSET)
		c->has_lifetime = true, c->lifetime_d = (uint16_t)o->lifetime;
	if (o->speed != UNSET)
		c->has_speed = true, c->speed_x10 = (uint16_t)o->speed;
	if (o->category) {
		c->has_category = true;
		if ((c->category = category_find(span_str(o->category))) == CAT_COUNT)
			return fault_set(f, ERR_USAGE, "there is no category \"%s\"; \"sipar source --help\" lists them", o->category);
	}
	const char *type = o->type ? o->type : o->snapshot ? "snapshot" : o->event ? "event" : NULL;
	if (type || c->op == SOURCE_ADD) {
		c->has_snapshot = true;
		c->snapshot = !type || strcmp(type, "snapshot") == 0;
		if (!c->snapshot && strcmp(type, "event") != 0)
			return fault_set(f, ERR_USAGE, "--type \"%s\" is neither snapshot nor event", type);
	}
	return OK;
}

static bool is_snapshot(struct node *n, struct span name)
{
	struct table *t = node_table(n);
	const struct table_view *v = table_enter(t);
	const struct source *s = source_find(((const struct meaning *)v->context)->sources, name);
	bool snapshot = s && !s->removed && s->snapshot;
	table_leave(t);
	return snapshot;
}

/* Are the options for pulling right, and what do they make of the settings that are there? */
static enum err to_pull(struct verb_env *env, const struct source_options *o, struct source_change *c, struct pull *p, char host[PULL_HOST_MAX + 1],
			struct fault *f)
{
	struct pulls all = { 0 };
	struct lane lane;
	bool off, keys;
	enum err e = pulls_read(node_dir(env->node), &all, f);
	const struct pull *now = e ? NULL : pulls_find(&all, c->name);
	if (now && c->op == SOURCE_SET)
		*p = *now;
	snprintf(p->source, sizeof(p->source), SPAN_FMT, SPAN_ARG(c->name));
	pulls_release(&all);
	if (e == OK)
		e = pull_options_apply(&o->pull, env->cwd, p, &off, &keys, f);
	if (e)
		return e;
	if (!off && p->lane[0] && ledger_lane_find(node_ledger(env->node), CLEARANCE_ALL, p->lane, &lane))
		return fault_set(f, ERR_NOTFOUND, "there is no lane \"%s\"", p->lane);
	if (!keys)
		verb_complain(env, "the keys of source \"%s\" were for another server and are dropped", p->source);
	host[0] = 0;
	if (!off)
		pull_host(pull_address(p), host);
	c->has_from = true;
	c->from = span_str(host);
	if (off || pull_kind(p) == PULL_PLAIN)
		return OK;
	if ((c->has_snapshot && c->snapshot && (o->type || o->snapshot)) || (!c->has_snapshot && is_snapshot(env->node, c->name)))
		return fault_set(f, ERR_USAGE, "a source that is pulled by TAXII or from a MISP gives events: say --type event");
	c->snapshot = false; /* of one that is added, too */
	return OK;
}

/* The entry first: what is not said is not done. */
static enum err change(struct verb_env *env, const struct source_options *o, struct source_change *c, struct fault *f)
{
	const char *dir = node_dir(env->node);
	char host[PULL_HOST_MAX + 1], name[SOURCE_NAME_MAX + 1];
	struct pull *p = mem_zalloc(sizeof(*p));
	bool pulled = pull_options_given(&o->pull);
	enum err e = c->name.n > SOURCE_NAME_MAX ? fault_set(f, ERR_SYNTAX, "the name is too long") : OK;
	if (e == OK && pulled)
		e = to_pull(env, o, c, p, host, f);
	if (e == OK)
		e = node_source_change(env->node, c, f);
	if (e == OK) {
		bool stops = c->op == SOURCE_REMOVE || (c->has_from && !c->from.n);
		snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(c->name));
		if (c->op == SOURCE_ADD || stops)
			health_forget(dir, name);
		if (pulled || stops)
			e = pulls_change(dir, c->name, stops ? NULL : p, f);
	}
	explicit_bzero(p, sizeof(*p));
	free(p);
	return e;
}

static enum err act(struct verb_env *env, const struct source_options *o, int n, char **argv, int *ret_code, struct fault *f)
{
	struct source_change c = { 0 };
	const char *what = n ? argv[1] : "list";
	bool show = strcmp(what, "show") == 0, pull = strcmp(what, "pull") == 0;
	if (strcmp(what, "list") == 0 && n <= 1)
		return env->node ? list(env, o, NULL, f) : OK;
	if (strcmp(what, "add") == 0)
		c.op = SOURCE_ADD;
	else if (strcmp(what, "set") == 0)
		c.op = SOURCE_SET;
	else if (strcmp(what, "remove") == 0)
		c.op = SOURCE_REMOVE;
	else if (!show && !pull)
		return fault_set(f, ERR_USAGE, "source: \"%s\" is none of list, show, add, set, pull and remove", what);
	if (n != 2)
		return fault_set(f, ERR_USAGE, "source %s: give the name of one source", what);
	if (show)
		return env->node ? list(env, o, argv[2], f) : OK;
	if (pull) {
		*ret_code = env->node ? source_pull_now(env, argv[2], o->json, o->pull.anew) : EXIT_FINE;
		return OK;
	}
	c.name = span_str(argv[2]);
	enum err e = to_change(o, &c, f);
	return e || !env->node ? e : change(env, o, &c, f);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct source_options o = { .weight = UNSET, .confidence = UNSET, .lifetime = UNSET, .speed = UNSET };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n, code = EXIT_FINE;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = act(env, &o, n, argv, &code, &f);
	return e ? verb_end(env, e, &f) : code;
}

static void options(struct buf *out)
{
	struct source_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
	buf_puts(out, "\nCategories:");
	for (unsigned c = 0; c < CAT_COUNT; c++)
		buf_printf(out, "%s %s", c % 8 == 0 && c ? "\n " : "", category_row(c)->name);
	buf_putc(out, '\n');
}

const struct verb verb_source = {
	.name = "source",
	.summary = "List, add, change, pull or remove the sources of claims",
	.usage = "[OPTION...] list | show NAME | add NAME | set NAME | pull NAME | remove NAME",
	.details = "A change is an entry in the ledger and takes effect at the next query.  Removing a source, or setting its weight\n"
		   "to 0, takes everything it said out of every score.\n\n"
		   "A source with a --url is pulled by the daemon, --every so often; \"pull\" does it now, in the foreground.  Its URL and keys\n"
		   "are in DIR/pulls.conf, and only the host's name in the ledger.  \"show\" and \"list\" say how it fares.\n\n"
		   "Exit status: 0 done, 2 not done.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
