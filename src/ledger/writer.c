/* Group commit.
 *
 * One thread at a time commits: the writer's own, or, when nobody does, the one that has just queued a statement and waits
 * for it.  So a lone submitter pays for its commit and for no change of threads, which costs as much as half a sync of a
 * fast disk; what others have queued meanwhile is then the writer's thread's.
 *
 * A submission gets its number when it is queued, so the queue is a ring indexed by number and its state is two
 * numbers: all up to `settled` are durable or have failed, all below `next` are given out.  Whoever commits takes a batch
 * from the head (everything queued, within bounds), puts it into one transaction, commits, and then moves `settled` and
 * wakes those who wait.  While it waits for the disk the next batch gathers: the slower the disk, the larger the
 * batches, without a timer.
 *
 * Those who wait are in a list at the slot of their number, each with a semaphore of its own and room for the answer: a
 * commit wakes those whose statement it had and nobody else, and they go on without taking the lock.
 *
 * A commit that fails takes its whole batch with it and nothing else.  The reason is kept for the ranges of numbers
 * that failed last.  When there are too many of them the two oldest become one, which covers what lies between them
 * too: one who asks that late may be told of a failure that was not, never the reverse.
 *
 * The write-ahead log is moved into the file when nobody has wanted anything for a moment, or when it has become long;
 * the latter is the one wait that submitters can notice during a long import. */
#include "ledger/writer.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "sys/db.h"

enum {
	RING = WRITER_RING,        /* submissions queued, at most */
	QUEUE_OCTETS = 64 << 20,   /* of bodies queued, at most (a larger one only alone) */
	BATCH = 256,               /* submissions in one commit, at most, but for a group that begins below it */
	BATCH_OCTETS = 32 << 20,   /* reached by one more group at most */
	FAILURES = 64,             /* ranges of failed numbers that are told apart */
	LOG_LONG = 16 << 20,       /* octets of log from which it is moved at once, */
	LOG_SHORT = 256 << 10,     /* and below which it stays where it is */
	IDLE_MS = 200,
	LISTENERS = 4,
};

/* One thread that waits for a number; on its stack. */
struct waiter {
	struct waiter *next;
	sem_t settled;
	struct fault fault; /* code OK: durable */
};

struct queued {
	struct told told;
	bool joined; /* in one transaction with the one before */
	struct waiter *waiters;
};

struct task {
	struct task *next;
	writer_work *work; /* NULL: leave nothing in the log */
	void *ctx;
	struct waiter waiter;
};

struct failure {
	uint64_t first, last;
	struct fault fault;
};

struct writer {
	struct store *store; /* of the thread that has set `busy` */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;  /* something is queued, or closing */
	pthread_cond_t room;  /* settled has moved */
	bool idle;            /* the thread waits for work */
	bool busy;            /* a thread commits */
	unsigned want_room;   /* that wait for room */
	struct queued ring[RING]; /* slot of number n: n % RING */
	uint64_t next, settled;
	size_t octets;
	bool closing;
	bool unflushed;       /* what was deleted may still be in the log; of the thread that has set `busy` */
	struct task *tasks, **tasks_end;
	struct failure failures[FAILURES]; /* by number */
	unsigned n_failures;
	/* of the store, after its last commit */
	uint64_t last;
	unsigned lanes;
	uint64_t mirrored;
	struct ledger_stats stats;
	pthread_mutex_t telling; /* held while those who listen are told, and while they change */
	unsigned n_listeners;
	struct {
		void (*call)(void *ctx);
		void *ctx;
	} listener[LISTENERS];
};

static struct queued *slot(struct writer *w, uint64_t number)
{
	return &w->ring[number % RING];
}

static void remember_failure(struct writer *w, uint64_t first, uint64_t last, const struct fault *f)
{
	struct failure *end = &w->failures[w->n_failures];
	if (w->n_failures && end[-1].last + 1 == first && end[-1].fault.code == f->code) {
		end[-1].last = last;
		return;
	}
	if (w->n_failures == FAILURES) {
		w->failures[1].first = w->failures[0].first;
		memmove(&w->failures[0], &w->failures[1], sizeof(w->failures) - sizeof(w->failures[0]));
		w->n_failures--;
		end--;
	}
	*end = (struct failure){ .first = first, .last = last, .fault = *f };
	w->n_failures++;
}

static const struct failure *find_failure(const struct writer *w, uint64_t number)
{
	for (unsigned i = 0; i < w->n_failures; i++)
		if (w->failures[i].first <= number && number <= w->failures[i].last)
			return &w->failures[i];
	return NULL;
}

