/* Cursors: where each collection of a TAXII source stands.  DIR/pulls/SOURCE.cursors, a line for each, fields with tabs between them:
 *
 *   URL  AFTER  LAST  DIGEST  NEXT
 *
 * Everything up to AFTER is here.  While NEXT is not empty, a reading of what is behind AFTER was broken off: NEXT gives the page that it goes on
 * with, and if the server does not know it any more, LAST (the date_added of the last page that is here) takes its place.
 */
#ifndef PEER_CURSORS_H
#define PEER_CURSORS_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/taxii.h"
#include "peer/pulls.h"

enum { CURSORS_MAX = TAXII_COLLECTIONS_MAX };

struct cursor {
	char url[PULL_URL_MAX + 1];
	char after[64], last[64]; /**< as the server writes them; "": none */
	char digest[65];          /**< of the objects of the last page that is here */
	char next[TAXII_NEXT_MAX + 1];
};
struct cursors {
	unsigned n, cap;
	struct cursor *v;
};

void cursors_release(struct cursors *c);
/** The one of that collection, made when there is none.  Valid until the next call.  NULL: there are CURSORS_MAX. */
struct cursor *cursors_of(struct cursors *c, const char *url);
/** Lines that are none are left out: then that collection is read from its start. */
void cursors_parse(struct span text, struct cursors *c);
void cursors_format(const struct cursors *c, struct buf *out);
enum err cursors_read(const char *dir, const char *source, struct cursors *c, struct fault *f) MUST_USE;
enum err cursors_write(const char *dir, const char *source, const struct cursors *c, struct fault *f) MUST_USE;

#endif
