#include "peer/health.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer/store.h"

enum { FILE_MAX = 1 << 16, PATH_HERE = 4096 };

static const struct store_field rows[] = {
	STORE_ROW_TIME(health, tried_ms, "tried"),
	STORE_ROW_TIME(health, good_ms, "good"),
	STORE_ROW_TIME(health, changed_ms, "changed"),
	STORE_ROW_TIME(health, next_ms, "next_pull"),
	STORE_ROW_NUMBER(health, failures, "failures", UINT32_MAX),
	STORE_ROW_NUMBER(health, pulls, "pulls", UINT64_MAX),
	STORE_ROW_NUMBER(health, failed, "failed", UINT64_MAX),
	STORE_ROW_NUMBER(health, status, "status", 999),
	STORE_ROW_NUMBER(health, octets, "octets", UINT64_MAX),
	STORE_ROW_NUMBER(health, objects, "objects", UINT64_MAX),
	STORE_ROW_NUMBER(health, objects_all, "objects_all", UINT64_MAX),
	STORE_ROW_TEXT(health, error, "error"),
	STORE_ROW_TEXT(health, of, "of"),
	STORE_ROW_TEXT(health, etag, "etag"),
	STORE_ROW_TEXT(health, modified, "modified"),
	STORE_ROW_TEXT(health, digest, "digest"),
	STORE_ROW_TEXT(health, refused, "refused"),
	STORE_ROW_TEXT(health, after, "after"),
};

enum err health_parse(struct span text, const char *name, struct health *h, struct fault *f)
{
	for (unsigned n = 1; text.n; n++) {
		struct fault why = { .text = "" };
		struct span line = span_head(text, span_find(text, '\n'));
		text = span_from(text, line.n + 1);
		line = span_trim(line);
		if (line.n && line.p[0] != '#' && store_field_read(rows, COUNT_OF(rows), line, h, &why))
			return fault_set(f, ERR_USAGE, "%s:%u: %s", name, n, why.text);
	}
	return OK;
}

/* Values come from others: what cannot be a line is left out. */
static void clean(char *text)
{
	for (char *c = text; *c; c++)
		if ((uint8_t)*c < ' ' || *c == 0x7f)
			*c = '?';
	struct span kept = span_trim(span_str(text));
	memmove(text, kept.p, kept.n);
	text[kept.n] = 0;
}

void health_format(const struct health *h, struct buf *out)
{
	struct health safe = *h;
	clean(safe.error);
	clean(safe.etag);
	clean(safe.modified);
	clean(safe.after);
	store_fields_put(rows, COUNT_OF(rows), &safe, out);
}

static void path_of(const char *dir, const char *source, const char *ending, char path[PATH_HERE])
{
	snprintf(path, PATH_HERE, "%s/pulls/%s%s", dir, source, ending);
}

enum err health_read(const char *dir, const char *source, struct health *ret_health, struct fault *f)
{
	char path[PATH_HERE];
	struct buf text = { 0 };
	struct health h = { 0 };
	path_of(dir, source, ".health", path);
	enum err e = store_read(path, FILE_MAX, &text, f);
	if (e == OK && health_parse(buf_span(&text), path, &h, NULL))
		h = (struct health){ 0 };
	buf_release(&text);
	if (e == OK)
		*ret_health = h;
	return e;
}

enum err health_write(const char *dir, const char *source, const struct health *h, struct fault *f)
{
	char path[PATH_HERE];
	struct buf text = { 0 };
	path_of(dir, source, ".health", path);
	health_format(h, &text);
	enum err e = store_write(path, buf_span(&text), f);
	buf_release(&text);
	return e;
}

static void forget(const char *dir, const char *source, const char *ending)
{
	char path[PATH_HERE];
	path_of(dir, source, ending, path);
	unlink(path);
}

void health_forget(const char *dir, const char *source)
{
	struct health h;
	forget(dir, source, ".health");
	health_anew(dir, source, &h);
}

void health_anew(const char *dir, const char *source, struct health *h)
{
	h->etag[0] = h->modified[0] = h->digest[0] = h->refused[0] = h->after[0] = 0;
	forget(dir, source, ".cursors");
	forget(dir, source, ".events");
}

enum err health_directory(const char *dir, struct fault *f)
{
	char path[PATH_HERE];
	snprintf(path, sizeof(path), "%s/pulls", dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return fault_set(f, ERR_IO, "directory \"%s\" cannot be made: %s", path, strerror(errno));
	return OK;
}
