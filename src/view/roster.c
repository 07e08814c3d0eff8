/* Records one behind the other, in blocks of a mapped file:
 *
 *   offset size
 *      0     4   force of the key itself
 *      4     4   force of what is below
 *      8     1   kind   9  1  prefix   10  2  octets of the key
 *     12         the key, and zeros up to a multiple of four
 *
 * The file is written in order while it is made and mapped once it is whole; in the byte order of this machine, since nobody else reads it. */
#include "view/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEAD = 12, FLUSH = 1 << 20 };

struct roster {
	atomic_uint holders;
	int fd;            /* -1: memory */
	struct buf out;    /* what is not written yet, or all of it */
	const uint8_t *p;
	uint64_t n, count, serial;
};

enum err roster_new(const char *dir, struct roster **ret_roster, struct fault *f)
{
	struct roster *r = mem_zalloc(sizeof(*r));
	atomic_init(&r->holders, 1);
	r->fd = -1;
	if (dir) {
		r->fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		if (r->fd < 0) {
			free(r);
			return fault_set(f, ERR_IO, "a file in \"%s\" cannot be made: %s", dir, strerror(errno));
		}
	}
	*ret_roster = r;
	return OK;
}

static enum err flush(struct roster *r, struct fault *f)
{
	size_t at = 0;
	while (at < r->out.n) {
		ssize_t n = write(r->fd, r->out.p + at, r->out.n - at);
		if (n < 0 && errno != EINTR)
			return fault_set(f, errno == ENOSPC ? ERR_FULL : ERR_IO, "the list of what is in force cannot be written: %s", strerror(errno));
		at += n > 0 ? (size_t)n : 0;
	}
	r->n += r->out.n;
	r->out.n = 0;
	return OK;
}

enum err roster_add(struct roster *r, const struct table_key *k, struct force_pair p, struct fault *f)
{
	size_t padded = (k->n + 3U) & ~3U;
	uint8_t *to = buf_reserve(&r->out, HEAD + padded);
	memcpy(to, &p.self, 4);
	memcpy(to + 4, &p.below, 4);
	to[8] = k->kind;
	to[9] = k->prefix;
	memcpy(to + 10, &k->n, 2);
	memset(to + HEAD, 0, padded);
	memcpy(to + HEAD, k->p, k->n);
	r->out.n += HEAD + padded;
	r->count++;
	return r->fd >= 0 && r->out.n >= FLUSH ? flush(r, f) : OK;
}

enum err roster_end(struct roster *r, uint64_t serial, struct fault *f)
{
	r->serial = serial;
	if (r->fd < 0) {
		r->p = r->out.p;
		r->n = r->out.n;
		return OK;
	}
	enum err e = flush(r, f);
	buf_release(&r->out);
	if (e || r->n == 0)
		return e;
	void *p = mmap(NULL, r->n, PROT_READ, MAP_SHARED, r->fd, 0);
	if (p == MAP_FAILED)
		return fault_set(f, ERR_IO, "the list of what is in force cannot be mapped: %s", strerror(errno));
	r->p = p;
	return OK;
}

struct roster *roster_hold(struct roster *r)
{
	atomic_fetch_add_explicit(&r->holders, 1, memory_order_relaxed);
	return r;
}

void roster_drop(struct roster *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->holders, 1, memory_order_acq_rel) != 1)
		return;
	if (r->fd >= 0) {
		if (r->p)
			munmap((void *)r->p, r->n);
		close(r->fd);
	}
	buf_release(&r->out);
	free(r);
}

uint64_t roster_serial(const struct roster *r)
{
	return r->serial;
}

uint64_t roster_count(const struct roster *r)
{
	return r->count;
}

bool roster_next(const struct roster *r, uint64_t *at, struct table_key *ret_key, struct force_pair *ret_pair)
{
	if (*at + HEAD > r->n)
		return false;
	const uint8_t *p = r->p + *at;
	memcpy(&ret_pair->self, p, 4);
	memcpy(&ret_pair->below, p + 4, 4);
	*ret_key = (struct table_key){ .kind = p[8], .prefix = p[9], .p = p + HEAD };
	memcpy(&ret_key->n, p + 10, 2);
	*at += HEAD + ((ret_key->n + 3U) & ~3U);
	return true;
}
