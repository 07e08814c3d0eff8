#include "app/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "gate/automatic.h"
#include "gate/tidy.h"

enum { EVERY_S = 3600, POLICIES_EVERY_S = 60 };

struct keeper {
	struct node *node;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wakes;
	bool changed;
	time_t policies_at; /* monotonic: policies may run again from then on */
	uint64_t rechecked; /* the register of this number of renewals was asked about all that is in force */
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

/* After changes, once a minute at most.  @return false: not yet. */
static bool decide(struct keeper *k)
{
	const struct policies *all = docket_policies(node_docket(k->node));
	struct timespec now;
	struct fault f;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (all->n && now.tv_sec < k->policies_at)
		return false;
	for (unsigned i = 0; i < all->n && !k->stop; i++) {
		unsigned n = 0;
		uint64_t index = 0;
		if (automatic_run(k->node, &all->v[i], &n, &index, &f))
			log_line(LOG_ERROR, "policy %s: %s", all->v[i].name, f.text);
		else if (n)
			log_line(LOG_NOTICE, "policy %s: " DOCKET_LANE "/%llu blocks %u values", all->v[i].name, (unsigned long long)index, n);
	}
	k->policies_at = now.tv_sec + POLICIES_EVERY_S;
	return true;
}

/* What a list, or the configuration, protects by now goes out of force. */
static void recheck(struct keeper *k)
{
	struct guard *g = node_guard(k->node);
	struct fault f;
	unsigned n = 0;
	(void)guard_renew(g);
	uint64_t renewals = guard_renewals(g);
	guard_tidy(g);
	if (renewals == k->rechecked)
		return;
	k->rechecked = renewals;
	if (docket_recheck(node_docket(k->node), &n, &f))
		log_line(LOG_ERROR, "protected register: %s", f.text);
	else if (n)
		log_line(LOG_WARNING, "protected register: %u decision%s suspended, for what %s", n, n == 1 ? "" : "s",
			 n == 1 ? "it blocks is protected now" : "they block is protected now");
}

static void *run(void *arg)
{
	struct keeper *k = arg;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	table_reader_init();
	bool due = true, decided = false;
	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		k->changed = false;
		pthread_mutex_unlock(&k->lock);
		if (due)
			prune(k);
		tidy(k);
		recheck(k);
		decided = decide(k);
		pthread_mutex_lock(&k->lock);
		until.tv_sec += due ? EVERY_S : 0;
		due = false;
		while (!k->stop && !k->changed && !due) {
			struct timespec at = until;
			if (!decided && k->policies_at < at.tv_sec)
				at = (struct timespec){ .tv_sec = k->policies_at };
			if (pthread_cond_timedwait(&k->wakes, &k->lock, &at) != ETIMEDOUT)
				continue;
			due = at.tv_sec == until.tv_sec;
			if (!due)
				break;
		}
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
		node_off_change(n, k);
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
	node_off_change(k->node, k);
	pthread_cond_destroy(&k->wakes);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
