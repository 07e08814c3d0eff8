/* The descriptor fills `raw`; an unpacker empties it.  A member ends, and what follows is looked at as at the start: another
 * member of the same kind goes on, zeros to the end are padding (tapes, xz blocks), anything else is damage. */
#include "sys/input.h"

#include "base/io.h"
#include "sys/unpack.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW_MAX = 128 << 10, OUT_STEP = 1 << 20 };

struct input {
	int fd, caller;
	char *name;
	bool eof;                 /**< the descriptor has no more */
	bool ended;               /**< nor have we */
	enum packing packing;
	struct unpacker *unpacker; /**< NULL between members */
	unsigned members;
	uint64_t done, size;
	struct span rest;         /**< of raw: not yet unpacked */
	uint8_t raw[RAW_MAX];
};

/* Fetch octets behind the rest, moving it to the front.  At the end of the file: `eof`. */
static enum err fetch(struct input *in, struct fault *f)
{
	memmove(in->raw, in->rest.p, in->rest.n);
	in->rest.p = in->raw;
	ssize_t n = io_read(in->fd, in->caller, in->raw + in->rest.n, RAW_MAX - in->rest.n);
	if (n == IO_GONE)
		return fault_set(f, ERR_CANCELLED, "cancelled while reading \"%s\"", in->name);
	if (n < 0)
		return fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", in->name, strerror(errno));
	in->eof = n == 0;
	in->rest.n += (size_t)n;
	in->done += (uint64_t)n;
	return OK;
}

/* Until the rest has `n` octets, or the file ends. */
static enum err want(struct input *in, size_t n, struct fault *f)
{
	enum err e = OK;
	while (!e && !in->eof && in->rest.n < n)
		e = fetch(in, f);
	return e;
}

enum err input_open(int fd, int caller, const char *name, struct input **ret_input, struct fault *f)
{
	struct input *in = mem_alloc(sizeof(*in));
	memset(in, 0, offsetof(struct input, raw));
	in->fd = fd;
	in->caller = caller;
	in->name = mem_strdup(name);
	in->rest.p = in->raw;
	struct stat st;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		in->size = (uint64_t)st.st_size;
	enum err e = want(in, PACKING_MAGIC_MAX, f);
	in->packing = packing_find(in->rest);
	if (!e && span_starts(in->rest, SPAN_LIT("PK\3\4")))
		e = fault_set(f, ERR_UNSUPPORTED, "\"%s\" is a ZIP archive; unpack it first", name);
	if (e)
		input_close(in);
	else
		*ret_input = in;
	return e;
}

struct input *input_octets(struct span octets)
{
	struct input *in = mem_zalloc(offsetof(struct input, raw)); /* nothing is fetched */
	in->fd = in->caller = -1;
	in->packing = PACKING_NONE;
	in->eof = true;
	in->rest = octets;
	in->done = in->size = octets.n;
	return in;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	unpacker_free(in->unpacker);
	if (in->fd >= 0)
		close(in->fd);
	free(in->name);
	free(in);
}

static enum err corrupt(struct input *in, struct fault *f)
{
	in->ended = true; /* nothing more can come; a second read says so */
	fault_at(f, "\"%s\"", in->name);
	return ERR_CORRUPT;
}

/* Between members: another one, padding, the end, or damage. */
static enum err next_member(struct input *in, struct fault *f)
{
	enum err e = want(in, PACKING_MAGIC_MAX, f);
	if (e)
		return e;
	while (in->members && in->rest.n && in->rest.p[0] == 0) {
		in->rest = span_from(in->rest, 1);
		if (!in->rest.n && (e = want(in, 1, f)))
			return e;
	}
	if ((e = want(in, PACKING_MAGIC_MAX, f)))
		return e;
	if (!in->rest.n) {
		in->ended = true;
		return OK;
	}
	if (packing_find(in->rest) != in->packing) {
		fault_set(f, ERR_CORRUPT, "octets that are not %s follow member %u", packing_name(in->packing), in->members);
		return corrupt(in, f);
	}
	in->unpacker = unpacker_new(in->packing);
	in->members++;
	return OK;
}

/* One step: octets to `to`, or a state changed, or `ended`. */
static enum err step(struct input *in, uint8_t *to, size_t cap, size_t *ret_n, struct fault *f)
{
	*ret_n = 0;
	if (in->packing == PACKING_NONE) {
		enum err e = want(in, 1, f);
		*ret_n = in->rest.n < cap ? in->rest.n : cap;
		if (*ret_n)
			memcpy(to, in->rest.p, *ret_n);
		in->rest = span_from(in->rest, *ret_n);
		in->ended = !e && in->eof && !in->rest.n;
		return e;
	}
	if (!in->unpacker)
		return next_member(in, f);
	size_t before = in->rest.n;
	bool end = false;
	enum err e = unpacker_step(in->unpacker, &in->rest, to, cap, ret_n, &end, f);
	if (e)
		return corrupt(in, f);
	if (end) {
		unpacker_free(in->unpacker);
		in->unpacker = NULL;
	} else if (!*ret_n && in->rest.n == before) {
		if (in->eof) {
			fault_set(f, ERR_CORRUPT, "the %s stream is cut off", packing_name(in->packing));
			return corrupt(in, f);
		}
		e = fetch(in, f);
	}
	return e;
}

enum err input_read(struct input *in, size_t max, struct buf *out, bool *ret_end, struct fault *f)
{
	enum err e = OK;
	for (size_t left = max, n = 0; !e && left && !in->ended; left -= n) {
		size_t cap = left < OUT_STEP ? left : OUT_STEP;
		e = step(in, buf_reserve(out, cap), cap, &n, f);
		out->n += n;
	}
	*ret_end = in->ended;
	return e;
}

enum err input_read_some(struct input *in, size_t max, struct buf *out, bool *ret_end, struct fault *f)
{
	enum err e = OK;
	for (size_t n = 0; !e && !n && !in->ended; out->n += n) {
		size_t cap = max < OUT_STEP ? max : OUT_STEP;
		e = step(in, buf_reserve(out, cap), cap, &n, f);
	}
	*ret_end = in->ended;
	return e;
}

int input_fd(const struct input *in)
{
	return in->fd;
}

void input_progress(const struct input *in, uint64_t *ret_done, uint64_t *ret_size)
{
	*ret_done = in->done - in->rest.n;
	*ret_size = in->size;
}

const char *input_packing(const struct input *in)
{
	return packing_name(in->packing);
}
