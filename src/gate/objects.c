/* The thread looks at the entries of each lane that has grown.  At the end of an import it reads the pieces of it; when something was erased,
 * the index of the lane is made anew beside the old one, which answers until then, and whose objects that are gone are left out when their
 * bodies are read.
 *
 * Bodies that were read lately are kept: the next page of a client mostly begins in the body in which the last one ended.  Whether such a
 * body may still be seen is asked each time. */
#include "gate/objects.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/siphash.h"
#include "codec/formats.h"
#include "gate/intake.h"

enum {
	BODIES_KEPT = 16,
	BODIES_OCTETS = 24 << 20, /* of those that are kept */
	RETRY_MS = 1000,          /* after a lane could not be read, or there was no room */
};

struct body {
	uint64_t number;  /* 0: none */
	unsigned held;
	uint64_t used;    /* for the one that was used least lately */
	struct buf octets;
};

struct lane_objects {
	struct object_index *index; /* what faces see; NULL: not opened */
	struct object_mark mark;
	uint64_t size;              /* entries of the lane that were looked at */
	bool stale;                 /* something was erased */
};

struct objects {
	struct node *node;
	struct ledger *ledger;
	pthread_t thread;
	pthread_mutex_t lock;       /* of what follows, but for what only the thread uses */
	pthread_cond_t changed, followed;
	bool due;
	atomic_bool closing;
	struct lane_objects lane[LANES_MAX]; /* mark, size and stale are the thread's; mark.seen is written with the lock */
	pthread_mutex_t keeping;    /* of the bodies */
	struct body *kept[BODIES_KEPT];
	uint64_t clock;
	void (*complain)(const char *text);
	struct fault said;
};

/* ---- bodies ---- */

static void body_drop(struct objects *o, struct body *b)
{
	pthread_mutex_lock(&o->keeping);
	bool last = --b->held == 0;
	pthread_mutex_unlock(&o->keeping);
	if (last) {
		buf_release(&b->octets);
		free(b);
	}
}

static struct body *body_find(struct objects *o, uint64_t number)
{
	struct body *b = NULL;
	pthread_mutex_lock(&o->keeping);
	for (unsigned i = 0; i < BODIES_KEPT && !b; i++)
		if (o->kept[i] && o->kept[i]->number == number)
			b = o->kept[i];
	if (b) {
		b->held++;
		b->used = ++o->clock;
	}
	pthread_mutex_unlock(&o->keeping);
	return b;
}

/* A place for a body of so many octets: that of those that were used least lately.  The lock is held. */
static unsigned make_room(struct objects *o, size_t octets, struct body *out[BODIES_KEPT], unsigned *ret_out)
{
	for (;;) {
		unsigned least = 0;
		size_t sum = octets;
		for (unsigned i = 0; i < BODIES_KEPT; i++) {
			if (!o->kept[i])
				least = i;
			else if (o->kept[least] && o->kept[i]->used < o->kept[least]->used)
				least = i;
			sum += o->kept[i] ? o->kept[i]->octets.n : 0;
		}
		if (!o->kept[least] && sum <= BODIES_OCTETS)
			return least;
		unsigned oldest = BODIES_KEPT;
		for (unsigned i = 0; i < BODIES_KEPT; i++)
			if (o->kept[i] && (oldest == BODIES_KEPT || o->kept[i]->used < o->kept[oldest]->used))
				oldest = i;
		if (oldest == BODIES_KEPT)
			return 0; /* larger than all that is kept: it is kept alone */
		out[(*ret_out)++] = o->kept[oldest];
		o->kept[oldest] = NULL;
	}
}

static void body_keep(struct objects *o, struct body *b)
{
	struct body *out[BODIES_KEPT];
	unsigned n = 0;
	pthread_mutex_lock(&o->keeping);
	unsigned at = make_room(o, b->octets.n, out, &n);
	o->kept[at] = b;
	b->held++;
	b->used = ++o->clock;
	pthread_mutex_unlock(&o->keeping);
	while (n)
		body_drop(o, out[--n]);
}

