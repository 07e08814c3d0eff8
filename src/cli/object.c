/* sipar object: one object of a bundle, octet for octet, without reading the rest of it. */
#include <stdlib.h>

#include "cli/option.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "codec/json.h"

struct object_options {
	const char *dir;
	bool json;
};

#define OPTION_ROWS(o) { OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json), OPTION_END }

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

static enum err put(struct verb_env *env, const struct object_options *o, const char *id, struct fault *f)
{
	struct ledger *l = node_ledger(env->node);
	struct wanted w = { .id = span_str(id) };
	struct buf out = { 0 };
	enum err e = ledger_object(l, CLEARANCE_ALL, w.id, is_it, &w, f);
	if (e == OK && o->json) {
		struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
		buf_puts(&out, "{\"entry\":\"");
		if (ledger_lanes(l, (clearance)1 << w.lane, lanes))
			say_entry_name(&lanes[0], w.index, &out);
		free(lanes);
		buf_puts(&out, "\",\"object\":");
	}
	if (e == OK) {
		buf_putspan(&out, buf_span(&w.octets));
		buf_puts(&out, o->json ? "}\n" : "\n");
		verb_out(env, &out);
	}
	buf_release(&w.octets);
	buf_release(&out);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct object_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n != 1)
		e = fault_set(&f, ERR_USAGE, "object: give one id");
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
	.usage = "[OPTION...] ID",
	.details = "Only the body that it stands in is read, at most 1 MiB, however large the bundle was.\n\n"
		   "Exit status: 0 found, 2 not found or erased.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
