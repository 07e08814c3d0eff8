/* sipar source: who is heard, and what for. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/json.h"

#define UNSET UINT64_MAX

struct source_options {
	const char *dir, *group, *category, *type;
	uint64_t weight, confidence, lifetime, speed;
	bool json, all, snapshot, event;
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
		{ 'a', "all", NULL, "list: removed sources, too", OPTION_FLAG, &(o)->all, 0 }, OPTION_END                      \
	}

static void put_source_json(const struct source *s, struct buf *out)
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
	buf_printf(out, ",\"accepted\":%llu}\n", (unsigned long long)s->accepted);
}

static void put_source_text(const struct source *s, struct buf *out)
{
	char when[32] = "never", decay[32] = "by category";
	if (s->last_import)
		time_format(s->last_import_ms / 1000, when);
	if (s->lifetime_d)
		snprintf(decay, sizeof(decay), "%u d", s->lifetime_d);
	buf_printf(out, "%-24s %3u dB  %-20s %-16s %-9s %-12s %10llu  %s%s\n", s->name, s->weight_db, s->group,
		   category_row(s->category)->name, s->snapshot ? "snapshot" : "event", decay, (unsigned long long)s->accepted, when,
		   s->removed ? "  (removed)" : "");
}

static void list(struct verb_env *env, const struct source_options *o)
{
	struct buf out = { 0 };
	struct table *t = node_table(env->node);
	const struct table_view *v = table_enter(t);
	const struct source_set *set = ((const struct meaning *)v->context)->sources;
	if (!o->json)
		buf_printf(&out, "%-24s %6s  %-20s %-16s %-9s %-12s %10s  %s\n", "SOURCE", "WEIGHT", "GROUP", "CATEGORY", "TYPE", "DECAY",
			   "ACCEPTED", "LAST IMPORT");
	for (unsigned i = 0; i < source_count(set); i++) {
		const struct source *s = source_get(set, (uint16_t)i);
		if (!s->removed || o->all)
			(o->json ? put_source_json : put_source_text)(s, &out);
	}
	table_leave(t);
	verb_out(env, &out);
	buf_release(&out);
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

static enum err act(struct verb_env *env, const struct source_options *o, int n, char **argv, struct fault *f)
{
	struct source_change c = { 0 };
	const char *what = n ? argv[1] : "list";
	if (strcmp(what, "list") == 0 && n <= 1)
		return env->node ? list(env, o) : (void)0, OK;
	if (strcmp(what, "add") == 0)
		c.op = SOURCE_ADD;
	else if (strcmp(what, "set") == 0)
		c.op = SOURCE_SET;
	else if (strcmp(what, "remove") == 0)
		c.op = SOURCE_REMOVE;
	else
		return fault_set(f, ERR_USAGE, "source: \"%s\" is none of list, add, set and remove", what);
	if (n != 2)
		return fault_set(f, ERR_USAGE, "source %s: give the name of one source", what);
	c.name = span_str(argv[2]);
	enum err e = to_change(o, &c, f);
	return e || !env->node ? e : node_source_change(env->node, &c, f);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct source_options o = { .weight = UNSET, .confidence = UNSET, .lifetime = UNSET, .speed = UNSET };
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
	.summary = "List, add, change or remove the sources of claims",
	.usage = "[OPTION...] list | add NAME | set NAME | remove NAME",
	.details = "A change is an entry in the ledger and takes effect at the next query.  Removing a source, or setting its weight\n"
		   "to 0, takes everything it said out of every score.\n\n"
		   "Exit status: 0 done, 2 not done.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