static void forget_bodies(struct objects *o)
{
	struct body *out[BODIES_KEPT];
	pthread_mutex_lock(&o->keeping);
	memcpy(out, o->kept, sizeof(out));
	memset(o->kept, 0, sizeof(o->kept));
	pthread_mutex_unlock(&o->keeping);
	for (unsigned i = 0; i < BODIES_KEPT; i++)
		if (out[i])
			body_drop(o, out[i]);
}

/* A body with all entries that it goes on in. */
static enum err read_parts(struct objects *o, clearance clear, const struct entry *e, struct buf *out, struct fault *f)
{
	struct entry next = { .flags = e->flags };
	uint64_t index = e->index, number;
	enum err err = ledger_body(o->ledger, clear, e->number, out, f);
	while (err == OK && next.flags & ENTRY_MORE) {
		if ((err = ledger_find(o->ledger, clear, e->lane, ++index, &number)) == OK && (err = ledger_entry(o->ledger, clear, number, &next)) == OK) {
			entry_release(&next);
			err = ledger_body(o->ledger, clear, number, out, f);
		}
	}
	return err;
}

static enum err read_body(struct objects *o, clearance clear, const struct object_ref *r, struct body *b, struct fault *f)
{
	struct entry e;
	if (!(r->flags & OBJECT_SPLIT))
		return ledger_body(o->ledger, clear, r->entry, &b->octets, f);
	enum err err = ledger_entry(o->ledger, clear, r->entry, &e);
	if (err)
		return err;
	err = read_parts(o, clear, &e, &b->octets, f);
	entry_release(&e);
	return err;
}

/* @return ERR_NOTFOUND, ERR_GONE: not to be seen (any more). */
static enum err body_get(struct objects *o, clearance clear, const struct object_ref *r, struct body **ret_body, struct fault *f)
{
	struct entry e;
	struct body *b = body_find(o, r->entry);
	if (b) {
		enum err err = ledger_entry(o->ledger, clear, r->entry, &e);
		bool gone = err == OK && e.gone;
		if (err == OK)
			entry_release(&e);
		if (err || gone) {
			body_drop(o, b);
			return err ? err : ERR_GONE;
		}
		*ret_body = b;
		return OK;
	}
	b = mem_zalloc(sizeof(*b));
	b->number = r->entry;
	b->held = 1;
	enum err err = read_body(o, clear, r, b, f);
	if (err) {
		body_drop(o, b);
		return err;
	}
	body_keep(o, b);
	*ret_body = b;
	return OK;
}

enum err objects_read(struct objects *o, clearance clear, struct object_index *x, const struct object_ref *refs, unsigned n, object_visit *visit,
		      void *ctx, struct fault *f)
{
	struct body *b = NULL;
	bool more = true, gone = false;
	enum err e = OK;
	for (unsigned i = 0; i < n && more && e == OK; i++) {
		const struct object_ref *r = &refs[i];
		struct stix_object object;
		if (i == 0 || r->entry != refs[i - 1].entry) {
			if (b)
				body_drop(o, b);
			b = NULL;
			e = body_get(o, clear, r, &b, f);
			gone = e == ERR_GONE || e == ERR_NOTFOUND;
			e = gone ? OK : e;
		}
		if (e || gone)
			continue;
		struct span text = span_head(span_from(buf_span(&b->octets), r->offset), r->length);
		if (stix_object_read(text, &object, NULL) == OK && object_index_id(x, object.id) == r->id)
			more = visit(ctx, r, &object);
	}
	if (b)
		body_drop(o, b);
	return e;
}

/* ---- following a lane ---- */

struct following {
	struct objects *o;
	const struct lane *lane;
	struct object_index *index;
	struct object_mark mark;
	bool stale;
	bool had_some;     /* objects that were read before this time ... */
	uint64_t began;    /* ... when this was the last entry */
	/* The import that has ended: */
	uint64_t first, last;
	int64_t time_ms;
	/* The piece of it: */
	struct object_ref piece;   /* what its objects have in common */
	int64_t base_us;
	uint32_t at, count;        /* records */
	struct span body;
	struct buf refs;
};

