/* A URL: the whole of a feed at each time.
 *
 * It comes into a file first: what broke off on its way is no feed.  The server says by a tag or a date that nothing has changed (304), or else the digest
 * of what came does; then nothing is written.  A body that could not be read is not tried again either, so that a broken feed does not fill the ledger with
 * imports that do not count. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "peer/pull_parts.h"
#include "sys/digest.h"

struct body {
	struct pulling *x;
	int fd;
	int error;
};

static bool take(void *ctx, struct span octets)
{
	struct body *b = ctx;
	pulling_came(b->x, octets.n);
	while (octets.n) {
		ssize_t n = write(b->fd, octets.p, octets.n);
		if (n < 0 && errno != EINTR) {
			b->error = errno;
			return false;
		}
		octets = span_from(octets, n > 0 ? (size_t)n : 0);
	}
	return true;
}

static void again(void *ctx)
{
	struct body *b = ctx;
	if (ftruncate(b->fd, 0) || lseek(b->fd, 0, SEEK_SET) < 0)
		b->error = errno;
}

static enum err digest_file(int fd, char ret_hex[65], struct fault *f)
{
	struct stat st;
	uint8_t digest[32];
	void *p = NULL;
	if (fstat(fd, &st))
		return fault_set(f, ERR_IO, "a temporary file cannot be read: %s", strerror(errno));
	if (st.st_size && (p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
		return fault_set(f, ERR_IO, "a temporary file cannot be mapped: %s", strerror(errno));
	sha256_two(span_of(p, (size_t)st.st_size), (struct span){ 0 }, digest);
	if (p)
		munmap(p, (size_t)st.st_size);
	hex_encode(digest, sizeof(digest), ret_hex);
	ret_hex[64] = 0;
	return OK;
}

/* Of one that is packed as it lies there the server is not asked to pack it once more. */
static bool is_packed(const char *url)
{
	static const char *const endings[] = { ".gz", ".tgz", ".xz", ".zst", ".bz2", ".zip" };
	struct span path = span_head(span_str(url), span_find(span_str(url), '?'));
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		size_t n = strlen(endings[i]);
		if (path.n > n && span_ieq(span_from(path, path.n - n), span_str(endings[i])))
			return true;
	}
	return false;
}

/* The last part of its path: a hint for the format, and the place of complaints. */
static void name_of(const char *url, char ret_name[PULL_HOST_MAX + 1])
{
	struct span path = span_str(url);
	path = span_head(path, span_find(path, '?'));
	path = span_head(path, span_find(path, '#'));
	size_t at = path.n;
	while (at && path.p[at - 1] != '/')
		at--;
	struct span last = span_head(span_from(path, at), PULL_HOST_MAX);
	snprintf(ret_name, PULL_HOST_MAX + 1, SPAN_FMT, SPAN_ARG(last));
	if (!last.n)
		pull_host(url, ret_name);
}

static enum err take_in(struct pulling *x, int fd, struct fault *f)
{
	struct import_counts c;
	char name[PULL_HOST_MAX + 1];
	name_of(pull_address(x->p), name);
	enum err e = pulling_begin(x, x->p->format[0] ? feed_format_find(span_str(x->p->format)) : NULL, f);
	if (e) {
		close(fd);
		return e;
	}
	if ((e = pulling_stream(x, fd, name, f)) != OK || (e = pulling_finish(x, &c, f)) != OK)
		return e;
	if (c.kept || (!c.accepted && c.rejected))
		return fault_set(f, ERR_SYNTAX, "nothing of it was accepted%s", c.kept ? ", so what the source said before still counts" : "");
	return OK;
}

static void note_tags(struct pulling *x)
{
	struct health *h = x->health;
	if (!fetch_field(x->fetcher, "ETag", h->etag, sizeof(h->etag)))
		h->etag[0] = 0;
	if (!fetch_field(x->fetcher, "Last-Modified", h->modified, sizeof(h->modified)))
		h->modified[0] = 0;
}

/* Does the error lie in the octets, so that the same ones would give it again? */
static bool is_of_body(enum err e)
{
	return e == ERR_SYNTAX || e == ERR_CORRUPT || e == ERR_RANGE || e == ERR_UNSUPPORTED;
}

static enum err take_body(struct pulling *x, int fd, struct fault *f)
{
	struct health *h = x->health;
	char digest[65];
	enum err e = digest_file(fd, digest, f);
	if (e == OK && strcmp(digest, h->digest) == 0) {
		note_tags(x);
		close(fd);
		return OK;
	}
	if (e == OK && strcmp(digest, h->refused) == 0)
		e = fault_set(f, ERR_SYNTAX, "%.350s", h->error[0] ? h->error : "it is what could not be read before");
	if (e) {
		close(fd);
		return e;
	}
	e = take_in(x, fd, f);
	if (e == OK) {
		note_tags(x);
		memcpy(h->digest, digest, sizeof(digest));
		h->refused[0] = 0;
	} else if (is_of_body(e)) {
		memcpy(h->refused, digest, sizeof(digest));
	}
	return e;
}

enum err pull_plain(struct pulling *x, struct fault *f)
{
	struct health *h = x->health;
	char match[300], since[100];
	struct body b = { .x = x };
	struct get g = { .url = pull_address(x->p), .max_octets = pulling_octets_max(x), .take = take, .again = again, .ctx = &b };
	unsigned n = 0;
	snprintf(match, sizeof(match), "If-None-Match: %s", h->etag);
	snprintf(since, sizeof(since), "If-Modified-Since: %s", h->modified);
	if (h->etag[0])
		g.header[n++] = match;
	if (h->modified[0])
		g.header[n++] = since;
	if (!is_packed(g.url))
		g.header[n++] = "Accept-Encoding: gzip"; /* unpacked as a file is */
	enum err e = pulling_file(x, &b.fd, f);
	if (e)
		return e;
	e = pulling_get(x, &g, f);
	if (b.error)
		e = fault_set(f, ERR_IO, "what came cannot be stored in \"%s/pulls\": %s", node_dir(x->node), strerror(b.error));
	if (e || g.status == 304) {
		close(b.fd);
		return e;
	}
	return take_body(x, b.fd, f);
}
