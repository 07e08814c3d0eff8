/* A ring of slots, each a chunk and what was printed of it.  The caller's thread fills slots in order; whoever is free takes the
 * next one through finder and printer, and whoever finishes the slot whose turn it is writes it and those behind it that
 * are finished, too.  The caller's thread does the same work while it would have to wait, so N threads are N in all, and one
 * thread needs no other.
 *
 * Where there is enough to read, a sieve is made of the table, by a thread that would look through text otherwise; all use it from when it is there.
 * It pays when the input has some octets for each key (docs/scan.md has the figures).
 *
 * Memory: SLOTS_PER_THREAD chunks a thread, and as much output each as OUT_MAX.  A thread whose output grows beyond that waits for its
 * turn and writes what it has.  Chunks of long lines are beyond the usual, and together at most LONG_OCTETS: the caller's
 * thread waits before it reads another one. */
#include "scan/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "scan/stamp.h"
#include "view/sieve.h"

enum { SLOTS_PER_THREAD = 2, OUT_MAX = 256 << 10, LONG_OCTETS = 34 << 20, DAY_S = 86400, EARLIEST_S = 946684800,
	   SIEVE_OCTETS_PER_KEY = 32 };

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_TAKEN, SLOT_DONE };

struct slot {
	enum slot_state state;
	uint64_t seq;
	struct chunk chunk;
	struct buf out;
	uint64_t hits, lines, done, size;
	struct stream *stream;
	int64_t time_s;
	size_t room;  /* octets beyond the usual that it may have */
	bool last;    /* of its stream, which is closed behind it */
};

/* The last hit: the next one may be another reading of it. */
struct pending {
	bool is;
	struct finding f;
	struct reputation r;
	uint8_t key[OBS_KEY_MAX];
};

struct worker {
	struct scan *scan;
	pthread_t thread;
	struct finder *finder;
	struct printer printer;
	struct slot *slot;
	const struct finding *found;
	const struct meaning *meaning;
	struct pending pending;
	uint32_t now_s;
	size_t stamp_to; /* the stamp is of the line that ends there */
	int64_t stamp_s;
	struct observable obs[FINDER_BATCH];
};

struct scan {
	struct scan_options o;
	unsigned n_threads, n_started, n_slots;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t work, moved;
	struct slot *slots;
	uint64_t filled, taken, emitted; /* seq of the next one */
	size_t room;
	bool over, emitting;
	enum { SIEVE_NONE, SIEVE_WANTED, SIEVE_MAKING, SIEVE_MADE } sieve_state;
	uint64_t hits, lines, stream_lines;
	bool stopped;         /* nobody wants more; set once, read without the lock */
	struct slot *filling; /* by the caller's thread */
	struct buf counts;
	struct sieve *sieve;  /* of o.table; NULL: none yet; set once a table, read without the lock */
	uint64_t sieve_after, octets; /* the caller's thread's: what is to be read before it is made; what was, with this table */
	struct worker worker[SCAN_THREADS_MAX]; /* the first is the caller's thread */
};

static bool is_stopped(const struct scan *s)
{
	return __atomic_load_n(&s->stopped, __ATOMIC_RELAXED);
}

static void stop(struct scan *s)
{
	__atomic_store_n(&s->stopped, true, __ATOMIC_RELAXED);
}

/* ---- one chunk ---- */

static void write_out(struct scan *s, struct buf *out)
{
	if (out->n && !is_stopped(s) && !s->o.write(s->o.ctx, out))
		stop(s);
	out->n = 0;
}

/* Too much is printed to be kept: when the turn comes, write it. */
static void write_in_turn(struct worker *w)
{
	struct scan *s = w->scan;
	pthread_mutex_lock(&s->lock);
	while (s->emitted != w->slot->seq)
		pthread_cond_wait(&s->moved, &s->lock);
	pthread_mutex_unlock(&s->lock);
	write_out(s, &w->printer.out); /* nobody else writes before this slot is done */
}

