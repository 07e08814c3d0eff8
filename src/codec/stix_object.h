/* The head of a STIX object: what exchange needs to know of it, read in one pass.  Octets stay where they are. */
#ifndef CODEC_STIX_OBJECT_H
#define CODEC_STIX_OBJECT_H

#include "base/buf.h"
#include "base/err.h"

enum { STIX_ID_MAX = 300 }; /**< octets of an id that is told apart from others: a type of at most 250, "--" and a UUID */

struct stix_object {
	struct span octets;   /**< all of it, from brace to brace */
	struct span id, type; /**< as written, no escapes; the type is the id's */
	struct span version;  /**< `modified`, else `created`, as written; empty: it has none that can be read */
	int64_t version_us;   /**< its value; 0: none */
	bool revoked;
	bool old;             /**< of STIX 2.0: it has no spec_version and is none of the objects that need none */
};

/** The object at the start of `text`, which may go on behind it.  Times need not be exactly RFC 3339.
 *  @return ERR_SYNTAX: no JSON object, or without an id of the form TYPE--SOMETHING.  The result points into `text`. */
enum err stix_object_read(struct span text, struct stix_object *ret_object, struct fault *f) MUST_USE;
/** The same of members that were read already, as they are written between their quotes; empty: not there. */
struct stix_members {
	struct span octets, id, modified, created, spec_version;
	bool revoked;
};
enum err stix_object_make(const struct stix_members *m, struct stix_object *ret_object, struct fault *f) MUST_USE;
/** Members of an object that are strings, escapes resolved, each into its buffer, which is cleared first. */
struct stix_text {
	const char *name;
	struct buf text;
};
void stix_object_texts(struct span object, struct stix_text *texts, unsigned n);
/** Is it TYPE--UUID, the type of a-z, 0-9 and '-'?  @param ret_type  may be NULL. */
bool stix_id_ok(struct span id, struct span *ret_type);
/** Is it an observable object (SCO) of STIX 2.1: one that has neither created nor modified? */
bool stix_is_observable(struct span type);

#endif
