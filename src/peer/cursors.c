#include "peer/cursors.h"

#include <stdio.h>
#include <stdlib.h>

#include "peer/store.h"

enum { FILE_MAX = 64 << 20, PATH_HERE = 4096, FIELDS = 5 };

void cursors_release(struct cursors *c)
{
	free(c->v);
	*c = (struct cursors){ 0 };
}

struct cursor *cursors_of(struct cursors *c, const char *url)
{
	for (unsigned i = 0; i < c->n; i++)
		if (strcmp(c->v[i].url, url) == 0)
			return &c->v[i];
	if (c->n == CURSORS_MAX || strlen(url) > PULL_URL_MAX)
		return NULL;
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 4;
		c->v = mem_realloc(c->v, c->cap * sizeof(*c->v));
	}
	struct cursor *v = &c->v[c->n++];
	memset(v, 0, sizeof(*v));
	memcpy(v->url, url, strlen(url) + 1);
	return v;
}

static bool take(struct span *line, char *to, size_t size)
{
	size_t n = span_find(*line, '\t');
	if (n >= size || memchr(line->p, 0, n))
		return false;
	memcpy(to, line->p, n);
	to[n] = 0;
	*line = span_from(*line, n + 1);
	return true;
}

void cursors_parse(struct span text, struct cursors *c)
{
	struct cursor *v = mem_zalloc(sizeof(*v));
	for (struct span line; span_line(&text, &line);) {
		unsigned tabs = 0;
		for (size_t i = 0; i < line.n; i++)
			tabs += line.p[i] == '\t';
		if (tabs != FIELDS - 1 || !take(&line, v->url, sizeof(v->url)) || !take(&line, v->after, sizeof(v->after)) ||
		    !take(&line, v->last, sizeof(v->last)) || !take(&line, v->digest, sizeof(v->digest)) || !take(&line, v->next, sizeof(v->next)))
			continue;
		struct cursor *to = cursors_of(c, v->url);
		if (to)
			*to = *v;
	}
	free(v);
}

/* What a server gives may have anything in it; without it the page before is asked for by its time. */
static bool is_word(const char *text)
{
	for (; *text; text++)
		if ((uint8_t)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

void cursors_format(const struct cursors *c, struct buf *out)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct cursor *v = &c->v[i];
		buf_printf(out, "%s\t%s\t%s\t%s\t%s\n", v->url, is_word(v->after) ? v->after : "", is_word(v->last) ? v->last : "", v->digest,
			   is_word(v->next) ? v->next : "");
	}
}

static void path_of(const char *dir, const char *source, char path[PATH_HERE])
{
	snprintf(path, PATH_HERE, "%s/pulls/%s.cursors", dir, source);
}

enum err cursors_read(const char *dir, const char *source, struct cursors *c, struct fault *f)
{
	char path[PATH_HERE];
	struct buf text = { 0 };
	path_of(dir, source, path);
	enum err e = store_read(path, FILE_MAX, &text, f);
	if (e == OK)
		cursors_parse(buf_span(&text), c);
	buf_release(&text);
	return e;
}

enum err cursors_write(const char *dir, const char *source, const struct cursors *c, struct fault *f)
{
	char path[PATH_HERE];
	struct buf text = { 0 };
	path_of(dir, source, path);
	cursors_format(c, &text);
	enum err e = store_write(path, buf_span(&text), f);
	buf_release(&text);
	return e;
}
