/* sipar verify: that nothing was forged, changed or left out, of a receipt, of the own directory, of the log of another. */
#include <stdio.h>
#include <unistd.h>

#include "cli/verbs.h"
#include "cli/verify_parts.h"
#include "codec/json.h"
#include "ledger/lane.h"

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'k', "key", "KEY", "key that must have signed: name+id+base64, hexadecimal digits, or a file with it; of\n"    \
		  "                             several one must have",  OPTION_LIST, &(o)->keys, 0 },                           \
		{ 'b', "body", "FILE", "receipt: the body is what is in FILE", OPTION_TEXT, &(o)->body, 0 },                   \
		{ 'w', "witness", "KEY", "receipt: this witness has cosigned; can be given several times", OPTION_LIST,        \
		  &(o)->witnesses, 0 },                                                                                        \
		{ 'q', "quorum", "N", "receipt: so many of the witnesses are enough (default: all)", OPTION_NUMBER,            \
		  &(o)->quorum, OPTION_LIST_MAX },                                                                             \
		{ 0, "max-age", "TIME", "receipt: cosigned not longer ago than this: 36h, 90d, 12mo", OPTION_TEXT,             \
		  &(o)->max_age, 0 },                                                                                          \
		{ 'u', "url", "URL", "a lane from outside: its prefix, like http://hub/lanes/public", OPTION_TEXT,             \
		  &(o)->url, 0 },                                                                                              \
		{ 0, "since", "FILE", "lane: it goes on from the checkpoint in FILE; what lies before is not read",            \
		  OPTION_TEXT, &(o)->since, 0 },                                                                               \
		{ 0, "bodies", NULL, "lane: bodies, too", OPTION_FLAG, &(o)->bodies, 0 },                                      \
		{ 0, "save", "FILE", "lane: when all holds, keep the checkpoint in FILE for the next --since", OPTION_TEXT,    \
		  &(o)->save, 0 },                                                                                             \
		{ 0, "threads", "N", "directory: so many at once (default: one per core)", OPTION_NUMBER, &(o)->threads, 64 }, \
		OPTION_END                                                                                                     \
	}

/* ---- what the three say ---- */

void verify_put_text(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		buf_putc(out, text.p[i] < ' ' || text.p[i] == 0x7f ? '?' : text.p[i]);
}

int verify_trouble(struct verb_env *env, const char *why)
{
	verb_complain(env, "verify: %s", why);
	return EXIT_TROUBLE;
}

int verify_fails(struct verb_env *env, const struct verify_options *o, const char *what, const char *why)
{
	struct buf out = { 0 };
	verb_complain(env, "verify: %s: %s", what, why);
	if (o->json) {
		buf_puts(&out, "{\"ok\":false,\"error\":");
		json_put_string(&out, span_str(why));
		buf_puts(&out, "}\n");
	}
	verb_out(env, &out);
	buf_release(&out);
	return EXIT_FOUND;
}

void verify_bar_ends(struct verify_run *run)
{
	struct buf b = { 0 };
	if (run->bar)
		buf_puts(&b, "\r\033[K");
	(void)verb_write(run->env->err, &b);
	buf_release(&b);
}

void verify_finding(void *ctx, const char *text)
{
	struct verify_run *run = ctx;
	struct buf out = { 0 };
	verify_bar_ends(run);
	if (run->json) {
		buf_puts(&out, "{\"finding\":");
		json_put_string(&out, span_str(text));
		buf_puts(&out, "}\n");
	} else {
		verify_put_text(&out, span_str(text));
		buf_putc(&out, '\n');
	}
	verb_out(run->env, &out);
	buf_release(&out);
}

bool verify_progress(void *ctx, uint64_t done, uint64_t of)
{
	struct verify_run *run = ctx;
	struct buf b = { 0 };
	if (run->bar && of)
		buf_printf(&b, "\r\033[K%3u%%  %llu of %llu entries", (unsigned)(100.0 * (double)done / (double)of),
			   (unsigned long long)done, (unsigned long long)of);
	(void)verb_write(run->env->err, &b);
	buf_release(&b);
	return !verb_cancelled(run->env);
}

/* ---- the own directory ---- */

