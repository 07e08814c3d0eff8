/* What a TAXII request asks for: the parameters of its target (TAXII 2.1 sections 3.4, 3.5), and the cursor between pages.
 *
 * The cursor is self-contained: it has the place where the next page begins, as a time of adding, which stays what it is whatever is
 * added, erased or made anew meanwhile; the `added_after` of the first page; and the other filters or their hash.  It is checked against
 * accidents and against use elsewhere; it gives nobody a right.  base64url of:
 *
 *   0 1  version 1   1 8  place, microseconds   9 8  added_after   17 8  hash of the filters   25 ...  the filters, up to
 *   TAXII_KEPT_MAX octets of them, or nothing   last 8  check
 */
#ifndef FACE_HTTP_TAXII_QUERY_H
#define FACE_HTTP_TAXII_QUERY_H

#include "base/buf.h"
#include "base/err.h"

enum {
	TAXII_VALUES_MAX = 256,  /**< of one filter */
	TAXII_KEPT_MAX = 512,
	TAXII_CURSOR_MAX = 1024, /**< octets of its text */
	TAXII_PAGE = 1000,       /**< objects: without `limit`, and at most */
};

/** Which parameters a request may have. */
enum {
	TAXII_MAY_ID = 1, TAXII_MAY_TYPE = 2, TAXII_MAY_VERSION = 4, TAXII_MAY_SPEC = 8, TAXII_MAY_PAGE = 16,
};

struct taxii_query {
	struct buf store;           /**< what the spans point into */
	struct span ids[TAXII_VALUES_MAX], types[TAXII_VALUES_MAX];
	int64_t versions_us[TAXII_VALUES_MAX];
	unsigned n_ids, n_types, n_versions;
	bool first, last, all;
	uint8_t specs;              /**< bit 0: 2.0, bit 1: 2.1 */
	bool has_after;
	int64_t after_us;           /**< INT64_MIN: from the start */
	int64_t from_us;            /**< the page begins behind this: after_us, or where the cursor says */
	unsigned limit;
	struct buf filters;         /**< match[...] as it was asked for, in one spelling */
};

/** @param target  of the request, with its '?'.  @param may  TAXII_MAY_ bits.  @param owner  what a cursor is good for: collection, resource and who asks.
 *  @return OK: taxii_query_release() it; ERR_SYNTAX, with a sentence. */
enum err taxii_query_parse(struct span target, unsigned may, struct span owner, struct taxii_query *ret_query, struct fault *f) MUST_USE;
void taxii_query_release(struct taxii_query *q);
/** The cursor of the page behind what was added at `place_us`, appended. */
void taxii_query_next(const struct taxii_query *q, struct span owner, int64_t place_us, struct buf *out);

#endif
