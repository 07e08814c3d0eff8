#include "app/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "gate/tidy.h"

enum { EVERY_S = 3600 };

struct keeper {
	struct node *node;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wakes;
	bool changed;
	atomic_bool stop;
};

/* From the node, by whoever has changed it. */
static void wake(void *ctx)
{
	struct keeper *k = ctx;
	if (pthread_equal(pthread_self(), k->thread))
		return; /* looks by itself */
	pthread_mutex_lock(&k->lock);
	k->changed = true;
	pthread_cond_signal(&k->wakes);
	pthread_mutex_unlock(&k->lock);
}

static void tidy(struct keeper *k)
{
	struct fault f;
	enum err e = node_tidy(k->node, &k->stop, &f);
	if (e && e != ERR_CANCELLED)
		log_line(LOG_ERROR, "table: %s", f.text);
}

static void prune(struct keeper *k)
{
	struct fault f;
	uint64_t n;
	if (node_prune(k->node, LANES_MAX, clock_ms(), &n, &f))
		log_line(LOG_ERROR, "retention: %s", f.text);
	else if (n)
		log_line(LOG_NOTICE, "retention: %llu bodies pruned", (unsigned long long)n);
}

static void *run(void *arg)
{
	struct keeper *k = arg;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	table_reader_init();
	bool due = true;
	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		k->changed = false;
		pthread_mutex_unlock(&k->lock);
		if (due)
			prune(k);
		tidy(k);
		pthread_mutex_lock(&k->lock);
		until.tv_sec += due ? EVERY_S : 0;
		due = false;
		while (!k->stop && !k->changed && !due)
			due = pthread_cond_timedwait(&k->wakes, &k->lock, &until) == ETIMEDOUT;
	}
	pthread_mutex_unlock(&k->lock);
	table_reader_exit();
	return NULL;
}

enum err keeper_start(struct node *n, struct keeper **ret_keeper, struct fault *f)
{
	struct keeper *k = mem_zalloc(sizeof(*k));
	pthread_condattr_t monotonic;
	k->node = n;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wakes, &monotonic);
	pthread_condattr_destroy(&monotonic);
	node_defer_merges(n);
	node_on_change(n, wake, k);
	pthread_mutex_lock(&k->lock); /* until the thread is known to wake() */
	int os = pthread_create(&k->thread, NULL, run, k);
	pthread_mutex_unlock(&k->lock);
	if (os) {
		node_on_change(n, NULL, NULL);
		free(k);
		return fault_set(f, ERR_IO, "a thread for retention and merges cannot be started");
	}
	*ret_keeper = k;
	return OK;
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wakes);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	node_on_change(k->node, NULL, NULL);
	pthread_cond_destroy(&k->wakes);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
