/* A lane from outside: its checkpoint, and by it everything else. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/base64.h"
#include "cli/verify_parts.h"
#include "codec/json.h"
#include "ledger/audit.h"
#include "ledger/remote.h"
#include "sys/fetch.h"

struct looking {
	struct verify_run run;
	const struct verify_options *o;
	struct keys keys;
	struct remote *remote;
	struct buf note, old_note;
	struct checkpoint now, old;
};

static bool cancelled(void *ctx)
{
	const struct verb_env *env = ctx;
	return verb_cancelled(env);
}

/* Whole or not at all: it is what the next one is measured by. */
static enum err save(struct verb_env *env, const char *path, struct span note, struct fault *f)
{
	struct buf octets = { 0 };
	char draft[4096];
	snprintf(draft, sizeof(draft), "%s.new", path);
	int fd = openat(env->cwd, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), error = fd < 0 ? errno : 0;
	buf_putspan(&octets, note);
	if (!error)
		error = verb_write(fd, &octets);
	if (!error && fsync(fd))
		error = errno;
	if (fd >= 0)
		close(fd);
	if (!error && renameat(env->cwd, draft, env->cwd, path))
		error = errno;
	if (error)
		unlinkat(env->cwd, draft, 0);
	buf_release(&octets);
	return error ? fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(error)) : OK;
}

/* The name of a log is meant to be where it is, but it may be read through a mirror. */
static void compare_names(struct looking *l)
{
	struct span origin = l->now.origin, lane = remote_lane(l->remote);
	for (size_t at; (at = span_find(origin, '/')) < origin.n;)
		origin = span_from(origin, at + 1);
	if (!span_eq(origin, lane))
		verb_complain(l->run.env, "verify: the URL ends in \"" SPAN_FMT "\", and the log calls itself \"" SPAN_FMT "\"",
			      SPAN_ARG(span_head(lane, 100)), SPAN_ARG(span_head(l->now.origin, 200)));
}

static void put_counts(const struct looking *l, const struct audit_counts *c, struct buf *out)
{
	struct buf root = { 0 };
	typedef unsigned long long ull;
	base64_put(&root, span_of(l->now.root, HASH_OCTETS));
	if (l->o->json) {
		buf_printf(out, "{\"ok\":%s,\"origin\":", c->findings ? "false" : "true");
		json_put_string(out, l->now.origin);
		buf_printf(out, ",\"size\":%llu,\"root\":\"%s\",\"old_size\":%llu,\"entries\":%llu,\"tiles\":%llu,\"bodies\":%llu,\"gone\":%llu,"
			   "\"octets\":%llu,\"findings\":%llu}\n", (ull)l->now.size, buf_cstr(&root), (ull)l->old.size, (ull)c->entries,
			   (ull)c->tiles, (ull)c->bodies, (ull)c->gone, (ull)c->octets, (ull)c->findings);
	} else {
		verify_put_text(out, l->now.origin);
		buf_printf(out, ": %llu entries, root %s\n%llu entries from %llu on, %llu tiles, %llu bodies and %llu gone, %llu octets: ",
			   (ull)l->now.size, buf_cstr(&root), (ull)c->entries, (ull)l->old.size, (ull)c->tiles, (ull)c->bodies, (ull)c->gone,
			   (ull)c->octets);
		if (c->findings)
			buf_printf(out, "%llu finding%s\n", (ull)c->findings, c->findings == 1 ? "" : "s");
		else
			buf_puts(out, "all holds\n");
	}
	buf_release(&root);
}

static enum err get_tile(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	struct looking *l = ctx;
	return remote_tile(l->remote, t, out, f);
}

static enum err get_body(void *ctx, const uint8_t digest[32], struct buf *out, struct fault *f)
{
	struct looking *l = ctx;
	return remote_body(l->remote, digest, out, f);
}

static void finding(void *ctx, const char *text)
{
	verify_finding(&((struct looking *)ctx)->run, text);
}

static bool progress(void *ctx, uint64_t done, uint64_t of)
{
	return verify_progress(&((struct looking *)ctx)->run, done, of);
}

static int look(struct looking *l)
{
	const struct audit a = {
		.get = get_tile, .body = l->o->bodies ? get_body : NULL, .finding = finding, .progress = progress, .ctx = l,
	};
	struct audit_counts counts;
	struct buf out = { 0 };
	struct fault f;
	compare_names(l);
	enum err e = audit_lane(&a, &l->now, l->o->since ? &l->old : NULL, &counts, &f);
	verify_bar_ends(&l->run);
	if (e)
		return verify_trouble(l->run.env, f.text);
	put_counts(l, &counts, &out);
	verb_out(l->run.env, &out);
	buf_release(&out);
	if (counts.findings)
		return EXIT_FOUND;
	if (l->o->save && save(l->run.env, l->o->save, buf_span(&l->note), &f))
		return verify_trouble(l->run.env, f.text);
	return EXIT_FINE;
}

int verify_lane(struct verb_env *env, const struct verify_options *o)
{
	struct looking l = { .run = { .env = env, .json = o->json, .bar = !o->json && isatty(env->err) }, .o = o };
	struct fault f;
	char shown[200];
	int code;
	enum err e;
	fetch_url_shown(o->url, shown, sizeof(shown));
	if ((e = keys_read(env->cwd, &o->keys, NOTE_ED25519, &l.keys, &f)) ||
	    (o->since && (e = file_whole(env->cwd, o->since, NOTE_MAX, &l.old_note, &f))) ||
	    (e = remote_open(o->url, cancelled, env, &l.remote, &f)) || (e = remote_checkpoint(l.remote, &l.note, &f)))
		code = verify_trouble(env, f.text);
	else if (o->since && keys_checkpoint(&l.keys, buf_span(&l.old_note), &l.old, NULL, &f))
		code = verify_fails(env, o, o->since, f.text);
	else if (keys_checkpoint(&l.keys, buf_span(&l.note), &l.now, NULL, &f))
		code = verify_fails(env, o, shown, f.text);
	else
		code = look(&l);
	remote_close(l.remote);
	buf_release(&l.note);
	buf_release(&l.old_note);
	return code;
}
