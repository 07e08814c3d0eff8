#include "app/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

enum { EVERY_S = 3600 };

struct keeper {
	struct node *node;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stops;
	bool stop;
};

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
	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		pthread_mutex_unlock(&k->lock);
		prune(k);
		pthread_mutex_lock(&k->lock);
		until.tv_sec += EVERY_S;
		while (!k->stop && pthread_cond_timedwait(&k->stops, &k->lock, &until) != ETIMEDOUT)
			;
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
	pthread_cond_init(&k->stops, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&k->thread, NULL, run, k)) {
		free(k);
		return fault_set(f, ERR_IO, "a thread for the retention cannot be started");
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
	pthread_cond_signal(&k->stops);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->stops);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
