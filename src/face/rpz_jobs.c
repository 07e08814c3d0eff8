/* Transfers wait in a queue for the threads that write them.  One address has a quarter of the threads at most, so that the slow readers
 * of one network leave the others theirs. */
#include "face/rpz_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/octets.h"

enum { RUNNING_PER_ADDRESS = RPZ_TRANSFERS / 4 };

void rpz_job_free(struct rpz_job *j)
{
	rpz_plan_release(&j->plan);
	rpz_held_drop(j->held);
	free(j);
}

void rpz_jobs_put(struct rpz_server *s, struct rpz_job *j)
{
	pthread_mutex_lock(&s->lock);
	struct rpz_job **end = &s->waiting;
	while (*end)
		end = &(*end)->next;
	*end = j;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

static unsigned running_for(const struct rpz_server *s, const struct sockaddr_storage *from)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->n_running; i++)
		n += rpz_same_address(&s->running[i], from);
	return n;
}

/* The first that may run now, off the queue. */
static struct rpz_job *take(struct rpz_server *s)
{
	for (struct rpz_job **at = &s->waiting; *at; at = &(*at)->next) {
		struct rpz_job *j = *at;
		if (running_for(s, &j->from) >= RUNNING_PER_ADDRESS)
			continue;
		*at = j->next;
		s->running[s->n_running++] = j->from;
		return j;
	}
	return NULL;
}

static void give_back(struct rpz_server *s, struct rpz_job *j)
{
	pthread_mutex_lock(&s->lock);
	unsigned i = 0;
	while (!rpz_same_address(&s->running[i], &j->from))
		i++;
	s->running[i] = s->running[--s->n_running];
	j->next = s->done;
	s->done = j;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	rpz_wake(s);
}

struct writing {
	struct rpz_server *s;
	int fd;
};

/* Until there is room, the other side stands still for too long, or the server stops. */
static bool wait_for_room(const struct writing *w)
{
	struct pollfd fds[2] = { { .fd = w->fd, .events = POLLOUT }, { .fd = w->s->stop_fd, .events = POLLIN } };
	int n;
	do
		n = poll(fds, 2, RPZ_STALLED_MS);
	while (n < 0 && errno == EINTR);
	return n > 0 && !fds[1].revents;
}

static bool write_message(void *ctx, uint8_t *message, size_t n)
{
	const struct writing *w = ctx;
	uint8_t *p = message - RPZ_PREFIX;
	put_be16(p, (uint16_t)n);
	for (n += RPZ_PREFIX; n;) {
		ssize_t k = send(w->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k > 0) {
			p += k;
			n -= (size_t)k;
			rpz_count_up(w->s, RPZ_OCTETS, (uint64_t)k);
		} else if (errno != EINTR && (errno != EAGAIN || !wait_for_room(w)))
			return false;
	}
	return true;
}

static void transfer(struct rpz_server *s, struct rpz_job *j)
{
	struct writing w = { .s = s, .fd = j->fd };
	const struct feed *feed = j->held->site.at[j->plan.zone].feed;
	struct rpz_reading reading = { s, j->held };
	struct rpz_content content;
	struct rpz_result r = { 0 };
	struct fault f = { .text = "" };
	rpz_content_of(&reading, &content);
	enum err e = rpz_transfer(&content, &j->held->site, &j->plan, write_message, &w, &r, &f);
	rpz_count_up(s, RPZ_RECORDS, r.records);
	j->whole = e == OK;
	if (e) {
		rpz_count_up(s, RPZ_BROKEN, 1);
		log_line(LOG_WARNING, "rpz: the transfer of feed \"%s\" to %s was broken off: %s", feed->name, j->plan.who,
			 e == ERR_CANCELLED ? "the other side has gone, or has not read for too long" : f.text);
		return;
	}
	rpz_count_up(s, r.given == RPZ_GIVEN_WHOLE ? RPZ_WHOLE : r.given == RPZ_GIVEN_DIFFERENCE ? RPZ_DIFFERENCES : RPZ_CURRENT, 1);
	rpz_make_receipt(&j->held->site, &j->plan, &r, &j->receipt);
	if (r.given == RPZ_GIVEN_WHOLE)
		log_line(LOG_INFO, "rpz: all of feed \"%s\" to %s: serial %llu, %llu records, %llu left out, too long for the zone", feed->name,
			 j->plan.who, (unsigned long long)r.serial, (unsigned long long)r.records, (unsigned long long)r.left_out);
}

void rpz_jobs_run(struct rpz_server *s)
{
	pthread_mutex_lock(&s->lock);
	while (!atomic_load(&s->stop)) {
		struct rpz_job *j = take(s);
		if (!j) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		transfer(s, j);
		give_back(s, j);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
}
