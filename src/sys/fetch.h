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
/** As fetch_post().  @param header  "Name: value", which may be a secret; NULL: none. */
enum err fetch_post_as(struct fetcher *t, const char *url, const char *header, const char *media, struct span body, size_t max_octets, struct buf *out,
		       unsigned *ret_status, struct fault *f) MUST_USE;

/** A request in full, for those who follow redirects themselves because not every host may see what goes with it. */
struct fetch_request {
	const char *url;
	const char *const *header; /**< "Name: value" */
	unsigned n_headers;
	const char *media;         /**< NULL: GET; else POST of `body` */
	struct span body;
	const char *proxy;         /**< NULL: those of the environment; "": none */
	const char *ca_file;       /**< NULL: those whom the system trusts */
	bool packed;               /**< let the other side compress what it sends; `take` gets it unpacked */
	uint64_t max_octets;
	unsigned whole_s;          /**< in all; without an octet at most 30 s of it */
	/** The body as it comes, whatever the status.  @return false: break off (ERR_CANCELLED). */
	bool (*take)(void *ctx, struct span octets);
	void *ctx;
};
/** No redirect is followed.  A fetcher is either for these requests or for those above.  @return as fetch_get(); the fault names the URL without what stands behind its '?', too. */
enum err fetch_run(struct fetcher *t, const struct fetch_request *r, unsigned *ret_status, struct fault *f) MUST_USE;
/** A field of the last answer of fetch_run().  @return false: it has none, or one that is longer than `n` - 1 octets. */
bool fetch_field(struct fetcher *t, const char *name, char *ret_value, size_t n);
/** Where a redirect leads, an absolute URL.  @return false: nowhere. */
bool fetch_location(struct fetcher *t, char *ret_url, size_t n);

/** A URL for people and logs: without the user name and password in it, at most `n` - 1 octets and a NUL. */
void fetch_url_shown(const char *url, char *ret_text, size_t n);

#endif
