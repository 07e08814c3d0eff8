/* sipar object: one object of a bundle, octet for octet, without reading the rest of it. */
#include <stdlib.h>
#include <strings.h>

#include "cli/option.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "gate/newest.h"

struct object_options {
	const char *dir, *find, *type;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		OPTION_WORD(&(o)->find, "find", "TEXT", "list the STIX objects that stand and in which TEXT does, in either case"), \
		OPTION_WORD(&(o)->type, "type", "TYPE", "with --find: of this type alone (indicator, malware ...)"), OPTION_END \
	}

struct wanted {
	struct span id;
	struct buf octets;
	uint8_t lane;
	uint64_t index;
};

/* Is the JSON object at the start of `octets` the one?  Its own "id" or "uuid" says so. */
static bool is_it(void *ctx, const struct entry *e, struct span octets)
{
	struct wanted *w = ctx;
	struct json_reader r;
	struct buf scratch = { 0 };
	bool same = false;
	json_init(&r, octets, true);
	if (json_skip(&r) != JSON_OBJECT)
		return false;
	struct span object = r.slice;
	json_init(&r, object, true);
	if (json_next(&r) != JSON_OBJECT)
		return false;
	while (!same && json_next(&r) == JSON_KEY) {
		bool names = span_is(r.slice, "id") || span_is(r.slice, "uuid");
		enum json_token t = names ? json_next(&r) : json_skip(&r);
		same = names && t == JSON_STRING && span_eq(json_text(&r, &scratch), w->id);
		if (t == JSON_ERROR)
			break;
	}
	buf_release(&scratch);
	if (same) {
		buf_putspan(&w->octets, object);
		w->lane = e->lane;
		w->index = e->index;
	}
	return same;
}

/* In one line: a break of lines is white space in JSON, never part of a string. */
static void put_object(const struct lane *lane, uint64_t index, struct span octets, struct buf *out)
{
	buf_puts(out, "{\"entry\":\"");
	say_entry_name(lane, index, out);
	buf_puts(out, "\",\"object\":");
	size_t from = out->n;
	buf_putspan(out, octets);
	for (size_t i = from; i < out->n; i++)
		if (out->p[i] == '\n' || out->p[i] == '\r')
			out->p[i] = ' ';
	buf_puts(out, "}\n");
}

static enum err put(struct verb_env *env, const struct object_options *o, const char *id, struct fault *f)
{
	struct ledger *l = node_ledger(env->node);
	struct wanted w = { .id = span_str(id) };
	struct buf out = { 0 };
	enum err e = ledger_object(l, CLEARANCE_ALL, w.id, is_it, &w, f);
	if (e == OK && o->json) {
		struct lane *lanes = mem_zalloc(LANES_MAX * sizeof(*lanes));
		(void)ledger_lanes(l, (clearance)1 << w.lane, lanes);
		put_object(&lanes[0], w.index, buf_span(&w.octets), &out);
		free(lanes);
	} else if (e == OK) {
		buf_putspan(&out, buf_span(&w.octets));
		buf_putc(&out, '\n');
	}
	verb_out(env, &out);
	buf_release(&w.octets);
	buf_release(&out);
	return e;
}

/* ---- search ---- */

struct search {
	struct verb_env *env;
	const struct object_options *o;
	struct stix_text name;
	struct buf out;
	uint64_t n;
};

static bool has(struct span in, struct span what)
{
	for (; in.n >= what.n; in = span_from(in, 1))
		if (strncasecmp((const char *)in.p, (const char *)what.p, what.n) == 0)
			return true;
	return false;
}

static bool look(void *ctx, const struct lane *lane, const struct entry *e, const struct stix_object *object)
{
	struct search *s = ctx;
	if (!has(object->octets, span_str(s->o->find)))
		return !verb_cancelled(s->env);
	s->n++;
	if (s->o->json) {
		put_object(lane, e->index, object->octets, &s->out);
		return verb_out(s->env, &s->out);
	}
	stix_object_texts(object->octets, &s->name, 1);
	buf_putspan(&s->out, object->id);
	buf_putc(&s->out, ' ');
	say_entry_name(lane, e->index, &s->out);
	for (size_t i = 0; i < s->name.text.n; i++)
		s->name.text.p[i] = s->name.text.p[i] < ' ' || s->name.text.p[i] == 127 ? '?' : s->name.text.p[i];
	buf_puts(&s->out, s->name.text.n ? " " : "");
	buf_putspan(&s->out, buf_span(&s->name.text));
	buf_putc(&s->out, '\n');
	return verb_out(s->env, &s->out);
}

static int find(struct verb_env *env, const struct object_options *o)
{
	struct search s = { .env = env, .o = o, .name = { "name" } };
	struct fault f;
	enum err e = newest_each(env->node, CLEARANCE_ALL, o->type, look, &s, &f);
	buf_release(&s.name.text);
	buf_release(&s.out);
	return e ? verb_end(env, e, &f) : s.n ? EXIT_FINE : EXIT_FOUND;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct object_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && (o.find ? n != 0 : n != 1))
		e = fault_set(&f, ERR_USAGE, "object: give one id, or --find");
	if (e == OK && o.type && !o.find)
		e = fault_set(&f, ERR_USAGE, "object: --type goes with --find");
	if (e == OK && env->node && o.find)
		return find(env, &o);
	if (e == OK && env->node)
		e = put(env, &o, argv[1], &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct object_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_object = {
	.name = "object",
	.summary = "Print the newest version of a STIX object or MISP attribute that was received, octet for octet",
	.usage = "[OPTION...] ID | --find TEXT",
	.details = "Only the body that it stands in is read, at most 1 MiB, however large the bundle was.\n\n"
		   "--find reads all bodies of STIX and lists id, entry and name of each object in whose JSON the TEXT is, as it is written there:\n"
		   "names, descriptions, patterns that no list can say.  Each in its newest version, unless it is revoked; --json gives them whole.\n\n"
		   "Exit status: 0 found, 1 --find found nothing, 2 not found or erased.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
