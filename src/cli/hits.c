/* sipar hits: what resolvers log of blocked names, counted and told; nothing of who asked. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "cli/files.h"
#include "cli/hits_job.h"
#include "cli/lines.h"
#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/hitlog.h"
#include "scan/stamp.h"
#include "sys/fstrm.h"

enum { REPORT_MAX = 64 << 20, HEAD = 12, AHEAD_S = 3600 };

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json), OPTION_AS(&(o)->as),                                           \
		{ 'f', "follow", NULL, "files that grow and are replaced, until a signal", OPTION_FLAG, &(o)->follow, 0 },     \
		{ 0, "dnstap", "SOCKET", "listen there for dnstap of resolvers, until a signal", OPTION_TEXT, &(o)->dnstap, 0 }, \
		{ 0, "feed", "NAME", "what is asked for is blocked when it is in this feed (default: all blocks)", OPTION_TEXT, &(o)->feed, 0 }, \
		{ 0, "post", "URL", "tell another node: http(s)://x:API-KEY@NODE/v1/hits", OPTION_TEXT, &(o)->post, 0 },       \
		{ 0, "reports", NULL, "a FILE is a report that was made before, JSON", OPTION_FLAG, &(o)->reports, 0 }, OPTION_END \
	}

int64_t hits_time(const struct hits_job *j, int64_t at_s)
{
	if (at_s == 0)
		return j->now_s;
	if (!j->live)
		return at_s;
	if (at_s > j->now_s)
		at_s = j->now_s; /* clocks differ a little */
	return at_s > j->told_s ? at_s : j->told_s;
}

bool hits_line(void *ctx, struct span line, uint64_t number)
{
	struct hits_job *j = ctx;
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	bool passed;
	int64_t at_s;
	j->lines++;
	switch (hitlog_line(line, store, &o, &passed)) {
	case OK:
		j->hits += !passed;
		j->passed += passed;
		if (!passed)
			hours_add(j->hours, &o, hits_time(j, stamp_find(line, j->now_s, &at_s) ? at_s : 0));
		break;
	case ERR_SYNTAX:
		if (j->strange++ == 0)
			verb_complain(j->env, "%s:%llu: a line about a policy zone that is not understood", j->name, (unsigned long long)number);
		break;
	default:
		break;
	}
	return (number & 0xffff) != 0 || !verb_cancelled(j->env);
}

/* ---- files ---- */

/* One that was kept, or comes from who only watches. */
static enum err take_report(struct hits_job *j, int fd, struct fault *f)
{
	struct buf text = { 0 };
	struct hits_report report;
	struct hits_taken taken = { 0 };
	ssize_t n = 1;
	while (n > 0 && text.n <= REPORT_MAX && (n = io_read(fd, j->env->caller, buf_reserve(&text, HITS_ANSWER_MAX), HITS_ANSWER_MAX)) > 0)
		text.n += (size_t)n;
	enum err e = n < 0 ? fault_set(f, ERR_IO, "cannot be read") : hits_report_read(buf_span(&text), &report, f);
	if (e == OK)
		e = node_hits(j->env->node, &j->who, &report, &taken, f);
	j->reports += e == OK;
	j->known += e == ERR_EXISTS;
	j->alarms += e == OK ? taken.alarms : 0;
	hits_taken_release(&taken);
	buf_release(&text);
	return e == ERR_EXISTS ? OK : e;
}

/* What a decision blocks, or another node's feed. */
static enum err know_names(struct hits_job *j, struct fault *f)
{
	if (j->o->post && !j->o->feed)
		return fault_set(f, ERR_USAGE, "dnstap has all that is asked for: say with --feed which feed of the other node it is compared with");
	return j->o->post && !j->names ? hits_names_fetch(j, f) : OK;
}

static bool is_frames(int fd)
{
	uint8_t head[HEAD];
	return pread(fd, head, sizeof(head), 0) == HEAD && fstrm_begins(span_of(head, HEAD));
}

static bool take_file(void *ctx, int fd, const char *name, bool one_of_many, const struct fault *trouble)
{
	struct hits_job *j = ctx;
	(void)one_of_many;
	j->name = name;
	if (trouble)
		j->err = fault_set(j->f, trouble->code, "%s", trouble->text);
	else if (j->o->reports)
		j->err = take_report(j, fd, j->f);
	else if (is_frames(fd))
		j->err = (j->err = know_names(j, j->f)) ? j->err : hits_frames_file(j, fd, j->f);
	else
		j->err = lines_each(fd, j->env->caller, hits_line, j, j->f);
	if (j->err && !trouble && j->err != ERR_USAGE)
		(void)fault_at(j->f, "%s", name);
	if (fd >= 0)
		close(fd);
	return j->err == OK;
}

static void take_files(struct hits_job *j, char **names, int n)
{
	char *standard[] = { (char *)"-" };
	if (n == 0)
		names = standard, n = 1;
	for (int i = 0; i < n && j->err == OK; i++)
		files_each(j->env->cwd, j->env->in, true, false, names[i], n > 1, take_file, j);
	if (j->err == OK)
		(void)hits_tell(j, INT64_MAX);
}

/* ---- all of it ---- */

