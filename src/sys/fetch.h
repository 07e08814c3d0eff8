/* Fetching from others over HTTP and HTTPS (libcurl).
 *
 * Only http and https; certificates are verified; no cookies, no .netrc; the proxies of the environment are used.  GET follows
 * at most three redirects, from https only to https; POST follows none.  Limits: 10 s to connect, 30 s without an octet,
 * 10 min in all, and the octets of an answer, which are the caller's to say.
 */
#ifndef SYS_FETCH_H
#define SYS_FETCH_H

#include "base/buf.h"
#include "base/err.h"

enum { FETCH_ETAG_MAX = 128 };

/** Keeps connections alive between calls.  One thread at a time. */
struct fetcher;

/** @param cancelled  asked about once a second while something is fetched: true breaks it off; may be NULL. */
struct fetcher *fetcher_new(bool (*cancelled)(void *ctx), void *ctx);
void fetcher_free(struct fetcher *t);

/** @param out  the body of the answer, whatever its status, appended; as it was on an error.
 *  @param ret_status  of HTTP: 200, 404 ...
 *  @return OK: there is an answer; ERR_SYNTAX: not a URL of http or https; ERR_RANGE: the answer is larger than `max_octets`;
 *          ERR_CANCELLED; ERR_FORBIDDEN: the certificate of the other side is not to be trusted; ERR_IO: no answer.  The fault
 *          names the URL, without a user name and password in it. */
enum err fetch_get(struct fetcher *t, const char *url, size_t max_octets, struct buf *out, unsigned *ret_status,
		   struct fault *f) MUST_USE;
/** What goes with a request besides, and comes back. */
struct fetch_extra {
	const char *header[4];      /**< "Name: value"; NULL: none.  They may hold secrets: no redirect is followed */
	char etag[FETCH_ETAG_MAX];  /**< "": none; else it is sent as If-None-Match (status 304: nothing has changed, no body).
	                             *   Afterwards that of the answer, with status 200 */
};
/** As fetch_get(). */
enum err fetch_get_extra(struct fetcher *t, const char *url, struct fetch_extra *extra, size_t max_octets, struct buf *out,
			 unsigned *ret_status, struct fault *f) MUST_USE;
/** @param media  Content-Type of the body. */
enum err fetch_post(struct fetcher *t, const char *url, const char *media, struct span body, size_t max_octets, struct buf *out,
		    unsigned *ret_status, struct fault *f) MUST_USE;

/** The same with more header fields, "Name: value", which may hold secrets.
 *  @param ret_retry_s  what the other side has asked for (Retry-After), 0: nothing. */
enum err fetch_post_fields(struct fetcher *t, const char *url, const char *media, const char *const *field, unsigned n, struct span body,
			   size_t max_octets, struct buf *out, unsigned *ret_status, uint32_t *ret_retry_s, struct fault *f) MUST_USE;

/** A URL for people and logs: without the user name and password in it, at most `n` - 1 octets and a NUL. */
void fetch_url_shown(const char *url, char *ret_text, size_t n);

#endif
