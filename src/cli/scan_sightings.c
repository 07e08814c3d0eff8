/* Sightings: one JSON object for each listed observable and hour, given to the verb "import" as if a user had written them.
 *
 * Two things are left out.  What is listed only by lanes whose audience is narrower than that of the lane that is written to: the
 * sighting would tell that it is listed.  And what is listed by nothing but the same source's sightings: the log would be its own
 * evidence, and a value that was listed once would be listed for ever. */
#include <errno.h>
#include <fcntl.h>
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

enum source_state { SOURCE_NONE, SOURCE_STANDS, SOURCE_REPLACES };

static enum source_state look_at_source(const struct scan_job *j, struct node *n)
{
	const struct meaning *m = table_enter(node_table(n))->context;
	const struct source *s = source_find(m->sources, span_str(source_of(j)));
	enum source_state state = !s || s->removed ? SOURCE_NONE : s->snapshot ? SOURCE_REPLACES : SOURCE_STANDS;
	table_leave(node_table(n));
	return state;
}

static enum err is_snapshot(const struct scan_job *j, struct fault *f)
{
	return fault_set(f, ERR_EXISTS, "source \"%s\" is a snapshot: sightings would replace each other; name another --source, or change it "
			 "with \"sipar source set %s --type event\"", source_of(j), source_of(j));
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
	if (look_at_source(j, j->node) == SOURCE_REPLACES)
		return is_snapshot(j, f);
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
	buf_printf(&t->text, ",\"category\":\"%s\",\"last_seen\":\"%s\",\"count\":%llu}\n", category_row(r.verdict.category)->name, hour,
		   (unsigned long long)count);
	buf_release(&value);
	t->told++;
	t->times += count;
	return true;
}

/* Another verb on the data directory, which tells nothing but what is wrong.  `argv` is ended by NULL. */
static enum err run_verb(struct scan_job *j, int in, const char *const *argv, struct fault *f)
{
	struct verb_env env = *j->env;
	char *copy[20];
	int n = 0;
	while (argv[n])
		copy[n] = (char *)argv[n], n++;
	copy[n] = NULL;
	env.in = in;
	env.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (env.out < 0)
		return fault_set(f, ERR_IO, "\"/dev/null\" cannot be opened: %s", strerror(errno));
	int code = j->env->run(&env, n, copy);
	close(env.out);
	return code == EXIT_FINE ? OK : fault_set(f, ERR_IO, "the sightings did not go in");
}

/* Each sighting stands until it decays.  That a thing was met here makes it hardly worse than it is: the weight is the least. */
static enum err add_source(struct scan_job *j, struct node *n, struct fault *f)
{
	const char *const argv[] = { "source", "--dir", j->env->dir, "add", source_of(j), "--type", "event", "--weight", "1", NULL };
	enum source_state state = look_at_source(j, n);
	if (state == SOURCE_REPLACES)
		return is_snapshot(j, f);
	return state == SOURCE_STANDS ? OK : run_verb(j, j->env->in, argv, f);
}

/* All of it or nothing. */
static enum err import(struct scan_job *j, struct buf *text, struct fault *f)
{
	const char *const argv[] = { "import", "--dir", j->env->dir, "--source", source_of(j), "--lane", lane_of(j), "--as", "sighting",
				     "--format", "jsonl", "--strict", "--quiet", "-", NULL };
	int fd = memfd_create("sightings", MFD_CLOEXEC);
	int error = fd < 0 ? errno : verb_write(fd, text);
	enum err e;
	if (error || lseek(fd, 0, SEEK_SET) < 0)
		e = fault_set(f, ERR_IO, "sightings cannot be gathered: %s", strerror(error ? error : errno));
	else
		e = run_verb(j, fd, argv, f);
	if (fd >= 0)
		close(fd);
	return e;
}

static void say_left_out(struct scan_job *j, const struct telling *t)
{
	if (t->narrow)
		scan_complain(j, "%llu sightings are left out: what is listed there is not for all who may read lane \"%s\" (or no longer listed)",
			      (unsigned long long)t->narrow, lane_of(j));
	if (t->own)
		scan_complain(j, "%llu sightings are left out: only earlier sightings of \"%s\" say that these are bad", (unsigned long long)t->own,
			      source_of(j));
	if (hours_lost(j->seen)) {
		scan_complain(j, "%llu hits are not counted as sightings: there are more than %d pairs of value and hour", (unsigned long long)hours_lost(j->seen), SEEN_MAX);
		j->trouble = true;
	}
}

void scan_sightings_submit(struct scan_job *j)
{
	struct telling t = { .job = j, .now_s = (uint32_t)(clock_ms() / 1000) };
	struct fault f = { 0 };
	if (hours_pairs(j->seen) && node_open_reader(j->env->dir, &t.node, &f) == OK && clearance_of(j, t.node, &t.clear, &f) == OK)
		hours_each(j->seen, tell, &t);
	if (f.code == OK && t.told && add_source(j, t.node, &f) == OK && import(j, &t.text, &f) == OK)
		scan_complain(j, "%llu sightings of listed values (%llu times) went in as source \"%s\"", (unsigned long long)t.told,
			      (unsigned long long)t.times, source_of(j));
	else if (f.code == OK)
		scan_complain(j, "no sightings went in");
	if (f.code)
		scan_trouble(j, &f);
	say_left_out(j, &t);
	node_close(t.node);
	buf_release(&t.text);
	hours_clear(j->seen);
}