/* Why one that is queued cannot be stored: what it stands behind is not.  Only the committing thread changes that. */
static const struct failure *orphaned(struct writer *w, uint64_t number)
{
	uint64_t behind = slot(w, number)->told.s.behind;
	return behind ? find_failure(w, behind) : NULL;
}

/* How many of the `n` queued from `first` on go into one commit; one that fails alone, alone. */
static unsigned batch_size(struct writer *w, uint64_t first, uint64_t n)
{
	size_t octets = 0;
	unsigned i = 0, most = orphaned(w, first) ? 1 : BATCH;
	while (i < n && (slot(w, first + i)->joined || (i < most && octets < BATCH_OCTETS && (i == 0 || !orphaned(w, first + i)))))
		octets += slot(w, first + i++)->told.s.body.n;
	return i;
}

static enum err commit_batch(struct writer *w, uint64_t first, unsigned n, struct fault *f)
{
	const struct failure *before = orphaned(w, first);
	if (before) {
		*f = before->fault;
		return f->code;
	}
	enum err e = store_begin(w->store, f);
	for (unsigned i = 0; i < n && e == OK; i++)
		e = store_put(w->store, first + i, &slot(w, first + i)->told, f);
	if (e == OK)
		e = store_commit(w->store, f);
	if (e)
		store_undo(w->store);
	return e;
}

/* @return those who have waited for one of these numbers. */
static struct waiter *settle(struct writer *w, unsigned n, enum err e, const struct fault *f)
{
	struct waiter *all = NULL;
	uint64_t first = w->settled + 1;
	for (unsigned i = 0; i < n; i++) {
		struct queued *q = slot(w, first + i);
		w->octets -= q->told.s.body.n;
		for (struct waiter *one = q->waiters, *next; one; one = next) {
			next = one->next;
			one->next = all;
			all = one;
		}
		q->waiters = NULL;
	}
	w->settled += n;
	if (e)
		remember_failure(w, first, w->settled, f);
	w->last = store_last(w->store);
	w->lanes = store_lanes(w->store);
	w->mirrored = store_mirrored(w->store);
	w->stats = *store_stats(w->store);
	if (w->want_room)
		pthread_cond_broadcast(&w->room);
	return all;
}

/* A waiter is gone as soon as its semaphore is posted. */
static void answer(struct waiter *all, enum err e, const struct fault *f)
{
	for (struct waiter *next; all; all = next) {
		next = all->next;
		all->fault.code = e;
		if (e)
			all->fault = *f;
		sem_post(&all->settled);
	}
}

static void tell_listeners(struct writer *w)
{
	pthread_mutex_lock(&w->telling);
	for (unsigned i = 0; i < w->n_listeners; i++)
		w->listener[i].call(w->listener[i].ctx);
	pthread_mutex_unlock(&w->telling);
}

void writer_on_commit(struct writer *w, void (*call)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&w->telling);
	if (w->n_listeners == LISTENERS)
		abort();
	w->listener[w->n_listeners].call = call;
	w->listener[w->n_listeners++].ctx = ctx;
	pthread_mutex_unlock(&w->telling);
}

void writer_off_commit(struct writer *w, void *ctx)
{
	unsigned n = 0;
	pthread_mutex_lock(&w->telling);
	for (unsigned i = 0; i < w->n_listeners; i++)
		if (w->listener[i].ctx != ctx)
			w->listener[n++] = w->listener[i];
	w->n_listeners = n;
	pthread_mutex_unlock(&w->telling);
}

static void await(struct waiter *one)
{
	while (sem_wait(&one->settled) && errno == EINTR)
		;
	sem_destroy(&one->settled);
}

static void begin_waiting(struct waiter *one)
{
	one->next = NULL;
	if (sem_init(&one->settled, 0, 0))
		abort(); /* only for values that are not used here */
}

static bool has_work(const struct writer *w)
{
	return w->tasks || w->settled + 1 < w->next;
}

/* The log into the file, as far as it goes without waiting for anybody. */
static void move_log(struct writer *w)
{
	if (w->unflushed)
		w->unflushed = store_empty_log(w->store, false, NULL) != OK;
	else
		store_checkpoint(w->store);
}

