/* The values in the body of a lookup of many: one per line, or in one JSON array.  Pure.
 *
 * A value is a JSON string or a JSON object with a string member "value"; on a line it may also stand bare. */
#ifndef FACE_HTTP_VALUES_H
#define FACE_HTTP_VALUES_H

#include "codec/json.h"

struct http_values {
	struct span rest;        /**< private, as all: lines that are not read yet */
	bool array;
	struct json_reader json;
	struct buf scratch;
};

/** At the first of `body`, which must stay until http_values_release().
 *  @param array  the body is one JSON array, which is checked to its end now.
 *  @return OK; ERR_SYNTAX: it is not: nothing to release then. */
enum err http_values_init(struct http_values *v, struct span body, bool array, struct fault *f) MUST_USE;
void http_values_release(struct http_values *v);
/** The next, in order.  The span lives until the next call.
 *  @return OK; ERR_NOTFOUND: that was all; ERR_SYNTAX: there is no value in this line or item, which is `ret_value` as it was
 *          given, and `f` says why: go on. */
enum err http_values_next(struct http_values *v, struct span *ret_value, struct fault *f) MUST_USE;

#endif
