/* sipar retract: what was told is taken back. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/option.h"
#include "cli/say.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "gate/retract.h"

struct retract_options {
	const char *dir, *why, *source, *as;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'w', "why", "TEXT", "why; it goes to all who got what is taken back (needed)", OPTION_TEXT, &(o)->why, 0 },  \
		{ 's', "source", "NAME", "what this source has told only", OPTION_TEXT, &(o)->source, 0 },                     \
		OPTION_AS(&(o)->as), OPTION_END                                                                                \
	}

static void put_entries(struct verb_env *env, const struct retract_done *d, bool json, struct buf *out)
{
	struct ledger *l = node_ledger(env->node);
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	for (unsigned i = 0; i < d->imports && i < RETRACT_ENTRIES; i++) {
		struct entry e;
		if (ledger_entry(l, CLEARANCE_ALL, d->entries[i], &e))
			continue;
		if (ledger_lanes(l, (clearance)1 << e.lane, lanes) == 1) {
			buf_puts(out, i ? json ? "," : ", " : "");
			buf_puts(out, json ? "\"" : "");
			say_entry_name(lanes, e.index, out);
			buf_puts(out, json ? "\"" : "");
		}
		entry_release(&e);
	}
	free(lanes);
}

static void put_count(uint64_t n, const char *of, struct buf *out)
{
	buf_printf(out, "%llu %s%s", (unsigned long long)n, of, n == 1 ? "" : "s");
}

static void tell(struct verb_env *env, const struct retract_options *o, const char *id, const struct retract_done *d)
{
	struct buf out = { 0 };
	if (o->json) {
		buf_puts(&out, "{\"retracted\":");
		json_put_string(&out, span_str(id));
		buf_printf(&out, ",\"imports\":%u,\"objects\":%llu,\"claims\":%llu,\"said_again\":%llu,\"before\":%llu,\"of_others\":%llu,\"entries\":[",
			   d->imports, (unsigned long long)d->objects, (unsigned long long)d->claims, (unsigned long long)d->again,
			   (unsigned long long)d->before, (unsigned long long)d->foreign);
		put_entries(env, d, true, &out);
		buf_puts(&out, "]}\n");
	} else {
		buf_printf(&out, "%s is taken back, as ", id);
		put_entries(env, d, false, &out);
		buf_puts(&out, d->imports == 1 ? " says: " : " say: ");
		put_count(d->objects, "object", &out);
		buf_puts(&out, ", ");
		put_count(d->claims, "claim", &out);
		if (d->again) {
			buf_puts(&out, "; ");
			put_count(d->again, "claim", &out);
			buf_puts(&out, " said again since stay");
		}
		buf_puts(&out, d->foreign ? "; what others have told stays\n" : "\n");
	}
	verb_out(env, &out);
	buf_release(&out);
}

static enum err take_back(struct verb_env *env, const struct retract_options *o, const char *id, struct fault *f)
{
	/* Who has the data directory may all. */
	struct asker who = { .role = ROLE_ANALYST, .clear = CLEARANCE_ALL };
	struct spoken s;
	struct retract_done done;
	enum err e = speaker_parse(o->as, &s, f);
	if (e)
		return e;
	if (snprintf(who.party, sizeof(who.party), s.by[0] ? "%s/%s" : "%s", s.party, s.by) >= (int)sizeof(who.party))
		return fault_set(f, ERR_USAGE, "retract: --as has more than %d octets", PARTY_NAME_MAX);
	e = retract(env->node, &who, span_str(id), o->source, o->why, &done, f);
	if (e == OK)
		tell(env, o, id, &done);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct retract_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n != 1)
		e = fault_set(&f, ERR_USAGE, "retract: give one id of an object, one entry LANE/INDEX, or one value");
	if (e == OK && (!o.why || !*o.why))
		e = fault_set(&f, ERR_USAGE, "retract: say why: --why");
	if (e == OK && env->node)
		e = take_back(env, &o, argv[1], &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct retract_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_retract = {
	.name = "retract",
	.summary = "Take back what was told: an object, an entry, an import, or a value",
	.usage = "[OPTION...] ID --why TEXT",
	.details = "ID is the id of an object, an entry LANE/INDEX (the first or the end of an import: all of it), or a value: then all that is\n"
		   "said of just this value.  Nothing is deleted: each source says in its lane that it takes it back, and from then on no\n"
		   "answer counts it; what other sources say stands.  Who says it again later is believed again.  docs/retract.md.\n\n"
		   "Exit status: 0 taken back, 2 not: nothing is claimed, or it was taken back before.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
