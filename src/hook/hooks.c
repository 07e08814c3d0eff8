#include "hook/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/num.h"
#include "sys/key.h"

enum { FILE_OCTETS_MAX = 32 << 10 };

static const char secret_prefix[] = "whsec_";

bool hook_name_ok(struct span name)
{
	if (!name.n || name.n > HOOK_NAME_MAX || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && !ascii_digit(name.p[i]) && name.p[i] != '.' && name.p[i] != '_' && name.p[i] != '-')
			return false;
	return true;
}

/* What is written as a line is one. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 127)
			return false;
	return true;
}

enum err hook_check(const struct hook *h, struct fault *f)
{
	struct span url = span_str(h->url), authority = span_from(url, span_find(url, ':') + 3);
	authority = span_head(authority, span_find(authority, '/'));
	if (!hook_name_ok(span_str(h->name)))
		return fault_set(f, ERR_USAGE, "\"%s\" is not the name of a hook: use a-z, 0-9, '.', '_' and '-'", h->name);
	if (!(span_starts(url, SPAN_LIT("http://")) || span_starts(url, SPAN_LIT("https://"))) || !authority.n || !is_plain(h->url))
		return fault_set(f, ERR_USAGE, "the URL of hook \"%s\" does not begin with https:// or http://, or has a blank in it", h->name);
	if (span_find(authority, '@') < authority.n)
		return fault_set(f, ERR_USAGE, "the URL of hook \"%s\" has a user name in it: the receiver knows us by the signature", h->name);
	if (!h->lanes[0] || !is_plain(h->lanes))
		return fault_set(f, ERR_USAGE, "hook \"%s\" needs lanes, as names with commas between them", h->name);
	if (h->n_secret < HOOK_SECRET_MIN)
		return fault_set(f, ERR_USAGE, "hook \"%s\" needs a secret of %d to %d octets", h->name, HOOK_SECRET_MIN, HOOK_SECRET_MAX);
	return OK;
}

/* ---- secrets ---- */

enum err hook_secret_parse(struct span text, struct hook *h, struct fault *f)
{
	struct buf octets = { 0 };
	struct span own = span_trim(text);
	if (span_starts(own, span_str(secret_prefix)) && base64_decode(span_from(own, sizeof(secret_prefix) - 1), &octets) == OK)
		own = buf_span(&octets);
	bool fits = own.n >= HOOK_SECRET_MIN && own.n <= sizeof(h->secret);
	if (fits) {
		memcpy(h->secret, own.p, own.n);
		h->n_secret = (unsigned)own.n;
	}
	if (octets.p)
		explicit_bzero(octets.p, octets.cap);
	buf_release(&octets);
	return fits ? OK : fault_set(f, ERR_RANGE, "a secret has %d to %d octets, or is \"%s\" and the base64 of so many", HOOK_SECRET_MIN, HOOK_SECRET_MAX,
				     secret_prefix);
}

void hook_secret_put(const struct hook *h, struct buf *out)
{
	buf_puts(out, secret_prefix);
	base64_put(out, span_of(h->secret, h->n_secret));
}

void hook_secret_new(struct hook *h)
{
	h->n_secret = 32;
	random_octets(h->secret, h->n_secret);
}

void hook_wipe(struct hook *h)
{
	explicit_bzero(h->secret, sizeof(h->secret));
	h->n_secret = 0;
}

/* ---- files ---- */

static void path_of(char path[PATH_MAX], const char *dir, const char *name, const char *suffix)
{
	snprintf(path, PATH_MAX, "%s/hooks/%s%s", dir, name, suffix);
}

static enum err os_fault(const char *path, struct fault *f)
{
	enum err e = errno == ENOENT ? ERR_NOTFOUND : errno == EEXIST ? ERR_EXISTS : errno == ENOSPC ? ERR_FULL : ERR_IO;
	return fault_set(f, e, "\"%s\": %s", path, strerror(errno));
}

/* A secret that others may read is none. */
static enum err read_file(const char *path, struct buf *text, struct fault *f)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return os_fault(path, f);
	enum err e = OK;
	ssize_t n = -1;
	if (fstat(fd, &st))
		e = os_fault(path, f);
	else if (st.st_mode & 077)
		e = fault_set(f, ERR_FORBIDDEN, "\"%s\" may be read by others: chmod 600", path);
	else if ((n = read(fd, buf_reserve(text, FILE_OCTETS_MAX), FILE_OCTETS_MAX)) < 0)
		e = os_fault(path, f);
	else if (n == FILE_OCTETS_MAX)
		e = fault_set(f, ERR_RANGE, "\"%s\" is larger than %d octets", path, FILE_OCTETS_MAX - 1);
	else
		text->n = (size_t)n;
	close(fd);
	return e;
}

