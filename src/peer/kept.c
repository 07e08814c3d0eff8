#include "peer/kept.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "peer/store.h"
#include "sys/digest.h"

enum { PATH_HERE = 4096, TAIL_MAX = 64, DIGEST = 16 };
#define FILE_MAX (2UL << 30)

void kept_release(struct kept *k)
{
	for (unsigned i = 0; i < k->n; i++)
		buf_release(&k->v[i].says);
	free(k->v);
	*k = (struct kept){ 0 };
}

static int by_uuid(const void *a, const void *b)
{
	return memcmp(((const struct kept_event *)a)->uuid, ((const struct kept_event *)b)->uuid, MISP_UUID);
}

/* New ones stand behind the sorted ones until there are some. */
struct kept_event *kept_find(struct kept *k, struct span uuid)
{
	struct kept_event key;
	if (uuid.n != MISP_UUID)
		return NULL;
	if (k->n - k->sorted > TAIL_MAX) {
		qsort(k->v, k->n, sizeof(*k->v), by_uuid);
		k->sorted = k->n;
	}
	memcpy(key.uuid, uuid.p, MISP_UUID);
	struct kept_event *at = k->sorted ? bsearch(&key, k->v, k->sorted, sizeof(*k->v), by_uuid) : NULL;
	for (unsigned i = k->sorted; i < k->n && !at; i++)
		if (by_uuid(&key, &k->v[i]) == 0)
			at = &k->v[i];
	return at;
}

struct kept_event *kept_add(struct kept *k, struct span uuid)
{
	if (k->n == MISP_EVENTS_MAX)
		return NULL;
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 64;
		k->v = mem_realloc(k->v, k->cap * sizeof(*k->v));
	}
	struct kept_event *e = &k->v[k->n++];
	*e = (struct kept_event){ .timestamp = 0 };
	memcpy(e->uuid, uuid.p, MISP_UUID);
	return e;
}

void kept_remove(struct kept *k, bool (*gone)(const struct kept_event *e))
{
	unsigned n = 0, sorted = 0;
	for (unsigned i = 0; i < k->n; i++) {
		if (gone(&k->v[i])) {
			buf_release(&k->v[i].says);
			continue;
		}
		sorted += i < k->sorted;
		k->v[n++] = k->v[i];
	}
	k->n = n;
	k->sorted = sorted;
}

/* ---- what they say ---- */

void kept_say(struct buf *says, const struct observable *o)
{
	size_t before = says->n;
	buf_puts(says, obs_kind_name(o->kind));
	buf_putc(says, ' ');
	size_t text = says->n;
	obs_format(o, says);
	if (span_find(span_from(buf_span(says), text), '\n') < says->n - text) {
		says->n = before; /* none has that; it would be two lines */
		return;
	}
	buf_putc(says, '\n');
}

static int by_octets(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int d = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return d ? d : (x->n > y->n) - (x->n < y->n);
}

void kept_sort(struct buf *says)
{
	struct span rest = buf_span(says), line;
	struct buf sorted = { 0 };
	size_t n = 0, cap = 0;
	struct span *lines = NULL;
	while (span_line(&rest, &line)) {
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			lines = mem_realloc(lines, cap * sizeof(*lines));
		}
		lines[n++] = line;
	}
	if (n)
		qsort(lines, n, sizeof(*lines), by_octets);
	for (size_t i = 0; i < n; i++)
		if (!i || !span_eq(lines[i - 1], lines[i])) {
			buf_putspan(&sorted, lines[i]);
			buf_putc(&sorted, '\n');
		}
	free(lines);
	buf_release(says);
	*says = sorted;
}

struct kept_said {
	size_t n;
	uint8_t (*v)[DIGEST]; /* sorted */
};

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST);
}

static void digest(struct span line, uint8_t ret[DIGEST])
{
	uint8_t whole[32];
	sha256_two(line, (struct span){ 0 }, whole);
	memcpy(ret, whole, DIGEST);
}

struct kept_said *kept_said_new(const struct kept *k)
{
	struct kept_said *s = mem_zalloc(sizeof(*s));
	size_t cap = 0;
	for (unsigned i = 0; i < k->n; i++) {
		struct span rest = buf_span(&k->v[i].says), line;
		while (span_line(&rest, &line)) {
			if (s->n == cap) {
				cap = cap ? 2 * cap : 1024;
				s->v = mem_realloc(s->v, cap * DIGEST);
			}
			digest(line, s->v[s->n++]);
		}
	}
	if (s->n)
		qsort(s->v, s->n, DIGEST, by_digest);
	return s;
}

void kept_said_free(struct kept_said *s)
{
	if (!s)
		return;
	free(s->v);
	free(s);
}

bool kept_said(const struct kept_said *s, struct span line)
{
	uint8_t d[DIGEST];
	digest(line, d);
	return s->n && bsearch(d, s->v, s->n, DIGEST, by_digest);
}

/* ---- the file ---- */

static enum err take_event(struct kept *k, struct span rest, struct kept_event **ret_event)
{
	struct span uuid = span_word(&rest);
	uint64_t timestamp;
	if (uuid.n != MISP_UUID || num_parse_u64(span_trim(rest), UINT32_MAX, &timestamp) || !(*ret_event = kept_add(k, uuid)))
		return ERR_SYNTAX;
	(*ret_event)->timestamp = timestamp;
	return OK;
}

enum err kept_parse(struct span text, struct kept *k, struct fault *f)
{
	struct kept_event *e = NULL;
	struct span line;
	unsigned n = 0;
	enum err err = OK;
	while (err == OK && span_line(&text, &line)) {
		struct span rest = line, word = span_word(&rest);
		n++;
		if (span_is(word, "event"))
			err = take_event(k, rest, &e);
		else if (span_is(word, "cursor"))
			err = num_parse_u64(span_trim(rest), UINT32_MAX, &k->cursor);
		else if (e && word.n && rest.n > 1)
			buf_put(&e->says, line.p, line.n + 1);
		else
			err = ERR_SYNTAX;
	}
	return err || text.n ? fault_set(f, ERR_SYNTAX, "line %u is none of a list of events", n + (err == OK)) : OK;
}

void kept_format(const struct kept *k, struct buf *out)
{
	if (k->cursor)
		buf_printf(out, "cursor %llu\n", (unsigned long long)k->cursor);
	for (unsigned i = 0; i < k->n; i++) {
		buf_printf(out, "event %s %llu\n", k->v[i].uuid, (unsigned long long)k->v[i].timestamp);
		buf_putspan(out, buf_span(&k->v[i].says));
	}
}

static void path_of(const char *dir, const char *source, char path[PATH_HERE])
{
	snprintf(path, PATH_HERE, "%s/pulls/%s.events", dir, source);
}

enum err kept_read(const char *dir, const char *source, struct kept *k, struct fault *f)
{
	char path[PATH_HERE];
	struct buf text = { 0 };
	path_of(dir, source, path);
	enum err e = store_read(path, FILE_MAX, &text, f);
	if (e == OK && kept_parse(buf_span(&text), k, NULL))
		kept_release(k);
	buf_release(&text);
	return e;
}

enum err kept_write(const char *dir, const char *source, const struct kept *k, struct fault *f)
{
	char path[PATH_HERE];
	struct buf text = { 0 };
	path_of(dir, source, path);
	kept_format(k, &text);
	enum err e = store_write(path, buf_span(&text), f);
	buf_release(&text);
	return e;
}