static bool on_record(void *ctx, const struct feed_record *r)
{
	struct following *w = ctx;
	struct stix_object object;
	uint32_t at = w->at++;
	struct span text = span_head(span_from(w->body, r->off), r->len);
	if (at >= w->count || !r->id.n || stix_object_read(text, &object, NULL))
		return true;
	struct object_ref ref = w->piece;
	ref.added_us = w->base_us + at;
	ref.version_us = object.version_us;
	ref.id = object_index_id(w->index, object.id);
	ref.type = object_index_type(w->index, object.type);
	ref.offset = (uint32_t)(object.octets.p - w->body.p);
	ref.length = (uint32_t)object.octets.n;
	ref.flags |= (object.old ? OBJECT_OLD : 0) | (object.revoked ? OBJECT_REVOKED : 0) | (object.version.n ? 0 : OBJECT_UNVERSIONED);
	buf_put(&w->refs, &ref, sizeof(ref));
	return true;
}

static enum err parse_piece(struct following *w, const struct entry *e, struct fault *f)
{
	struct feed_parser *p = NULL;
	struct buf body = { 0 };
	size_t used = 1, from = 0;
	enum err err = intake_resume(&feed_stix, buf_span(&e->token), &p);
	if (err)
		fault_set(f, ERR_CORRUPT, "entry %llu has a state that no parser has", (unsigned long long)e->number);
	else
		err = read_parts(w->o, CLEARANCE_ALL, e, &body, f);
	w->refs.n = 0;
	w->at = 0;
	w->count = e->count;
	w->piece = (struct object_ref){ .entry = (uint32_t)e->number, .flags = e->flags & ENTRY_MORE ? OBJECT_SPLIT : 0 };
	while (err == OK && used && from < body.n) {
		w->body = buf_span(&body);
		w->body = span_from(w->body, from);
		size_t before = w->refs.n;
		(void)!feed_parse(p, w->body, true, on_record, w, &used, NULL); /* what is broken says nothing, as when it was folded */
		for (size_t i = before; i < w->refs.n; i += sizeof(struct object_ref))
			((struct object_ref *)(void *)(w->refs.p + i))->offset += (uint32_t)from;
		from += used;
	}
	if (p)
		feed_parser_free(p);
	buf_release(&body);
	if (err == ERR_GONE)
		return OK;
	return err ? err : object_index_add(w->index, (const struct object_ref *)(const void *)w->refs.p, (unsigned)(w->refs.n / sizeof(struct object_ref)), f);
}

/* Each piece takes its time whatever is in it, so that no time depends on what is erased. */
static enum err visit_piece(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct following *w = ctx;
	(void)none;
	if (e->number >= w->last)
		return ERR_CANCELLED;
	if (e->kind != ENTRY_FEED || e->flags & ENTRY_CONTINUES || (e->import ? e->import : e->number) != w->first)
		return OK;
	if (e->number > UINT32_MAX)
		return fault_set(f, ERR_FULL, "the index of objects takes entries up to number %lu", (unsigned long)UINT32_MAX);
	w->base_us = w->time_ms * 1000 > w->mark.end_us ? w->time_ms * 1000 : w->mark.end_us + 1;
	w->mark.end_us = w->base_us + (e->count ? e->count : 1) - 1;
	return e->gone || strcmp(e->media, feed_stix.name) != 0 ? OK : parse_piece(w, e, f);
}

static enum err visit_entry(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct following *w = ctx;
	enum err err = OK;
	(void)none;
	if (atomic_load_explicit(&w->o->closing, memory_order_relaxed))
		return ERR_CANCELLED;
	w->mark.seen = e->number;
	memcpy(w->mark.digest, e->digest, sizeof(w->mark.digest));
	if (e->kind == ENTRY_ERASED || e->kind == ENTRY_PRUNED) /* of what is read now, what was erased before is gone already */
		w->stale |= w->had_some || (e->number > w->began && object_index_count(w->index) > 0);
	if (e->kind == ENTRY_ENDED) {
		w->first = e->import ? e->import : e->number;
		w->last = e->number;
		w->time_ms = e->time_ms;
		err = ledger_each(w->o->ledger, (clearance)1 << w->lane->number, w->first, false, visit_piece, w, f);
		err = err == ERR_CANCELLED ? OK : err;
	}
	return err;
}

