/* sipar scan: what in these files is listed?
 *
 * It runs in its own process, not in the daemon's: reading gigabytes is no work for whoever answers mail servers.  The table is
 * opened to be read (node_open_reader()): its files are mapped and so shared with the daemon, and what the daemon has not saved
 * yet is read from the ledger.  Only sightings go through the daemon, as an import. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/files.h"
#include "cli/scan_job.h"
#include "cli/verbs.h"

enum { BAR = 30, BAR_AFTER_MS = 500, BAR_EVERY_MS = 100 };

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir),                                                                                         \
		{ 0, "json", NULL, "one JSON object a hit", OPTION_FLAG, &(o)->json, 0 },                                      \
		{ 'o', "only-matching", NULL, "the values alone", OPTION_FLAG, &(o)->values, 0 },                              \
		{ 'l', "lines", NULL, "the lines that have a hit, as grep prints them", OPTION_FLAG, &(o)->lines, 0 },         \
		{ 'v', "invert", NULL, "the lines with nothing listed", OPTION_FLAG, &(o)->invert, 0 },                        \
		{ 'c', "count", NULL, "for each file how many lines", OPTION_FLAG, &(o)->count, 0 },                           \
		{ 'q', "quiet", NULL, "print nothing, stop at the first hit", OPTION_FLAG, &(o)->quiet, 0 },                   \
		{ 'n', "line-number", NULL, "with --lines and --invert: numbers before lines", OPTION_FLAG, &(o)->numbers, 0 }, \
		{ 'H', "with-filename", NULL, "file names, also of one file", OPTION_FLAG, &(o)->names, 0 },                   \
		{ 0, "no-filename", NULL, "no file names", OPTION_FLAG, &(o)->no_names, 0 },                                   \
		{ 0, "color", "WHEN", "auto (default), always or never", OPTION_TEXT, &(o)->colour, 0 },                       \
		{ 0, "min-score", "N", "hits with this score or more (default: 1)", OPTION_NUMBER, &(o)->min_score, 100 },     \
		{ 0, "kinds", "LIST", "of ip,domain,url,hash,email (default: all)", OPTION_TEXT, &(o)->kinds, 0 },             \
		{ 'r', "recursive", NULL, "every file below a directory", OPTION_FLAG, &(o)->recursive, 0 },                   \
		{ 'f', "follow", NULL, "wait for what is appended, until a signal", OPTION_FLAG, &(o)->follow, 0 },            \
		{ 0, "sightings", NULL, "tell the node what was seen, counted by the hour", OPTION_FLAG, &(o)->sightings, 0 }, \
		{ 's', "source", "NAME", "whose sightings they are (default: scan)", OPTION_TEXT, &(o)->source, 0 },           \
		{ 0, "lane", "NAME", "lane for the sightings (default: public)", OPTION_TEXT, &(o)->lane, 0 },                 \
		EDGE_ROWS(&(o)->edge),                                                                                         \
		{ 'j', "threads", "N", "how many (default: one per core)", OPTION_NUMBER, &(o)->threads, SCAN_THREADS_MAX },   \
		OPTION_END                                                                                                     \
	}

/* ---- what the pipeline calls ---- */

static void clear_bar(struct scan_job *j)
{
	struct buf b = { 0 };
	if (!j->bar_shown)
		return;
	j->bar_shown = false;
	buf_puts(&b, "\r\033[K");
	(void)verb_write(j->env->err, &b);
	buf_release(&b);
}

static bool write_found(void *ctx, struct buf *out)
{
	struct scan_job *j = ctx;
	clear_bar(j);
	return verb_out(j->env, out);
}

