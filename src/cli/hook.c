/* sipar hook: receivers to whom the stream is sent. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "gate/stream.h"
#include "hook/sender.h"

struct hook_options {
	const char *dir, *url, *lanes, *secret, *after;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'u', "url", "URL", "add: where deliveries go, https or http", OPTION_TEXT, &(o)->url, 0 },                   \
		{ 'l', "lane", "NAMES", "add: the lanes whose events are sent, with commas", OPTION_TEXT, &(o)->lanes, 0 },    \
		{ 0, "secret-file", "FILE", "add: what signatures are made with (default: a new secret, which is printed)", OPTION_TEXT, \
		  &(o)->secret, 0 },                                                                                          \
		{ 0, "after", "CURSOR", "add: begin there, as the stream's after; 0: at the start (default: with what comes from now on)", OPTION_TEXT, \
		  &(o)->after, 0 }, OPTION_END                                                                                 \
	}

/* ---- add ---- */

static enum err read_secret(const struct verb_env *env, const char *path, struct hook *h, struct fault *f)
{
	uint8_t octets[512];
	int fd = openat(env->cwd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, octets, sizeof(octets));
	enum err e = n < 0 ? fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno)) : hook_secret_parse(span_of(octets, (size_t)n), h, f);
	if (fd >= 0)
		close(fd);
	explicit_bzero(octets, sizeof(octets));
	return e == ERR_RANGE ? fault_at(f, "\"%s\"", path) : e;
}

static bool copy(const char *text, char *to, size_t room)
{
	return snprintf(to, room, "%s", text) < (int)room;
}

/* Where it begins, as text. */
static enum err first_cursor(struct verb_env *env, const struct hook *h, const char *after, struct hook_state *state, struct fault *f)
{
	struct stream_cursor *c;
	struct buf text = { 0 };
	enum err e = stream_cursor_open(node_stream(env->node), CLEARANCE_ALL, span_str(h->lanes), span_str(after ? after : ""), &c, f);
	if (e)
		return e;
	stream_cursor_put(c, &text);
	if (!copy(buf_cstr(&text), state->cursor, sizeof(state->cursor)))
		e = fault_set(f, ERR_RANGE, "these are too many lanes for one hook");
	free(c);
	buf_release(&text);
	return e;
}

static enum err add(struct verb_env *env, const struct hook_options *o, const char *name, struct fault *f)
{
	struct hook h = { .off = false };
	struct hook_state *state = mem_zalloc(sizeof(*state));
	struct buf out = { 0 };
	enum err e = OK;
	if (!o->url || !o->lanes)
		e = fault_set(f, ERR_USAGE, "hook add: --url and --lane are needed");
	else if (!copy(name, h.name, sizeof(h.name)) || !copy(o->url, h.url, sizeof(h.url)) || !copy(o->lanes, h.lanes, sizeof(h.lanes)))
		e = fault_set(f, ERR_USAGE, "hook add: the name, the URL or the list of lanes is too long");
	else if (o->secret)
		e = read_secret(env, o->secret, &h, f);
	else
		hook_secret_new(&h);
	if (e == OK && (e = hook_check(&h, f)) == OK && (e = first_cursor(env, &h, o->after, state, f)) == OK)
		e = hook_write(node_dir(env->node), &h, state, f);
	if (e == OK && !o->secret) {
		if (o->json)
			buf_printf(&out, "{\"hook\":\"%s\",\"secret\":\"", h.name);
		hook_secret_put(&h, &out);
		buf_puts(&out, o->json ? "\"}\n" : "\n");
		verb_out(env, &out);
		explicit_bzero(out.p, out.cap);
	}
	hook_wipe(&h);
	buf_release(&out);
	free(state);
	return e;
}

/* ---- list and status ---- */

static const char *state_name(const struct hook *h, const struct hook_state *s)
{
	return h->off ? "disabled" : s->gone ? "gone" : s->failures ? "failing" : "ok";
}

static void put_time(struct buf *out, const char *key, int64_t ms)
{
	char text[32];
	time_format(ms / 1000, text);
	buf_printf(out, ms ? ",\"%s\":\"%s\"" : ",\"%s\":null", key, text);
}

static void put_json(const struct hook *h, const struct hook_state *s, uint64_t behind, struct buf *out)
{
	buf_printf(out, "{\"hook\":\"%s\",\"url\":", h->name);
	json_put_string(out, span_str(h->url));
	buf_puts(out, ",\"lanes\":");
	json_put_string(out, span_str(h->lanes));
	buf_printf(out, ",\"state\":\"%s\",\"cursor\":", state_name(h, s));
	json_put_string(out, span_str(s->cursor));
	buf_printf(out, ",\"behind\":%llu,\"events\":%llu,\"batches\":%llu,\"failures\":%u,\"failed\":%llu", (unsigned long long)behind,
		   (unsigned long long)s->events, (unsigned long long)s->batches, s->failures, (unsigned long long)s->failed);
	put_time(out, "taken", s->taken_ms);
	put_time(out, "last_failure", s->failed_ms);
	buf_puts(out, ",\"error\":");
	if (s->error[0])
		json_put_string(out, span_str(s->error));
	else
		buf_puts(out, "null");
	buf_puts(out, "}\n");
}

