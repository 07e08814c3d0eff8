/* sipar log: the entries as a history, newest first, like git log. */
#include <poll.h>
#include <stdlib.h>

#include "base/num.h"
#include "cli/option.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "codec/json.h"

enum { FLUSH_OCTETS = 64 << 10, FOLLOW_MS = 200, BODY_SHOWN = 400 };

struct log_options {
	const char *dir, *lane;
	uint64_t most;
	bool json, follow, oneline, reverse;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'l', "lane", "NAME", "of this lane only", OPTION_TEXT, &(o)->lane, 0 },                                      \
		{ 'n', "number", "N", "at most so many", OPTION_NUMBER, &(o)->most, UINT64_MAX },                              \
		{ 0, "oneline", NULL, "a line each", OPTION_FLAG, &(o)->oneline, 0 },                                          \
		{ 0, "reverse", NULL, "oldest first", OPTION_FLAG, &(o)->reverse, 0 },                                         \
		{ 'f', "follow", NULL, "the last ones (10, or -n), then new ones as they come", OPTION_FLAG, &(o)->follow, 0 }, \
		OPTION_END                                                                                                     \
	}

struct telling {
	struct verb_env *env;
	const struct log_options *o;
	struct lane *lanes; /* by number */
	uint64_t left, last;
	struct buf out, body;
};

static const char *flags_text(const struct entry *e)
{
	if (e->kind == ENTRY_ENDED)
		return e->flags & ENTRY_SNAPSHOT ? ", replaces what the source said before" : "";
	if (e->flags & ENTRY_CONTINUES)
		return ", goes on from the one before";
	return e->flags & ENTRY_BEGINS ? ", begins an import" : e->kind == ENTRY_FEED ? ", of an import" : "";
}

/* Why the body is not there any more: the sentence that ledger_body() has. */
static void put_gone(struct telling *t, const struct entry *e, struct fault *f)
{
	struct buf body = { 0 };
	f->text[0] = 0;
	(void)!ledger_body(node_ledger(t->env->node), CLEARANCE_ALL, e->number, &body, f);
	buf_release(&body);
}

/* Bodies of the node's own statements are short JSON; others' are not shown. */
static bool own_body(struct telling *t, const struct entry *e)
{
	struct fault ignored;
	t->body.n = 0;
	return !entry_erasable(e->kind) && !e->gone && e->body_octets <= 64 << 10 &&
	       ledger_body(node_ledger(t->env->node), CLEARANCE_ALL, e->number, &t->body, &ignored) == OK;
}

static void put_json(struct telling *t, const struct entry *e)
{
	struct buf *out = &t->out;
	const struct lane *lane = &t->lanes[e->lane];
	struct fault gone;
	char digest[65] = "";
	hex_encode(e->digest, sizeof(e->digest), digest);
	buf_puts(out, "{\"entry\":\"");
	say_entry_name(lane, e->index, out);
	buf_printf(out, "\",\"number\":%llu,\"lane\":\"%s\",\"index\":%llu,\"kind\":\"%s\",\"time\":\"", (unsigned long long)e->number, lane->name,
		   (unsigned long long)e->index, entry_kind_name(e->kind));
	say_time(e->time_ms, out);
	buf_printf(out, "\",\"time_ms\":%lld,\"party\":", (long long)e->time_ms);
	json_put_string(out, span_str(e->party));
	buf_puts(out, ",\"source\":");
	json_put_string(out, span_str(e->source));
	buf_puts(out, ",\"media\":");
	json_put_string(out, span_str(e->media));
	buf_puts(out, ",\"import\":\"");
	say_entry_name(lane, e->import_index, out);
	buf_printf(out, "\",\"flags\":%u,\"count\":%u,\"octets\":%u,\"digest\":\"%s\"", e->flags, e->count, e->body_octets, digest);
	if (e->gone) {
		put_gone(t, e, &gone);
		buf_puts(out, ",\"gone\":");
		json_put_string(out, span_str(gone.text));
	} else if (own_body(t, e)) {
		buf_puts(out, ",\"body\":");
		buf_putspan(out, buf_span(&t->body));
	}
	buf_puts(out, "}\n");
}