static void progress(void *ctx, const char *name, uint64_t done, uint64_t size, uint64_t lines)
{
	struct scan_job *j = ctx;
	uint64_t now_ns = clock_mono_ns();
	if (!j->bar || now_ns - j->began_ns < BAR_AFTER_MS * 1000000ull || now_ns - j->shown_ns < BAR_EVERY_MS * 1000000ull)
		return;
	struct buf b = { 0 };
	char file[64];
	snprintf(file, sizeof(file), "%s", name);
	verb_visible(file);
	buf_puts(&b, "\r\033[K");
	if (size) {
		unsigned percent = (unsigned)(done >= size ? 100 : done * 100 / size);
		buf_putc(&b, '[');
		for (unsigned i = 0; i < BAR; i++)
			buf_putc(&b, i < percent * BAR / 100 ? '#' : ' ');
		buf_printf(&b, "] %3u %% of ", percent);
	}
	buf_printf(&b, "%s, %llu lines found", file, (unsigned long long)lines);
	(void)verb_write(j->env->err, &b);
	buf_release(&b);
	j->shown_ns = now_ns;
	j->bar_shown = true;
}

void scan_complain(struct scan_job *j, const char *fmt, ...)
{
	char text[1200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clear_bar(j);
	verb_complain(j->env, "%s", text);
}

void scan_trouble(struct scan_job *j, const struct fault *f)
{
	if (f->code == ERR_CANCELLED) {
		j->stopped = true;
		return;
	}
	j->trouble = true;
	scan_complain(j, "%s", f->text);
}

static void line_was_cut(void *ctx, const char *name, uint64_t line)
{
	scan_complain(ctx, "%s:%llu: the line is longer than %d MiB and is looked at in pieces", name, (unsigned long long)line,
		      CHUNK_LINE_MAX >> 20);
}

/* ---- the table ---- */

static const struct table_view *enter_node(void *ctx)
{
	return table_enter(node_table(ctx));
}

static bool leave_node(void *ctx)
{
	table_leave(node_table(ctx));
	return true;
}

static const struct table_view *enter_snapshot(void *ctx)
{
	return snapshot_view(((struct scan_job *)ctx)->snapshot);
}

/* Once it is not sound it stays so: scan_all() says it, by one thread. */
static bool leave_snapshot(void *ctx)
{
	return snapshot_sound(((struct scan_job *)ctx)->snapshot, NULL) == OK;
}

struct scan_table scan_job_table(struct scan_job *j)
{
	if (j->snapshot)
		return (struct scan_table){ enter_snapshot, leave_snapshot, j };
	return (struct scan_table){ enter_node, leave_node, j->node };
}

/* ---- options ---- */

static bool add_kind(struct span name, uint32_t *kinds)
{
	static const struct {
		const char *name;
		uint32_t kinds;
	} rows[] = {
		{ "ip", 1 << OBS_IPV4 | 1 << OBS_IPV6 | 1 << OBS_CIDR4 | 1 << OBS_CIDR6 },
		{ "domain", 1 << OBS_DOMAIN },
		{ "url", 1 << OBS_URL },
		{ "hash", 1 << OBS_MD5 | 1 << OBS_SHA1 | 1 << OBS_SHA256 | 1 << OBS_SHA512 },
		{ "email", 1 << OBS_EMAIL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is(name, rows[i].name)) {
			*kinds |= rows[i].kinds;
			return true;
		}
	return false;
}

static enum err read_kinds(const char *list, uint32_t *ret_kinds, struct fault *f)
{
	struct span rest = span_str(list ? list : "");
	*ret_kinds = 0;
	while (list) {
		size_t n = span_find(rest, ',');
		if (!add_kind(span_head(rest, n), ret_kinds))
			return fault_set(f, ERR_USAGE, "--kinds: \"" SPAN_FMT "\" is none of ip, domain, url, hash and email",
					 SPAN_ARG(span_head(rest, n < 100 ? n : 100)));
		if (n == rest.n)
			break;
		rest = span_from(rest, n + 1);
	}
	return OK;
}

static enum err read_colour(const struct scan_job *j, bool *ret_colour, struct fault *f)
{
	const char *when = j->o.colour ? j->o.colour : "auto", *term = getenv("TERM");
	*ret_colour = strcmp(when, "always") == 0 ||
		      (strcmp(when, "auto") == 0 && isatty(j->env->out) && term && strcmp(term, "dumb") != 0 && !getenv("NO_COLOR"));
	if (!*ret_colour && strcmp(when, "auto") != 0 && strcmp(when, "never") != 0)
		return fault_set(f, ERR_USAGE, "--color \"%s\" is none of auto, always and never", when);
	return OK;
}

static enum err read_form(const struct scan_flags *o, enum print_form *ret_form, struct fault *f)
{
	if (o->json + o->values + o->lines + o->count > 1)
		return fault_set(f, ERR_USAGE, "--json, --only-matching, --lines and --count are one or the other");
	if (o->values && o->invert)
		return fault_set(f, ERR_USAGE, "--only-matching: lines with nothing listed have no value");
	*ret_form = o->quiet || o->count ? PRINT_NOTHING : o->json ? PRINT_JSON : o->values ? PRINT_VALUES :
		    o->lines || o->invert ? PRINT_LINES : PRINT_ROWS;
	return OK;
}

static enum err read_options(struct scan_job *j, int n, struct scan_options *so, struct fault *f)
{
	const struct scan_flags *o = &j->o;
	enum err e;
	*so = (struct scan_options){
		.threads = (unsigned)o->threads, .min_score = (uint8_t)o->min_score, .clear = CLEARANCE_ALL,
		.count = o->count && !o->quiet, .first = o->quiet && !o->sightings, .stream = { .keep = o->follow },
		.write = write_found, .progress = progress, .wait = o->follow ? scan_follow_wait : NULL,
		.complain = line_was_cut, .ctx = j,
	};
	struct print_options *p = &so->print;
	if ((e = read_kinds(o->kinds, &so->kinds, f)) || (e = read_colour(j, &p->colour, f)) || (e = read_form(o, &p->form, f)))
		return e;
	p->invert = o->invert;
	p->names = (n > 1 || o->recursive || o->names) && !o->no_names;
	p->numbers = o->numbers;
	p->terminal = isatty(j->env->out);
	if (!o->sightings && (o->source || o->lane))
		return fault_set(f, ERR_USAGE, "--source and --lane are for --sightings");
	if (o->follow && (o->recursive || o->count))
		return fault_set(f, ERR_USAGE, "--follow does not end: it goes neither with --count nor with --recursive");
	if (o->sightings && o->source && !source_name_ok(span_str(o->source)))
		return fault_set(f, ERR_USAGE, "--source \"%s\" is not a name: a-z, 0-9, \".\", \"_\" and \"-\", at most %d of them", o->source,
				 SOURCE_NAME_MAX);
	return OK;
}

/* ---- files ---- */

/* Appending what is found to what is read would never end. */
static bool is_output(const struct scan_job *j, const struct stat *st)
{
	return j->out_is_file && S_ISREG(st->st_mode) && st->st_dev == j->out.dev && st->st_ino == j->out.ino;
}

static bool scan_file(void *ctx, int fd, const char *name, bool one_of_many, const struct fault *trouble)
{
	struct scan_job *j = ctx;
	struct stream *in;
	struct stat st;
	struct fault f = { 0 };
	if (trouble) {
		scan_trouble(j, trouble);
		return true;
	}
	bool known = fstat(fd, &st) == 0;
	if (known && is_output(j, &st)) {
		fault_set(&f, ERR_IO, "\"%s\" is the output, too", name);
		close(fd);
	} else if (stream_open(fd, name, &(struct stream_options){ 0 }, &in, &f) == OK) {
		(void)!scan_stream(j->scan, in, known && S_ISREG(st.st_mode) ? st.st_mtime : 0, &f);
	}
	if (f.code)
		scan_trouble(j, &f);
	return !j->stopped;
}

static void scan_name(struct scan_job *j, const char *name, bool many)
{
	struct stat st;
	bool standard = strcmp(name, "-") == 0;
	if (!standard && !j->o.recursive && fstatat(j->env->cwd, name, &st, 0) == 0 && S_ISDIR(st.st_mode)) {
		j->trouble = true;
		scan_complain(j, "\"%s\" is a directory; -r scans what is in it", name);
		return;
	}
	(void)files_each(j->env->cwd, j->env->in, true, true, name, many, scan_file, j);
}

static void look_at_output(struct scan_job *j)
{
	struct stat st;
	j->out_is_file = fstat(j->env->out, &st) == 0 && S_ISREG(st.st_mode);
	j->out = (struct stat_id){ st.st_dev, st.st_ino };
}

/* grep's: trouble is told before all else, but that something was found is enough for who asked only that. */
static int exit_code(struct scan_job *j)
{
	bool found = scan_lines(j->scan) > 0;
	return (j->trouble && !(found && j->o.quiet)) ? EXIT_TROUBLE : found ? SCAN_FOUND : SCAN_NOTHING;
}

static int scan_all(struct scan_job *j, struct scan_options *so, char **names, int n)
{
	char *standard[] = { (char *)"-" };
	if (n == 0)
		names = standard, n = 1;
	j->began_ns = clock_mono_ns();
	j->bar = !j->o.quiet && !j->o.follow && isatty(j->env->err);
	look_at_output(j);
	so->table = scan_job_table(j);
	so->seen = j->seen = j->o.sightings ? hours_new(SEEN_MAX, 3600) : NULL;
	j->scan = scan_new(so);
	if (j->o.follow)
		scan_follow(j, names, n);
	else
		for (int i = 0; i < n && !j->stopped; i++)
			scan_name(j, names[i], n > 1);
	scan_drain(j->scan);
	clear_bar(j);
	struct fault f;
	if (j->snapshot && snapshot_sound(j->snapshot, &f))
		scan_trouble(j, &f);
	else if (j->o.sightings)
		scan_sightings_submit(j);
	int code = exit_code(j);
	scan_free(j->scan);
	hours_free(j->seen);
	return code;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct scan_job j = { .env = env, .signals = -1, .o = { .min_score = 1 } };
	const struct option rows[] = OPTION_ROWS(&j.o);
	struct scan_options so;
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = read_options(&j, n, &so, &f);
	if (e == OK)
		e = edge_look(env, &j.o.edge, &f);
	if (e == OK && j.o.edge.snapshot)
		e = edge_open(env, &j.o.edge, &j.snapshot, &f);
	if (e == OK && (!j.snapshot || j.o.sightings))
		e = node_open_reader(env->dir, &j.node, &f);
	table_reader_init();
	if (e == OK && j.o.sightings)
		e = scan_sightings_check(&j, &f);
	int code = e == ERR_USAGE ? EXIT_USAGE : EXIT_TROUBLE;
	if (e)
		verb_complain(env, "scan: %s", f.text);
	else
		code = scan_all(&j, &so, argv + 1, n);
	table_reader_exit();
	node_close(j.node);
	snapshot_close(j.snapshot);
	return code;
}

static void options(struct buf *out)
{
	struct scan_flags o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_scan = {
	.name = "scan",
	.summary = "Find the listed addresses, domains, URLs, hashes and e-mail addresses in any text",
	.usage = "[OPTION...] [FILE|DIR|-]...",
	.details = "Each hit is a line FILE:LINE:COLUMN: VALUE SCORE CATEGORY; the file name is left out when there is one file.  Without\n"
		   "a FILE, or for '-', standard input is read; what comes through a pipe is looked at as it comes.  gzip, zstd, xz\n"
		   "and bzip2 are unpacked by their content.\n\n"
		   "With --snapshot what is listed is what that file says (sipar snapshot), and no data directory is needed but for\n"
		   "--sightings.\n\n"
		   "--sightings tells the node which listed values were seen, how often and in which hour; nothing else of a line is\n"
		   "kept.\n\n"
		   "Exit status, as grep's: 0 something was found, 1 nothing, 2 trouble (what can be read is scanned all the same).\n",
	.flags = 0,
	.run = run,
	.options = options,
};
