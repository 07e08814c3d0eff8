/* sipar import: feeds in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "gate/import.h"

enum { COMPLAINTS_SHOWN = 20 };

struct import_flags {
	const char *dir, *source, *lane, *format, *column, *as;
	bool json, strict, quiet, verbose, allow_empty;
};

struct job {
	struct verb_env *env;
	struct import_flags o;
	struct import *import;
	struct buf err;
	uint64_t complaints;
	bool bar, damaged, failed;
	struct fault fault;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 's', "source", "NAME", "whose feed it is; added with defaults when new", OPTION_TEXT, &(o)->source, 0 },     \
		{ 'f', "format", "NAME", "feed format, instead of finding it out (see \"sipar formats\")", OPTION_TEXT,        \
		  &(o)->format, 0 },                                                                                           \
		{ 'c', "column", "NAME", "CSV, JSON lines: name or number of the field that holds the value", OPTION_TEXT,     \
		  &(o)->column, 0 },                                                                                           \
		{ 0, "as", "STANCE", "indicator (default), sighting, false-positive, retracted, protected or known",           \
		  OPTION_TEXT, &(o)->as, 0 },                                                                                  \
		{ 0, "lane", "NAME", "lane to write to (default: public)", OPTION_TEXT, &(o)->lane, 0 },                       \
		{ 0, "strict", NULL, "stop at the first record that is rejected; then nothing counts", OPTION_FLAG,            \
		  &(o)->strict, 0 },                                                                                           \
		{ 0, "allow-empty", NULL, "let an import replace a snapshot also when it is damaged or accepts nothing",       \
		  OPTION_FLAG, &(o)->allow_empty, 0 },                                                                         \
		{ 'q', "quiet", NULL, "no complaints about single records, no progress", OPTION_FLAG, &(o)->quiet, 0 },        \
		{ 'v', "verbose", NULL, "every complaint, and what was skipped", OPTION_FLAG, &(o)->verbose, 0 }, OPTION_END   \
	}

static void clear_bar(struct job *j)
{
	if (j->bar)
		buf_puts(&j->err, "\r\033[K");
}

static void complain(void *ctx, const char *place, const char *reason)
{
	struct job *j = ctx;
	j->complaints++;
	if (j->o.strict || j->o.quiet || (!j->o.verbose && j->complaints > COMPLAINTS_SHOWN))
		return; /* --strict tells it as the reason why it stops */
	clear_bar(j);
	char line[800];
	snprintf(line, sizeof(line), "%s: %s", place, reason);
	verb_visible(line);
	buf_printf(&j->err, "%s\n", line);
	if (!j->o.verbose && j->complaints == COMPLAINTS_SHOWN)
		buf_puts(&j->err, "further rejected records are only counted (--verbose shows all)\n");
	(void)verb_write(j->env->err, &j->err);
}

static bool progress(void *ctx, const struct import_counts *c, uint64_t done, uint64_t size)
{
	struct job *j = ctx;
	if (j->bar) {
		buf_puts(&j->err, "\r\033[K");
		if (size) {
			unsigned percent = (unsigned)(done >= size ? 100 : done * 100 / size), i;
			buf_putc(&j->err, '[');
			for (i = 0; i < 30; i++)
				buf_putc(&j->err, i < percent * 30 / 100 ? '#' : ' ');
			buf_printf(&j->err, "] %3u %% ", percent);
		}
		buf_printf(&j->err, "%llu records, %llu rejected", (unsigned long long)c->read, (unsigned long long)c->rejected);
		(void)verb_write(j->env->err, &j->err);
	}
	return !verb_cancelled(j->env);
}

/* One descriptor (taken over). */
static enum err import_fd(struct job *j, int fd, const char *name)
{
	struct input *in;
	enum err e = input_open(fd, j->env->caller, name, &in, &j->fault);
	if (e == OK) {
		e = import_stream(j->import, in, name, &j->fault);
		input_close(in);
	}
	clear_bar(j);
	(void)verb_write(j->env->err, &j->err);
	return e;
}

/* Errors of one stream are told and the next one is read, but for those that concern the whole import. */
static bool stream_over(struct job *j, enum err e, bool one_of_many)
{
	switch (e) {
	case OK:
		return true;
	case ERR_SYNTAX: case ERR_CORRUPT: case ERR_RANGE: case ERR_UNSUPPORTED:
		if (j->o.strict || (e == ERR_UNSUPPORTED && !one_of_many)) {
			j->failed = true;
			return false;
		}
		verb_complain(j->env, "%s", j->fault.text);
		j->damaged = true;
		return true;
	default:
		j->failed = true;
		return false;
	}
}

static bool import_file(void *ctx, int fd, const char *name, bool one_of_many, const struct fault *trouble)
{
	struct job *j = ctx;
	if (trouble) {
		j->fault = *trouble;
		if (!one_of_many || j->o.strict) {
			j->failed = true;
			return false;
		}
		verb_complain(j->env, "%s", trouble->text);
		return j->damaged = true;
	}
	return stream_over(j, import_fd(j, fd, name), one_of_many);
}

static void put_skipped(const struct tally *t, bool json, struct buf *out)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (!json) {
			buf_printf(out, "  skipped %llu: %s\n", (unsigned long long)t->row[i].n, t->row[i].what);
			continue;
		}
		buf_puts(out, i ? "," : "");
		json_put_string(out, span_str(t->row[i].what));
		buf_printf(out, ":%llu", (unsigned long long)t->row[i].n);
	}
}

