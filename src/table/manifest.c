#include "table/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "table/writer.h"

enum { MANIFEST_MAX = 4096 };

#define VIEWS_MAX ((uint64_t)1 << 30)

static char *path_of(const char *dir, const char *name)
{
	struct buf b = { 0 };
	buf_printf(&b, "%s/%s", dir, name);
	char *path = mem_strdup(buf_cstr(&b));
	buf_release(&b);
	return path;
}

static char *file_path(const char *dir, uint64_t number, const char *kind)
{
	char name[40];
	snprintf(name, sizeof(name), "%08llu.%s", (unsigned long long)number, kind);
	return path_of(dir, name);
}

char *manifest_image_path(const char *dir, uint64_t number)
{
	return file_path(dir, number, "image");
}

static uint64_t check_of(const void *p, size_t n)
{
	return siphash13((struct siphash_seed){ 0x6d616e69, 0x66657374 }, p, n);
}

/* Next line of `text` without its end; empty when there is none. */
static struct span line(struct span *text)
{
	size_t n = span_find(*text, '\n');
	struct span l = span_head(*text, n);
	*text = span_from(*text, n + 1);
	return l;
}

/* The value when the next line is "`word` value". */
static bool field(struct span *text, const char *word, struct span *ret_value)
{
	struct span rest = *text, l = line(&rest);
	size_t n = strlen(word);
	if (!span_starts(l, span_str(word)) || l.n <= n + 1 || l.p[n] != ' ')
		return false;
	*ret_value = span_from(l, n + 1);
	*text = rest;
	return true;
}

static bool number_field(struct span *text, const char *word, uint64_t *ret_value)
{
	struct span v;
	return field(text, word, &v) && num_parse_u64(v, UINT64_MAX, ret_value) == OK;
}

/* A check, as 16 digits. */
static bool read_check(struct span digits, uint64_t *ret_check)
{
	uint8_t octets[8];
	if (digits.n != 16 || hex_decode(digits, octets, sizeof(octets)))
		return false;
	*ret_check = 0;
	for (unsigned i = 0; i < 8; i++)
		*ret_check = *ret_check << 8 | octets[i];
	return true;
}

/* The next number of `text`, which ends at a blank. */
static bool take_number(struct span *text, uint64_t *ret_number)
{
	size_t n = span_find(*text, ' ');
	bool ok = num_parse_u64(span_head(*text, n), UINT64_MAX, ret_number) == OK;
	*text = span_from(*text, n + 1);
	return ok;
}

static bool parse_views(struct span v, struct manifest *m)
{
	return take_number(&v, &m->views.number) && m->views.number && take_number(&v, &m->views.octets) &&
	       m->views.octets <= VIEWS_MAX && read_check(v, &m->views.check);
}

/* Everything after the first line; the check was right, so that any mistake is one of whoever wrote it. */
static bool parse(struct span text, struct manifest *m)
{
	struct span v;
	uint8_t seed[16];
	if (!field(&text, "seed", &v) || hex_decode(v, seed, sizeof(seed)) ||
	    !number_field(&text, "folded", &m->folded) || !number_field(&text, "next", &m->next))
		return false;
	memcpy(&m->seed.k0, seed, 8);
	memcpy(&m->seed.k1, seed + 8, 8);
	m->views.number = 0;
	if (field(&text, "views", &v) && !parse_views(v, m))
		return false;
	for (m->n = 0; field(&text, "image", &v); m->n++) {
		if (m->n == MANIFEST_LEVELS_MAX || !take_number(&v, &m->level[m->n].number) ||
		    !take_number(&v, &m->level[m->n].octets))
			return false;
	}
	return text.n == 0;
}

static enum err understand(struct span text, const char *path, struct manifest *ret_manifest, struct fault *f)
{
	static const struct span last = SPAN_LIT("check 0123456789abcdef\n");
	struct manifest m;
	if (text.n < last.n)
		return fault_set(f, ERR_CORRUPT, "\"%s\" is cut off", path);
	if (span_starts(text, SPAN_LIT("sipar table ")) && !span_starts(text, SPAN_LIT("sipar table 2\n")))
		return fault_set(f, ERR_UNSUPPORTED, "\"%s\" is of another version than 2", path);
	struct span body = span_head(text, text.n - last.n), end = span_from(text, body.n);
	uint64_t want = check_of(body.p, body.n), has = 0;
	bool ok = span_starts(end, SPAN_LIT("check ")) && end.p[end.n - 1] == '\n' &&
		  read_check(span_of(end.p + 6, 16), &has);
	if (!ok || has != want)
		return fault_set(f, ERR_CORRUPT, "\"%s\" is damaged: its check does not fit", path);
	line(&body);
	if (!parse(body, &m))
		return fault_set(f, ERR_CORRUPT, "\"%s\" is not understood", path);
	*ret_manifest = m;
	return OK;
}

