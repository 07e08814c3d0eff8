/* Plain files are read straight into the chunk.  Mapping them instead is no faster for one reading (docs/scan.md has the
 * figures), and a file that is truncated meanwhile would kill the process.
 *
 * What stands behind the last line end is carried over to the next chunk: some hundred octets in a megabyte. */
#include "scan/chunk.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/input.h"
#include "sys/unpack.h"

enum { CUT_WITHIN = 64 << 10, BINARY_WITHIN = 32 << 10 };

struct stream {
	int fd;                /* -1: `input` has it */
	struct input *input;   /* NULL: read as it lies there */
	char *name;
	size_t chunk_octets, line_max;
	bool keep, regular, looked, binary;
	struct buf carry;
	uint64_t line, column, offset, done, size;
	struct fault damage;   /* code OK: none yet */
};

/* ---- text ---- */

typedef uint8_t octets16 __attribute__((vector_size(16), aligned(1)));

static inline octets16 is_end(const uint8_t *p)
{
	return (octets16)(*(const octets16 *)p == '\n');
}

/* Four sums, so that one addition does not wait for the other. */
uint64_t count_lines(struct span text)
{
	uint64_t n = 0;
	size_t i = 0;
	while (text.n - i >= 64) { /* each lane of the four together counts down to -252 at most */
		octets16 a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
		size_t end = (text.n - i) / 64 < 63 ? i + (text.n - i) / 64 * 64 : i + 63 * 64;
		for (; i < end; i += 64) {
			a += is_end(text.p + i), b += is_end(text.p + i + 16);
			c += is_end(text.p + i + 32), d += is_end(text.p + i + 48);
		}
		a += b + c + d;
		for (unsigned k = 0; k < 16; k++)
			n += (uint8_t)-a[k];
	}
	for (; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* A border of docs/scan.md ("Reading"): nothing goes across one. */
static bool is_border(uint8_t c)
{
	return c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '`';
}

size_t cut_before(struct span text)
{
	size_t least = text.n > CUT_WITHIN ? text.n - CUT_WITHIN : 0;
	for (size_t i = text.n; i > least; i--)
		if (is_border(text.p[i - 1]))
			return i;
	return text.n;
}

/* ---- opening ---- */

static enum err attach(struct stream *s, int fd, struct fault *f)
{
	struct stat st;
	uint8_t head[PACKING_MAGIC_MAX];
	s->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	s->size = s->regular ? (uint64_t)st.st_size : 0;
	s->done = 0;
	off_t at = s->regular ? lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t n = s->regular ? pread(fd, head, sizeof(head), at) : 0;
	struct span magic = span_of(head, n > 0 ? (size_t)n : 0);
	if (s->regular && n >= 0 && packing_find(magic) == PACKING_NONE && !span_starts(magic, SPAN_LIT("PK\3\4"))) {
		s->fd = fd;
		return OK;
	}
	return input_open(fd, -1, s->name, &s->input, f);
}

enum err stream_open(int fd, const char *name, const struct stream_options *o, struct stream **ret_stream, struct fault *f)
{
	struct stream *s = mem_zalloc(sizeof(*s));
	s->fd = -1;
	s->name = mem_strdup(name);
	s->chunk_octets = o->chunk_octets ? o->chunk_octets : CHUNK_OCTETS;
	s->line_max = o->line_max ? o->line_max : CHUNK_LINE_MAX;
	s->keep = o->keep;
	s->line = 1;
	enum err e = attach(s, fd, f);
	if (e)
		stream_close(s);
	else
		*ret_stream = s;
	return e;
}

static void detach(struct stream *s)
{
	input_close(s->input);
	s->input = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	detach(s);
	buf_release(&s->carry);
	free(s->name);
	free(s);
}

enum err stream_reopen(struct stream *s, int fd, struct fault *f)
{
	detach(s);
	s->damage.code = OK;
	return attach(s, fd, f);
}

int stream_fd(const struct stream *s)
{
	return s->input ? input_fd(s->input) : s->fd;
}

const char *stream_name(const struct stream *s)
{
	return s->name;
}

bool stream_is_plain(const struct stream *s)
{
	return !s->input;
}

void stream_progress(const struct stream *s, uint64_t *ret_done, uint64_t *ret_size)
{
	if (s->input) {
		input_progress(s->input, ret_done, ret_size);
	} else {
		*ret_done = s->done;
		*ret_size = s->size;
	}
}

/* ---- reading ---- */

/* Some octets more, at most `max`. */
static enum err more(struct stream *s, size_t max, struct buf *out, bool *ret_end, struct fault *f)
{
	if (s->input)
		return input_read_some(s->input, max, out, ret_end, f);
	uint8_t *to = buf_reserve(out, max);
	ssize_t n;
	do
		n = read(s->fd, to, max);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", s->name, strerror(errno));
	out->n += (size_t)n;
	s->done += (size_t)n;
	*ret_end = n == 0;
	return OK;
}

static bool has_more_now(const struct stream *s)
{
	return s->regular || poll(&(struct pollfd){ .fd = stream_fd(s), .events = POLLIN }, 1, 0) != 0;
}

static void look(struct stream *s, struct span text)
{
	text = span_head(text, BINARY_WITHIN);
	if (!s->looked && text.n)
		s->binary = memchr(text.p, 0, text.n) != NULL;
	s->looked |= text.n > 0;
}

/* Let `text` be a chunk that ends at octet `end`; what is behind it is carried over. */
static void give(struct stream *s, struct chunk *c, size_t end)
{
	struct span rest = span_from(buf_span(&c->text), end);
	s->carry.n = 0;
	if (rest.n)
		buf_putspan(&s->carry, rest);
	c->text.n = end;
	look(s, buf_span(&c->text));
	c->line = s->line;
	c->column = s->column;
	c->offset = s->offset;
	c->binary = s->binary;
	c->cut = end > 0 && c->text.p[end - 1] != '\n';
	s->offset += end;
	if (end == 0)
		return;
	uint64_t lines = count_lines(buf_span(&c->text));
	const uint8_t *last = c->cut ? memrchr(c->text.p, '\n', end) : NULL;
	s->line += lines;
	s->column = !c->cut ? 0 : last ? (uint64_t)(c->text.p + end - (last + 1)) : s->column + end;
}

/* The line that is being read is longer than what is usual. */
static void grow(const struct stream *s, void (*room)(void *ctx, size_t octets), void *ctx, size_t *want)
{
	if (*want == s->line_max)
		return;
	*want = s->line_max;
	if (room)
		room(ctx, *want);
}

enum err stream_read(struct stream *s, struct chunk *c, void (*room)(void *ctx, size_t octets), void *ctx,
		     enum stream_state *ret_state, struct fault *f)
{
	size_t want = s->chunk_octets, ends = 0; /* ends: behind the last line end that was found */
	bool end = false;
	c->text.n = 0;
	*ret_state = STREAM_MORE;
	if (s->carry.n >= want)
		grow(s, room, ctx, &want);
	buf_reserve(&c->text, s->carry.n < s->chunk_octets ? s->chunk_octets : s->carry.n);
	buf_putspan(&c->text, buf_span(&s->carry));
	while (!end && s->damage.code == OK) {
		size_t before = c->text.n, left = want - before;
		if (more(s, left < s->chunk_octets ? left : s->chunk_octets, &c->text, &end, &s->damage))
			end = false; /* this is told before the end */
		const uint8_t *last = c->text.n > before ? memrchr(c->text.p + before, '\n', c->text.n - before) : NULL;
		ends = last ? (size_t)(last + 1 - c->text.p) : ends;
		if (c->text.n >= s->chunk_octets && ends) {
			give(s, c, ends);
			return OK;
		}
		if (c->text.n == s->line_max) {
			give(s, c, cut_before(buf_span(&c->text)));
			return OK;
		}
		if (!end && s->damage.code == OK && !has_more_now(s)) {
			*ret_state = STREAM_WAITS;
			give(s, c, ends);
			return OK;
		}
		if (c->text.n == want)
			grow(s, room, ctx, &want);
	}
	if (s->damage.code && c->text.n == 0) {
		if (f)
			*f = s->damage;
		return s->damage.code;
	}
	if (end)
		*ret_state = STREAM_END;
	give(s, c, s->keep && end ? ends : c->text.n);
	c->cut = false;
	return OK;
}

void stream_rest(struct stream *s, bool anew, struct chunk *c)
{
	c->text.n = 0;
	if (s->carry.n)
		buf_putspan(&c->text, buf_span(&s->carry));
	give(s, c, c->text.n);
	c->cut = false;
	if (!anew)
		return;
	s->line = 1;
	s->column = s->offset = 0;
	s->looked = s->binary = false;
}
