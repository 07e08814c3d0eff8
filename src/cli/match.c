/* sipar match: which of what was observed matches a STIX pattern? */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "codec/pattern_match.h"
#include "sys/input.h"
#include "sys/regex.h"

enum { TEXT_MAX = 1 << 30, CHUNK = 1 << 20, FLUSH_AT = 1 << 16 };

struct match_options {
	bool json, quiet, normal;
};

struct matching {
	struct verb_env *env;
	struct match_options o;
	struct pattern pattern;
	struct regex **regex;   /* for each constant of the pattern; NULL: it is none */
	struct buf *texts;
	unsigned n_texts;
	struct observed observed;
	uint64_t matches;
	struct buf out;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_JSON(&(o)->json),                                                                                       \
		{ 'q', "quiet", NULL, "print nothing, only the exit status", OPTION_FLAG, &(o)->quiet, 0 },                    \
		OPTION_SWITCH(&(o)->normal, "print", "print the pattern in its normal form, and match nothing"), OPTION_END    \
	}

static enum err read_file(struct verb_env *env, const char *name, struct buf *out, struct fault *f)
{
	bool standard = !strcmp(name, "-"), end = false;
	int fd = standard ? fcntl(env->in, F_DUPFD_CLOEXEC, 0) : openat(env->cwd, name, O_RDONLY | O_CLOEXEC);
	struct input *in;
	if (fd < 0)
		return fault_set(f, ERR_IO, "%s: %s", name, strerror(errno));
	enum err e = input_open(fd, env->caller, name, &in, f);
	if (e)
		return e;
	while (e == OK && !end && (e = input_read(in, CHUNK, out, &end, f)) == OK)
		if (out->n > TEXT_MAX)
			e = fault_set(f, ERR_RANGE, "%s: this is more than 1 GiB", name);
	input_close(in);
	return e;
}

static enum err read_pattern(struct matching *m, const char *arg, struct fault *f)
{
	struct buf text = { 0 };
	enum err e = OK;
	if (arg[0] == '@')
		e = read_file(m->env, arg + 1, &text, f);
	else
		buf_puts(&text, arg);
	e = e ? e : pattern_parse(buf_span(&text), &m->pattern, f);
	buf_release(&text);
	return e;
}

/* The reader of regular expressions takes "/x/i" for one with flags, which a pattern does not mean. */
static enum err compile(struct span text, struct regex **ret, struct fault *f)
{
	struct buf b = { 0 };
	buf_puts(&b, "/");
	buf_putspan(&b, text);
	buf_puts(&b, "/u");
	enum err e = regex_new(buf_span(&b), ret, f);
	buf_release(&b);
	return e;
}

static enum err compile_all(struct matching *m, struct fault *f)
{
	const struct pattern *p = &m->pattern;
	m->regex = mem_zalloc(p->values.n / sizeof(struct pattern_value) * sizeof(*m->regex) + 1);
	for (uint32_t i = 0; i < pattern_nodes(p); i++) {
		const struct pattern_node *n = pattern_node(p, i);
		if (n->kind != PATTERN_TEST || n->op != STIX_MATCHES)
			continue;
		struct span text = pattern_value(p, n->value)->text;
		if (text.n == 0)
			continue; /* it is found everywhere */
		if (compile(text, &m->regex[n->value], f))
			return fault_at(f, "MATCHES '%.*s'", (int)span_head(text, 100).n, (const char *)text.p);
	}
	return OK;
}

static bool regex_found(void *ctx, uint32_t value, struct span s)
{
	const struct matching *m = ctx;
	return !m->regex[value] || regex_match(m->regex[value], s);
}