/* Until something is queued; when that takes a while, moves a log that is not short into the file. */
static void wait_for_work(struct writer *w)
{
	struct timespec until;
	w->idle = true;
	while (w->busy || (!has_work(w) && !w->closing)) {
		if (w->busy || (store_log_octets(w->store) < LOG_SHORT && !w->unflushed)) {
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += IDLE_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (pthread_cond_timedwait(&w->work, &w->lock, &until) == 0 || w->busy || has_work(w))
			continue; /* a submitter may have begun to commit just when the time was up */
		w->busy = true;
		pthread_mutex_unlock(&w->lock);
		move_log(w);
		pthread_mutex_lock(&w->lock);
		w->busy = false;
	}
	w->idle = false;
}

static enum err run_task(struct writer *w, const struct task *t, struct fault *f)
{
	struct db *db = store_db(w->store);
	if (!t->work) {
		enum err failed = store_empty_log(w->store, true, f);
		w->unflushed = failed != OK;
		return failed;
	}
	enum err e = db_begin(db, f);
	if (e == OK && (e = t->work(t->ctx, db, f)) == OK)
		e = db_commit(db, f);
	if (e)
		db_rollback(db);
	return e;
}

/* The lock is held at start and end, and not while it works. */
static void run_tasks(struct writer *w)
{
	while (w->tasks) {
		struct task *t = w->tasks;
		struct fault fault = { .code = OK };
		w->tasks = t->next;
		if (!w->tasks)
			w->tasks_end = &w->tasks;
		pthread_mutex_unlock(&w->lock);
		enum err e = run_task(w, t, &fault);
		answer(&t->waiter, e, &fault);
		pthread_mutex_lock(&w->lock);
	}
}

/* The lock is held at start and end, and not while it works; `busy` keeps others away meanwhile. */
static void run_batch(struct writer *w)
{
	struct fault fault = { .code = OK };
	uint64_t first = w->settled + 1;
	unsigned n = batch_size(w, first, w->next - first);
	if (!n)
		return;
	pthread_mutex_unlock(&w->lock); /* what is queued stays as it is until it has settled */
	enum err e = commit_batch(w, first, n, &fault);
	pthread_mutex_lock(&w->lock);
	struct waiter *waiters = settle(w, n, e, &fault);
	pthread_mutex_unlock(&w->lock);
	answer(waiters, e, &fault);
	if (e == OK)
		tell_listeners(w);
	store_maintain(w->store);
	if (store_log_octets(w->store) >= LOG_LONG)
		move_log(w);
	pthread_mutex_lock(&w->lock);
}

static void *run(void *arg)
{
	struct writer *w = arg;
	pthread_mutex_lock(&w->lock);
	for (;;) {
		wait_for_work(w);
		if (!has_work(w))
			break; /* closing, and all is settled */
		w->busy = true;
		run_batch(w);
		run_tasks(w);
		w->busy = false;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

enum err writer_start(const char *path, const struct key *key, struct writer **ret_writer, struct fault *f)
{
	struct store *store;
	pthread_condattr_t monotonic;
	enum err e = store_open(path, key, &store, f);
	if (e)
		return e;
	struct writer *w = mem_zalloc(sizeof(*w));
	w->store = store;
	w->last = w->settled = store_last(store);
	w->next = w->settled + 1;
	w->lanes = store_lanes(store);
	w->mirrored = store_mirrored(store);
	w->unflushed = true; /* by one who was killed between an erasure and its end */
	w->tasks_end = &w->tasks;
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->telling, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &monotonic);
	pthread_cond_init(&w->room, NULL);
	pthread_condattr_destroy(&monotonic);
	int os = pthread_create(&w->thread, NULL, run, w);
	if (os) {
		store_close(store);
		free(w);
		return fault_set(f, ERR_IO, "the thread that writes the ledger cannot be started: %s", strerror(os));
	}
	*ret_writer = w;
	return OK;
}

void writer_stop(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	store_close(w->store);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->room);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->telling);
	free(w);
}

static bool has_room(const struct writer *w, unsigned n, size_t more)
{
	uint64_t queued = w->next - w->settled - 1;
	return queued == 0 || (queued + n <= RING && w->octets + more <= QUEUE_OCTETS);
}

static void wake_thread(struct writer *w)
{
	if (w->idle && !w->busy && has_work(w))
		pthread_cond_signal(&w->work);
}

/* @param head  the first of its group, which may found the lane of all. */
static enum err check_told(struct writer *w, const struct told *head, const struct told *t, struct fault *f)
{
	if (!head->founds && t->s.lane >= w->lanes)
		return fault_set(f, ERR_NOTFOUND, "there is no lane %u", t->s.lane);
	if (!t->foreign && t->s.lane < w->lanes && w->mirrored >> t->s.lane & 1)
		return fault_set(f, ERR_FORBIDDEN, "the lane is mirrored from another node, which alone writes into it");
	if (t->s.import >= w->next)
		return fault_set(f, ERR_RANGE, "import %llu has not begun: no entry has that number yet",
				 (unsigned long long)t->s.import);
	return OK;
}

