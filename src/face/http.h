/* HTTP face: lookups, reasons, health, metrics and the description of itself, on libmicrohttpd.
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

struct http_options {
	const char *address;   /**< "127.0.0.1:8300", "[::1]:8300"; port 0: any */
	unsigned threads;
	clearance clear;       /**< what anonymous askers may see */
	size_t body_max;       /**< octets of a request body */
	/** Append metrics of others (DNS) in Prometheus text form; may be NULL. */
	void (*more_metrics)(void *ctx, struct buf *out);
	void *more_ctx;
};

struct http_server;
enum err http_server_open(const struct http_options *o, struct table *t, struct ledger *l, struct http_server **ret_server,
			  struct fault *f) MUST_USE;
uint16_t http_server_port(const struct http_server *s);
/** Finishes what is being answered. */
void http_server_close(struct http_server *s);

/** The OpenAPI 3.1 description, JSON, of all routes: also printed by `sipar openapi`. */
void http_openapi(struct buf *out);

#endif
