#include "hook/sender.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "hook/delivery.h"
#include "sys/fetch.h"
#include "sys/key.h"

enum { LOOK_MS = 1000, ANSWER_MAX = 64 << 10, STUCK_MS = 60000, WHOLE_S = 60 };

/* One hook that runs. */
struct running {
	struct sender *sender;
	struct hook hook;
	struct hook_state state;
	pthread_t thread;
	bool used, seen;
	atomic_bool stop, over; /* over: the receiver wants no more */
	pthread_mutex_t lock;  /* of what follows */
	pthread_cond_t wakes;
	bool news;
	struct stream_listener listener;
	struct fetcher *fetcher;
};

struct sender {
	struct node *node;
	pthread_t thread;
	pthread_mutex_t lock;  /* of what follows */
	pthread_cond_t wakes;
	bool stop;
	struct running running[HOOKS_MAX];
};

static void init_wait(pthread_mutex_t *lock, pthread_cond_t *wakes)
{
	pthread_condattr_t monotonic;
	pthread_mutex_init(lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(wakes, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static struct timespec in_ms(uint64_t ms)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(ms / 1000);
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

/* ---- sending ---- */

static bool is_stopped(void *ctx)
{
	return atomic_load(&((struct running *)ctx)->stop);
}

static void wake(void *ctx)
{
	struct running *r = ctx;
	pthread_mutex_lock(&r->lock);
	r->news = true;
	pthread_cond_signal(&r->wakes);
	pthread_mutex_unlock(&r->lock);
}

static void wait_for_news(struct running *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->news && !atomic_load(&r->stop))
		pthread_cond_wait(&r->wakes, &r->lock);
	r->news = false;
	pthread_mutex_unlock(&r->lock);
}

/* Whatever comes meanwhile. */
static void pause_for(struct running *r, uint64_t ms)
{
	struct timespec until = in_ms(ms);
	pthread_mutex_lock(&r->lock);
	while (!atomic_load(&r->stop))
		if (pthread_cond_timedwait(&r->wakes, &r->lock, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&r->lock);
}

static void keep_state(struct running *r)
{
	struct fault f;
	if (hook_state_write(node_dir(r->sender->node), r->hook.name, &r->state, &f))
		log_line(LOG_ERROR, "hook %s: %s", r->hook.name, f.text);
}

static void failed(struct running *r, const char *why)
{
	struct hook_state *s = &r->state;
	s->failures++;
	s->failed++;
	s->failed_ms = clock_ms();
	snprintf(s->error, sizeof(s->error), "%s", why);
	for (char *p = s->error; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	if (s->failures == 1 || s->gone)
		log_line(LOG_WARNING, "hook %s: %s", r->hook.name, s->error);
	keep_state(r);
}

static bool pass_over(void *ctx, struct span octets)
{
	return true;
}

/* Seconds; a date is not looked at. */
static uint32_t retry_after(struct fetcher *t)
{
	char text[40];
	uint64_t s = 0;
	return fetch_field(t, "Retry-After", text, sizeof(text)) && num_parse_u64(span_str(text), UINT32_MAX, &s) == OK ? (uint32_t)s : 0;
}

/* @param ret_retry_s  how long the receiver wants to be left alone.  @return it has taken it. */
static bool send_once(struct running *r, const struct delivery *d, uint32_t *ret_retry_s)
{
	char field[3][DELIVERY_FIELD_MAX], why[HOOK_ERROR_MAX + 1];
	const char *const fields[3] = { field[0], field[1], field[2] };
	const struct fetch_request request = {
		.url = r->hook.url, .header = fields, .n_headers = 3, .media = "application/json", .body = buf_span(&d->body), .max_octets = ANSWER_MAX,
		.whole_s = WHOLE_S, .take = pass_over,
	};
	struct fault f;
	unsigned status = 0;
	*ret_retry_s = 0;
	delivery_sign(d, &r->hook, (uint64_t)clock_ms() / 1000, field);
	enum err e = fetch_run(r->fetcher, &request, &status, &f);
	if (e == OK)
		*ret_retry_s = retry_after(r->fetcher);
	if (e == OK && status >= 200 && status <= 299)
		return true;
	if (e == ERR_CANCELLED)
		return false;
	if (e)
		snprintf(why, sizeof(why), "%s", f.text);
	else
		snprintf(why, sizeof(why), "the receiver answers with status %u", status);
	r->state.gone = e == OK && status == 410;
	failed(r, why);
	return false;
}

/* Until it is taken.  @return false: stopped, or the receiver wants no more. */
static bool deliver(struct running *r, const struct delivery *d)
{
	uint32_t retry_s, chance;
	while (!send_once(r, d, &retry_s)) {
		if (atomic_load(&r->stop) || r->state.gone)
			return false;
		random_octets(&chance, sizeof(chance));
		pause_for(r, delivery_wait_ms(r->state.failures, retry_s, chance));
		if (atomic_load(&r->stop))
			return false;
	}
	struct hook_state *s = &r->state;
	if (s->failures)
		log_line(LOG_NOTICE, "hook %s: the receiver takes it again, after %u failures", r->hook.name, s->failures);
	snprintf(s->cursor, sizeof(s->cursor), SPAN_FMT, SPAN_ARG(buf_span(&d->after)));
	s->events += d->events;
	s->batches++;
	s->failures = 0;
	s->error[0] = 0;
	s->taken_ms = clock_ms();
	keep_state(r);
	return true;
}

/* With the cursor as it is written down.  @return false: it cannot go on. */
static bool run_from_cursor(struct running *r, struct stream_cursor *c)
{
	struct stream *stream = node_stream(r->sender->node);
	struct delivery d = { 0 };
	struct fault f;
	bool goes_on = true;
	while (goes_on && !atomic_load(&r->stop)) {
		enum err e = delivery_fill(&d, stream, CLEARANCE_ALL, c, ledger_name(node_ledger(r->sender->node)), &r->hook, &f);
		if (e) {
			failed(r, f.text);
			goes_on = false;
		} else if (d.events) {
			goes_on = deliver(r, &d);
		} else {
			wait_for_news(r);
		}
	}
	delivery_release(&d);
	return goes_on;
}

static void *run_hook(void *arg)
{
	struct running *r = arg;
	struct stream *stream = node_stream(r->sender->node);
	r->fetcher = fetcher_new(is_stopped, r);
	while (!atomic_load(&r->stop) && !r->state.gone) {
		struct stream_cursor *c;
		struct fault f;
		if (stream_cursor_open(stream, CLEARANCE_ALL, span_str(r->hook.lanes), span_str(r->state.cursor), &c, &f)) {
			failed(r, f.text);
			pause_for(r, STUCK_MS);
			continue;
		}
		r->listener = (struct stream_listener){ .lanes = stream_cursor_lanes(c), .due_ms = UINT64_MAX, .call = wake, .ctx = r };
		stream_join(stream, &r->listener);
		bool fine = run_from_cursor(r, c);
		stream_leave(stream, &r->listener);
		free(c);
		if (!fine && !r->state.gone)
			pause_for(r, STUCK_MS);
	}
	fetcher_free(r->fetcher);
	atomic_store(&r->over, true);
	return NULL;
}

/* ---- which hooks run ---- */

static void end_hook(struct running *r)
{
	atomic_store(&r->stop, true);
	wake(r);
	pthread_join(r->thread, NULL);
	pthread_cond_destroy(&r->wakes);
	pthread_mutex_destroy(&r->lock);
	hook_wipe(&r->hook);
	memset(r, 0, sizeof(*r));
}

static void begin_hook(struct sender *s, struct running *r, const struct hook *h)
{
	struct hook_state state;
	struct fault f;
	if (hook_state_read(node_dir(s->node), h->name, &state, &f)) {
		log_line(LOG_ERROR, "hook %s: %s", h->name, f.text);
		return;
	}
	if (state.gone)
		return;
	memset(r, 0, sizeof(*r));
	r->sender = s;
	r->hook = *h;
	r->state = state;
	init_wait(&r->lock, &r->wakes);
	r->used = r->seen = true;
	if (pthread_create(&r->thread, NULL, run_hook, r)) {
		log_line(LOG_ERROR, "hook %s: a thread for it cannot be started", h->name);
		r->used = false;
	}
}

static bool same_hook(const struct hook *a, const struct hook *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->url, b->url) == 0 && strcmp(a->lanes, b->lanes) == 0 && a->off == b->off &&
	       a->n_secret == b->n_secret && memcmp(a->secret, b->secret, a->n_secret) == 0;
}

static void complain(void *ctx, const char *text)
{
	log_line(LOG_ERROR, "%s", text);
}

/* What is there by now is begun, what is gone or other is ended. */
static void look(struct sender *s, bool tells)
{
	struct hook *all = mem_alloc(HOOKS_MAX * sizeof(*all));
	struct fault f;
	unsigned n = 0;
	enum err e = hooks_read(node_dir(s->node), all, &n, tells ? complain : NULL, NULL, &f);
	for (unsigned i = 0; i < HOOKS_MAX; i++)
		s->running[i].seen = false;
	for (unsigned k = 0; k < n && e == OK; k++)
		for (unsigned i = 0; i < HOOKS_MAX; i++)
			s->running[i].seen |= s->running[i].used && !atomic_load(&s->running[i].over) && !all[k].off && same_hook(&s->running[i].hook, &all[k]);
	for (unsigned i = 0; i < HOOKS_MAX && e == OK; i++)
		if (s->running[i].used && !s->running[i].seen)
			end_hook(&s->running[i]);
	for (unsigned k = 0; k < n && e == OK; k++) {
		struct running *place = NULL;
		for (unsigned i = 0; i < HOOKS_MAX && !all[k].off; i++) {
			struct running *r = &s->running[i];
			if (r->used && strcmp(r->hook.name, all[k].name) == 0) {
				place = NULL;
				break;
			}
			place = !r->used && !place ? r : place;
		}
		if (place)
			begin_hook(s, place, &all[k]);
	}
	explicit_bzero(all, HOOKS_MAX * sizeof(*all));
	free(all);
}

static void *run(void *arg)
{
	struct sender *s = arg;
	bool first = true;
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		pthread_mutex_unlock(&s->lock);
		look(s, first);
		first = false;
		struct timespec until = in_ms(LOOK_MS);
		pthread_mutex_lock(&s->lock);
		while (!s->stop)
			if (pthread_cond_timedwait(&s->wakes, &s->lock, &until) == ETIMEDOUT)
				break;
	}
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < HOOKS_MAX; i++)
		if (s->running[i].used)
			end_hook(&s->running[i]);
	return NULL;
}

enum err sender_start(struct node *n, struct sender **ret_sender, struct fault *f)
{
	struct sender *s = mem_zalloc(sizeof(*s));
	s->node = n;
	init_wait(&s->lock, &s->wakes);
	if (pthread_create(&s->thread, NULL, run, s)) {
		free(s);
		return fault_set(f, ERR_IO, "a thread for the hooks cannot be started");
	}
	*ret_sender = s;
	return OK;
}

void sender_stop(struct sender *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wakes);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->wakes);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- how they do ---- */

