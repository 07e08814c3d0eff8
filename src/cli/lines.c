#include "cli/lines.h"

#include <errno.h>

#include "base/buf.h"
#include "base/io.h"

enum { READ_OCTETS = 1 << 18 };

struct cursor {
	bool (*visit)(void *ctx, struct span line, uint64_t number);
	void *ctx;
	uint64_t number;
	bool over; /* inside the rest of a line that was too long */
};

/* Whole lines of `b`; returns the octets used, or SIZE_MAX when the visitor has had enough. */
static size_t take_lines(struct cursor *c, const struct buf *b, bool end)
{
	size_t at = 0;
	while (at < b->n) {
		struct span rest = span_of(b->p + at, b->n - at);
		size_t n = span_find(rest, '\n');
		bool whole = n < rest.n || end;
		if (!whole && rest.n < LINE_MAX_OCTETS)
			break;
		if (!c->over && !c->visit(c->ctx, span_head(rest, n < LINE_MAX_OCTETS ? n : LINE_MAX_OCTETS), ++c->number))
			return SIZE_MAX;
		c->over = !whole;
		at += n < rest.n ? n + 1 : rest.n;
	}
	return at;
}

enum err lines_each(int fd, int caller, bool (*visit)(void *ctx, struct span line, uint64_t number), void *ctx, struct fault *f)
{
	struct buf b = { 0 };
	struct cursor c = { .visit = visit, .ctx = ctx };
	enum err e = OK;
	for (bool end = false; !end;) {
		ssize_t n = io_read(fd, caller, buf_reserve(&b, READ_OCTETS), READ_OCTETS);
		if (n == IO_GONE)
			break;
		if (n < 0) {
			e = fault_set(f, ERR_IO, "cannot be read: %s", strerror(errno));
			break;
		}
		end = n == 0;
		b.n += (size_t)n;
		size_t used = take_lines(&c, &b, end);
		if (used == SIZE_MAX)
			break;
		buf_consume(&b, used);
	}
	buf_release(&b);
	return e;
}