static bool sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return done;
}

static enum err write_file(const char *dir, const char *path, const struct buf *text, struct fault *f)
{
	char draft[PATH_MAX + 8], hooks[PATH_MAX];
	snprintf(draft, sizeof(draft), "%s~", path);
	snprintf(hooks, sizeof(hooks), "%s/hooks", dir);
	int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return os_fault(draft, f);
	bool done = write(fd, text->p, text->n) == (ssize_t)text->n && fsync(fd) == 0;
	done = close(fd) == 0 && done && rename(draft, path) == 0 && sync_directory(hooks);
	return done ? OK : os_fault(path, f);
}

/* The next "name = value". */
static bool next_setting(struct span *rest, struct span *ret_name, struct span *ret_value)
{
	struct span line;
	while (span_line(rest, &line)) {
		line = span_trim(line);
		size_t eq = span_find(line, '=');
		if (!line.n || line.p[0] == '#')
			continue;
		*ret_name = span_trim(span_head(line, eq));
		*ret_value = span_trim(span_from(line, eq + 1));
		return true;
	}
	return false;
}

static bool take_text(struct span value, char *to, size_t room)
{
	if (value.n >= room)
		return false;
	if (value.n)
		memcpy(to, value.p, value.n);
	to[value.n] = 0;
	return true;
}

/* ---- settings ---- */

static enum err parse_hook(struct span text, const char *path, struct hook *h, struct fault *f)
{
	struct span name, value;
	while (next_setting(&text, &name, &value)) {
		bool fine = true;
		if (span_is(name, "url"))
			fine = take_text(value, h->url, sizeof(h->url));
		else if (span_is(name, "lanes"))
			fine = take_text(value, h->lanes, sizeof(h->lanes));
		else if (span_is(name, "secret"))
			fine = hook_secret_parse(value, h, f) == OK;
		else if (span_is(name, "off"))
			h->off = span_is(value, "yes");
		else
			fine = false;
		if (!fine) /* without the value, which may be the secret */
			return fault_set(f, ERR_USAGE, "\"%s\": \"" SPAN_FMT "\" is no setting, or has a value that is not taken", path,
					 SPAN_ARG(span_head(name, 40)));
	}
	return hook_check(h, f);
}

enum err hook_read(const char *dir, const char *name, struct hook *ret_hook, struct fault *f)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	struct hook h = { 0 };
	if (!hook_name_ok(span_str(name)))
		return fault_set(f, ERR_NOTFOUND, "there is no hook \"%.60s\"", name);
	snprintf(h.name, sizeof(h.name), "%s", name);
	path_of(path, dir, name, ".conf");
	enum err e = read_file(path, &text, f);
	if (e == ERR_NOTFOUND)
		e = fault_set(f, e, "there is no hook \"%s\"", name);
	if (e == OK)
		e = parse_hook(buf_span(&text), path, &h, f);
	if (e == OK)
		*ret_hook = h;
	hook_wipe(&h);
	if (text.p)
		explicit_bzero(text.p, text.cap);
	buf_release(&text);
	return e;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct hook *)a)->name, ((const struct hook *)b)->name);
}

/* "NAME.conf": the name. */
static bool is_settings(const char *file, char name[HOOK_NAME_MAX + 1])
{
	size_t n = strlen(file);
	if (n <= 5 || n - 5 > HOOK_NAME_MAX || strcmp(file + n - 5, ".conf") != 0)
		return false;
	memcpy(name, file, n - 5);
	name[n - 5] = 0;
	return hook_name_ok(span_str(name));
}

enum err hooks_read(const char *dir, struct hook *ret_hooks, unsigned *ret_n, void (*complain)(void *ctx, const char *text), void *ctx,
		    struct fault *f)
{
	char path[PATH_MAX], name[HOOK_NAME_MAX + 1];
	struct fault why;
	unsigned n = 0;
	snprintf(path, sizeof(path), "%s/hooks", dir);
	DIR *d = opendir(path);
	if (!d && errno != ENOENT)
		return os_fault(path, f);
	for (struct dirent *e; d && n < HOOKS_MAX && (e = readdir(d));) {
		if (!is_settings(e->d_name, name))
			continue;
		if (hook_read(dir, name, &ret_hooks[n], &why) == OK)
			n++;
		else if (complain)
			complain(ctx, why.text);
	}
	if (d)
		closedir(d);
	if (n)
		qsort(ret_hooks, n, sizeof(*ret_hooks), by_name);
	*ret_n = n;
	return OK;
}

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];
	path_of(path, dir, name, ".conf");
	return access(path, F_OK) == 0;
}