/* The index after the name of a lane in a cursor; 0: it is not in it. */
static uint64_t place_in(const char *cursor, const char *lane)
{
	struct span rest = span_str(cursor), item;
	while (span_item(&rest, &item)) {
		size_t slash = span_find(item, '/');
		if (!span_is(span_head(item, slash), lane))
			continue;
		uint64_t n = 0;
		for (size_t i = slash + 1; i < item.n && ascii_digit(item.p[i]) && n < UINT64_MAX / 100; i++)
			n = n * 10 + (unsigned)(item.p[i] - '0');
		return n;
	}
	return 0;
}

static bool names_lane(const struct hook *h, const char *lane)
{
	struct span rest = span_str(h->lanes), item;
	while (span_item(&rest, &item))
		if (span_is(item, lane))
			return true;
	return false;
}

uint64_t hook_behind(struct ledger *l, const struct hook *h, const struct hook_state *state)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes);
	uint64_t behind = 0;
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = place_in(state->cursor, lanes[i].name);
		if (names_lane(h, lanes[i].name) && at < lanes[i].size)
			behind += lanes[i].size - at;
	}
	free(lanes);
	return behind;
}

/* Are all its lanes among those? */
static bool is_shown(struct ledger *l, const struct hook *h, clearance clear)
{
	struct span rest = span_str(h->lanes), item;
	struct lane lane;
	char name[LANE_NAME_MAX + 1];
	while (span_item(&rest, &item)) {
		snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(span_head(item, LANE_NAME_MAX)));
		if (ledger_lane_find(l, clear, name, &lane))
			return false;
	}
	return true;
}