static void put_counts(const struct verify_counts *c, bool json, struct buf *out)
{
	const unsigned long long n[] = { c->lanes, c->entries, c->bodies, c->erased, c->tiles, c->checkpoints, c->octets, c->findings };
	if (json)
		buf_printf(out, "{\"ok\":%s,\"lanes\":%llu,\"entries\":%llu,\"bodies\":%llu,\"erased\":%llu,\"tiles\":%llu,\"checkpoints\":%llu,"
			   "\"octets\":%llu,\"findings\":%llu}\n", c->findings ? "false" : "true", n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]);
	else
		buf_printf(out, "%llu lanes, %llu entries, %llu bodies and %llu erased, %llu tiles, %llu checkpoints, %llu octets: %s", n[0],
			   n[1], n[2], n[3], n[4], n[5], n[6], c->findings ? "" : "all holds\n");
	if (!json && c->findings)
		buf_printf(out, "%llu finding%s\n", n[7], n[7] == 1 ? "" : "s");
}

int verify_directory(struct verb_env *env, const struct verify_options *o)
{
	struct verify_run run = { .env = env, .json = o->json, .bar = !o->json && isatty(env->err) };
	struct verify_counts counts = { 0 };
	struct buf out = { 0 };
	struct ledger *l = NULL;
	struct fault f;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = o->threads ? (unsigned)o->threads : cores > 0 ? (unsigned)cores : 1;
	enum err e = ledger_open(env->dir, false, &l, &f);
	if (e == OK)
		e = ledger_verify(l, threads, verify_finding, verify_progress, &run, &counts, &f);
	ledger_close(l);
	verify_bar_ends(&run);
	if (e)
		return e == ERR_CORRUPT ? verify_fails(env, o, env->dir, f.text) : verify_trouble(env, f.text);
	put_counts(&counts, o->json, &out);
	verb_out(env, &out);
	buf_release(&out);
	return counts.findings ? EXIT_FOUND : EXIT_FINE;
}

/* ---- the verb ---- */

/* Options that go with another of the three are mistakes, and not to be passed over in silence. */
static enum err check_options(const struct verify_options *o, int operands, struct fault *f)
{
	bool receipt = operands > 0, lane = o->url != NULL;
	if (operands > 1)
		return fault_set(f, ERR_USAGE, "give one receipt");
	if (receipt && lane)
		return fault_set(f, ERR_USAGE, "give a receipt or --url, not both");
	if ((receipt || lane) && !o->keys.n)
		return fault_set(f, ERR_USAGE, "give --key: without it, it could be anybody's");
	if (!receipt && (o->body || o->witnesses.n || o->quorum != UNSET || o->max_age))
		return fault_set(f, ERR_USAGE, "--body, --witness, --quorum and --max-age go with a receipt");
	if (!lane && (o->since || o->save || o->bodies))
		return fault_set(f, ERR_USAGE, "--since, --bodies and --save go with --url");
	if (!receipt && !lane && o->keys.n)
		return fault_set(f, ERR_USAGE, "--key goes with a receipt or --url; a directory has its own keys");
	if (o->quorum != UNSET && o->quorum > o->witnesses.n)
		return fault_set(f, ERR_USAGE, "--quorum %llu is more than the witnesses that are given", (unsigned long long)o->quorum);
	if (o->max_age && !o->witnesses.n)
		return fault_set(f, ERR_USAGE, "--max-age needs --witness: only a cosignature has a time");
	return OK;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct verify_options o = { .quorum = UNSET };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = check_options(&o, n, &f);
	if (e) {
		verb_complain(env, "verify: %s", f.text);
		return EXIT_USAGE;
	}
	return n ? verify_receipt(env, &o, argv[1]) : o.url ? verify_lane(env, &o) : verify_directory(env, &o);
}

static void options(struct buf *out)
{
	struct verify_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_verify = {
	.name = "verify",
	.summary = "Check a receipt, a data directory, or the lane of another node",
	.usage = "[OPTION...] FILE.tlog-proof --key KEY | [-d DIR] | --url URL --key KEY",
	.details = "A receipt is checked with nothing but a key: the signature of its checkpoint, the entry's place in the log, and\n"
		   "when asked for the body and who has cosigned.  No network and no data directory are needed.\n\n"
		   "Of a data directory everything is checked against everything: each entry, body, tile, root, signature.  It is\n"
		   "only read, also while a daemon runs on it.\n\n"
		   "Of a lane from outside all entries are fetched, and each hash and the root are computed from them.  With --since\n"
		   "it must be a continuation of what was seen before: who goes back or shows others something else is found out.\n\n"
		   "Exit status: 0 all holds, 1 something does not (each finding is a line), 2 it could not be looked at.\n",
	.run = run,
	.options = options,
};