static enum err follow(struct following *w, struct fault *f)
{
	uint64_t before = w->mark.seen;
	w->began = ledger_last(w->o->ledger);
	w->had_some = object_index_count(w->index) > 0;
	enum err e = ledger_each(w->o->ledger, (clearance)1 << w->lane->number, w->mark.seen + 1, false, visit_entry, w, f);
	if ((e == OK || e == ERR_CANCELLED) && w->mark.seen != before) {
		enum err err = object_index_mark(w->index, &w->mark, f);
		e = err ? err : e;
	}
	buf_release(&w->refs);
	return e;
}

static void path_of(const struct objects *o, const struct lane *lane, const char *suffix, char ret_path[4096])
{
	snprintf(ret_path, 4096, "%s/objects/%s%s", node_dir(o->node), lane->name, suffix);
}

/* Of the lane's origin, by a key that is always the same. */
static uint64_t identity_of(const struct lane *lane)
{
	return siphash24((struct siphash_seed){ 0x6f626a6563747320, 0x6f66206c616e6573 }, lane->origin, strlen(lane->origin));
}

/* Is the ledger still the one that the index was made of? */
static bool mark_holds(struct objects *o, const struct lane *lane, const struct object_mark *mark)
{
	struct entry e;
	if (!mark->seen)
		return true;
	if (ledger_entry(o->ledger, (clearance)1 << lane->number, mark->seen, &e))
		return false;
	bool holds = memcmp(e.digest, mark->digest, sizeof(e.digest)) == 0;
	entry_release(&e);
	return holds;
}

static enum err open_index(struct objects *o, const struct lane *lane, const char *path, struct object_index **ret_index, struct object_mark *ret_mark,
			   struct fault *f)
{
	enum err e = object_index_open(path, identity_of(lane), ret_index, ret_mark, f);
	if (e || mark_holds(o, lane, ret_mark))
		return e;
	object_index_drop(*ret_index);
	unlink(path);
	return object_index_open(path, identity_of(lane), ret_index, ret_mark, f);
}

/* What was read is what faces see from here on. */
static void publish(struct objects *o, const struct lane *lane, const struct following *w, struct object_index *index)
{
	struct lane_objects *l = &o->lane[lane->number];
	pthread_mutex_lock(&o->lock);
	struct object_index *old = l->index;
	l->index = index;
	l->mark = w->mark;
	l->stale = w->stale;
	pthread_cond_broadcast(&o->followed);
	pthread_mutex_unlock(&o->lock);
	if (old != index)
		object_index_drop(old);
}

/* Go on with the lane's index, or make another one.  @return what it fails with: then the lane is opened anew. */
static enum err follow_lane(struct objects *o, const struct lane *lane, struct fault *f)
{
	struct lane_objects *l = &o->lane[lane->number];
	struct following w = { .o = o, .lane = lane, .mark = l->mark, .index = l->index };
	char path[4096], anew[4096];
	enum err e = OK;
	path_of(o, lane, "", path);
	path_of(o, lane, "~", anew);
	if (l->stale)
		unlink(anew);
	if (l->stale || !l->index)
		e = open_index(o, lane, l->stale ? anew : path, &w.index, &w.mark, f);
	if (e)
		return e;
	e = follow(&w, f);
	if (e == OK && l->stale)
		e = object_index_rename(anew, path, f);
	if (e && w.index != l->index) {
		object_index_drop(w.index);
		return e;
	}
	if (e) { /* what it has is right, but it cannot go on in it */
		pthread_mutex_lock(&o->lock);
		l->index = NULL;
		pthread_mutex_unlock(&o->lock);
		object_index_drop(w.index);
		return e;
	}
	if (w.stale && !l->stale)
		forget_bodies(o);
	publish(o, lane, &w, w.index);
	return OK;
}

/* Once for each trouble. */
static void complain(struct objects *o, const struct lane *lane, struct fault *f)
{
	fault_at(f, "objects of lane \"%s\"", lane->name);
	if (strcmp(f->text, o->said.text) != 0 && o->complain)
		o->complain(f->text);
	o->said = *f;
}

