/* Transfers wait in a queue for the threads that write them.  One address has a quarter of the threads at most, so that the slow readers
 * of one network leave the others theirs.  A transfer that stands still is ended by a shutdown of its socket, at which its thread wakes: by
 * that thread after RPZ_STALLED_MS, and after RPZ_GIVES_WAY_MS by the loop when somebody waits for the place. */
#include "face/rpz_parts.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/octets.h"

enum { RUNNING_PER_ADDRESS = RPZ_TRANSFERS / 4, LOOK_MS = 1000 };

static uint64_t now(void)
{
	return clock_mono_ns() / 1000000;
}

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
		n += rpz_same_address(&s->running[i]->from, from);
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
		atomic_store(&j->still_ms, RPZ_MOVES);
		s->running[s->n_running++] = j;
		return j;
	}
	return NULL;
}

static void give_back(struct rpz_server *s, struct rpz_job *j)
{
	pthread_mutex_lock(&s->lock);
	unsigned i = 0;
	while (s->running[i] != j)
		i++;
	s->running[i] = s->running[--s->n_running];
	j->next = s->done;
	s->done = j;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	rpz_wake(s);
}

/* With the lock: that which stands still for longest, and for so long that it gives way.  NULL: none, or one does so already. */
static struct rpz_job *longest(const struct rpz_server *s, const struct sockaddr_storage *from, uint64_t now_ms)
{
	struct rpz_job *found = NULL;
	uint64_t least = now_ms < RPZ_GIVES_WAY_MS ? 0 : now_ms - RPZ_GIVES_WAY_MS;
	for (unsigned i = 0; i < s->n_running; i++) {
		struct rpz_job *j = s->running[i];
		if (from && !rpz_same_address(&j->from, from))
			continue;
		if (atomic_load(&j->gives_way))
			return NULL;
		uint64_t still_ms = atomic_load(&j->still_ms);
		if (still_ms <= least) {
			least = still_ms;
			found = j;
		}
	}
	return found;
}

/* With the lock, by which its socket is open. */
static bool end(struct rpz_job *j)
{
	if (!j)
		return false;
	atomic_store(&j->gives_way, true);
	shutdown(j->fd, SHUT_RDWR);
	return true;
}

bool rpz_jobs_give_way(struct rpz_server *s, const struct sockaddr_storage *from, uint64_t now_ms)
{
	pthread_mutex_lock(&s->lock);
	bool gives = end(longest(s, from, now_ms));
	pthread_mutex_unlock(&s->lock);
	return gives;
}

void rpz_jobs_press(struct rpz_server *s, uint64_t now_ms)
{
	pthread_mutex_lock(&s->lock);
	for (struct rpz_job *j = s->waiting; j; j = j->next) {
		if (running_for(s, &j->from) >= RUNNING_PER_ADDRESS)
			end(longest(s, &j->from, now_ms));
		else if (s->n_running == RPZ_TRANSFERS)
			end(longest(s, NULL, now_ms));
	}
	pthread_mutex_unlock(&s->lock);
}

struct writing {
	struct rpz_server *s;
	struct rpz_job *j;
	int unread; /* octets in the socket that the other side had not taken at the last look */
};

/* A socket tells of room only when much of it is free, and on a slow line that takes long: so what has been taken is asked. */
static void look(struct writing *w)
{
	int unread;
	if (ioctl(w->j->fd, SIOCOUTQ, &unread) != 0)
		return;
	if (unread < w->unread)
		atomic_store(&w->j->still_ms, now());
	w->unread = unread;
}

/* Until there is room, the other side stands still for too long, or the server stops. */
static bool wait_for_room(struct writing *w)
{
	struct pollfd fds[2] = { { .fd = w->j->fd, .events = POLLOUT }, { .fd = w->s->stop_fd, .events = POLLIN } };
	int n = 0;
	w->unread = 0;
	atomic_store(&w->j->still_ms, now());
	while ((n == 0 || (n < 0 && errno == EINTR)) && now() - atomic_load(&w->j->still_ms) < RPZ_STALLED_MS) {
		look(w);
		n = poll(fds, 2, LOOK_MS);
	}
	atomic_store(&w->j->still_ms, RPZ_MOVES);
	return n > 0 && !fds[1].revents;
}

/* @return octets; 0: it would wait; -1: no more. */
static ssize_t write_some(const struct rpz_job *j, const uint8_t *p, size_t n)
{
	size_t done = 0;
	if (!j->tls) {
		ssize_t k = send(j->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		return k > 0 ? k : errno == EINTR || errno == EAGAIN ? 0 : -1;
	}
	switch (tls_write(j->tls, p, n, &done)) {
	case TLS_FINE:
		return (ssize_t)done;
	case TLS_WANT_WRITE:
		return 0;
	default:
		return -1;
	}
}

static bool write_message(void *ctx, uint8_t *message, size_t n)
{
	struct writing *w = ctx;
	uint8_t *p = message - RPZ_PREFIX;
	put_be16(p, (uint16_t)n);
	for (n += RPZ_PREFIX; n;) {
		ssize_t k = write_some(w->j, p, n);
		if (k > 0) {
			p += k;
			n -= (size_t)k;
			rpz_count_up(w->s, RPZ_OCTETS, (uint64_t)k);
		} else if (k < 0 || !wait_for_room(w))
			return false;
	}
	return true;
}

static const char *why_broken(const struct rpz_job *j, enum err e, const struct fault *f)
{
	if (atomic_load(&j->gives_way))
		return "it stood still, and others waited for its place";
	return e == ERR_CANCELLED ? "the other side has gone, or has not read for too long" : f->text;
}

static void transfer(struct rpz_server *s, struct rpz_job *j)
{
	struct writing w = { .s = s, .j = j };
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
		rpz_count_up(s, RPZ_GAVE_WAY, atomic_load(&j->gives_way));
		log_line(LOG_WARNING, "rpz: the transfer of feed \"%s\" to %s was broken off: %s", feed->name, j->plan.who, why_broken(j, e, &f));
		return;
	}
	rpz_count_up(s, r.given == RPZ_GIVEN_WHOLE ? RPZ_WHOLE : r.given == RPZ_GIVEN_DIFFERENCE ? RPZ_DIFFERENCES : RPZ_CURRENT, 1);
	rpz_make_receipt(&j->held->site, &j->plan, &r, &j->receipt);
	if (r.given == RPZ_GIVEN_WHOLE)
		log_line(LOG_INFO, "rpz: all of feed \"%s\" to %s%s: serial %llu, %llu records, %llu left out, too long for the zone", feed->name,
			 j->plan.who, j->tls ? " over TLS" : "", (unsigned long long)r.serial, (unsigned long long)r.records, (unsigned long long)r.left_out);
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