/* When the line says that octet `at` of the chunk happened. */
static int64_t time_at(struct worker *w, size_t at)
{
	struct span text = buf_span(&w->slot->chunk.text);
	int64_t t;
	if (at < w->stamp_to)
		return w->stamp_s;
	const uint8_t *end = at ? memrchr(text.p, '\n', at) : NULL;
	size_t from = end ? (size_t)(end + 1 - text.p) : 0;
	w->stamp_to = at + span_find(span_from(text, at), '\n') + 1;
	int64_t near_s = w->slot->time_s ? w->slot->time_s : w->now_s;
	struct span line = span_head(span_from(text, from), w->stamp_to - from);
	bool found = (from || !w->slot->chunk.column) && stamp_find(line, near_s, &t) && t >= EARLIEST_S && t <= (int64_t)w->now_s + DAY_S;
	return w->stamp_s = found ? t : near_s;
}

static void print_pending(struct worker *w)
{
	const struct scan_options *o = &w->scan->o;
	struct pending *p = &w->pending;
	if (!p->is)
		return;
	p->is = false;
	if (o->first && w->printer.hits && !o->print.invert)
		return;
	print_hit(&w->printer, &p->f, &p->r, w->meaning);
	if (o->seen)
		hours_add(o->seen, &p->f.obs, time_at(w, p->f.at));
}

/* The finder gives several readings where nobody can know where a value ends ("http://evil.example/a,b" in a line of CSV), and an
 * address beside its prefix.  Those that begin together, or are of one kind and end together, are one hit. */
static bool is_reading(const struct finding *a, const struct finding *b)
{
	return a->at == b->at || (a->obs.kind == b->obs.kind && a->at + a->n == b->at + b->n);
}

/* Is `f` the better reading?  The one that more is known of, else the shorter one: what is too much in a longer one is not listed. */
static bool is_better(const struct pending *p, const struct finding *f, const struct reputation *r)
{
	return r->verdict.score != p->r.verdict.score ? r->verdict.score > p->r.verdict.score : f->n < p->f.n;
}

static void judge(void *ctx, size_t i, const struct reputation *r)
{
	struct worker *w = ctx;
	const struct finding *f = &w->found[i];
	struct pending *p = &w->pending;
	if (!r->verdict.listed || r->verdict.score < w->scan->o.min_score) {
		finder_clean(w->finder, f);
		return;
	}
	if (p->is && is_reading(&p->f, f) && !is_better(p, f, r))
		return;
	if (p->is && !is_reading(&p->f, f))
		print_pending(w);
	p->is = true;
	p->f = *f;
	p->r = *r;
	memcpy(p->key, f->obs.key, f->obs.n);
	p->f.obs.key = p->key;
}

/* As reputation_known(): what the sieve lets through is asked of the table. */
static uint64_t known_of(const struct worker *w, const struct table_view *v, size_t n)
{
	const struct sieve *sieve = __atomic_load_n(&w->scan->sieve, __ATOMIC_ACQUIRE);
	if (!sieve)
		return reputation_known(v, w->obs, n);
	struct observable few[FINDER_BATCH];
	uint8_t which[FINDER_BATCH];
	size_t m = 0;
	for (uint64_t pass = sieve_pass(sieve, w->obs, n); pass; pass &= pass - 1) {
		which[m] = (uint8_t)__builtin_ctzll(pass);
		few[m] = w->obs[which[m]];
		m++;
	}
	uint64_t known = 0;
	for (uint64_t k = m ? reputation_known(v, few, m) : 0; k; k &= k - 1)
		known |= 1ULL << which[__builtin_ctzll(k)];
	return known;
}

static void visit(void *ctx, const struct finding *f, size_t n)
{
	struct worker *w = ctx;
	const struct scan_table *t = &w->scan->o.table;
	if (is_stopped(w->scan))
		return;
	for (size_t i = 0; i < n; i++)
		w->obs[i] = f[i].obs;
	w->found = f;
	const struct table_view *v = t->enter(t->ctx);
	w->meaning = v->context;
	uint64_t known = known_of(w, v, n);
	for (size_t i = 0; i < n; i++) {
		struct reputation r;
		if (!(known >> i & 1)) {
			finder_clean(w->finder, &f[i]);
			continue;
		}
		reputation_of(v, &w->obs[i], w->scan->o.clear, w->now_s, &r, NULL, NULL);
		judge(w, i, &r);
	}
	if (!t->leave(t->ctx))
		stop(w->scan);
	else if (w->printer.out.n > OUT_MAX)
		write_in_turn(w);
}

