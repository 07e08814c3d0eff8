/* sipar block: propose that something is blocked. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "cli/lines.h"
#include "cli/option.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "view/decision_terms.h"

enum { BLAST_TOLD = 3 /* values for which it is said what a block reaches */, EVIDENCE_MAX = 16 << 20, VALUES_OCTETS = 12 << 20 /* of one proposal; more become several */ };

struct block_options {
	const char *dir, *reason, *lease, *why, *evidence, *action, *as, *from;
	bool json, exact;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'r', "reason", "REASON", "phishing, malware, c2, dga, botnet or exploitation (needed)", OPTION_TEXT,         \
		  &(o)->reason, 0 },                                                                                           \
		{ 0, "for", "TIME", "how long, 184d at most: 14d, 36h, 2mo (default: by reason)", OPTION_TEXT, &(o)->lease, 0 },\
		{ 'w', "why", "TEXT", "for those who are to approve it, and for the record", OPTION_TEXT, &(o)->why, 0 },      \
		{ 'e', "evidence", "URL|FILE", "what shows it: a URL, or a file, which is kept in the lane", OPTION_TEXT,      \
		  &(o)->evidence, 0 },                                                                                         \
		{ 0, "action", "ACTION", "block (default), or challenge: ask for proof of a person, never drop", OPTION_TEXT,  \
		  &(o)->action, 0 },                                                                                           \
		{ 0, "exact", NULL, "names alone, not what is below them", OPTION_FLAG, &(o)->exact, 0 },                      \
		{ 0, "from", "FILE", "values from a file, one a line ('-': standard input)", OPTION_TEXT, &(o)->from, 0 },     \
		OPTION_AS(&(o)->as), OPTION_END                                                                                \
	}

struct block {
	struct verb_env *env;
	const struct block_options *o;
	struct speaker who;
	struct decision_op op;
	struct buf values, out, evidence;
	uint64_t n;
	uint64_t index; /* of the last proposal */
	bool proposed;
	enum err err;
	struct fault *f;
};

/* What a block of the first values reaches, for who is to approve it. */
static void tell_blast(struct block *b)
{
	uint8_t store[OBS_KEY_MAX];
	struct span values = buf_span(&b->values);
	struct observable o;
	if (b->o->json)
		buf_puts(&b->out, ",\"reach\":[");
	for (unsigned i = 0; i < BLAST_TOLD && decision_value(&values, store, &o); i++) {
		if (b->o->json && i)
			buf_putc(&b->out, ',');
		guard_blast(node_guard(b->env->node), &o, (uint32_t)(clock_ms() / 1000), b->o->json ? GUARD_JSON : GUARD_TEXT, &b->out);
	}
	if (b->o->json)
		buf_putc(&b->out, ']');
}

static void tell(struct block *b)
{
	uint8_t store[OBS_KEY_MAX];
	struct span values = buf_span(&b->values);
	struct observable first;
	struct buf name = { 0 };
	char until[32];
	time_format(b->op.until_s, until);
	if (decision_value(&values, store, &first))
		obs_format(&first, &name);
	if (b->o->json) {
		buf_printf(&b->out, "{\"decision\":\"" DOCKET_LANE "/%llu\",\"state\":\"%s\",\"action\":\"%s\",\"reason\":\"%s\",\"until\":\"%s\","
			   "\"values\":%llu,\"first\":", (unsigned long long)b->index, b->op.enacts ? "active" : "proposed", action_name(b->op.action),
			   reason_row(b->op.reason)->name, until, (unsigned long long)b->n);
		json_put_string(&b->out, buf_span(&name));
		tell_blast(b);
		buf_puts(&b->out, "}\n");
	} else {
		buf_printf(&b->out, DOCKET_LANE "/%llu  %s  %s for %s until %s: %s", (unsigned long long)b->index,
			   b->op.enacts ? "active" : "proposed", action_name(b->op.action), reason_row(b->op.reason)->name, until, buf_cstr(&name));
		if (b->n > 1)
			buf_printf(&b->out, " and %llu more", (unsigned long long)b->n - 1);
		if (!b->op.enacts)
			buf_printf(&b->out, "; \"sipar approve " DOCKET_LANE "/%llu --as PARTY\" puts it in force", (unsigned long long)b->index);
		buf_putc(&b->out, '\n');
		tell_blast(b);
	}
	buf_release(&name);
	verb_out(b->env, &b->out);
}

/* What is gathered becomes a proposal. */
static void propose(struct block *b)
{
	if (b->err || b->n == 0)
		return;
	b->op.values = buf_span(&b->values);
	b->err = docket_say(node_docket(b->env->node), &b->who, &b->op, &b->index, b->f);
	if (b->err == OK)
		tell(b);
	b->proposed = true;
	b->values.n = 0;
	b->n = 0;
}

static enum err take(struct block *b, struct span text)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	enum err e = obs_parse_plain(text, store, &o);
	if (e)
		e = obs_parse(text, store, &o, b->f);
	if (e)
		return e;
	decision_value_put(&b->values, &o);
	b->n++;
	if (b->values.n >= VALUES_OCTETS)
		propose(b);
	return b->err;
}

