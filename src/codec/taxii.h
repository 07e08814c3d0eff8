/* What a TAXII 2.1 server answers, for a client (OASIS Standard, 10 June 2021; sections behind the names).  Pure.
 *
 * Servers in the field leave members out, put numbers where strings should be, and add others: what a client does not need is not asked for.
 * Texts that a visitor gets are valid in the call; those of an envelope point into what was read, or into `scratch` where they had escapes.
 */
#ifndef CODEC_TAXII_H
#define CODEC_TAXII_H

#include "base/buf.h"
#include "base/err.h"

#define TAXII_MEDIA "application/taxii+json;version=2.1"

enum { TAXII_NEXT_MAX = 4000, TAXII_ROOTS_MAX = 64, TAXII_COLLECTIONS_MAX = 4096, TAXII_TEXT_MAX = 2000 };

enum taxii_resource {
	TAXII_OTHER,
	TAXII_DISCOVERY,   /**< 4.1 */
	TAXII_ROOT,        /**< 4.2 */
	TAXII_COLLECTIONS, /**< 5.1: also when there are none, "{}" */
	TAXII_COLLECTION,  /**< 5.2 */
};
/** What the text is.  @return ERR_SYNTAX with line and column: it is no JSON object. */
enum err taxii_resource(struct span text, enum taxii_resource *ret_resource, struct fault *f) MUST_USE;

/** A root of a discovery, the default one first, each once: an absolute URL, or a path.  False: stop. */
typedef bool taxii_root_visit(void *ctx, struct span url);
/** @return ERR_SYNTAX; ERR_RANGE: more than TAXII_ROOTS_MAX. */
enum err taxii_roots(struct span text, taxii_root_visit *visit, void *ctx, struct fault *f) MUST_USE;

struct taxii_collection {
	struct span id, alias, title; /**< the last two may be empty */
	bool can_read;                /**< true when it is not said */
};
typedef bool taxii_collection_visit(void *ctx, const struct taxii_collection *c);
/** Those of a TAXII_COLLECTIONS, or the one of a TAXII_COLLECTION.  One without an id is left out.  @return as taxii_roots(). */
enum err taxii_each_collection(struct span text, taxii_collection_visit *visit, void *ctx, struct fault *f) MUST_USE;

/** 3.7 */
struct taxii_envelope {
	bool more, has_more; /**< has_more: it is said */
	struct span next;    /**< empty: none */
	struct span objects; /**< what is between the brackets, JSON that was checked; empty: none */
	size_t n_objects;
};
/** @return ERR_SYNTAX with line and column; ERR_RANGE: `next` is longer than TAXII_NEXT_MAX. */
enum err taxii_envelope(struct span text, struct buf *scratch, struct taxii_envelope *ret_envelope, struct fault *f) MUST_USE;

/** A date_added: RFC 3339, with up to 9 digits of a fraction, as nanoseconds since 1970.
 *  @return ERR_SYNTAX: something else (a date as JavaScript prints it), or before 1970 or behind 2261. */
enum err taxii_time(struct span text, uint64_t *ret_ns) MUST_USE;

#endif
