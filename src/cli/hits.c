/* sipar hits: what resolvers log of blocked names, counted and told; nothing of who asked. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/files.h"
#include "cli/lines.h"
#include "cli/option.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "codec/hitlog.h"
#include "codec/json.h"
#include "scan/hours.h"
#include "scan/stamp.h"
#include "sys/fetch.h"
#include "view/hits.h"

enum { ANSWER_MAX = 1 << 16, URL_SHOWN = 200 };

struct hits_options {
	const char *dir, *as, *post;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json), OPTION_AS(&(o)->as),                                           \
		{ 0, "post", "URL", "tell another node: http(s)://x:API-KEY@NODE/v1/hits", OPTION_TEXT, &(o)->post, 0 }, OPTION_END \
	}

struct counting {
	struct verb_env *env;
	const struct hits_options *o;
	struct speaker who;
	struct hours *hours;
	struct fetcher *fetcher;
	const char *name;             /* of the file that is read */
	int64_t now_s;
	uint64_t lines, hits, passed, strange, reports, known, alarms; /* known: periods that were told of before */
	/* the report of one period */
	struct hits_report report;
	struct buf list;
	enum err err;
	struct fault *f;
};

static bool take_line(void *ctx, struct span line, uint64_t number)
{
	struct counting *c = ctx;
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	bool passed;
	int64_t at_s;
	c->lines++;
	switch (hitlog_line(line, store, &o, &passed)) {
	case OK:
		c->hits += !passed;
		c->passed += passed;
		if (!passed)
			hours_add(c->hours, &o, stamp_find(line, c->now_s, &at_s) ? at_s : c->now_s);
		break;
	case ERR_SYNTAX:
		if (c->strange++ == 0)
			verb_complain(c->env, "%s:%llu: a line about a policy zone that is not understood", c->name, (unsigned long long)number);
		break;
	default:
		break;
	}
	return (number & 0xffff) != 0 || !verb_cancelled(c->env);
}

static bool take_file(void *ctx, int fd, const char *name, bool one_of_many, const struct fault *trouble)
{
	struct counting *c = ctx;
	(void)one_of_many;
	c->name = name;
	if (trouble)
		c->err = fault_set(c->f, trouble->code, "%s", trouble->text);
	else if ((c->err = lines_each(fd, c->env->caller, take_line, c, c->f)) != OK)
		(void)fault_at(c->f, "%s", name);
	if (fd >= 0)
		close(fd);
	return c->err == OK;
}

static enum err post(struct counting *c, unsigned *ret_alarms)
{
	struct buf body = { 0 }, answer = { 0 };
	unsigned status = 0;
	char shown[URL_SHOWN];
	hits_report_write(&c->report, &body);
	fetch_url_shown(c->o->post, shown, sizeof(shown));
	enum err e = fetch_post(c->fetcher, c->o->post, "application/json", buf_span(&body), ANSWER_MAX, &answer, &status, c->f);
	if (e == OK && status == 409)
		e = ERR_EXISTS;
	else if (e == OK && (status < 200 || status > 299))
		e = fault_set(c->f, ERR_IO, "%s answers %u: %.200s", shown, status, buf_cstr(&answer));
	*ret_alarms = 0;
	buf_release(&body);
	buf_release(&answer);
	return e;
}

static void end_period(struct counting *c)
{
	unsigned alarms = 0;
	if (c->err || !c->report.seconds)
		return;
	c->report.hits = buf_span(&c->list);
	enum err e = c->o->post ? post(c, &alarms) : docket_hits(node_docket(c->env->node), &c->who, &c->report, &alarms, c->f);
	c->known += e == ERR_EXISTS;
	c->reports += e == OK;
	c->alarms += alarms;
	c->err = e == ERR_EXISTS ? OK : e;
	c->report = (struct hits_report){ 0 };
	c->list.n = 0;
}

static bool take_count(void *ctx, const struct observable *o, int64_t from_s, uint64_t n)
{
	struct counting *c = ctx;
	if ((int64_t)c->report.from_s != from_s)
		end_period(c);
	c->report.from_s = (uint32_t)from_s;
	c->report.seconds = HITS_PERIOD_S;
	if (n < HITS_LEAST) {
		c->report.merged_values++;
		c->report.merged_hits += n;
	} else {
		hits_put(&c->list, o, n, HITS_NO_DECISION);
	}
	return c->err == OK;
}

static void tell(const struct counting *c)
{
	struct buf out = { 0 };
	buf_printf(&out, c->o->json ? "{\"lines\":%llu,\"hits\":%llu,\"passed\":%llu,\"not_understood\":%llu,\"reports\":%llu,\"known\":%llu,\"alarms\":%llu}\n" :
		   "%llu lines, %llu hits, %llu passed through, %llu not understood; %llu reports, %llu periods told of before, %llu alarms\n",
		   (unsigned long long)c->lines, (unsigned long long)c->hits, (unsigned long long)c->passed, (unsigned long long)c->strange,
		   (unsigned long long)c->reports, (unsigned long long)c->known, (unsigned long long)c->alarms);
	verb_out(c->env, &out);
	buf_release(&out);
}

static bool is_gone(void *ctx)
{
	return verb_cancelled(ctx);
}

static enum err count(struct counting *c, int n, char **argv)
{
	c->now_s = clock_ms() / 1000;
	c->hours = hours_new(HITS_VALUES_MAX, HITS_PERIOD_S);
	c->fetcher = c->o->post ? fetcher_new(is_gone, c->env) : NULL;
	for (int i = 1; i <= n && c->err == OK; i++)
		files_each(c->env->cwd, c->env->in, true, false, argv[i], n > 1, take_file, c);
	if (n == 0) {
		c->name = "(standard input)";
		c->err = lines_each(c->env->in, c->env->caller, take_line, c, c->f);
	}
	if (hours_lost(c->hours))
		verb_complain(c->env, "%llu hits are not told: there are more than %d values and periods", (unsigned long long)hours_lost(c->hours), HITS_VALUES_MAX);
	if (c->err == OK) {
		hours_each(c->hours, take_count, c);
		end_period(c);
	}
	if (c->err == OK)
		tell(c);
	hours_free(c->hours);
	if (c->fetcher)
		fetcher_free(c->fetcher);
	buf_release(&c->list);
	return c->err;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct hits_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct spoken spoken;
	struct fault f;
	int n;
	struct counting c = { .env = env, .o = &o, .who = { spoken.party, spoken.by }, .f = &f };
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = speaker_parse(o.as, &spoken, &f);
	bool again = env->without_node;
	env->without_node |= o.post != NULL;
	if (e == OK && (env->node || (o.post && again)))
		e = count(&c, n, argv);
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
	.details = "Reads the logs of Unbound (rpz-log: yes) and BIND (category rpz).  Hits are counted by the blocked value and five minutes; values\n"
		   "with fewer than 5 become one sum.  A report is one entry of the lane \"decisions\" for each reporter (--as) and period, and a period\n"
		   "that was told of is not told again, so that the same log can be read once more.  A block that is met as often as sipar.conf says (spike)\n"
		   "is suspended until somebody has looked, if it is for phishing, malware or exploitation.\n\n"
		   "Exit status: 0 told, 2 not, or not all.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