static bool take_line(void *ctx, struct span line, uint64_t number)
{
	struct block *b = ctx;
	line = span_trim(span_head(line, span_find(line, '#')));
	if (line.n == 0)
		return true;
	b->err = take(b, line);
	if (b->err)
		(void)fault_at(b->f, "%s:%llu", b->o->from, (unsigned long long)number);
	return b->err == OK && !((number & 0xffff) == 0 && verb_cancelled(b->env));
}

static enum err take_file(struct block *b)
{
	bool standard = strcmp(b->o->from, "-") == 0;
	int fd = standard ? b->env->in : openat(b->env->cwd, b->o->from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fault_set(b->f, ERR_IO, "\"%s\" cannot be read: %m", b->o->from);
	enum err e = lines_each(fd, b->env->caller, take_line, b, b->f);
	if (e)
		(void)fault_at(b->f, "%s", b->o->from);
	if (!standard)
		close(fd);
	return e ? e : b->err;
}

/* A URL is named; a file is kept. */
static enum err take_evidence(struct block *b)
{
	struct span text = span_str(b->o->evidence);
	struct buf file = { 0 };
	uint8_t store[OBS_KEY_MAX];
	struct observable url;
	if (span_starts(text, SPAN_LIT("https://")) || span_starts(text, SPAN_LIT("http://"))) {
		b->op.evidence = text;
		return obs_parse_as(OBS_URL, text, store, &url, b->f) ? fault_at(b->f, "evidence \"%.100s\"", b->o->evidence) : OK;
	}
	int fd = openat(b->env->cwd, b->o->evidence, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fault_set(b->f, ERR_IO, "evidence \"%s\" is no URL, and no file that can be read: %m", b->o->evidence);
	ssize_t n = 0;
	while (file.n <= EVIDENCE_MAX && (n = read(fd, buf_reserve(&file, 1 << 16), 1 << 16)) > 0)
		file.n += (size_t)n;
	int error = errno;
	close(fd);
	if (n < 0 || file.n == 0) {
		buf_release(&file);
		return fault_set(b->f, ERR_IO, "evidence \"%s\" %s%s", b->o->evidence, n < 0 ? "cannot be read: " : "is empty", n < 0 ? strerror(error) : "");
	}
	enum err e = file.n > EVIDENCE_MAX ? fault_set(b->f, ERR_RANGE, "evidence \"%s\" has more than %d MiB", b->o->evidence, EVIDENCE_MAX >> 20) :
		     docket_evidence(node_docket(b->env->node), &b->who, buf_span(&file), "evidence", &b->evidence, b->f);
	b->op.evidence = buf_span(&b->evidence);
	buf_release(&file);
	return e;
}

static struct span said(const char *text)
{
	return span_str(text ? text : "");
}

static enum err to_op(const struct block_options *o, struct decision_op *op, struct fault *f)
{
	const struct decision_terms terms = { said(o->reason), said(o->lease), said(o->action), said(o->why), o->exact };
	return decision_propose(&terms, (uint32_t)(clock_ms() / 1000), op, f) ? fault_at(f, "block") : OK;
}

static enum err block(struct block *b, int n, char **argv)
{
	enum err e = b->o->evidence ? take_evidence(b) : OK;
	for (int i = 1; i <= n && e == OK; i++)
		if ((e = take(b, span_str(argv[i]))) != OK)
			(void)fault_at(b->f, "\"%.100s\"", argv[i]);
	if (e == OK && b->o->from)
		e = take_file(b);
	if (e == OK && b->n == 0 && !b->proposed)
		e = fault_set(b->f, ERR_NOTFOUND, "\"%s\" has no value in it", b->o->from);
	if (e == OK)
		propose(b);
	return e ? e : b->err;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct block_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct spoken spoken;
	struct fault f;
	int n;
	struct block b = { .env = env, .o = &o, .f = &f, .who = { spoken.party, spoken.by } };
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n == 0 && !o.from)
		e = fault_set(&f, ERR_USAGE, "block: give at least one value, or --from FILE");
	if (e == OK && (e = to_op(&o, &b.op, &f)) == OK && (e = speaker_parse(o.as, &spoken, &f)) == OK && env->node)
		e = block(&b, n, argv);
	buf_release(&b.values);
	buf_release(&b.out);
	buf_release(&b.evidence);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct block_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_block = {
	.name = "block",
	.summary = "Propose that values are blocked, for a reason and for a time",
	.usage = "[OPTION...] VALUE... --reason REASON",
	.details = "A proposal is put in force by the approvals that sipar.conf asks for (\"sipar approve\"), or at once where it asks for\n"
		   "none.  A name stands for all below it as well, \"*.NAME\" for what is below it alone.  Nothing is blocked that the\n"
		   "protected register holds (\"sipar protect test\").  Blocking again is a new decision with an end of its own.\n\n"
		   "Exit status: 0 proposed, 2 not proposed.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
