/* The peer says by its stream when a lane has grown, so that what it takes back is here in a moment.  Nothing that it says there is believed: it only wakes
 * who asks.  Without a stream, or while it is broken, the peer is asked as often as the settings say. */
#include "peer/puller_parts.h"

#include <time.h>

#include "sys/fetch.h"

enum { WHOLE_S = 3600, OCTETS_MAX = 64 << 20, AGAIN_MS = 1000, AGAIN_MAX_MS = 30000 };

struct watching {
	struct station *station;
	bool line_begins, heard;
};

static void wake(struct station *s)
{
	pthread_mutex_lock(&s->puller->lock);
	s->wake = true;
	pthread_cond_broadcast(&s->puller->changed);
	pthread_mutex_unlock(&s->puller->lock);
}

/* Each event has one line "data: ..."; what keeps the connection alive is a comment. */
static bool take(void *ctx, struct span octets)
{
	struct watching *w = ctx;
	bool grown = false;
	for (size_t i = 0; i < octets.n; i++) {
		grown |= w->line_begins && octets.p[i] == 'd';
		w->line_begins = octets.p[i] == '\n';
	}
	w->heard = true;
	if (grown)
		wake(w->station);
	return true;
}

static void put_url(const struct station *s, struct buf *out)
{
	struct span base = span_str(s->peer.url);
	while (base.n && base.p[base.n - 1] == '/')
		base.n--;
	buf_printf(out, SPAN_FMT "/v1/stream?only=heads&lane=", SPAN_ARG(base));
	for (unsigned i = 0; i < s->peer.n_lanes; i++)
		buf_printf(out, "%s%s", i ? "," : "", s->peer.lane[i]);
}

/* @return false: it was stopped. */
static bool pause_for(struct station *s, uint64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	pthread_mutex_lock(&s->puller->lock);
	while (!s->stop && pthread_cond_timedwait(&s->puller->changed, &s->puller->lock, &until) == 0)
		;
	bool on = !s->stop;
	pthread_mutex_unlock(&s->puller->lock);
	return on;
}

void *station_watch(void *arg)
{
	struct station *s = arg;
	struct fetcher *fetcher = fetcher_new(station_is_stopped, s);
	struct buf url = { 0 }, authorization = { 0 };
	uint64_t again_ms = AGAIN_MS;
	put_url(s, &url);
	if (s->peer.token[0])
		buf_printf(&authorization, "Authorization: Bearer %s", s->peer.token);
	const char *header = s->peer.token[0] ? buf_cstr(&authorization) : NULL;
	do {
		struct watching w = { .station = s, .line_begins = true };
		struct fetch_request r = { .url = buf_cstr(&url), .header = &header, .n_headers = header ? 1 : 0, .max_octets = OCTETS_MAX, .whole_s = WHOLE_S,
					   .take = take, .ctx = &w };
		unsigned status = 0;
		struct fault f;
		(void)!fetch_run(fetcher, &r, &status, &f);
		again_ms = w.heard && status == 200 ? AGAIN_MS : again_ms < AGAIN_MAX_MS ? again_ms * 2 : AGAIN_MAX_MS;
	} while (pause_for(s, again_ms));
	fetcher_free(fetcher);
	if (authorization.p)
		explicit_bzero(authorization.p, authorization.cap);
	buf_release(&authorization);
	buf_release(&url);
	return NULL;
}