/* All lanes that have grown.  @return false: not all could be followed. */
static bool follow_all(struct objects *o)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(o->ledger, CLEARANCE_ALL, lanes);
	bool fine = true;
	for (unsigned i = 0; i < n; i++) {
		struct lane_objects *l = &o->lane[lanes[i].number];
		while (fine && (l->size != lanes[i].size || l->stale || !l->index)) {
			struct fault f;
			fine = follow_lane(o, &lanes[i], &f) == OK;
			if (fine)
				l->size = lanes[i].size;
			else if (!o->closing)
				complain(o, &lanes[i], &f);
		}
	}
	free(lanes);
	return fine;
}

static void wait_for_change(struct objects *o, bool fine)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += RETRY_MS / 1000;
	while (!o->due && !o->closing)
		if (fine)
			pthread_cond_wait(&o->changed, &o->lock);
		else if (pthread_cond_timedwait(&o->changed, &o->lock, &t) == ETIMEDOUT)
			break;
}

static void *objects_thread(void *arg)
{
	struct objects *o = arg;
	bool fine = true;
	pthread_mutex_lock(&o->lock);
	while (!o->closing) {
		o->due = false;
		pthread_mutex_unlock(&o->lock);
		fine = follow_all(o);
		pthread_mutex_lock(&o->lock);
		wait_for_change(o, fine);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static void on_change(void *ctx)
{
	struct objects *o = ctx;
	pthread_mutex_lock(&o->lock);
	o->due = true;
	pthread_cond_signal(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

/* ---- opening ---- */

static void objects_free(struct objects *o)
{
	for (unsigned i = 0; i < LANES_MAX; i++)
		object_index_drop(o->lane[i].index);
	forget_bodies(o);
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->keeping);
	pthread_cond_destroy(&o->changed);
	pthread_cond_destroy(&o->followed);
	free(o);
}

enum err objects_open(struct node *n, void (*complaint)(const char *text), struct objects **ret_objects, struct fault *f)
{
	struct objects *o = mem_zalloc(sizeof(*o));
	pthread_condattr_t attr;
	char path[4096];
	o->node = n;
	o->complain = complaint;
	o->ledger = node_ledger(n);
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->keeping, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->changed, &attr);
	pthread_cond_init(&o->followed, &attr);
	pthread_condattr_destroy(&attr);
	snprintf(path, sizeof(path), "%s/objects", node_dir(n));
	enum err e = mkdir(path, 0700) && errno != EEXIST ? fault_set(f, ERR_IO, "directory \"%s\" cannot be made: %s", path, strerror(errno)) : OK;
	if (e == OK && pthread_create(&o->thread, NULL, objects_thread, o))
		e = fault_set(f, ERR_IO, "a thread that follows the objects cannot be started");
	if (e) {
		objects_free(o);
		return e;
	}
	node_on_change(n, on_change, o);
	*ret_objects = o;
	return OK;
}

void objects_close(struct objects *o)
{
	if (!o)
		return;
	node_off_change(o->node, o);
	pthread_mutex_lock(&o->lock);
	o->closing = true;
	pthread_cond_signal(&o->changed);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	objects_free(o);
}

static struct timespec in_ms(unsigned ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

enum err objects_wait(struct objects *o, uint8_t lane, uint64_t number, unsigned timeout_ms)
{
	struct timespec t = in_ms(timeout_ms);
	int waited = 0;
	pthread_mutex_lock(&o->lock);
	while (o->lane[lane].mark.seen < number && !waited)
		waited = pthread_cond_timedwait(&o->followed, &o->lock, &t);
	bool there = o->lane[lane].mark.seen >= number;
	pthread_mutex_unlock(&o->lock);
	return there ? OK : ERR_BUSY;
}

struct object_index *objects_index(struct objects *o, uint8_t lane, unsigned timeout_ms)
{
	struct timespec t = in_ms(timeout_ms);
	pthread_mutex_lock(&o->lock);
	for (int waited = 0; !o->lane[lane].index && !waited;)
		waited = pthread_cond_timedwait(&o->followed, &o->lock, &t);
	struct object_index *x = o->lane[lane].index;
	if (x)
		object_index_hold(x);
	pthread_mutex_unlock(&o->lock);
	return x;
}