static void work_on(struct worker *w, struct slot *slot)
{
	struct scan *s = w->scan;
	w->slot = slot;
	w->stamp_to = 0;
	w->now_s = (uint32_t)(clock_ms() / 1000);
	print_begin(&w->printer, stream_name(slot->stream), &slot->chunk);
	if (slot->chunk.text.n && !is_stopped(s))
		finder_run(w->finder, buf_span(&slot->chunk.text), visit, w);
	print_pending(w);
	if (!is_stopped(s))
		print_end(&w->printer);
	slot->hits = w->printer.hits;
	slot->lines = w->printer.lines;
	struct buf empty = slot->out;
	slot->out = w->printer.out;
	w->printer.out = empty;
	w->printer.out.n = 0;
}

/* ---- in order; these hold the lock ---- */

static void write_slot(struct scan *s, struct slot *slot)
{
	write_out(s, &slot->out);
	if (slot->chunk.cut && s->o.complain && !is_stopped(s))
		s->o.complain(s->o.ctx, stream_name(slot->stream), slot->chunk.line + count_lines(buf_span(&slot->chunk.text)));
	if (s->o.count && slot->last && !is_stopped(s)) {
		print_count(&s->o.print, stream_name(slot->stream), s->stream_lines + slot->lines, &s->counts);
		write_out(s, &s->counts);
	}
	if (s->o.progress && !is_stopped(s))
		s->o.progress(s->o.ctx, stream_name(slot->stream), slot->done, slot->size, s->lines + slot->lines);
	if (slot->last)
		stream_close(slot->stream);
	if (slot->room)
		buf_release(&slot->chunk.text);
	if (slot->out.cap > 2u * OUT_MAX)
		buf_release(&slot->out);
}

static void emit(struct scan *s)
{
	struct slot *slot;
	if (s->emitting)
		return;
	s->emitting = true;
	while (s->emitted < s->filled && (slot = &s->slots[s->emitted % s->n_slots])->state == SLOT_DONE) {
		pthread_mutex_unlock(&s->lock);
		write_slot(s, slot);
		pthread_mutex_lock(&s->lock);
		s->hits += slot->hits;
		s->lines += slot->lines;
		s->stream_lines = slot->last ? 0 : s->stream_lines + slot->lines;
		s->room -= slot->room;
		slot->room = 0;
		slot->state = SLOT_FREE;
		s->emitted++;
		if (s->o.first && s->lines)
			stop(s);
		pthread_cond_broadcast(&s->moved);
	}
	s->emitting = false;
}

/* @return false: no slot is ready. */
static bool help(struct worker *w)
{
	struct scan *s = w->scan;
	if (s->taken == s->filled)
		return false;
	struct slot *slot = &s->slots[s->taken++ % s->n_slots];
	slot->state = SLOT_TAKEN;
	pthread_mutex_unlock(&s->lock);
	work_on(w, slot);
	pthread_mutex_lock(&s->lock);
	slot->state = SLOT_DONE;
	emit(s);
	return true;
}

static void help_or_wait(struct scan *s)
{
	if (!help(&s->worker[0]))
		pthread_cond_wait(&s->moved, &s->lock);
}

/* Let go of the lock meanwhile. */
static void make_sieve(struct scan *s)
{
	s->sieve_state = SIEVE_MAKING;
	pthread_mutex_unlock(&s->lock);
	struct sieve *sieve = sieve_new(s->o.table.enter(s->o.table.ctx));
	if (!s->o.table.leave(s->o.table.ctx))
		stop(s);
	__atomic_store_n(&s->sieve, sieve, __ATOMIC_RELEASE);
	pthread_mutex_lock(&s->lock);
	s->sieve_state = SIEVE_MADE;
	pthread_cond_broadcast(&s->moved);
}

