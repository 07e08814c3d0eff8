#include "app/leases.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

struct leases {
	struct docket *docket;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stops;
	bool stop;
};

static void end_those_due(struct docket *d)
{
	uint32_t now_s = (uint32_t)(clock_ms() / 1000), next = docket_next_end(d);
	struct fault f;
	unsigned n = 0;
	if (!next || next > now_s)
		return;
	if (docket_expire(d, now_s, &n, &f))
		log_line(LOG_ERROR, "leases: %s", f.text);
	else if (n)
		log_line(LOG_NOTICE, "leases: %u decision%s ended", n, n == 1 ? "" : "s");
}

static void *run(void *arg)
{
	struct leases *l = arg;
	struct timespec at;
	table_reader_init();
	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		pthread_mutex_unlock(&l->lock);
		end_those_due(l->docket);
		pthread_mutex_lock(&l->lock);
		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_sec++;
		at.tv_nsec = 0; /* leases end with whole seconds */
		if (!l->stop)
			pthread_cond_timedwait(&l->stops, &l->lock, &at);
	}
	pthread_mutex_unlock(&l->lock);
	table_reader_exit();
	return NULL;
}

enum err leases_start(struct docket *d, struct leases **ret_leases, struct fault *f)
{
	struct leases *l = mem_zalloc(sizeof(*l));
	l->docket = d;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->stops, NULL);
	if (pthread_create(&l->thread, NULL, run, l)) {
		free(l);
		return fault_set(f, ERR_IO, "a thread for the ends of leases cannot be started");
	}
	*ret_leases = l;
	return OK;
}

void leases_stop(struct leases *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->stops);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->stops);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
