#include "peer/collector.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "peer/pull.h"

enum { PATH_HERE = 4096 };

/* Threads look by turns who is due: the list is in memory, and when each is due is known without a file. */
struct due {
	char source[SOURCE_NAME_MAX + 1];
	int64_t next_ms;
	bool busy; /* one of our threads has it */
};

struct collector {
	struct node *node;
	pthread_t thread[COLLECTOR_THREADS];
	unsigned n_threads;
	pthread_mutex_t lock;
	pthread_cond_t wakes;
	struct pulls pulls;
	struct due *due; /* of each of them */
	struct timespec changed; /* the file was, when it was read */
	ino_t inode;
	atomic_bool stop;
};

static bool stopping(void *ctx)
{
	struct collector *p = ctx;
	return p->stop;
}

static int64_t next_of(struct collector *p, const char *source)
{
	struct health h;
	return health_read(node_dir(p->node), source, &h, NULL) ? 0 : h.next_ms;
}

static bool is_busy(const struct collector *p, const char *source)
{
	for (unsigned i = 0; i < p->pulls.n; i++)
		if (strcmp(p->due[i].source, source) == 0)
			return p->due[i].busy;
	return false;
}

/* A file that cannot be read leaves the settings as they were. */
static void read_settings(struct collector *p)
{
	char path[PATH_HERE];
	struct stat st = { 0 };
	struct pulls now = { 0 };
	struct fault f;
	snprintf(path, sizeof(path), "%s/pulls.conf", node_dir(p->node));
	if (stat(path, &st))
		st = (struct stat){ 0 };
	if (st.st_ino == p->inode && st.st_mtim.tv_sec == p->changed.tv_sec && st.st_mtim.tv_nsec == p->changed.tv_nsec)
		return;
	p->inode = st.st_ino;
	p->changed = st.st_mtim;
	if (pulls_read(node_dir(p->node), &now, &f)) {
		log_line(LOG_ERROR, "pulls: %s", f.text);
		pulls_release(&now);
		return;
	}
	struct due *due = mem_zalloc((now.n + 1) * sizeof(*due));
	for (unsigned i = 0; i < now.n; i++) {
		snprintf(due[i].source, sizeof(due[i].source), "%s", now.v[i].source);
		due[i].next_ms = next_of(p, now.v[i].source);
		due[i].busy = is_busy(p, now.v[i].source);
	}
	free(p->due);
	pulls_release(&p->pulls);
	p->pulls = now;
	p->due = due;
}

static struct due *find_due(struct collector *p, const char *source)
{
	for (unsigned i = 0; i < p->pulls.n; i++)
		if (strcmp(p->due[i].source, source) == 0)
			return &p->due[i];
	return NULL;
}

/* The one that waits longest.  Somebody may have pulled it by hand meanwhile. */
static bool take_due(struct collector *p, struct pull *ret_pull)
{
	int64_t now = clock_ms();
	struct due *first = NULL;
	for (unsigned i = 0; i < p->pulls.n; i++) {
		struct due *d = &p->due[i];
		if (!d->busy && d->next_ms <= now && (!first || d->next_ms < first->next_ms))
			first = d;
	}
	if (!first)
		return false;
	first->next_ms = next_of(p, first->source);
	if (first->next_ms > now)
		return false; /* another one may be due: at the next look */
	first->busy = true;
	*ret_pull = p->pulls.v[first - p->due];
	return true;
}

static void tell(const struct pull *pull, enum err e, const struct pull_report *r, const struct fault *f)
{
	if (e == OK && !r->unchanged)
		log_line(LOG_INFO, "pull: source \"%s\": %llu records read, %llu accepted, %llu rejected", pull->source, (unsigned long long)r->counts.read,
			 (unsigned long long)r->counts.accepted, (unsigned long long)r->counts.rejected);
	else if (e && e != ERR_CANCELLED && e != ERR_BUSY)
		log_line(LOG_WARNING, "pull: source \"%s\": %s", pull->source, f->text);
}

static void pull_one(struct collector *p, const struct pull *pull)
{
	const struct pull_watch w = { .cancelled = stopping, .ctx = p };
	struct pull_report r;
	struct fault f = { .text = "" };
	enum err e = pull_source(p->node, pull, &w, &r, &f);
	tell(pull, e, &r, &f);
	pthread_mutex_lock(&p->lock);
	struct due *d = find_due(p, pull->source);
	if (d) {
		d->busy = false;
		d->next_ms = next_of(p, pull->source);
		if (d->next_ms <= clock_ms()) /* busy, or its health cannot be written: not at once again */
			d->next_ms = clock_ms() + 5000;
	}
	pthread_mutex_unlock(&p->lock);
}

