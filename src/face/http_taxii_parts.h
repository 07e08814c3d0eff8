/* For http_taxii_*.c alone: what the parts of the TAXII 2.1 server know of each other.
 *
 * Each request is looked at in the order that the standard's test suites expect: who asks (401), is there such a thing for them (404), may they
 * (403), media types (406, 415), size (413), and only then what it says (400, 422). */
#ifndef FACE_HTTP_TAXII_PARTS_H
#define FACE_HTTP_TAXII_PARTS_H

#include "face/http_parts.h"
#include "sys/uuid.h"

#define TAXII_MEDIA "application/taxii+json;version=2.1"
#define TAXII_ROOT "/taxii2/api/"

/** A collection is a lane, by its id or by its name. */
struct taxii_lane {
	struct lane lane;
	char id[UUID_TEXT];
	bool can_write; /**< by who asks; whoever sees it may read */
};

void taxii_collection_of(const struct http_request *q, const struct lane *lane, struct taxii_lane *ret_collection);
/** The lanes that who asks may see and that can hold objects.  @return how many, at most LANES_MAX. */
unsigned taxii_collections(const struct http_server *s, const struct http_request *q, struct taxii_lane ret[LANES_MAX]);
void taxii_collection_put(const struct taxii_lane *c, struct buf *out);

/** Before a handler without a collection says anything: media types and refusals.  @return false: the answer is there. */
bool taxii_begin(struct http_server *s, const struct http_request *q, struct http_answer *a);
/** The same, for one with a collection.  @param writes  it is changed: who may not gets 401 or 403.
 *  @param takes  a body of TAXII.  @return false: the answer is there, or (a->status 0) the body must be read first. */
bool taxii_open(struct http_server *s, const struct http_request *q, struct span name, bool writes, bool takes,
		struct taxii_lane *ret_collection, struct http_answer *a);
/** Statuses: what became of objects that were sent.  All threads. */
struct taxii_statuses *taxii_statuses_new(void);
void taxii_statuses_free(struct taxii_statuses *t);
/** The oldest go when a day is over, or there are too many. */
void taxii_status_keep(struct taxii_statuses *t, const char *party, const char *id, struct span text);
/** Its text, appended, if it is of this party.  @return false: there is none. */
bool taxii_status_find(struct taxii_statuses *t, const char *party, struct span id, struct buf *out);

/** Does the field Accept take TAXII_MEDIA?  NULL or empty: no. */
bool taxii_accepted(const char *field);
/** Is it the Content-Type of a TAXII body? */
bool taxii_content(const char *field);

#endif