static void put_line(const struct hook *h, const struct hook_state *s, uint64_t behind, struct buf *out)
{
	char taken[32] = "never";
	if (s->taken_ms)
		time_format(s->taken_ms / 1000, taken);
	buf_printf(out, "%-20s %-9s %8llu %10llu  %-20s  %-20s  %s\n", h->name, state_name(h, s), (unsigned long long)behind, (unsigned long long)s->events,
		   taken, h->lanes, h->url);
	if (s->error[0])
		buf_printf(out, "  %u in a row: %s\n", s->failures, s->error);
}

static void complain(void *ctx, const char *text)
{
	verb_complain(ctx, "%s", text);
}

/* @param name  NULL: all. */
static enum err list(struct verb_env *env, const char *name, bool json, struct fault *f)
{
	struct hook *all = mem_alloc(HOOKS_MAX * sizeof(*all));
	struct hook_state *state = mem_alloc(sizeof(*state));
	struct buf out = { 0 };
	unsigned n = 0;
	enum err e = hooks_read(node_dir(env->node), all, &n, complain, env, f);
	bool found = !name;
	if (e == OK && !json)
		buf_printf(&out, "%-20s %-9s %8s %10s  %-20s  %-20s  %s\n", "HOOK", "STATE", "BEHIND", "EVENTS", "TAKEN", "LANES", "URL");
	for (unsigned i = 0; i < n && e == OK; i++) {
		if (name && strcmp(all[i].name, name) != 0)
			continue;
		found = true;
		if ((e = hook_state_read(node_dir(env->node), all[i].name, state, f)) != OK)
			break;
		(json ? put_json : put_line)(&all[i], state, hook_behind(node_ledger(env->node), &all[i], state), &out);
	}
	if (e == OK && !found)
		e = fault_set(f, ERR_NOTFOUND, "there is no hook \"%.60s\"", name);
	if (e == OK)
		verb_out(env, &out);
	buf_release(&out);
	explicit_bzero(all, HOOKS_MAX * sizeof(*all));
	free(all);
	free(state);
	return e;
}

/* ---- on and off ---- */

static enum err set_off(struct verb_env *env, const char *name, bool off, struct fault *f)
{
	const char *dir = node_dir(env->node);
	struct hook h;
	struct hook_state *s = mem_alloc(sizeof(*s));
	enum err e = hook_read(dir, name, &h, f);
	if (e == OK && !off && (e = hook_state_read(dir, name, s, f)) == OK && s->gone) { /* nobody writes it while it is gone */
		s->gone = false;
		e = hook_state_write(dir, name, s, f);
	}
	h.off = off;
	if (e == OK)
		e = hook_write(dir, &h, NULL, f);
	hook_wipe(&h);
	free(s);
	return e;
}

static enum err act(struct verb_env *env, const struct hook_options *o, int n, char **argv, struct fault *f)
{
	const char *what = n ? argv[1] : "list", *name = n > 1 ? argv[2] : NULL;
	bool shows = strcmp(what, "list") == 0 || strcmp(what, "status") == 0, adds = strcmp(what, "add") == 0, removes = strcmp(what, "remove") == 0;
	bool enables = strcmp(what, "enable") == 0, disables = strcmp(what, "disable") == 0;
	if (!shows && !adds && !removes && !enables && !disables)
		return fault_set(f, ERR_USAGE, "hook: \"%s\" is none of add, list, status, enable, disable and remove", what);
	if (n > 2 || (!shows && !name) || (strcmp(what, "list") == 0 && name))
		return fault_set(f, ERR_USAGE, "hook %s: %s", what, shows ? "one name at most" : "give the name of one hook");
	if (!adds && (o->url || o->lanes || o->secret || o->after))
		return fault_set(f, ERR_USAGE, "hook %s: --url, --lane, --secret-file and --after are for \"add\"", what);
	if (adds && (!o->url || !o->lanes))
		return fault_set(f, ERR_USAGE, "hook add: --url and --lane are needed");
	if (!env->node)
		return OK;
	return shows ? list(env, name, o->json, f) : adds ? add(env, o, name, f) : removes ? hook_remove(node_dir(env->node), name, f) :
	       set_off(env, name, disables, f);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct hook_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = act(env, &o, n, argv, &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct hook_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_hook = {
	.name = "hook",
	.summary = "Send the stream to receivers (webhooks), signed",
	.usage = "[OPTION...] add NAME --url URL --lane NAMES | list | status [NAME] | enable NAME | disable NAME | remove NAME",
	.details = "The daemon posts what the lanes say to the URL, in order, and goes on where the receiver has answered with 2xx; what it does not take is\n"
		   "sent again after a pause that grows to ten minutes.  Each delivery is signed (HMAC-SHA256, as Standard Webhooks has it).  A receiver that\n"
		   "answers 410 is left alone until the hook is enabled again.  docs/stream.md has the form.\n\n"
		   "Exit status: 0 done, 2 not.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
