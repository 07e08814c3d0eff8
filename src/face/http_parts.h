/* For http_*.c alone: what the parts of the HTTP face know of each other.
 *
 * A request goes: sys/httpd -> http_server.c (dispatch, count) -> the row of http_routes.c -> its handler.
 */
#ifndef FACE_HTTP_PARTS_H
#define FACE_HTTP_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/siphash.h"
#include "face/http.h"
#include "gate/asker.h"
#include "gate/node.h"
#include "sys/httpd.h"

struct http_server;

enum { HTTP_ROUTES_MAX = 96, HTTP_WORDS_MAX = 4, HTTP_FAILURES = 1024, HTTP_PACES = 16384 };

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
	} gives[2];               /**< of the answer 200 or `status`; none: it is 204 */
	unsigned status;          /**< 0: 200 */
	unsigned right;           /**< enum right, one or several: the asker's role must allow one of them; none: nobody may */
	bool own_order;           /**< the handler is called before the body is read and with refusals, too: it looks at Content-Type and
				       size in an order of its own */
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

/** Make the answer a problem (RFC 9457), or below /taxii2/ an error of TAXII.  `instance`: the request target. */
void http_problem(struct http_answer *a, unsigned status, struct span instance, const char *detail);

/** The problem of a request that cannot be served: q->refusal. */
void http_refuse(const struct http_server *s, const struct http_request *q, struct http_answer *a);

/** Counters of requests; all threads. */
struct http_meter {
	_Atomic uint64_t requests[HTTP_ROUTES_MAX + 1][6]; /**< by row (the last: none) and hundreds of the status */
	struct { _Atomic uint64_t bucket[10], ns; } took[2]; /**< answers to who asks; to who tells something */
};
void http_meter_count(struct http_meter *m, const struct http_route *r, unsigned status, uint64_t ns);

struct misp_events;

struct http_server {
	struct httpd *httpd, *secure; /**< NULL: it does not listen so */
	struct table *table;
	struct ledger *ledger;
	struct http_options options;
	_Atomic clearance clear; /**< of askers that nobody knows */
	pthread_key_t reader;     /**< set in threads that are registered with the table */
	struct objects *objects;  /**< NULL: without a node */
	struct taxii_statuses *statuses;
	int64_t since_ms;
	_Atomic int64_t failures[HTTP_FAILURES]; /**< of authentication, by address: when the next one would be due, ms */
	struct siphash_seed address_seed; /**< of the places of addresses */
	struct pace paces[HTTP_PACES];    /**< of anonymous askers, by address */
	_Atomic int64_t parties_saved_ms; /**< when the use of tokens was saved last */
	_Atomic int64_t saved_ms; /**< when what consumers have was saved last */
	struct http_meter meter;
	struct misp_events *misp; /**< NULL: there is no node */
	struct http_streams *streams;
};

/** Those who listen to the stream. */
struct http_streams;
struct http_streams *http_streams_new(struct node *n, unsigned room);
void http_streams_free(struct http_streams *t);
/** All of them end, and their clients come back with their cursors: what somebody may see is another. */
void http_streams_end(struct http_streams *t);
void http_streams_metrics(struct http_streams *t, struct buf *out);

/** Who asks; lives while the handler runs: what makes an answer later copies what it needs. */
static inline const struct asker *http_asker(const struct http_request *q)
{
	return q->asker;
}
/** What they may see. */
static inline clearance http_clear(const struct http_request *q)
{
	return http_asker(q)->clear;
}
/** The same for what others feed from: without the lanes of peers of which nothing counts here. */
static inline clearance http_told_clear(const struct http_server *s, const struct http_request *q)
{
	return http_clear(q) & ~(s->options.node ? node_forgotten(s->options.node) : 0);
}

/** Find out who asks.  @return false: what came with the request is not taken, and the answer says so. */
bool http_authenticate(struct http_server *s, struct http_request *q, struct asker *ret_asker, struct http_answer *a);
/** Is it one request too many?  The header fields that say what is left go into any answer.  @return false: yes, and the answer says so. */
bool http_in_time(const struct http_request *q, struct http_answer *a);
/** May the one who asks do what the row does?  @return false: no, and the answer says so (401, 403). */
bool http_may(const struct http_request *q, const struct http_route *r, struct http_answer *a);