static enum err room_for_one(const char *dir, const char *name, struct fault *f)
{
	struct hook *all = mem_alloc(HOOKS_MAX * sizeof(*all));
	unsigned n = 0;
	enum err e = hooks_read(dir, all, &n, NULL, NULL, f);
	explicit_bzero(all, HOOKS_MAX * sizeof(*all));
	free(all);
	if (e)
		return e;
	if (is_there(dir, name))
		return fault_set(f, ERR_EXISTS, "there is a hook \"%s\" already", name);
	return n < HOOKS_MAX ? OK : fault_set(f, ERR_FULL, "there are %d hooks: no more", HOOKS_MAX);
}

enum err hook_write(const char *dir, const struct hook *h, const struct hook_state *state, struct fault *f)
{
	char path[PATH_MAX], hooks[PATH_MAX];
	struct buf text = { 0 };
	enum err e = hook_check(h, f);
	if (e == OK && state)
		e = room_for_one(dir, h->name, f);
	if (e)
		return e;
	snprintf(hooks, sizeof(hooks), "%s/hooks", dir);
	if (mkdir(hooks, 0700) && errno != EEXIST)
		return os_fault(hooks, f);
	buf_printf(&text, "url = %s\nlanes = %s\nsecret = ", h->url, h->lanes);
	hook_secret_put(h, &text);
	buf_puts(&text, h->off ? "\noff = yes\n" : "\n");
	path_of(path, dir, h->name, ".state");
	if (state) { /* first: without settings it is nobody's */
		struct buf begin = { 0 };
		buf_printf(&begin, "cursor = %s\n", state->cursor);
		e = write_file(dir, path, &begin, f);
		buf_release(&begin);
	}
	path_of(path, dir, h->name, ".conf");
	if (e == OK)
		e = write_file(dir, path, &text, f);
	explicit_bzero(text.p, text.cap);
	buf_release(&text);
	return e;
}

enum err hook_remove(const char *dir, const char *name, struct fault *f)
{
	char path[PATH_MAX];
	if (!hook_name_ok(span_str(name)) || !is_there(dir, name))
		return fault_set(f, ERR_NOTFOUND, "there is no hook \"%.60s\"", name);
	path_of(path, dir, name, ".conf");
	if (unlink(path))
		return os_fault(path, f);
	path_of(path, dir, name, ".state");
	unlink(path);
	return OK;
}

/* ---- how it goes ---- */

static bool take_number(struct span value, uint64_t *ret)
{
	return num_parse_u64(value, INT64_MAX, ret) == OK;
}

enum err hook_state_read(const char *dir, const char *name, struct hook_state *ret_state, struct fault *f)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	struct hook_state s = { .events = 0 };
	struct span key, value;
	uint64_t n;
	path_of(path, dir, name, ".state");
	enum err e = read_file(path, &text, f);
	struct span rest = buf_span(&text);
	while (e == OK && next_setting(&rest, &key, &value)) {
		if (span_is(key, "cursor"))
			e = take_text(value, s.cursor, sizeof(s.cursor)) ? OK : ERR_RANGE;
		else if (span_is(key, "error"))
			(void)take_text(span_head(value, HOOK_ERROR_MAX), s.error, sizeof(s.error));
		else if (span_is(key, "gone"))
			s.gone = span_is(value, "yes");
		else if (!take_number(value, &n))
			continue; /* of a later version */
		else if (span_is(key, "events"))
			s.events = n;
		else if (span_is(key, "batches"))
			s.batches = n;
		else if (span_is(key, "failed"))
			s.failed = n;
		else if (span_is(key, "failures"))
			s.failures = (unsigned)n;
		else if (span_is(key, "taken_ms"))
			s.taken_ms = (int64_t)n;
		else if (span_is(key, "failed_ms"))
			s.failed_ms = (int64_t)n;
	}
	buf_release(&text);
	if (e == ERR_RANGE)
		return fault_set(f, e, "\"%s\": the cursor is too long", path);
	if (e == OK)
		*ret_state = s;
	return e;
}

enum err hook_state_write(const char *dir, const char *name, const struct hook_state *state, struct fault *f)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	if (!is_there(dir, name))
		return OK;
	buf_printf(&text, "cursor = %s\nevents = %llu\nbatches = %llu\nfailures = %u\nfailed = %llu\ntaken_ms = %lld\nfailed_ms = %lld\n", state->cursor,
		   (unsigned long long)state->events, (unsigned long long)state->batches, state->failures, (unsigned long long)state->failed,
		   (long long)state->taken_ms, (long long)state->failed_ms);
	if (state->error[0])
		buf_printf(&text, "error = %s\n", state->error);
	if (state->gone)
		buf_puts(&text, "gone = yes\n");
	path_of(path, dir, name, ".state");
	enum err e = write_file(dir, path, &text, f);
	buf_release(&text);
	return e;
}