/* ---- threads ---- */

static void *run(void *arg)
{
	struct worker *w = arg;
	struct scan *s = w->scan;
	table_reader_init();
	pthread_mutex_lock(&s->lock);
	while (!s->over) {
		if (s->sieve_state == SIEVE_WANTED)
			make_sieve(s);
		else if (!help(w))
			pthread_cond_wait(&s->work, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	table_reader_exit();
	return NULL;
}

static void make_worker(struct scan *s, unsigned i)
{
	s->worker[i].scan = s;
	s->worker[i].finder = finder_new(s->o.kinds);
	s->worker[i].printer.o = s->o.print;
}

/* Others, when there is more than one chunk to do. */
static void start(struct scan *s)
{
	while (s->n_started < s->n_threads) {
		struct worker *w = &s->worker[s->n_started];
		make_worker(s, s->n_started);
		if (pthread_create(&w->thread, NULL, run, w)) {
			finder_free(w->finder);
			s->n_threads = s->n_started; /* those that there are do it */
			return;
		}
		s->n_started++;
	}
}

struct scan *scan_new(const struct scan_options *o)
{
	struct scan *s = mem_zalloc(sizeof(*s));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	s->o = *o;
	s->n_threads = o->threads ? o->threads : cores > 0 ? (unsigned)cores : 1;
	if (s->n_threads > SCAN_THREADS_MAX)
		s->n_threads = SCAN_THREADS_MAX;
	s->n_slots = s->n_threads > 1 ? SLOTS_PER_THREAD * s->n_threads : 1;
	s->slots = mem_zalloc(s->n_slots * sizeof(*s->slots));
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->moved, NULL);
	make_worker(s, 0);
	s->n_started = 1;
	return s;
}

void scan_free(struct scan *s)
{
	if (!s)
		return;
	scan_drain(s);
	pthread_mutex_lock(&s->lock);
	s->over = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->n_started; i++) {
		if (i)
			pthread_join(s->worker[i].thread, NULL);
		finder_free(s->worker[i].finder);
		print_release(&s->worker[i].printer);
	}
	for (unsigned i = 0; i < s->n_slots; i++) {
		buf_release(&s->slots[i].chunk.text);
		buf_release(&s->slots[i].out);
	}
	buf_release(&s->counts);
	sieve_free(s->sieve);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->moved);
	free(s->slots);
	free(s);
}

/* ---- the caller's side ---- */

/* What must be read with this table that a sieve of it pays. */
static uint64_t sieve_pays(struct scan *s)
{
	struct table_stats stats;
	if (s->o.sieve_after)
		return s->o.sieve_after;
	table_stats(s->o.table.enter(s->o.table.ctx), &stats);
	if (!s->o.table.leave(s->o.table.ctx))
		stop(s);
	return 1 + stats.keys * SIEVE_OCTETS_PER_KEY;
}

/* Before more is read of a stream: is there enough to read by now?  Another thread makes it when there is one, or is about to be. */
static void look_at_sieve(struct scan *s, const struct stream *in)
{
	uint64_t done, size;
	if (__atomic_load_n(&s->sieve, __ATOMIC_RELAXED))
		return;
	if (!s->sieve_after)
		s->sieve_after = sieve_pays(s);
	stream_progress(in, &done, &size);
	if (s->octets + (size > done ? size - done : 0) < s->sieve_after)
		return;
	pthread_mutex_lock(&s->lock);
	if (s->sieve_state == SIEVE_NONE) {
		s->sieve_state = SIEVE_WANTED;
		pthread_cond_signal(&s->work);
	}
	if (s->sieve_state == SIEVE_WANTED && s->n_threads == 1)
		make_sieve(s);
	pthread_mutex_unlock(&s->lock);
}

/* A slot to fill; nobody else looks at it until it is given. */
static struct slot *next_slot(struct scan *s, struct stream *in, int64_t time_s)
{
	pthread_mutex_lock(&s->lock);
	while (s->filled - s->emitted == s->n_slots)
		help_or_wait(s);
	struct slot *slot = &s->slots[s->filled % s->n_slots];
	pthread_mutex_unlock(&s->lock);
	slot->seq = s->filled;
	slot->stream = in;
	slot->time_s = time_s;
	slot->last = false;
	return s->filling = slot;
}