/** Before a handler, or what makes its answer, calls what reads a table: the thread is registered when it is its first. */
void http_reader(struct http_server *s);
/** table_enter() for a handler; the thread is registered when it is its first. */
const struct table_view *http_table_enter(struct http_server *s);
void http_table_leave(struct http_server *s);

/* ---- feeds ---- */

/** Who asks for a feed: a consumer with a key, or somebody at an address. */
struct http_caller {
	bool known;                     /**< by a key, of feed `feed` */
	char feed[FEED_NAME_MAX + 1], name[FEED_NAME_MAX + 1];
	char peer[ADDRESS_TEXT_MAX];
};
/** By what the consumer of a feed is known. */
static inline const char *http_caller_name(const struct http_caller *c, const char *feed)
{
	return c->known && strcmp(c->feed, feed) == 0 ? c->name : c->peer;
}
/** What stands behind the scheme ("Bearer", in any case) in a field Authorization, without blanks around it; empty: another scheme, or nothing. */
struct span http_behind_scheme(struct span text, const char *scheme);
/** By X-Api-Key, "Authorization: Bearer KEY", or "Basic" with the key as the password.
 *  @return false: the key is nobody's, and the answer says so. */
bool http_caller_find(struct http_request *q, const struct feeds *feeds, struct http_caller *ret_caller, struct http_answer *a);
/** May they have this feed?  @return false: no, and the answer says so (401 without a key, 403). */
bool http_caller_may(const struct http_request *q, const struct feed *feed, const struct http_caller *caller, struct http_answer *a);

/** What the answers about feeds depend on besides the target. */
#define HTTP_VARY "Accept-Encoding, Authorization, X-Api-Key"
/** An answer of any length, made while it is sent, and packed where the client takes that.
 *  @param make  appends the next piece; false: it was the last.  @param over  called once; `whole`: all of it was taken by the connection. */
struct http_flow {
	bool (*make)(void *ctx, struct buf *out);
	void (*over)(void *ctx, bool whole);
	void *ctx;
};
/** Sets type, Content-Encoding and Vary; the rest is the caller's. */
void http_flow(struct http_request *q, struct http_answer *a, const struct http_flow *flow, const char *type);

/** The `n` most important items of a feed, by gate/rank.h.
 *  @param clear  claims that count for the score.  @param ret_beyond  how many items are not among them.
 *  @return items that live as long as the reading; the array is the caller's to free. */
struct feed_item *http_rank(struct http_server *s, struct feed_reading *r, clearance clear, size_t n, size_t *ret_n, uint64_t *ret_beyond);

http_handler http_feeds, http_feed, http_decisions, http_decisions_stream, http_usage, http_hits;
http_handler http_lookup_one, http_allow, http_why, http_bulk, http_healthz, http_metrics, http_openapi_get;
http_handler http_lanes, http_lane_checkpoint, http_lane_tile, http_lane_body, http_lane_receipt, http_lane_cosignature;
http_handler http_add_checkpoint;
http_handler http_lane_from;
http_handler http_stream;
http_handler http_taxii_discovery, http_taxii_root, http_taxii_collections, http_taxii_collection, http_taxii_manifest, http_taxii_objects;
http_handler http_taxii_object, http_taxii_versions, http_taxii_add, http_taxii_status, http_taxii_delete;
http_handler http_proposals, http_proposal, http_propose, http_approve, http_refuse_proposal, http_suspend, http_unblock;
http_handler http_parties, http_party_add, http_party_set, http_party_remove, http_tokens, http_token_new, http_token_revoke;

http_handler http_misp_manifest, http_misp_hashes, http_misp_event, http_misp_attributes, http_misp_search_events;
http_handler http_misp_attributes_by, http_misp_events_by, http_misp_sighting, http_misp_sighting_of, http_misp_warninglists;
http_handler http_misp_version, http_misp_pymisp, http_misp_me;

#endif