enum err manifest_read(const char *dir, struct manifest *ret_manifest, struct fault *f)
{
	char *path = path_of(dir, "manifest");
	uint8_t text[MANIFEST_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	enum err e;
	if (n < 0)
		e = fault_set(f, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "\"%s\" cannot be read: %s", path,
				strerror(errno));
	else
		e = understand(span_of(text, (size_t)n), path, ret_manifest, f);
	if (fd >= 0)
		close(fd);
	free(path);
	return e;
}

static void format(const struct manifest *m, struct buf *out)
{
	uint8_t seed[16];
	char hex[32];
	memcpy(seed, &m->seed.k0, 8);
	memcpy(seed + 8, &m->seed.k1, 8);
	hex_encode(seed, sizeof(seed), hex);
	buf_printf(out, "sipar table 2\nseed %.32s\nfolded %llu\nnext %llu\n", hex, (unsigned long long)m->folded,
		   (unsigned long long)m->next);
	if (m->views.number)
		buf_printf(out, "views %llu %llu %016llx\n", (unsigned long long)m->views.number,
			   (unsigned long long)m->views.octets, (unsigned long long)m->views.check);
	for (unsigned i = 0; i < m->n; i++)
		buf_printf(out, "image %llu %llu\n", (unsigned long long)m->level[i].number,
			   (unsigned long long)m->level[i].octets);
	buf_printf(out, "check %016llx\n", (unsigned long long)check_of(out->p, out->n));
}

/* A new file with these octets, by way of a temporary name; file and name are durable. */
static enum err write_durably(const char *dir, const char *path, struct span octets, struct fault *f)
{
	char *temporary = path_of(dir, "manifest.tmp");
	enum err e = OK;
	ssize_t n = 1;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	while (fd >= 0 && octets.n && (n = write(fd, octets.p, octets.n)) > 0)
		octets = span_from(octets, (size_t)n);
	if (fd < 0 || n <= 0 || fsync(fd) || rename(temporary, path))
		e = fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(temporary);
	return e ? e : writer_sync_directory(path, f);
}

enum err manifest_write(const char *dir, const struct manifest *m, struct fault *f)
{
	char *path = path_of(dir, "manifest");
	struct buf text = { 0 };
	format(m, &text);
	enum err e = write_durably(dir, path, buf_span(&text), f);
	buf_release(&text);
	free(path);
	return e;
}

static uint64_t views_check(struct span views)
{
	return siphash13((struct siphash_seed){ 0x76696577, 0x6f637473 }, views.p, views.n);
}

enum err manifest_write_views(const char *dir, uint64_t number, struct span views, struct manifest *m, struct fault *f)
{
	char *path = file_path(dir, number, "views");
	enum err e = OK;
	if (views.n > VIEWS_MAX)
		e = fault_set(f, ERR_FULL, "views of %zu octets are more than can be saved", views.n);
	else
		e = write_durably(dir, path, views, f);
	free(path);
	if (e)
		return e;
	m->views.number = number;
	m->views.octets = views.n;
	m->views.check = views_check(views);
	return OK;
}

enum err manifest_read_views(const char *dir, const struct manifest *m, struct buf *out, struct fault *f)
{
	if (!m->views.number)
		return OK;
	size_t before = out->n, wanted = (size_t)m->views.octets;
	char *path = file_path(dir, m->views.number, "views");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool whole = fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == wanted;
	ssize_t n = 0;
	for (size_t left = wanted; whole && left && (n = read(fd, buf_reserve(out, left), left)) > 0; left -= (size_t)n)
		out->n += (size_t)n;
	struct span views = span_of(out->p + before, out->n - before);
	enum err e = OK;
	if (!whole || views.n != wanted || views_check(views) != m->views.check) {
		out->n = before;
		e = fault_set(f, ERR_CORRUPT, "\"%s\" is not what the manifest lists", path);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return e;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), w = strlen(with);
	return n >= w && memcmp(name + n - w, with, w) == 0;
}

static bool is_file(const char *name, uint64_t number, const char *kind)
{
	char *path = file_path("", number, kind);
	bool same = strcmp(path + 1, name) == 0;
	free(path);
	return same;
}

static bool listed(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; m && i < m->n; i++)
		if (is_file(name, m->level[i].number, "image"))
			return true;
	return m && m->views.number && is_file(name, m->views.number, "views");
}

enum err manifest_sweep(const char *dir, const struct manifest *m, uint64_t spare, struct fault *f)
{
	DIR *d = opendir(dir);
	if (!d)
		return errno == ENOENT ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", dir, strerror(errno));
	enum err e = OK;
	/* The manifest goes first: without it no image is missed. */
	if (!m && unlinkat(dirfd(d), "manifest", 0) && errno != ENOENT)
		e = fault_set(f, ERR_IO, "manifest in \"%s\" cannot be removed: %s", dir, strerror(errno));
	for (struct dirent *entry; e == OK && (entry = readdir(d));) {
		const char *name = entry->d_name;
		if (spare && (is_file(name, spare, "image") || is_file(name, spare, "image.tmp")))
			continue;
		bool stray = ends(name, ".tmp") || strncmp(name, "scratch-", 8) == 0 ||
			     ((ends(name, ".image") || ends(name, ".views")) && !listed(m, name));
		if (stray && unlinkat(dirfd(d), name, 0) && errno != ENOENT)
			e = fault_set(f, ERR_IO, "\"%s/%s\" cannot be removed: %s", dir, name, strerror(errno));
	}
	closedir(d);
	return e;
}
