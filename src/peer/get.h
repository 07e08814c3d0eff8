/* Get: a request to the server that a source is pulled from, with its secrets, and the redirects of that.
 *
 * At most three redirects are followed, from https to https only, and elsewhere than the server of the source without its headers.
 */
#ifndef PEER_GET_H
#define PEER_GET_H

#include "peer/pulls.h"
#include "sys/fetch.h"

enum { GET_HEADERS = 8, GET_REDIRECTS = 3 };

struct get {
	const char *url;
	const char *header[GET_HEADERS]; /**< besides those of the source; no secrets; NULL: none */
	const char *media;               /**< NULL: GET; else POST of `body`, which is not redirected */
	struct span body;
	bool packed;                     /**< as fetch_request.packed */
	uint64_t max_octets;
	bool (*take)(void *ctx, struct span octets);
	/** The answer is from another server than the last: forget what was taken of it.  Its own body, if any, is not to be kept. */
	void (*again)(void *ctx);
	void *ctx;
	/* the answer */
	unsigned status;
	uint32_t retry_s;                /**< Retry-After in seconds; 0: none */
};

/** @return OK: there is an answer, whatever its status; ERR_FORBIDDEN: a redirect that must not be followed; as fetch_run(). */
enum err get_run(struct fetcher *t, const struct pull *p, struct get *g, struct fault *f) MUST_USE;
/** "Sun, 06 Nov 1994 08:49:37 GMT" in seconds since 1970; 0: it is none. */
int64_t get_http_date(struct span value);
/** Seconds from a Retry-After: a number, or an HTTP date of after `now_s`.  Anything else is 0. */
uint32_t get_retry_after(struct span value, int64_t now_s);
/** `more` behind the path of `base`, with one slash between them; what stands behind a '?' stays behind it. */
void get_join(const char *base, const char *more, char ret_url[PULL_URL_MAX + 1]);
/** "the server answers 503 (try again later)" and the like. */
enum err get_refused(const struct get *g, struct fault *f);

#endif
