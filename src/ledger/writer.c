/* Group commit.
 *
 * A submission gets its number when it is queued, so the queue is a ring indexed by number and its state is two
 * numbers: all up to `settled` are durable or have failed, all below `next` are given out.  The thread takes a batch
 * from the head (everything queued, within bounds), puts it into one transaction, commits, and then moves `settled` and
 * wakes those who wait.  While it waits for the disk the next batch gathers: the slower the disk, the larger the
 * batches, without a timer.
 *
 * A commit that fails takes its whole batch with it and nothing else.  The reason is kept for the ranges of numbers
 * that failed last.  When there are too many of them the two oldest become one, which covers what lies between them
 * too: one who asks that late may be told of a failure that was not, never the reverse.
 *
 * The write-ahead log is moved into the file when nobody has wanted anything for a moment, or when it has become long;
 * the latter is the one wait that submitters can notice during a long import. */
#include "ledger/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "ledger/store.h"

enum {
	RING = 1024,               /* submissions queued, at most */
	QUEUE_OCTETS = 64 << 20,   /* of bodies queued, at most (a larger one only alone) */
	BATCH = 256,               /* submissions in one commit, at most */
	BATCH_OCTETS = 32 << 20,   /* reached by one more body at most */
	FAILURES = 64,             /* ranges of failed numbers that are told apart */
	LOG_LONG = 16 << 20,       /* octets of log from which it is moved at once, */
	LOG_SHORT = 256 << 10,     /* and below which it stays where it is */
	IDLE_MS = 200,
};

struct queued {
	struct submission s;
	const struct lane *founds;
};

struct failure {
	uint64_t first, last;
	struct fault fault;
};

struct writer {
	struct store *store; /* the thread's alone */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;    /* something is queued, or closing */
	pthread_cond_t settles; /* settled has moved */
	struct queued ring[RING]; /* slot of number n: n % RING */
	uint64_t next, settled;
	size_t octets;
	bool closing;
	struct failure failures[FAILURES]; /* by number */
	unsigned n_failures;
	/* of the store, after its last commit */
	uint64_t last;
	unsigned lanes;
	struct ledger_stats stats;
};

static struct queued *slot(struct writer *w, uint64_t number)
{
	return &w->ring[number % RING];
}

/* How many of the `n` queued from `first` on go into one commit. */
static unsigned batch_size(struct writer *w, uint64_t first, uint64_t n)
{
	size_t octets = 0;
	unsigned i = 0;
	while (i < n && i < BATCH && octets < BATCH_OCTETS)
		octets += slot(w, first + i++)->s.body.n;
	return i;
}

static enum err commit_batch(struct writer *w, uint64_t first, unsigned n, struct fault *f)
{
	enum err e = store_begin(w->store, f);
	for (unsigned i = 0; i < n && e == OK; i++) {
		const struct queued *q = slot(w, first + i);
		e = store_put(w->store, first + i, &q->s, q->founds, f);
	}
	if (e == OK)
		e = store_commit(w->store, f);
	if (e)
		store_undo(w->store);
	return e;
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

static void settle(struct writer *w, unsigned n, enum err e, const struct fault *f)
{
	uint64_t first = w->settled + 1;
	for (unsigned i = 0; i < n; i++)
		w->octets -= slot(w, first + i)->s.body.n;
	w->settled += n;
	if (e)
		remember_failure(w, first, w->settled, f);
	w->last = store_last(w->store);
	w->lanes = store_lanes(w->store);
	w->stats = *store_stats(w->store);
	pthread_cond_broadcast(&w->settles);
}

/* Until something is queued; when that takes a while, moves a log that is not short into the file. */
static void wait_for_work(struct writer *w)
{
	struct timespec until;
	while (w->settled + 1 == w->next && !w->closing) {
		if (store_log_octets(w->store) < LOG_SHORT) {
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += IDLE_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (pthread_cond_timedwait(&w->work, &w->lock, &until) == 0)
			continue;
		pthread_mutex_unlock(&w->lock);
		store_checkpoint(w->store);
		pthread_mutex_lock(&w->lock);
	}
}

static void *run(void *arg)
{
	struct writer *w = arg;
	struct fault fault;
	pthread_mutex_lock(&w->lock);
	for (;;) {
		wait_for_work(w);
		uint64_t first = w->settled + 1;
		unsigned n = batch_size(w, first, w->next - first);
		if (n == 0)
			break; /* closing, and all is settled */
		pthread_mutex_unlock(&w->lock); /* what is queued stays as it is until it has settled */
		enum err e = commit_batch(w, first, n, &fault);
		pthread_mutex_lock(&w->lock);
		settle(w, n, e, &fault);
		if (store_log_octets(w->store) >= LOG_LONG) {
			pthread_mutex_unlock(&w->lock);
			store_checkpoint(w->store);
			pthread_mutex_lock(&w->lock);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

enum err writer_start(const char *path, struct writer **ret_writer, struct fault *f)
{
	struct store *store;
	pthread_condattr_t monotonic;
	enum err e = store_open(path, &store, f);
	if (e)
		return e;
	struct writer *w = mem_zalloc(sizeof(*w));
	w->store = store;
	w->last = w->settled = store_last(store);
	w->next = w->settled + 1;
	w->lanes = store_lanes(store);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &monotonic);
	pthread_cond_init(&w->settles, NULL);
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
	pthread_cond_destroy(&w->settles);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static bool has_room(const struct writer *w, size_t more)
{
	uint64_t queued = w->next - w->settled - 1;
	return queued == 0 || (queued < RING && w->octets + more <= QUEUE_OCTETS);
}

enum err writer_submit(struct writer *w, const struct submission *s, const struct lane *founds, uint64_t *ret_number,
		       struct fault *f)
{
	enum err e = submission_check(s, f);
	if (e)
		return e;
	pthread_mutex_lock(&w->lock);
	while (!has_room(w, s->body.n))
		pthread_cond_wait(&w->settles, &w->lock);
	if (!founds && s->lane >= w->lanes)
		e = fault_set(f, ERR_NOTFOUND, "there is no lane %u", s->lane);
	else if (s->import >= w->next)
		e = fault_set(f, ERR_RANGE, "import %llu has not begun: no entry has that number yet",
			      (unsigned long long)s->import);
	if (e == OK) {
		*slot(w, w->next) = (struct queued){ .s = *s, .founds = founds };
		*ret_number = w->next++;
		w->octets += s->body.n;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	return e;
}

enum err writer_wait(struct writer *w, uint64_t number, struct fault *f)
{
	enum err e = OK;
	pthread_mutex_lock(&w->lock);
	if (number >= w->next) {
		e = fault_set(f, ERR_RANGE, "nothing was submitted as entry %llu", (unsigned long long)number);
	} else {
		while (w->settled < number)
			pthread_cond_wait(&w->settles, &w->lock);
		const struct failure *failure = find_failure(w, number);
		if (failure) {
			e = failure->fault.code;
			if (f)
				*f = failure->fault;
		}
	}
	pthread_mutex_unlock(&w->lock);
	return e;
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
