/* For http_misp*.c alone: the MISP side of the HTTP face. */
#ifndef FACE_HTTP_MISP_PARTS_H
#define FACE_HTTP_MISP_PARTS_H

#include "face/http_misp_filter.h"
#include "face/http_parts.h"
#include "gate/misp_reading.h"

enum {
	MISP_RECORDS = 256,        /* of a body at a time, between two pieces of an answer */
	MISP_EVENTS_AT_ONCE = 200, /* of the manifest */
};

/** An error as a MISP says it. */
void misp_refuse(struct http_request *q, struct http_answer *a, unsigned status, const char *text);
/** The events, as they are now.  @return NULL: they cannot be had, and the answer says so. */
struct misp_events *misp_begin(struct http_server *s, struct http_request *q, struct http_answer *a);

#endif
