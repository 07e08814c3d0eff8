#include "peer/pull_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/formats.h"
#include "peer/schedule.h"
#include "sys/digest.h"

enum { PATH_HERE = 4096, REPORT_EVERY_NS = 100000000 };

bool pulling_cancelled(struct pulling *x)
{
	return x->w->cancelled && x->w->cancelled(x->w->ctx);
}

uint64_t pulling_octets_max(const struct pulling *x)
{
	return x->p->max_octets ? x->p->max_octets : PULL_OCTETS_DEFAULT;
}

static void report(struct pulling *x, uint64_t records)
{
	uint64_t t = clock_mono_ns();
	if (!x->w->progress || t - x->reported_ns < REPORT_EVERY_NS)
		return;
	x->reported_ns = t;
	x->w->progress(x->w->ctx, x->report->octets, x->report->counts.read + records);
}

void pulling_came(struct pulling *x, size_t n)
{
	x->report->octets += n;
	report(x, 0);
}

enum err pulling_get(struct pulling *x, struct get *g, struct fault *f)
{
	x->report->requests++;
	g->status = 0;
	enum err e = get_run(x->fetcher, x->p, g, f);
	if (g->status)
		x->health->status = g->status;
	x->retry_s = g->status ? g->retry_s : 0;
	return e ? e : g->status == 200 || g->status == 304 ? OK : get_refused(g, f);
}

enum err pulling_file(struct pulling *x, int *ret_fd, struct fault *f)
{
	char path[PATH_HERE];
	snprintf(path, sizeof(path), "%s/pulls/%s.XXXXXX", node_dir(x->node), x->p->source);
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return fault_set(f, ERR_IO, "a file cannot be made in \"%s/pulls\": %s", node_dir(x->node), strerror(errno));
	unlink(path);
	*ret_fd = fd;
	return OK;
}

enum err pulling_keep(struct pulling *x, struct fault *f)
{
	return health_write(node_dir(x->node), x->p->source, x->health, f);
}

/* ---- imports ---- */

static void complain(void *ctx, const char *place, const char *reason)
{
	struct pulling *x = ctx;
	if (x->w->complain)
		x->w->complain(x->w->ctx, place, reason);
}

static bool progress(void *ctx, const struct import_counts *c, uint64_t done, uint64_t size)
{
	struct pulling *x = ctx;
	report(x, c->read);
	x->too_large = c->octets / UNPACKED_TIMES > pulling_octets_max(x);
	return !x->too_large && !pulling_cancelled(x);
}

static enum err begin(struct pulling *x, const struct feed_format *format, const char *why, struct fault *f)
{
	const struct import_options o = {
		.source = x->p->source, .lane = x->p->lane[0] ? x->p->lane : NULL, .format = format, .column = span_str(x->p->column),
		.stance = STANCE_INDICATOR, .allow_empty = x->p->allow_empty, .why = why ? span_str(why) : (struct span){ 0 },
	};
	return import_begin(x->node, &o, complain, progress, x, &x->import, f);
}

enum err pulling_begin(struct pulling *x, const struct feed_format *format, struct fault *f)
{
	return begin(x, format, NULL, f);
}

enum err pulling_begin_retraction(struct pulling *x, const char *why, struct fault *f)
{
	return begin(x, &feed_retraction, why, f);
}

enum err pulling_stream(struct pulling *x, int fd, const char *name, struct fault *f)
{
	struct input *in;
	if (lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return fault_set(f, ERR_IO, "a temporary file cannot be read: %s", strerror(errno));
	}
	enum err e = input_open(fd, -1, name, &in, f);
	if (e)
		return e;
	e = import_stream(x->import, in, name, f);
	input_close(in);
	if (x->too_large)
		return fault_set(f, ERR_RANGE, "\"%s\" unpacks to more than %d times %llu octets", name, UNPACKED_TIMES,
				 (unsigned long long)pulling_octets_max(x));
	return e;
}

enum err pulling_finish(struct pulling *x, struct import_counts *ret_counts, struct fault *f)
{
	struct import_counts *all = &x->report->counts;
	enum err e = import_finish(x->import, ret_counts, f);
	pulling_drop(x);
	if (e)
		return e;
	x->report->imports++;
	all->read += ret_counts->read;
	all->accepted += ret_counts->accepted;
	all->duplicate += ret_counts->duplicate;
	all->skipped += ret_counts->skipped;
	all->rejected += ret_counts->rejected;
	all->claims += ret_counts->claims;
	all->entries += ret_counts->entries;
	all->octets += ret_counts->octets;
	all->replaced += ret_counts->replaced;
	all->kept |= ret_counts->kept;
	return OK;
}

