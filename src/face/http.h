/* HTTP face: lookups, reasons, lanes as public logs, health, metrics and the description of itself, on libmicrohttpd.
 *
 * Routes are rows of one table (http_routes.c); the OpenAPI description is printed from it.  Errors are problem details
 * (RFC 9457).
 */
#ifndef FACE_HTTP_H
#define FACE_HTTP_H

#include "base/err.h"
#include "base/buf.h"
#include "ledger/ledger.h"
#include "table/table.h"

struct node;
struct verifier;

struct http_options {
	const char *address;   /**< "127.0.0.1:8300", "[::1]:8300"; port 0: any */
	unsigned threads;
	unsigned connections;  /**< at once; 0: 1024.  Of them, all but 1/8 may listen to the stream */
	clearance clear;       /**< what anonymous askers may see */
	size_t body_max;       /**< octets of a request body */
	const struct verifier *witnesses; /**< whose cosignatures are taken; borrowed */
	unsigned n_witnesses;
	const struct verifier *logs;      /**< that are cosigned when they ask for it; borrowed */
	unsigned n_logs;
	struct node *node;                /**< its feeds, decisions and consumers; NULL: none are served */
	/** What a bouncer tells of what it has stopped (POST /v1/usage-metrics), JSON; may be NULL.  Any thread of the server. */
	void (*on_usage)(void *ctx, const char *feed, const char *consumer, struct span body);
	void *usage_ctx;
	/** Append metrics of others (DNS) in Prometheus text form; may be NULL. */
	void (*more_metrics)(void *ctx, struct buf *out);
	void *more_ctx;
};

struct http_server;
enum err http_server_open(const struct http_options *o, struct table *t, struct ledger *l, struct http_server **ret_server,
			  struct fault *f) MUST_USE;
/** What anonymous askers may see from now on.  Any thread. */
void http_server_set_clear(struct http_server *s, clearance clear);
uint16_t http_server_port(const struct http_server *s);
/** Finishes what is being answered. */
void http_server_close(struct http_server *s);

/** The OpenAPI 3.1 description, JSON, of all routes: also printed by `sipar openapi`. */
void http_openapi(struct buf *out);

#endif
