/* The sections behind the list of digests go through one chunk of memory: what is written is what was digested.  List and
 * header come last, so that a file that was not finished has no magic. */
#include "view/snapshot_write.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/digest.h"
#include "view/snapshot_layout.h"

struct output {
	int fd;
	uint64_t at, of;       /* place in the file of what is gathered, and its end */
	uint8_t *chunk;
	size_t n;
	struct buf digests;
	snapshot_progress *progress;
	void *ctx;
};

void snapshot_put_lanes(unsigned n, struct buf *out)
{
	buf_putle(out, n, 4);
}

void snapshot_put_lane(const char *name, uint8_t tlp, struct span checkpoint, struct buf *out)
{
	struct span s = span_str(name);
	buf_putle(out, tlp, 1);
	buf_putle(out, s.n, 1);
	buf_putspan(out, s);
	buf_putle(out, checkpoint.n, 4);
	buf_putspan(out, checkpoint);
}

static enum err write_at(int fd, const void *p, size_t n, uint64_t at, struct fault *f)
{
	for (const uint8_t *q = p; n;) {
		ssize_t r = pwrite(fd, q, n, (off_t)at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return fault_set(f, r < 0 && errno != ENOSPC ? ERR_IO : ERR_FULL, "the snapshot cannot be written: %s",
					 strerror(r < 0 ? errno : ENOSPC));
		q += r, at += (uint64_t)r, n -= (size_t)r;
	}
	return OK;
}

static enum err flush(struct output *o, struct fault *f)
{
	if (!o->n)
		return OK;
	sha256_two(span_of(o->chunk, o->n), span_of(NULL, 0), buf_reserve(&o->digests, 32));
	o->digests.n += 32;
	enum err e = write_at(o->fd, o->chunk, o->n, o->at, f);
	o->at += o->n;
	o->n = 0;
	if (e == OK && o->progress && !o->progress(o->ctx, o->at, o->of))
		e = fault_set(f, ERR_CANCELLED, "cancelled");
	return e;
}

static enum err put_octets(struct output *o, const uint8_t *p, size_t n, struct fault *f)
{
	enum err e = OK;
	while (e == OK && n) {
		size_t step = SNAPSHOT_CHUNK - o->n < n ? SNAPSHOT_CHUNK - o->n : n;
		memcpy(o->chunk + o->n, p, step);
		o->n += step;
		p += step, n -= step;
		if (o->n == SNAPSHOT_CHUNK)
			e = flush(o, f);
	}
	return e;
}

/* Zeros up to the offset `at`. */
static enum err pad_to(struct output *o, uint64_t at, struct fault *f)
{
	static const uint8_t zero[SNAPSHOT_PAGE];
	return put_octets(o, zero, (size_t)(at - (o->at + o->n)), f);
}

/* Where everything is: the list of digests, then the small sections, then the image. */
static void lay_out(struct snapshot_header *h, const struct snapshot_parts *p)
{
	const uint64_t octets[] = { p->views.n, p->lanes.n, p->image.n };
	static const uint32_t kinds[] = { SECTION_VIEWS, SECTION_LANES, SECTION_IMAGE };
	uint64_t at = 0, end = 0;
	for (unsigned i = 0; i < COUNT_OF(kinds); i++) { /* from where the chunks begin */
		h->section[1 + i].kind = kinds[i];
		h->section[1 + i].at = at;
		h->section[1 + i].octets = octets[i];
		end = at + octets[i];
		at = snapshot_page(end);
	}
	uint64_t digests = (end + SNAPSHOT_CHUNK - 1) / SNAPSHOT_CHUNK * 32;
	h->section[0].kind = SECTION_DIGESTS;
	h->section[0].at = SNAPSHOT_PAGE;
	h->section[0].octets = digests;
	h->sections = 1 + COUNT_OF(kinds);
	h->chunk = SNAPSHOT_CHUNK;
	h->chunks_at = SNAPSHOT_PAGE + snapshot_page(digests);
	for (unsigned i = 1; i < h->sections; i++)
		h->section[i].at += h->chunks_at;
	h->octets = h->chunks_at + end;
}

static enum err fill_header(struct snapshot_header *h, const struct snapshot_parts *p, struct fault *f)
{
	if (strlen(p->node) > SNAPSHOT_NODE_MAX || strlen(p->feed) > SNAPSHOT_FEED_MAX)
		return fault_set(f, ERR_RANGE, "a name of %zu octets is too long for a snapshot", strlen(p->node) + strlen(p->feed));
	memcpy(h->magic, SNAPSHOT_MAGIC, sizeof(h->magic));
	h->version = SNAPSHOT_VERSION;
	h->mark = SNAPSHOT_MARK;
	h->made_ms = p->made_ms;
	h->keys = p->keys;
	h->claims = p->claims;
	h->kinds = p->kinds;
	h->categories = p->categories;
	h->min_score = p->min_score;
	memcpy(h->key, p->key, sizeof(h->key));
	memcpy(h->node, p->node, strlen(p->node));
	memcpy(h->feed, p->feed, strlen(p->feed));
	return OK;
}

static enum err sign_header(struct snapshot_header *h, snapshot_sign *sign, void *ctx, struct fault *f)
{
	struct buf message = { 0 };
	buf_puts(&message, SNAPSHOT_DOMAIN);
	buf_put(&message, h, SNAPSHOT_SIGNED);
	enum err e = sign(ctx, buf_span(&message), h->signature, f);
	buf_release(&message);
	return e;
}

static enum err put_sections(struct output *o, const struct snapshot_header *h, const struct snapshot_parts *p, struct fault *f)
{
	enum err e = put_octets(o, p->views.p, p->views.n, f);
	if (e == OK && (e = pad_to(o, h->section[2].at, f)) == OK && (e = put_octets(o, p->lanes.p, p->lanes.n, f)) == OK &&
	    (e = pad_to(o, h->section[3].at, f)) == OK && (e = put_octets(o, p->image.p, p->image.n, f)) == OK)
		e = flush(o, f);
	return e;
}

enum err snapshot_write(int fd, const struct snapshot_parts *p, snapshot_sign *sign, snapshot_progress *progress, void *ctx,
			uint64_t *ret_octets, struct fault *f)
{
	struct snapshot_header h = { .version = 0 };
	enum err e = fill_header(&h, p, f);
	if (e)
		return e;
	lay_out(&h, p);
	struct output o = { .fd = fd, .at = h.chunks_at, .of = h.octets, .chunk = mem_alloc(SNAPSHOT_CHUNK), .progress = progress, .ctx = ctx };
	e = put_sections(&o, &h, p, f);
	if (e == OK) {
		sha256_two(buf_span(&o.digests), span_of(NULL, 0), h.digests);
		if ((e = write_at(fd, o.digests.p, o.digests.n, h.section[0].at, f)) == OK && (e = sign_header(&h, sign, ctx, f)) == OK)
			e = write_at(fd, &h, sizeof(h), 0, f);
	}
	free(o.chunk);
	buf_release(&o.digests);
	if (e == OK)
		*ret_octets = h.octets;
	return e;
}