static void *run(void *arg)
{
	struct collector *p = arg;
	struct pull *pull = mem_zalloc(sizeof(*pull));
	table_reader_init();
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		read_settings(p);
		if (take_due(p, pull)) {
			pthread_mutex_unlock(&p->lock);
			pull_one(p, pull);
			explicit_bzero(pull, sizeof(*pull));
			pthread_mutex_lock(&p->lock);
			continue;
		}
		struct timespec at;
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec++;
		if (!p->stop)
			pthread_cond_timedwait(&p->wakes, &p->lock, &at);
	}
	pthread_mutex_unlock(&p->lock);
	table_reader_exit();
	free(pull);
	return NULL;
}

struct collector *collector_new(struct node *n)
{
	struct collector *p = mem_zalloc(sizeof(*p));
	pthread_condattr_t monotonic;
	p->node = n;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wakes, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return p;
}

enum err collector_start(struct collector *p, struct fault *f)
{
	while (p->n_threads < COLLECTOR_THREADS && pthread_create(&p->thread[p->n_threads], NULL, run, p) == 0)
		p->n_threads++;
	return p->n_threads == COLLECTOR_THREADS ? OK : fault_set(f, ERR_IO, "threads for pulling sources cannot be started");
}

void collector_free(struct collector *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->wakes);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->wakes);
	pthread_mutex_destroy(&p->lock);
	pulls_release(&p->pulls);
	free(p->due);
	free(p);
}

/* ---- metrics ---- */

struct seen {
	char source[SOURCE_NAME_MAX + 1];
	struct health health;
};

static double good_s(const struct health *h) { return (double)h->good_ms / 1000; }
static double lag_s(const struct health *h) { return h->good_ms ? (double)(clock_ms() - h->good_ms) / 1000 : -1; }
static double tried_s(const struct health *h) { return (double)h->tried_ms / 1000; }
static double up(const struct health *h) { return h->good_ms && !h->failures; }
static double failures(const struct health *h) { return (double)h->failures; }
static double pulls_all(const struct health *h) { return (double)h->pulls; }
static double failed_all(const struct health *h) { return (double)h->failed; }
static double objects_all(const struct health *h) { return (double)h->objects_all; }

static const struct {
	const char *name, *type, *help;
	double (*of)(const struct health *h);
} metrics[] = {
	{ "up", "gauge", "Whether the last pull of the source went well.", up },
	{ "lag_seconds", "gauge", "Since the source was last known to be here as it is there; -1: never.", lag_s },
	{ "success_timestamp_seconds", "gauge", "When a pull of the source last went well.", good_s },
	{ "try_timestamp_seconds", "gauge", "When a pull of the source was last tried.", tried_s },
	{ "failures", "gauge", "Pulls of the source that failed in a row.", failures },
	{ "tries_total", "counter", "Pulls of the source.", pulls_all },
	{ "failed_total", "counter", "Pulls of the source that failed.", failed_all },
	{ "objects_total", "counter", "Records of the source that were accepted.", objects_all },
};

/* The files are read, for they hold what verbs have pulled, too. */
static unsigned look(struct collector *p, clearance clear, struct seen **ret_seen)
{
	struct lane lane;
	unsigned n = 0;
	pthread_mutex_lock(&p->lock);
	struct seen *seen = mem_zalloc((p->pulls.n + 1) * sizeof(*seen));
	for (unsigned i = 0; i < p->pulls.n; i++) {
		const struct pull *v = &p->pulls.v[i];
		if (ledger_lane_find(node_ledger(p->node), clear, v->lane[0] ? v->lane : "public", &lane))
			continue;
		snprintf(seen[n++].source, sizeof(seen->source), "%s", v->source);
	}
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < n; i++)
		(void)!health_read(node_dir(p->node), seen[i].source, &seen[i].health, NULL);
	*ret_seen = seen;
	return n;
}

void collector_metrics(struct collector *p, clearance clear, struct buf *out)
{
	struct seen *seen;
	unsigned n = look(p, clear, &seen);
	for (size_t m = 0; m < COUNT_OF(metrics) && n; m++) {
		buf_printf(out, "# HELP sipar_pull_%s %s\n# TYPE sipar_pull_%s %s\n", metrics[m].name, metrics[m].help, metrics[m].name, metrics[m].type);
		for (unsigned i = 0; i < n; i++)
			buf_printf(out, "sipar_pull_%s{source=\"%s\"} %.15g\n", metrics[m].name, seen[i].source, metrics[m].of(&seen[i].health));
	}
	free(seen);
}