static void tell(const struct hits_job *j)
{
	struct buf out = { 0 };
	buf_printf(&out, j->o->json ? "{\"lines\":%llu,\"frames\":%llu,\"hits\":%llu,\"passed\":%llu,\"not_understood\":%llu,\"reports\":%llu,\"known\":%llu,\"alarms\":%llu}\n" :
		   "%llu lines, %llu frames, %llu hits, %llu passed through, %llu not understood; %llu reports, %llu periods told of before, %llu alarms\n",
		   (unsigned long long)j->lines, (unsigned long long)j->frames, (unsigned long long)j->hits, (unsigned long long)j->passed,
		   (unsigned long long)j->strange, (unsigned long long)j->reports, (unsigned long long)j->known, (unsigned long long)j->alarms);
	verb_out(j->env, &out);
	buf_release(&out);
}

static bool is_gone(void *ctx)
{
	return verb_cancelled(ctx);
}

/* The feed whose blocks count. */
static enum err choose_feed(struct hits_job *j, struct fault *f)
{
	const char *name = j->o->feed;
	struct feeds *feeds = feeds_new();
	const struct feed *feed = NULL;
	enum err e = OK;
	feed_defaults(&j->feed);
	if (name && !j->o->post && (e = feeds_read(j->env->dir, feeds, f)) == OK) {
		feed = feeds_find(feeds, name);
		if (!feed || feed->type == FEED_SNAPSHOT)
			e = fault_set(f, ERR_NOTFOUND, "there is no feed \"%s\" of decisions", name);
		else
			j->feed = *feed;
	}
	feeds_drop(feeds);
	return e;
}

static enum err count(struct hits_job *j, int n, char **argv)
{
	j->now_s = clock_ms() / 1000;
	j->hours = hours_new(HITS_VALUES_MAX, HITS_PERIOD_S);
	j->fetcher = j->o->post ? fetcher_new(is_gone, j->env) : NULL;
	j->live = j->o->follow || j->o->dnstap;
	j->node = j->env->node;
	j->err = choose_feed(j, j->f);
	if (j->err == OK && j->o->dnstap)
		j->err = know_names(j, j->f);
	if (j->err == OK && j->live)
		hits_live(j, argv + 1, n);
	else if (j->err == OK)
		take_files(j, argv + 1, n);
	if (j->err == OK)
		tell(j);
	hours_free(j->hours);
	hits_names_free(j->names);
	if (j->fetcher)
		fetcher_free(j->fetcher);
	buf_release(&j->list);
	return j->err;
}

static bool ends_in_hits(const char *url)
{
	struct span s = span_str(url), end = SPAN_LIT("/v1/hits");
	return s.n > end.n && span_eq(span_from(s, s.n - end.n), end);
}

static enum err look_at_options(const struct hits_options *o, int n, struct fault *f)
{
	if (o->dnstap && (o->follow || n))
		return fault_set(f, ERR_USAGE, "--dnstap listens: it goes neither with FILEs nor with --follow");
	if (o->follow && !n)
		return fault_set(f, ERR_USAGE, "--follow wants the FILEs that it is to follow");
	if (o->reports && (o->dnstap || o->follow || o->post || o->feed))
		return fault_set(f, ERR_USAGE, "--reports goes with --dir, --as and --json alone");
	if (o->post && o->dnstap && !o->feed)
		return fault_set(f, ERR_USAGE, "dnstap has all that is asked for: say with --feed which feed of the other node it is compared with");
	if (o->post && o->feed && !ends_in_hits(o->post))
		return fault_set(f, ERR_USAGE, "with --feed, the URL of --post ends in /v1/hits: the feed is beside it");
	return OK;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct hits_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct spoken spoken;
	struct fault f;
	int n;
	struct hits_job j = { .env = env, .o = &o, .who = { spoken.party, spoken.by }, .f = &f };
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = look_at_options(&o, n, &f);
	if (e == OK)
		e = speaker_parse(o.as, &spoken, &f);
	bool alone = o.post || o.follow || o.dnstap, again = env->without_node;
	env->without_node |= alone;
	if (e == OK && (env->node || (alone && again)))
		e = count(&j, n, argv);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct hits_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_hits = {
	.name = "hits",
	.summary = "Count what resolvers log of blocked values, and tell it without a trace of who asked",
	.usage = "[OPTION...] [FILE...]",
	.details = "Reads the logs of Unbound (rpz-log: yes) and BIND (category rpz), and dnstap: files of Frame Streams, or with --dnstap what\n"
		   "resolvers send to a socket. Hits are counted by the blocked value and five minutes; values with fewer than 5 become one sum.\n"
		   "In dnstap a hit is a client's question for a name that is blocked; where a resolver tells of responses, too, these count.\n\n"
		   "A report is one entry of the lane \"decisions\" for each reporter (--as) and period, and a period\n"
		   "that was told of is not told again, so that the same log can be read once more.  A block that is met as often as sipar.conf says (spike)\n"
		   "is suspended until somebody has looked, if it is for phishing, malware or exploitation.\n\n"
		   "--follow and --dnstap tell each period when it is over.  At the end --dnstap tells what it has; --follow does not tell a period\n"
		   "that is not over, which is read again the next time.  With --post and --feed the names of that feed are fetched once a minute\n"
		   "and compared here: no other name leaves.\n\n"
		   "Exit status: 0 told, 2 not, or not all.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