static bool matched(void *ctx, const uint32_t *observations, size_t n)
{
	struct matching *m = ctx;
	m->matches++;
	if (m->o.quiet)
		return false;
	if (m->o.json)
		buf_printf(&m->out, "{\"match\":%llu,\"observations\":[", (unsigned long long)m->matches);
	for (size_t i = 0; i < n; i++) {
		struct span id = observed_at(&m->observed, observations[i])->id;
		if (m->o.json) {
			buf_puts(&m->out, i ? "," : "");
			json_put_string(&m->out, id);
		} else {
			buf_puts(&m->out, i ? " " : "");
			buf_putspan(&m->out, id);
		}
	}
	buf_puts(&m->out, m->o.json ? "]}\n" : "\n");
	return m->out.n < FLUSH_AT || verb_out(m->env, &m->out);
}

static enum err read_observed(struct matching *m, int n, char **names, struct fault *f)
{
	m->texts = mem_zalloc((size_t)n * sizeof(*m->texts));
	for (int i = 0; i < n; i++) {
		enum err e = read_file(m->env, names[i], &m->texts[m->n_texts++], f);
		if (e)
			return e;
		if (observed_add(&m->observed, buf_span(&m->texts[i]), f))
			return fault_at(f, "%s", names[i]);
	}
	observed_finish(&m->observed);
	if (m->observed.dangling)
		verb_complain(m->env, "match: %llu object_refs name objects that are in none of the files; nothing matches there",
			      (unsigned long long)m->observed.dangling);
	return OK;
}

static enum err match(struct matching *m, int n, char **operands, struct fault *f)
{
	enum err e = read_pattern(m, operands[0], f);
	if (e)
		return e;
	if (m->o.normal) {
		pattern_print(&m->pattern, &m->out);
		buf_putc(&m->out, '\n');
		return OK;
	}
	if ((e = compile_all(m, f)) || (e = read_observed(m, n - 1, operands + 1, f)))
		return e;
	return pattern_match(&m->pattern, &m->observed, &(struct pattern_regex){ regex_found, m }, matched, m, f);
}

static void release(struct matching *m)
{
	for (size_t i = 0; m->regex && i < m->pattern.values.n / sizeof(struct pattern_value); i++)
		regex_free(m->regex[i]);
	for (unsigned i = 0; i < m->n_texts; i++)
		buf_release(&m->texts[i]);
	free(m->regex);
	free(m->texts);
	pattern_release(&m->pattern);
	observed_release(&m->observed);
	buf_release(&m->out);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct matching m = { .env = env };
	const struct option rows[] = OPTION_ROWS(&m.o);
	struct fault f;
	int n;
	if (options_parse(rows, argc, argv, &n, &f)) {
		verb_complain(env, "match: %s", f.text);
		return EXIT_USAGE;
	}
	if (n < 1 || (n < 2) != m.o.normal) {
		verb_complain(env, m.o.normal ? "match: --print takes a pattern alone" : "match: a pattern and a file are needed");
		return EXIT_USAGE;
	}
	enum err e = match(&m, n, argv + 1, &f);
	(void)verb_out(env, &m.out);
	if (e)
		verb_complain(env, "match: %s", f.text);
	int code = e ? EXIT_TROUBLE : m.matches || m.o.normal ? EXIT_FINE : EXIT_FOUND;
	release(&m);
	return code;
}

static void options(struct buf *out)
{
	struct match_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_match = {
	.name = "match",
	.summary = "Match a STIX 2.1 pattern against observed-data",
	.usage = "[OPTION...] PATTERN|@FILE OBSERVED.json...",
	.details = "Files are STIX 2.0 or 2.1: bundles, objects or arrays of them, compressed or not; '-' is standard input.  Each line of\n"
		   "output is a match: the ids of its observed-data objects.  No object is in two matches; what is printed is one way to\n"
		   "take them.\n\n"
		   "An observation that lasted may have happened at any time of it: FOLLOWEDBY, WITHIN and START look for one that fits.\n"
		   "One with number_observed above 1 counts so often for REPEATS.\n\n"
		   "Exit status: 0 something matches, 1 nothing does, 2 the pattern or a file is not as it must be, or the search was given\n"
		   "up because it takes too long (what was found is printed).\n",
	.run = run,
	.options = options,
};
