/* Periods, told one at a time: to the docket, to another node, or, by who only watches, through the verb itself where the data directory
 * is open. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/hits_job.h"
#include "codec/json.h"

enum { OLD_S = 7 * 86400 };

static enum err post(struct hits_job *j, struct span body, struct fault *f)
{
	struct buf answer = { 0 };
	unsigned status = 0;
	char shown[HITS_URL_SHOWN];
	fetch_url_shown(j->o->post, shown, sizeof(shown));
	enum err e = fetch_post(j->fetcher, j->o->post, "application/json", body, HITS_ANSWER_MAX, &answer, &status, f);
	if (e == OK && status == 409)
		e = ERR_EXISTS;
	else if (e == OK && (status < 200 || status > 299))
		e = fault_set(f, ERR_IO, "%s answers %u: %.200s", shown, status, buf_cstr(&answer));
	buf_release(&answer);
	return e;
}

/* {"...":N,"known":N,"alarms":N} of the other one. */
static enum err read_answer(struct hits_job *j, int fd, struct fault *f)
{
	struct buf text = { 0 };
	struct json_reader r;
	ssize_t n = pread(fd, buf_reserve(&text, HITS_ANSWER_MAX), HITS_ANSWER_MAX, 0);
	text.n = n > 0 ? (size_t)n : 0;
	enum err e = OK;
	json_init(&r, buf_span(&text), true);
	enum json_token t = json_next(&r);
	while (t == JSON_OBJECT || t == JSON_NUMBER) {
		uint64_t v = 0;
		if ((t = json_next(&r)) != JSON_KEY)
			break;
		struct span key = r.slice;
		if ((t = json_next(&r)) != JSON_NUMBER || num_parse_u64(r.slice, UINT64_MAX, &v))
			break;
		j->alarms += span_is(key, "alarms") ? v : 0;
		e = span_is(key, "known") && v ? ERR_EXISTS : e;
	}
	buf_release(&text);
	return t == JSON_OBJECT_END ? e : fault_set(f, ERR_IO, "there is no answer to the report");
}

static enum err run_verb(struct hits_job *j, struct span body, struct fault *f)
{
	const char *argv[] = { "hits", "--dir", j->env->dir, "--json", "--reports", "-", "--as", j->o->as, NULL };
	struct verb_env env = *j->env;
	struct buf in = { 0 };
	enum err e;
	env.without_node = false;
	env.in = memfd_create("report", MFD_CLOEXEC);
	env.out = memfd_create("answer", MFD_CLOEXEC);
	buf_putspan(&in, body);
	int error = env.in < 0 || env.out < 0 ? errno : verb_write(env.in, &in);
	if (error || lseek(env.in, 0, SEEK_SET) < 0)
		e = fault_set(f, ERR_IO, "a report cannot be made: %s", strerror(error ? error : errno));
	else if (j->env->run(&env, j->o->as ? 8 : 6, (char **)argv) != EXIT_FINE)
		e = fault_set(f, ERR_IO, "a report of hits did not go in");
	else
		e = read_answer(j, env.out, f);
	if (env.in >= 0)
		close(env.in);
	if (env.out >= 0)
		close(env.out);
	buf_release(&in);
	return e;
}

static enum err tell_it(struct hits_job *j, struct fault *f)
{
	struct buf body = { 0 };
	struct hits_taken taken;
	enum err e;
	if (!j->o->post && !j->live) {
		e = node_hits(j->env->node, &j->who, &j->report, &taken, f);
		j->alarms += e == OK ? taken.alarms : 0;
		hits_taken_release(&taken);
		return e;
	}
	hits_report_write(&j->report, &body);
	e = j->o->post ? post(j, buf_span(&body), f) : run_verb(j, buf_span(&body), f);
	buf_release(&body);
	return e;
}

/* One that is too old would be refused for ever. */
static bool is_lost(struct hits_job *j)
{
	if (!j->live || j->report.from_s > clock_ms() / 1000 - OLD_S)
		return false;
	verb_complain(j->env, "hits of more than seven days ago are not told");
	return true;
}

static void end_period(struct hits_job *j)
{
	struct fault f;
	if (!j->report.seconds)
		return;
	j->report.hits = buf_span(&j->list);
	if (!is_lost(j)) {
		enum err e = tell_it(j, &f);
		j->known += e == ERR_EXISTS;
		j->reports += e == OK;
		if (e && e != ERR_EXISTS) {
			j->failed_s = j->period_s;
			j->err = fault_set(j->f, e, "%s", f.text);
		}
	}
	j->report = (struct hits_report){ 0 };
	j->list.n = 0;
}

struct telling {
	struct hits_job *job;
	int64_t until_s;
	struct hours *kept;
};

static void begin_period(struct hits_job *j, int64_t from_s)
{
	int64_t begins = from_s > j->told_s ? from_s : j->told_s, ends = from_s + HITS_PERIOD_S;
	if (j->live && ends > j->now_s)
		ends = j->now_s;
	j->period_s = from_s;
	j->report.from_s = (uint32_t)begins;
	j->report.seconds = ends > begins ? (uint32_t)(ends - begins) : 1;
}

static bool take_count(void *ctx, const struct observable *o, int64_t from_s, uint64_t n)
{
	struct telling *t = ctx;
	struct hits_job *j = t->job;
	if (j->report.seconds && j->period_s != from_s)
		end_period(j);
	if (j->err || from_s >= t->until_s)
		return false;
	if (!j->report.seconds)
		begin_period(j, from_s);
	if (n < HITS_LEAST) {
		j->report.merged_values++;
		j->report.merged_hits += n;
	} else {
		hits_put(&j->list, o, n, HITS_NO_DECISION);
	}
	return true;
}

static bool keep_count(void *ctx, const struct observable *o, int64_t from_s, uint64_t n)
{
	struct telling *t = ctx;
	if (from_s >= t->until_s)
		hours_add_many(t->kept, o, from_s, n);
	return true;
}

static void say_lost(struct hits_job *j)
{
	if (hours_lost(j->hours))
		verb_complain(j->env, "%llu hits are not told: there are more than %d values and periods", (unsigned long long)hours_lost(j->hours), HITS_VALUES_MAX);
}

bool hits_tell(struct hits_job *j, int64_t until_s)
{
	struct telling t = { .job = j, .until_s = until_s };
	j->failed_s = until_s;
	say_lost(j);
	hours_each(j->hours, take_count, &t);
	end_period(j);
	if (!j->live)
		return j->err == OK;
	bool fine = j->err == OK;
	if (!fine)
		verb_complain(j->env, "%s; it is tried again", j->f->text);
	j->err = OK;
	t.until_s = j->failed_s;
	t.kept = hours_new(HITS_VALUES_MAX, HITS_PERIOD_S);
	hours_each(j->hours, keep_count, &t);
	hours_free(j->hours);
	j->hours = t.kept;
	if (j->failed_s > j->told_s && j->failed_s != INT64_MAX)
		j->told_s = j->failed_s;
	return fine;
}
