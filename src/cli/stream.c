/* sipar stream: what lanes say, as JSON lines. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "gate/stream.h"

struct stream_options {
	const char *dir, *lanes, *after;
	bool follow, json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'l', "lane", "NAMES", "of these lanes, with commas (default: all)", OPTION_TEXT, &(o)->lanes, 0 },           \
		{ 'a', "after", "CURSOR", "go on there: the id of the last that was seen (default: at the start, with -f at the end)", OPTION_TEXT, \
		  &(o)->after, 0 },                                                                                           \
		{ 'f', "follow", NULL, "then what comes, until it is stopped", OPTION_FLAG, &(o)->follow, 0 }, OPTION_END      \
	}

/* One who waits for more. */
struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t wakes;
	bool news;
};

static void wake(void *ctx)
{
	struct waiter *w = ctx;
	pthread_mutex_lock(&w->lock);
	w->news = true;
	pthread_cond_signal(&w->wakes);
	pthread_mutex_unlock(&w->lock);
}

/* @return false: nobody wants it any more. */
static bool await(struct verb_env *env, struct waiter *w)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&w->lock);
	while (!w->news && pthread_cond_timedwait(&w->wakes, &w->lock, &until) != ETIMEDOUT)
		;
	w->news = false;
	pthread_mutex_unlock(&w->lock);
	return !verb_cancelled(env);
}

/* All that there is.  @param ret_goes_on  false: it is read no more. */
static enum err print(struct verb_env *env, struct stream *s, struct stream_cursor *c, bool *ret_goes_on, struct fault *f)
{
	struct stream_event event = { .name = "" };
	struct buf out = { 0 }, at = { 0 };
	enum err e = OK;
	while (*ret_goes_on && (e = stream_next(s, CLEARANCE_ALL, c, &event, f)) == OK && event.name) {
		at.n = 0;
		stream_cursor_put(c, &at);
		buf_puts(&out, "{\"id\":");
		json_put_string(&out, buf_span(&at));
		buf_printf(&out, ",\"event\":\"%s\",\"data\":", event.name);
		buf_putspan(&out, event.data);
		buf_puts(&out, "}\n");
		stream_event_drop(&event);
		*ret_goes_on = verb_out(env, &out) && !verb_cancelled(env);
	}
	buf_release(&out);
	buf_release(&at);
	return e;
}

static enum err show(struct verb_env *env, const struct stream_options *o, struct fault *f)
{
	struct stream *s = node_stream(env->node);
	struct waiter w = { .news = false };
	struct stream_listener listener = { .due_ms = UINT64_MAX, .call = wake, .ctx = &w };
	struct stream_cursor *c;
	bool goes_on = true;
	enum err e = stream_cursor_open(s, CLEARANCE_ALL, span_str(o->lanes ? o->lanes : ""), span_str(o->after ? o->after : o->follow ? "" : "0"), &c, f);
	if (e)
		return e;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.wakes, NULL);
	listener.lanes = stream_cursor_lanes(c);
	if (o->follow)
		stream_join(s, &listener);
	do
		e = print(env, s, c, &goes_on, f);
	while (e == OK && o->follow && goes_on && await(env, &w));
	if (o->follow)
		stream_leave(s, &listener);
	pthread_cond_destroy(&w.wakes);
	pthread_mutex_destroy(&w.lock);
	free(c);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct stream_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "stream: \"%s\" is one word too many; lanes are named by --lane", argv[1]);
	if (e == OK && env->node && o.follow && env->caller < 0) /* who follows has the directory, and nobody else could write */
		e = fault_set(&f, ERR_NOTFOUND, "stream -f: no daemon runs on \"%s\" (sipar serve): nothing would come", env->dir);
	if (e == OK && env->node)
		e = show(env, &o, &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct stream_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_stream = {
	.name = "stream",
	.summary = "Print what lanes say, in order, as JSON lines",
	.usage = "[OPTION...]",
	.details = "Each line is an event with the cursor behind it: {\"id\":...,\"event\":...,\"data\":...}, as GET /v1/stream gives them; docs/stream.md has them all.\n"
		   "The claims of an import come when it has ended.  --json changes nothing; --follow is for while the daemon runs.\n\n"
		   "Exit status: 0 done, 2 not.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