static void put_metric(struct buf *out, const struct hook *all, const uint64_t *value, unsigned n, const char *name, const char *type,
		       const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "%s{hook=\"%s\"} %llu\n", name, all[i].name, (unsigned long long)value[i]);
}

void hooks_metrics(struct node *n, clearance clear, struct buf *out)
{
	struct hook *all = mem_alloc(HOOKS_MAX * sizeof(*all));
	struct hook_state *s = mem_zalloc(sizeof(*s));
	uint64_t value[4][HOOKS_MAX] = { { 0 } };
	unsigned read = 0, shown = 0;
	if (hooks_read(node_dir(n), all, &read, NULL, NULL, NULL))
		read = 0;
	for (unsigned i = 0; i < read; i++) {
		if (!is_shown(node_ledger(n), &all[i], clear) || hook_state_read(node_dir(n), all[i].name, s, NULL))
			continue;
		value[0][shown] = hook_behind(node_ledger(n), &all[i], s);
		value[1][shown] = s->failures;
		value[2][shown] = s->failed;
		value[3][shown] = s->events;
		all[shown++] = all[i];
	}
	if (shown) {
		put_metric(out, all, value[0], shown, "sipar_hook_behind_entries", "gauge", "Entries of its lanes that a hook has not been sent.");
		put_metric(out, all, value[1], shown, "sipar_hook_failures", "gauge", "Deliveries in a row that the receiver has not taken.");
		put_metric(out, all, value[2], shown, "sipar_hook_failures_total", "counter", "Deliveries that the receiver has not taken.");
		put_metric(out, all, value[3], shown, "sipar_hook_events_total", "counter", "Events that the receiver has taken.");
	}
	explicit_bzero(all, HOOKS_MAX * sizeof(*all));
	free(all);
	free(s);
}
