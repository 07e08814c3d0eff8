/* Sightings: one JSON object for each listed observable and hour, given to the verb "import" as if a user had written them.
 *
 * Two things are left out.  What is listed only by lanes whose audience is narrower than that of the lane that is written to: the
 * sighting would tell that it is listed.  And what is listed by nothing but the same source's sightings: the log would be its own
 * evidence, and a value that was listed once would be listed for ever. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/scan_job.h"
#include "codec/json.h"

struct telling {
	struct scan_job *job;
	struct node *node;
	clearance clear;
	uint32_t now_s;
	struct buf text;
	uint64_t told, times, narrow, own;
};

static const char *source_of(const struct scan_job *j)
{
	return j->o.source ? j->o.source : "scan";
}

static const char *lane_of(const struct scan_job *j)
{
	return j->o.lane ? j->o.lane : "public";
}

/* Who may read the lane may know of these. */
static enum err clearance_of(struct scan_job *j, struct node *n, clearance *ret_clear, struct fault *f)
{
	struct lane lane;
	if (ledger_lane_find(node_ledger(n), CLEARANCE_ALL, lane_of(j), &lane))
		return fault_set(f, ERR_NOTFOUND, "there is no lane \"%s\"", lane_of(j));
	*ret_clear = ledger_clearance(node_ledger(n), lane.tlp) | (clearance)1 << lane.number;
	return OK;
}

enum err scan_sightings_check(struct scan_job *j, struct fault *f)
{
	clearance ignored;
	return clearance_of(j, j->node, &ignored, f);
}

static bool is_its_own(const struct scan_job *j, const struct reputation *r, const struct meaning *m)
{
	const struct source *own = source_find(m->sources, span_str(source_of(j)));
	return own && r->verdict.n_sources == 1 && r->verdict.sources[0] == own->number;
}

static bool tell(void *ctx, const struct observable *o, int64_t hour_s, uint64_t count)
{
	struct telling *t = ctx;
	struct reputation r;
	char hour[32];
	const struct table_view *v = table_enter(node_table(t->node));
	reputation_of(v, o, t->clear, t->now_s, &r, NULL, NULL);
	bool own = r.verdict.listed && is_its_own(t->job, &r, v->context);
	table_leave(node_table(t->node));
	t->narrow += !r.verdict.listed;
	t->own += own;
	if (!r.verdict.listed || own)
		return true;
	time_format(hour_s, hour);
	struct buf value = { 0 };
	obs_format(o, &value);
	buf_puts(&t->text, "{\"indicator\":");
	json_put_string(&t->text, buf_span(&value));
	buf_printf(&t->text, ",\"last_seen\":\"%s\",\"count\":%llu}\n", hour, (unsigned long long)count);
	buf_release(&value);
	t->told++;
	t->times += count;
	return true;
}

static enum err import(struct scan_job *j, struct buf *text, struct fault *f)
{
	struct verb_env env = *j->env;
	char *argv[] = {
		(char *)"import", (char *)"--dir", (char *)j->env->dir, (char *)"--source", (char *)source_of(j), (char *)"--lane", (char *)lane_of(j),
		(char *)"--as", (char *)"sighting", (char *)"--format", (char *)"jsonl", (char *)"-", NULL,
	};
	int fd = memfd_create("sightings", MFD_CLOEXEC);
	int error = fd < 0 ? errno : verb_write(fd, text);
	if (error || lseek(fd, 0, SEEK_SET) < 0) {
		if (fd >= 0)
			close(fd);
		return fault_set(f, ERR_IO, "sightings cannot be gathered: %s", strerror(error ? error : errno));
	}
	env.in = fd;
	env.out = env.err; /* standard output is for what was found */
	int code = j->env->run(&env, (int)COUNT_OF(argv) - 1, argv);
	close(fd);
	return code == EXIT_FINE ? OK : fault_set(f, ERR_IO, "the sightings did not go in");
}

static void say_left_out(struct scan_job *j, const struct telling *t)
{
	if (t->narrow)
		scan_complain(j, "%llu sightings are left out: what is listed there is not for all who may read lane \"%s\" (or no longer listed)",
			      (unsigned long long)t->narrow, lane_of(j));
	if (t->own)
		scan_complain(j, "%llu sightings are left out: only earlier sightings of \"%s\" say that these are bad", (unsigned long long)t->own,
			      source_of(j));
	if (seen_lost(j->seen)) {
		scan_complain(j, "%llu hits are not counted as sightings: there are more than %d pairs of value and hour", (unsigned long long)seen_lost(j->seen), SEEN_MAX);
		j->trouble = true;
	}
}

void scan_sightings_submit(struct scan_job *j)
{
	struct telling t = { .job = j, .now_s = (uint32_t)(clock_ms() / 1000) };
	struct fault f = { 0 };
	if (seen_pairs(j->seen) && node_open_reader(j->env->dir, &t.node, &f) == OK && clearance_of(j, t.node, &t.clear, &f) == OK)
		seen_each(j->seen, tell, &t);
	node_close(t.node);
	if (f.code == OK && t.told && import(j, &t.text, &f) == OK)
		scan_complain(j, "%llu sightings of listed values (%llu times) went in as source \"%s\"", (unsigned long long)t.told,
			      (unsigned long long)t.times, source_of(j));
	else if (f.code == OK)
		scan_complain(j, "no sightings went in");
	if (f.code)
		scan_trouble(j, &f);
	say_left_out(j, &t);
	buf_release(&t.text);
	seen_clear(j->seen);
}