static void put_counts(struct job *j, const struct import_counts *c, struct buf *out)
{
	unsigned long long read = c->read, accepted = c->accepted, duplicate = c->duplicate, skipped = c->skipped,
			   rejected = c->rejected, claims = c->claims, entries = c->entries;
	if (j->o.json) {
		buf_printf(out,
			   "{\"source\":\"%s\",\"read\":%llu,\"accepted\":%llu,\"duplicate\":%llu,\"skipped\":%llu,"
			   "\"rejected\":%llu,\"entries\":%llu,\"claims\":%llu,\"replaced\":%llu,\"damaged\":%s,\"skipped_by_kind\":{",
			   j->o.source, read, accepted, duplicate, skipped, rejected, entries, claims, (unsigned long long)c->replaced,
			   j->damaged ? "true" : "false");
		put_skipped(import_skipped(j->import), true, out);
		buf_puts(out, "}}\n");
		return;
	}
	buf_printf(out,
		   "%s: read %llu = %llu accepted + %llu duplicate + %llu skipped + %llu rejected; %llu claims, %llu ledger entries",
		   j->o.source, read, accepted, duplicate, skipped, rejected, claims, entries);
	if (c->replaced)
		buf_printf(out, "; replaces the %llu records of the import before", (unsigned long long)c->replaced);
	buf_putc(out, '\n');
	if (j->o.verbose)
		put_skipped(import_skipped(j->import), false, out);
}

static bool find_stance(const char *name, enum stance *ret)
{
	static const char *const names[] = { "indicator", "sighting", "false-positive", "retracted", "protected", "known" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(name, names[i]) == 0)
			return *ret = (enum stance)i, true;
	return false;
}

/* What the options ask for, without any directory. */
static enum err read_options(const struct job *j, struct import_options *io, struct fault *f)
{
	*io = (struct import_options){
		.source = j->o.source, .lane = j->o.lane, .strict = j->o.strict, .allow_empty = j->o.allow_empty,
		.stance = STANCE_INDICATOR, .column = j->o.column ? span_str(j->o.column) : (struct span){ 0 },
	};
	if (!j->o.source)
		return fault_set(f, ERR_USAGE, "--source says whose feed it is, and is missing");
	if (j->o.format && !(io->format = feed_format_find(span_str(j->o.format))))
		return fault_set(f, ERR_USAGE, "there is no feed format \"%s\"; \"sipar formats\" lists them", j->o.format);
	if (j->o.as && !find_stance(j->o.as, &io->stance))
		return fault_set(f, ERR_USAGE,
				 "--as \"%s\" is none of indicator, sighting, false-positive, retracted, protected and known", j->o.as);
	return OK;
}

static int finish(struct job *j)
{
	struct import_counts c;
	struct buf out = { 0 };
	if (j->damaged)
		import_incomplete(j->import);
	if (j->failed || import_finish(j->import, &c, &j->fault) != OK) {
		verb_complain(j->env, "%s%s", j->fault.text, j->fault.code == ERR_CANCELLED ? "" : "; nothing of this import counts");
		return EXIT_TROUBLE;
	}
	put_counts(j, &c, &out);
	verb_out(j->env, &out);
	buf_release(&out);
	if (c.kept)
		verb_complain(j->env, "%s: %s, so what the source said before still counts, too; --allow-empty replaces it", j->o.source,
			      j->damaged ? "a file is damaged or not recognised" : "nothing was accepted");
	return j->damaged || (c.accepted == 0 && c.rejected) ? EXIT_FOUND : EXIT_FINE;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct job j = { .env = env };
	const struct option rows[] = OPTION_ROWS(&j.o);
	int n;
	struct import_options io;
	enum err e = options_parse(rows, argc, argv, &n, &j.fault);
	if (e == OK)
		e = read_options(&j, &io, &j.fault);
	if (e == OK && !env->node)
		return EXIT_FINE;
	if (e == OK)
		e = import_begin(env->node, &io, complain, progress, &j, &j.import, &j.fault);
	if (e) {
		verb_complain(env, "import: %s", j.fault.text);
		return e == ERR_USAGE ? EXIT_USAGE : EXIT_TROUBLE;
	}
	j.bar = !j.o.quiet && !j.o.json && isatty(env->err);
	if (n == 0)
		argv[n = 1] = (char *)"-";
	for (int i = 1; i <= n && !j.failed; i++)
		if (!files_each(env->cwd, env->in, env->caller < 0, false, argv[i], n > 1, import_file, &j))
			break;
	int code = finish(&j);
	import_free(j.import);
	buf_release(&j.err);
	return code;
}

static void options(struct buf *out)
{
	struct import_flags o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_import = {
	.name = "import",
	.summary = "Read feeds into the ledger, so that every face answers with them at once",
	.usage = "[OPTION...] --source NAME [FILE|DIR|-]...",
	.details = "Without a FILE, or for '-', standard input is read.  A DIR is read with all files in it.  gzip, zstd, xz and bzip2\n"
		   "are unpacked by their content.  All files of one command are one import: for a source of type snapshot it\n"
		   "replaces what the source said before.  A record that cannot be understood is rejected with its place, and the\n"
		   "rest goes on.\n\n"
		   "A damaged import, and one that accepts nothing, does not replace: what the source said before still counts.\n\n"
		   "Exit status: 0 imported; 1 imported but for files that are damaged or not recognised, or all of it was rejected;\n"
		   "2 nothing was imported.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