void pulling_drop(struct pulling *x)
{
	import_free(x->import);
	x->import = NULL;
}

/* ---- a pull ---- */

/* What tags and cursors are of. */
static void digest_of(const struct pull *p, char ret_hex[65])
{
	struct buf all = { 0 };
	uint8_t digest[32];
	buf_printf(&all, "%s\n%s\n%s\n%s\n%s\n", p->url, p->collection, p->lane, p->format, p->column);
	sha256_two(buf_span(&all), (struct span){ 0 }, digest);
	hex_encode(digest, sizeof(digest), ret_hex);
	ret_hex[64] = 0;
	buf_release(&all);
}

static enum err lock_it(const char *dir, const char *source, int *ret_fd, struct fault *f)
{
	char path[PATH_HERE];
	snprintf(path, sizeof(path), "%s/pulls/%s.lock", dir, source);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(f, ERR_IO, "\"%s\" cannot be made: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return fault_set(f, ERR_BUSY, "\"%s\" is being pulled at this moment", source);
	}
	*ret_fd = fd;
	return OK;
}

static uint32_t chance(void)
{
	uint32_t v = 0;
	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		v = (uint32_t)clock_mono_ns();
	return v;
}

static void went(struct pulling *x, enum err e, const struct fault *why)
{
	struct health *h = x->health;
	int64_t now = clock_ms();
	h->pulls++;
	h->failed += e != OK;
	h->failures = e ? h->failures + (h->failures < UINT32_MAX) : 0;
	snprintf(h->error, sizeof(h->error), "%s", e ? why->text : "");
	h->next_ms = schedule_next((uint32_t)x->p->every_s, (unsigned)h->failures, x->retry_s, chance(), now);
	if (e == OK)
		h->good_ms = now;
	if (x->report->imports) {
		h->changed_ms = now;
		h->octets = x->report->octets;
		h->objects = x->report->counts.accepted;
		h->objects_all += x->report->counts.accepted;
	}
}

static enum err run(struct pulling *x, struct fault *f)
{
	const struct meaning *m;
	const struct source *s;
	const struct table_view *v = table_enter(node_table(x->node));
	m = v->context;
	s = source_find(m->sources, span_str(x->p->source));
	bool there = s && !s->removed, snapshot = there && s->snapshot;
	table_leave(node_table(x->node));
	if (!there)
		return fault_set(f, ERR_NOTFOUND, "there is no source \"%s\"", x->p->source);
	if (snapshot && pull_kind(x->p) != PULL_PLAIN)
		return fault_set(f, ERR_FORBIDDEN, "source \"%s\" is of type snapshot, and what comes from there are events: set its type", x->p->source);
	switch (pull_kind(x->p)) {
	case PULL_PLAIN:
		return pull_plain(x, f);
	case PULL_TAXII:
		return pull_taxii(x, f);
	case PULL_MISP:
		break;
	}
	return pull_misp(x, f);
}

/* With other settings it stands nowhere; that is durable before the first cursor of the new ones is. */
static enum err stand(const char *dir, const struct pull *p, bool anew, struct health *h, struct fault *f)
{
	char of[65];
	digest_of(p, of);
	if (strcmp(of, h->of) == 0 && !anew)
		return OK;
	health_anew(dir, p->source, h);
	memcpy(h->of, of, sizeof(of));
	return health_write(dir, p->source, h, f);
}

enum err pull_source(struct node *n, const struct pull *p, const struct pull_watch *w, struct pull_report *ret_report, struct fault *f)
{
	const char *dir = node_dir(n);
	struct health h, before;
	struct fault why = { .text = "" };
	int lock = -1;
	*ret_report = (struct pull_report){ 0 };
	enum err e = health_directory(dir, f);
	if (e || (e = lock_it(dir, p->source, &lock, f)) || (e = health_read(dir, p->source, &h, f)) || (e = stand(dir, p, w->anew, &h, f))) {
		if (lock >= 0)
			close(lock);
		return e;
	}
	before = h;
	h.tried_ms = clock_ms();
	struct pulling x = { .node = n, .p = p, .w = w, .health = &h, .report = ret_report };
	x.fetcher = fetcher_new(w->cancelled, w->ctx);
	e = run(&x, &why);
	pulling_drop(&x);
	fetcher_free(x.fetcher);
	ret_report->unchanged = e == OK && !ret_report->imports;
	if (e == ERR_CANCELLED) /* it was not its fault */
		h.tried_ms = before.tried_ms;
	else
		went(&x, e, &why);
	enum err kept = pulling_keep(&x, e ? NULL : &why);
	close(lock);
	e = e ? e : kept;
	if (e && f)
		*f = why;
	return e;
}
