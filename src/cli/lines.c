#include "cli/lines.h"

#include <errno.h>

#include "base/io.h"

enum { READ_OCTETS = 1 << 18 };

/* Whole lines of what is held; returns false when the visitor has had enough. */
static bool take_lines(struct lines *l, bool end)
{
	const struct buf *b = &l->rest;
	size_t at = 0;
	bool more = true;
	while (more && at < b->n) {
		struct span rest = span_of(b->p + at, b->n - at);
		size_t n = span_find(rest, '\n');
		bool whole = n < rest.n || end;
		if (!whole && rest.n < LINE_MAX_OCTETS)
			break;
		if (!l->over)
			more = l->visit(l->ctx, span_head(rest, n < LINE_MAX_OCTETS ? n : LINE_MAX_OCTETS), ++l->number);
		l->over = !whole;
		at += n < rest.n ? n + 1 : rest.n;
	}
	buf_consume(&l->rest, at);
	return more;
}

static enum err read_some(struct lines *l, int fd, int caller, ssize_t *ret_n, struct fault *f)
{
	*ret_n = io_read(fd, caller, buf_reserve(&l->rest, READ_OCTETS), READ_OCTETS);
	if (*ret_n < 0 && *ret_n != IO_GONE)
		return fault_set(f, ERR_IO, "cannot be read: %s", strerror(errno));
	if (*ret_n > 0)
		l->rest.n += (size_t)*ret_n;
	return OK;
}

enum err lines_each(int fd, int caller, bool (*visit)(void *ctx, struct span line, uint64_t number), void *ctx, struct fault *f)
{
	struct lines l = { .visit = visit, .ctx = ctx };
	ssize_t n = 1;
	enum err e = OK;
	while (n > 0 && (e = read_some(&l, fd, caller, &n, f)) == OK && n != IO_GONE)
		if (!take_lines(&l, n == 0))
			break;
	buf_release(&l.rest);
	return e;
}

enum err lines_more(struct lines *l, int fd, struct fault *f)
{
	ssize_t n = 1;
	enum err e = OK;
	while (n > 0 && (e = read_some(l, fd, -1, &n, f)) == OK && n > 0)
		if (!take_lines(l, false))
			break;
	return e;
}

void lines_end(struct lines *l)
{
	(void)take_lines(l, true);
	l->rest.n = 0;
	l->over = false;
}