/* Queue them; the lock is held when it answers OK. */
static enum err enqueue(struct writer *w, const struct told *t, unsigned n, uint64_t *ret_number, struct fault *f)
{
	size_t octets = 0;
	enum err e = OK;
	for (unsigned i = 0; i < n && e == OK; i++) {
		e = t[i].foreign ? OK : submission_check(&t[i].s, f);
		octets += t[i].s.body.n;
	}
	if (e)
		return e;
	pthread_mutex_lock(&w->lock);
	w->want_room++;
	while (wake_thread(w), !has_room(w, n, octets))
		pthread_cond_wait(&w->room, &w->lock);
	w->want_room--;
	for (unsigned i = 0; i < n && e == OK; i++)
		e = check_told(w, t, &t[i], f);
	if (e == OK) {
		uint64_t first = *ret_number = w->next;
		for (unsigned i = 0; i < n; i++) {
			struct queued *q = slot(w, w->next++);
			*q = (struct queued){ .told = t[i], .joined = i > 0 };
			if (!t[i].foreign && q->told.s.flags & ENTRY_CONTINUES && !q->told.s.import)
				q->told.s.import = first;
		}
		w->octets += octets;
	} else {
		pthread_mutex_unlock(&w->lock);
	}
	return e;
}

enum err writer_submit(struct writer *w, const struct told *t, unsigned n, uint64_t *ret_number, struct fault *f)
{
	enum err e = enqueue(w, t, n, ret_number, f);
	if (e)
		return e;
	if (!t->s.held)
		wake_thread(w);
	pthread_mutex_unlock(&w->lock);
	return OK;
}

/* What became of a number that is settled. */
static enum err outcome(const struct writer *w, uint64_t number, struct fault *f)
{
	const struct failure *failure = find_failure(w, number);
	if (failure && f)
		*f = failure->fault;
	return failure ? failure->fault.code : OK;
}

/* Nobody commits: then this thread does, what is queued before it, too. */
enum err writer_append(struct writer *w, const struct told *t, unsigned n, uint64_t *ret_number, struct fault *f)
{
	uint64_t number;
	enum err e = enqueue(w, t, n, &number, f);
	if (e)
		return e;
	bool mine = !w->busy && number - w->settled <= batch_size(w, w->settled + 1, w->next - w->settled - 1);
	if (mine) {
		w->busy = true;
		run_batch(w);
		w->busy = false;
		e = outcome(w, number, f);
	}
	wake_thread(w); /* for what was queued meanwhile */
	pthread_mutex_unlock(&w->lock);
	if (!mine)
		e = writer_wait(w, number, f);
	if (e == OK)
		*ret_number = number;
	return e;
}

enum err writer_wait(struct writer *w, uint64_t number, struct fault *f)
{
	struct waiter one;
	enum err e = OK;
	pthread_mutex_lock(&w->lock);
	if (number >= w->next)
		e = fault_set(f, ERR_RANGE, "nothing was submitted as entry %llu", (unsigned long long)number);
	bool waits = e == OK && w->settled < number;
	if (waits) {
		begin_waiting(&one);
		one.next = slot(w, number)->waiters;
		slot(w, number)->waiters = &one;
		wake_thread(w); /* it may have been held */
	} else if (e == OK) {
		e = outcome(w, number, f);
	}
	pthread_mutex_unlock(&w->lock);
	if (!waits)
		return e;
	await(&one);
	if (one.fault.code && f)
		*f = one.fault;
	return one.fault.code;
}

enum err writer_run(struct writer *w, writer_work *work, void *ctx, struct fault *f)
{
	struct task t = { .work = work, .ctx = ctx };
	begin_waiting(&t.waiter);
	pthread_mutex_lock(&w->lock);
	*w->tasks_end = &t;
	w->tasks_end = &t.next;
	wake_thread(w);
	pthread_mutex_unlock(&w->lock);
	await(&t.waiter);
	if (t.waiter.fault.code && f)
		*f = t.waiter.fault;
	return t.waiter.fault.code;
}

enum err writer_flush(struct writer *w, struct fault *f)
{
	return writer_run(w, NULL, NULL, f);
}

uint64_t writer_last(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	uint64_t last = w->last;
	pthread_mutex_unlock(&w->lock);
	return last;
}

unsigned writer_lanes(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	unsigned lanes = w->lanes;
	pthread_mutex_unlock(&w->lock);
	return lanes;
}

void writer_stats(struct writer *w, struct ledger_stats *ret_stats)
{
	pthread_mutex_lock(&w->lock);
	*ret_stats = w->stats;
	pthread_mutex_unlock(&w->lock);
}
