/* For http_*.c alone: what the parts of the HTTP face know of each other.
 *
 * A request goes: sys/httpd -> http_server.c (dispatch, count) -> the row of http_routes.c -> its handler.
 */
#ifndef FACE_HTTP_PARTS_H
#define FACE_HTTP_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "face/http.h"
#include "sys/httpd.h"

struct http_server;

enum { HTTP_ROUTES_MAX = 48, HTTP_WORDS_MAX = 4 };

/** What stands for the {names} of a path, in their order. */
struct http_words {
	unsigned n;
	struct span word[HTTP_WORDS_MAX];
};
/** @param w  percent-decoded. */
typedef void http_handler(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a);

/** One operation: dispatch, metrics, OpenAPI and the documentation's test all read these rows. */
struct http_route {
	const char *method;       /**< "GET", with which HEAD goes, or "POST" */
	const char *path;         /**< each {name} stands for one segment, not empty; one at the end, for all the rest of the target,
				       '/' and '?' included */
	http_handler *handle;
	const char *id;           /**< OpenAPI operationId, and label of its metrics */
	const char *summary, *description;
	const char *takes;        /**< media types of the body, blank-separated; NULL: it takes none */
	struct {
		const char *media;
		const char *schema;   /**< name in components/schemas; NULL: plain text */
	} gives[2];               /**< of the answer 200; none: it is 204 */
};

/** All rows, ended by one without a method. */
extern const struct http_route http_routes[];

/** The row for a request, HEAD as GET.
 *  @param ret_words  as they stand in the target.
 *  @param ret_allow  for the Allow field: "" when no row has the path.
 *  @return NULL: none. */
const struct http_route *http_route_find(const char *method, struct span target, struct http_words *ret_words,
					 char ret_allow[HTTP_HEADER_VALUE_MAX]);
/** Does the row take a body of this Content-Type (NULL: none was said, which is text/plain)? */
bool http_route_takes(const struct http_route *r, const char *type);
/** RFC 3986 §2.1 into `ret`, which has room for s.n octets.  @return OK; ERR_SYNTAX: '%' without two hexadecimal digits. */
enum err http_percent_decode(struct span s, uint8_t *ret, size_t *ret_n, struct fault *f) MUST_USE;
/** Is the media type of a Content-Type or of one item of an Accept field this one?  Parameters and case are ignored. */
bool http_media_is(struct span field, const char *media);

/** Make the answer a problem (RFC 9457).  `instance`: the request target. */
void http_problem(struct http_answer *a, unsigned status, struct span instance, const char *detail);

/** Counters of requests; all threads. */
struct http_meter {
	_Atomic uint64_t requests[HTTP_ROUTES_MAX + 1][6]; /**< by row (the last: none) and hundreds of the status */
	_Atomic uint64_t bucket[10], ns;
};
void http_meter_count(struct http_meter *m, const struct http_route *r, unsigned status, uint64_t ns);

struct http_server {
	struct httpd *httpd;
	struct table *table;
	struct ledger *ledger;
	struct http_options options;
	_Atomic clearance clear; /**< see http_clear() */
	pthread_key_t reader;     /**< set in threads that are registered with the table */
	int64_t since_ms;
	struct http_meter meter;
};

/** What the askers of this face may see. */
static inline clearance http_clear(const struct http_server *s)
{
	return atomic_load_explicit(&s->clear, memory_order_relaxed);
}

/** table_enter() for a handler; the thread is registered when it is its first. */
const struct table_view *http_table_enter(struct http_server *s);
void http_table_leave(struct http_server *s);

http_handler http_lookup_one, http_allow, http_why, http_bulk, http_healthz, http_metrics, http_openapi_get;
http_handler http_lanes, http_lane_checkpoint, http_lane_tile, http_lane_body, http_lane_receipt, http_lane_cosignature;
http_handler http_add_checkpoint;

#endif
