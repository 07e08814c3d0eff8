/* HTTP/1.1 server: listening, parsing, threads and limits (libmicrohttpd).  What a request means is its handler's business.
 *
 * Threads: a pool of its own; the handler and the `more` of its answers run in any of them, several at once, and may not block.
 * Limits: 32 KiB of memory for the header of a connection, 1024 connections or as many as the caller says (128 for one address unless
 * the server listens on loopback), 30 s without an octet (but in an answer that waits), HTTP_TARGET_MAX octets of target, body_max octets of a body and 16 times that for all
 * bodies that are being received or answered.
 */
#ifndef SYS_HTTPD_H
#define SYS_HTTPD_H

#include "base/address.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	HTTP_TARGET_MAX = 8192,
	HTTP_HEADERS_MAX = 10,
	HTTP_HEADER_VALUE_MAX = 80,
};

struct http_request {
	const char *method;  /**< as sent: "GET", "HEAD", "POST", ... */
	struct span target;  /**< as sent, without scheme and host: "/v1/lookup/http%3A%2F%2Fevil.example?a" */
	struct buf body;     /**< all of it; a handler that needs it longer takes it: copy the struct and zero this one */
	/** A POST or PUT whose client waits for leave to send its body (Expect: 100-continue), or wants to send far too much: an
	 *  answer now refuses it and closes the connection; none (status 0) has it read. */
	bool incomplete;
	/** 0, or why the request cannot be served, which the handler only puts into words: 413 body above body_max, 414 target too
	 *  long (cut off in `target`), 503 too many bodies at once. */
	unsigned refusal;
	void *asker;         /**< the handler's own, while it runs */
	void *connection;    /**< private */
};

/** Value of a header field, name without regard to case; NULL: not there. */
const char *http_request_header(const struct http_request *q, const char *name);

/** The address that it came from, without a port; "?" when it is none of IP. */
void http_request_peer(const struct http_request *q, char ret_text[ADDRESS_TEXT_MAX]);

/** What wakes an answer that waits.  The handler makes it, and frees it when the answer is released. */
struct http_wait;
struct http_wait *http_wait_new(void);
void http_wait_free(struct http_wait *w);
/** There is something to say: `pull` will be called.  Any thread, at any time until it is freed; never blocks for long. */
void http_wait_wake(struct http_wait *w);

enum http_next {
	HTTP_MORE, /**< call again */
	HTTP_WAIT, /**< nothing more to say before it is woken; what was appended is sent */
	HTTP_OVER, /**< that was all */
};

/** Zero-initialised by the server, filled in by the handler. */
struct http_answer {
	unsigned status;     /**< 0: none yet */
	const char *type;    /**< Content-Type; static */
	struct {
		const char *name; /**< static */
		char value[HTTP_HEADER_VALUE_MAX];
	} header[HTTP_HEADERS_MAX];
	unsigned n_headers;
	struct buf body;     /**< handed over */
	/** NULL: `body` is all.  Else called after `body` was sent, again and again, to append what follows; false: that was all. */
	bool (*more)(void *ctx, struct buf *out);
	/** Not NULL, with `wait` instead of `more`: an answer that waits for things to come.  While it does, it costs little memory and no
	 *  thread; that the client is gone is noticed when something is sent to it, and one that takes nothing for 30 s is cut off.  When
	 *  the server closes, the answer ends wherever it is. */
	enum http_next (*pull)(void *ctx, struct buf *out);
	struct http_wait *wait;
	void (*release)(void *ctx); /**< of `ctx`, once the answer is over or broken off */
	void *ctx;
};

/** One more header field; a value longer than there is room for is cut. */
void http_answer_header(struct http_answer *a, const char *name, const char *value);

struct httpd_options {
	const char *address; /**< see base/address.h; port 0: any */
	unsigned threads;    /**< 0 is 1 */
	size_t body_max;
	const char *server;  /**< for the Server field of answers; static */
	/** Called once for each request, when it is whole or refused, and before that once more when it is `incomplete`. */
	void (*handle)(void *ctx, struct http_request *q, struct http_answer *a);
	void *ctx;
	unsigned connections; /**< 0: 1024 */
};

struct httpd;
/** Listens and answers from here on.  @return OK; ERR_SYNTAX, ERR_RANGE: the address; ERR_IO: it cannot be bound. */
enum err httpd_open(const struct httpd_options *o, struct httpd **ret_httpd, struct fault *f) MUST_USE;
/** Port that was bound. */
unsigned httpd_port(const struct httpd *h);
/** No more connections; requests under way are answered, but for those that take longer than five seconds.  NULL is fine. */
void httpd_close(struct httpd *h);

#endif