static void put_text(struct telling *t, const struct entry *e)
{
	struct buf *out = &t->out;
	struct fault gone;
	char digest[65] = "";
	hex_encode(e->digest, sizeof(e->digest), digest);
	buf_puts(out, "entry ");
	say_entry_name(&t->lanes[e->lane], e->index, out);
	buf_printf(out, "  (number %llu)\nKind:   %s%s\nDate:   ", (unsigned long long)e->number, entry_kind_name(e->kind), flags_text(e));
	say_time(e->time_ms, out);
	buf_printf(out, "\nParty:  %s\n", e->party);
	if (e->source[0])
		buf_printf(out, "Source: %s\n", e->source);
	buf_printf(out, "Body:   %u octets, %s, %u record%s\nDigest: %s\n", e->body_octets, e->media, e->count, e->count == 1 ? "" : "s", digest);
	if (e->gone) {
		put_gone(t, e, &gone);
		buf_printf(out, "\n    (%s)\n", gone.text);
	} else if (own_body(t, e)) {
		buf_printf(out, "\n    " SPAN_FMT "%s\n", SPAN_ARG(span_head(buf_span(&t->body), BODY_SHOWN)), t->body.n > BODY_SHOWN ? "..." : "");
	}
	buf_putc(out, '\n');
}

static void put_line(struct telling *t, const struct entry *e)
{
	struct buf name = { 0 };
	say_entry_name(&t->lanes[e->lane], e->index, &name);
	buf_printf(&t->out, "%-24s ", buf_cstr(&name));
	say_time(e->time_ms, &t->out);
	buf_printf(&t->out, " %-7s %-20s %10u octets  %s%s\n", entry_kind_name(e->kind), e->source[0] ? e->source : e->party, e->body_octets, e->media,
		   e->gone ? "  (gone)" : "");
	buf_release(&name);
}

static enum err tell(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct telling *t = ctx;
	(void)none;
	t->last = e->number > t->last ? e->number : t->last;
	if (t->o->json)
		put_json(t, e);
	else if (t->o->oneline)
		put_line(t, e);
	else
		put_text(t, e);
	if (t->out.n >= FLUSH_OCTETS && !verb_out(t->env, &t->out))
		return fault_set(f, ERR_CANCELLED, "the reader is gone");
	if (verb_cancelled(t->env))
		return fault_set(f, ERR_CANCELLED, "cancelled");
	return --t->left ? OK : fault_set(f, ERR_CANCELLED, "enough");
}

/* The number of the entry from which on the last `n` are, for --follow. */
static enum err count_back(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	uint64_t *state = ctx; /* how many more; the number */
	(void)none;
	state[1] = e->number;
	return --state[0] ? OK : fault_set(f, ERR_CANCELLED, "enough");
}

static enum err follow(struct telling *t, struct ledger *l, clearance clear, struct fault *f)
{
	uint64_t state[2] = { t->o->most == UINT64_MAX ? 10 : t->o->most, 1 };
	enum err e = state[0] ? ledger_each_back(l, clear, ledger_last(l), count_back, state, f) : OK;
	if (!state[0] && t->o->most == 0)
		state[1] = ledger_last(l) + 1;
	t->last = state[1] - 1;
	for (e = e == ERR_CANCELLED ? OK : e; e == OK;) {
		t->left = UINT64_MAX;
		e = ledger_each(l, clear, t->last + 1, false, tell, t, f);
		if (e == OK && (!verb_out(t->env, &t->out) || verb_cancelled(t->env)))
			break;
		if (e == OK)
			poll(NULL, 0, FOLLOW_MS);
	}
	return e;
}

static enum err history(struct verb_env *env, const struct log_options *o, struct fault *f)
{
	struct ledger *l = node_ledger(env->node);
	struct lane *lanes = mem_zalloc(LANES_MAX * sizeof(*lanes)), one;
	struct telling t = { .env = env, .o = o, .lanes = mem_zalloc(LANES_MAX * sizeof(*lanes)), .left = o->most };
	clearance clear = CLEARANCE_ALL;
	enum err e = OK;
	unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes);
	for (unsigned i = 0; i < n; i++)
		t.lanes[lanes[i].number] = lanes[i];
	if (o->lane && ledger_lane_find(l, CLEARANCE_ALL, o->lane, &one))
		e = fault_set(f, ERR_NOTFOUND, "there is no lane \"%s\"", o->lane);
	else if (o->lane)
		clear = (clearance)1 << one.number;
	if (e == OK && o->follow)
		e = follow(&t, l, clear, f);
	else if (e == OK && o->most)
		e = o->reverse ? ledger_each(l, clear, 1, false, tell, &t, f) : ledger_each_back(l, clear, ledger_last(l), tell, &t, f);
	verb_out(env, &t.out);
	buf_release(&t.out);
	buf_release(&t.body);
	free(t.lanes);
	free(lanes);
	return e == ERR_CANCELLED ? OK : e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct log_options o = { .most = UINT64_MAX };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "log: \"%s\" is one word too many", argv[1]);
	if (e == OK && env->node)
		e = history(env, &o, &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct log_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_log = {
	.name = "log",
	.summary = "Show the entries of the lanes as a history, newest first",
	.usage = "[OPTION...]",
	.details = "An entry is named LANE/INDEX; other verbs take that name.\n\nExit status: 0 done, 2 not done.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
