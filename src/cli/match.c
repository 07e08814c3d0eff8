/* sipar match: which of what was observed matches a STIX pattern, or any that the node has? */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/option.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "codec/pattern_match.h"
#include "gate/newest.h"
#include "sys/input.h"
#include "sys/regex.h"

enum { TEXT_MAX = 1 << 30, CHUNK = 1 << 20, FLUSH_AT = 1 << 16 };

/* An indicator of the node's, lent. */
struct kept {
	const struct lane *lane; /* NULL: the pattern is that of the command line */
	uint64_t index;
	struct span id, name;
};

/* Indicators that were passed over: how many, and the first. */
struct skipped {
	uint64_t n;
	char id[STIX_ID_MAX + 1], why[sizeof(((struct fault *)NULL)->text)];
};

struct match_options {
	const char *dir;
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
	struct kept kept;       /* whose the pattern is, when it is one of the node's */
	uint64_t matches;       /* of this pattern */
	uint64_t all;
	struct skipped foreign, unread, given_up;
	struct buf out;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
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

static void put_match(struct matching *m, const uint32_t *observations, size_t n)
{
	const struct kept *k = &m->kept;
	struct buf *out = &m->out;
	if (m->o.json && k->lane) {
		buf_puts(out, "{\"indicator\":");
		json_put_string(out, k->id);
		buf_puts(out, ",\"name\":");
		json_put_string(out, k->name);
		buf_puts(out, ",\"entry\":\"");
		say_entry_name(k->lane, k->index, out);
		buf_puts(out, "\",");
	} else if (m->o.json) {
		buf_putc(out, '{');
	} else if (k->lane) {
		buf_putspan(out, k->id);
	}
	if (m->o.json)
		buf_printf(out, "\"match\":%llu,\"observations\":[", (unsigned long long)m->matches);
	for (size_t i = 0; i < n; i++) {
		struct span id = observed_at(&m->observed, observations[i])->id;
		buf_puts(out, i ? (m->o.json ? "," : " ") : m->o.json || !k->lane ? "" : " ");
		if (m->o.json)
			json_put_string(out, id);
		else
			buf_putspan(out, id);
	}
	buf_puts(out, m->o.json ? "]}\n" : "\n");
}

static bool matched(void *ctx, const uint32_t *observations, size_t n)
{
	struct matching *m = ctx;
	m->matches++;
	m->all++;
	if (m->o.quiet)
		return false;
	put_match(m, observations, n);
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

/* The pattern, against all that was observed. */
static enum err match_one(struct matching *m, struct fault *f)
{
	m->matches = 0;
	enum err e = compile_all(m, f);
	return e ? e : pattern_match(&m->pattern, &m->observed, &(struct pattern_regex){ regex_found, m }, matched, m, f);
}

static void forget_pattern(struct matching *m)
{
	for (size_t i = 0; m->regex && i < m->pattern.values.n / sizeof(struct pattern_value); i++)
		regex_free(m->regex[i]);
	free(m->regex);
	m->regex = NULL;
	pattern_release(&m->pattern);
	m->pattern = (struct pattern){ 0 };
}

static enum err match_given(struct matching *m, int n, char **operands, struct fault *f)
{
	enum err e = read_pattern(m, operands[0], f);
	if (e)
		return e;
	if (m->o.normal) {
		pattern_print(&m->pattern, &m->out);
		buf_putc(&m->out, '\n');
		return OK;
	}
	e = read_observed(m, n - 1, operands + 1, f);
	return e ? e : match_one(m, f);
}

/* ---- the patterns of the node ---- */

enum { PATTERN, NAME, LANGUAGE, TEXTS };

static void skip(struct skipped *s, const struct matching *m, const char *why)
{
	if (s->n++)
		return;
	snprintf(s->id, sizeof(s->id), "%.*s", (int)m->kept.id.n, (const char *)m->kept.id.p);
	snprintf(s->why, sizeof(s->why), "%s", why);
}

struct walk {
	struct matching *m;
	struct stix_text text[TEXTS];
};

static bool match_kept(void *ctx, const struct lane *lane, const struct entry *e, const struct stix_object *object)
{
	struct walk *w = ctx;
	struct matching *m = w->m;
	struct buf *language = &w->text[LANGUAGE].text;
	struct fault f;
	stix_object_texts(object->octets, w->text, TEXTS);
	m->kept = (struct kept){ lane, e->index, object->id, buf_span(&w->text[NAME].text) };
	if (language->n && !span_is(buf_span(language), "stix"))
		skip(&m->foreign, m, buf_cstr(language));
	else if (pattern_parse(buf_span(&w->text[PATTERN].text), &m->pattern, &f))
		skip(&m->unread, m, f.text);
	else if (match_one(m, &f))
		skip(&m->given_up, m, f.text);
	forget_pattern(m);
	return !(m->o.quiet && m->all) && !m->env->write_error && !verb_cancelled(m->env);
}

static void tell_skipped(const struct matching *m, const struct skipped *s, const char *what)
{
	if (s->n)
		verb_complain(m->env, "match: %llu indicator%s %s; the first is %s (%s)", (unsigned long long)s->n, s->n == 1 ? "" : "s", what, s->id, s->why);
}

static enum err match_node(struct matching *m, int n, char **operands, struct fault *f)
{
	struct walk w = { .m = m, .text = { [PATTERN] = { "pattern" }, [NAME] = { "name" }, [LANGUAGE] = { "pattern_type" } } };
	enum err e = read_observed(m, n, operands, f);
	if (e == OK)
		e = newest_each(m->env->node, CLEARANCE_ALL, "indicator", match_kept, &w, f);
	for (unsigned i = 0; i < TEXTS; i++)
		buf_release(&w.text[i].text);
	if (e)
		return e;
	tell_skipped(m, &m->foreign, "with a pattern in another language");
	tell_skipped(m, &m->unread, "with a pattern that cannot be read");
	tell_skipped(m, &m->given_up, "not matched to the end");
	return m->given_up.n ? fault_set(f, ERR_FULL, "there may be more matches") : OK;
}

static void release(struct matching *m)
{
	forget_pattern(m);
	for (unsigned i = 0; i < m->n_texts; i++)
		buf_release(&m->texts[i]);
	free(m->texts);
	observed_release(&m->observed);
	buf_release(&m->out);
}

/* A pattern begins with a bracket; @ says that it is in a file. */
static bool is_pattern(const char *operand)
{
	operand += strspn(operand, " \t\r\n");
	return operand[0] && strchr("[(@", operand[0]);
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
	bool given = n && is_pattern(argv[1]);
	if (n < 1 + (given && !m.o.normal) || (m.o.normal && (n > 1 || !given))) {
		verb_complain(env, m.o.normal ? "match: --print takes a pattern alone" : "match: a file with what was observed is needed");
		return EXIT_USAGE;
	}
	if (!env->node && !env->without_node) {
		env->without_node = given;
		return EXIT_FINE;
	}
	enum err e = given ? match_given(&m, n, argv + 1, &f) : match_node(&m, n, argv + 1, &f);
	(void)verb_out(env, &m.out);
	if (e)
		verb_complain(env, "match: %s", f.text);
	int code = e ? EXIT_TROUBLE : m.all || m.o.normal ? EXIT_FINE : EXIT_FOUND;
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
	.summary = "Match a STIX 2.1 pattern, or all that the node has, against observed-data",
	.usage = "[OPTION...] [PATTERN|@FILE] OBSERVED.json...",
	.details = "A PATTERN begins with '[' or '('; @FILE holds one.  Without it, the patterns of all indicators of the node that stand are\n"
		   "matched, those that no list can say, too (LIKE, FOLLOWEDBY, WITHIN ...): each in its newest version, unless it is revoked, and\n"
		   "each line begins with the indicator's id.\n\n"
		   "Files are STIX 2.0 or 2.1: bundles, objects or arrays of them, compressed or not; '-' is standard input.  Each line of\n"
		   "output is a match: the ids of its observed-data objects.  No object is in two matches; what is printed is one way to\n"
		   "take them.\n\n"
		   "An observation that lasted may have happened at any time of it: FOLLOWEDBY, WITHIN and START look for one that fits.\n"
		   "One with number_observed above 1 counts so often for REPEATS.\n\n"
		   "Exit status: 0 something matches, 1 nothing does, 2 the pattern or a file is not as it must be, or the search was given\n"
		   "up because it takes too long (what was found is printed).\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