/* The slot that is filled wants to be a long one. */
static void make_room(void *ctx, size_t octets)
{
	struct scan *s = ctx;
	pthread_mutex_lock(&s->lock);
	while (s->room && s->room + octets > LONG_OCTETS)
		help_or_wait(s);
	s->room += octets;
	s->filling->room = octets;
	pthread_mutex_unlock(&s->lock);
}

static void give_slot(struct scan *s, struct slot *slot)
{
	stream_progress(slot->stream, &slot->done, &slot->size);
	s->octets += slot->chunk.text.n;
	if (s->filled == 1 && s->n_threads > 1)
		start(s);
	pthread_mutex_lock(&s->lock);
	slot->state = SLOT_READY;
	s->filled++;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void scan_drain(struct scan *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->emitted < s->filled)
		help_or_wait(s);
	pthread_mutex_unlock(&s->lock);
}

static enum err cancelled(struct fault *f)
{
	return fault_set(f, ERR_CANCELLED, "nobody wants more");
}

/* A pipe has nothing more at the moment: everything so far is to be seen. */
static void wait_for(struct scan *s, struct stream *in)
{
	scan_drain(s);
	if (s->o.wait && !s->o.wait(s->o.ctx, stream_fd(in)))
		stop(s);
}

enum err scan_stream(struct scan *s, struct stream *in, int64_t time_s, struct fault *f)
{
	enum stream_state state = STREAM_MORE;
	enum err e = OK;
	while (state != STREAM_END && e == OK && !is_stopped(s)) {
		look_at_sieve(s, in);
		struct slot *slot = next_slot(s, in, time_s);
		e = stream_read(in, &slot->chunk, make_room, s, &state, f);
		if (e)
			slot->chunk.text.n = 0;
		slot->last = !s->o.stream.keep && (e || state == STREAM_END);
		give_slot(s, slot);
		if (slot->last)
			return e;
		if (state == STREAM_WAITS)
			wait_for(s, in);
	}
	if (s->o.stream.keep)
		scan_drain(s);
	if (!is_stopped(s) || s->o.stream.keep)
		return e ? e : is_stopped(s) ? cancelled(f) : OK;
	scan_drain(s); /* its name is in the slots */
	stream_close(in);
	return e ? e : cancelled(f);
}

enum err scan_rest(struct scan *s, struct stream *in, bool anew, struct fault *f)
{
	struct slot *slot = next_slot(s, in, 0);
	stream_rest(in, anew, &slot->chunk);
	give_slot(s, slot);
	scan_drain(s);
	return is_stopped(s) ? cancelled(f) : OK;
}

enum err scan_end(struct scan *s, struct stream *in, struct fault *f)
{
	struct slot *slot = next_slot(s, in, 0);
	stream_rest(in, false, &slot->chunk);
	slot->last = true;
	give_slot(s, slot);
	scan_drain(s);
	return is_stopped(s) ? cancelled(f) : OK;
}

void scan_use(struct scan *s, struct scan_table table)
{
	scan_drain(s);
	pthread_mutex_lock(&s->lock);
	while (s->sieve_state == SIEVE_MAKING)
		pthread_cond_wait(&s->moved, &s->lock);
	s->o.table = table;
	sieve_free(s->sieve);
	s->sieve = NULL;
	s->sieve_state = SIEVE_NONE;
	s->sieve_after = s->octets = 0;
	for (unsigned i = 0; i < s->n_started; i++)
		finder_forget(s->worker[i].finder);
	pthread_mutex_unlock(&s->lock);
}

uint64_t scan_lines(struct scan *s)
{
	pthread_mutex_lock(&s->lock);
	uint64_t n = s->lines;
	pthread_mutex_unlock(&s->lock);
	return n;
}

uint64_t scan_hits(struct scan *s)
{
	pthread_mutex_lock(&s->lock);
	uint64_t n = s->hits;
	pthread_mutex_unlock(&s->lock);
	return n;
}
