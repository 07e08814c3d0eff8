/* What was observed: the observed-data objects of STIX 2.0 (with a dictionary "objects") and 2.1 (with "object_refs" into the
 * bundle), for patterns to be matched against.
 *
 * Texts are bundles, single objects or arrays of either, one or several behind each other.  Objects stay JSON; what points
 * into them lives as long as the texts do, which the caller keeps.
 */
#ifndef CODEC_OBSERVED_H
#define CODEC_OBSERVED_H

#include "codec/pattern.h"

struct observed_object {
	struct span key;  /**< its id, or its key in the dictionary */
	struct span type;
	struct span json; /**< the object */
};

struct observation {
	struct span id;
	pattern_time first, last;  /**< first_observed, last_observed */
	uint64_t number;           /**< number_observed */
	bool own;                  /**< 2.0: references in its objects are keys of its dictionary */
	uint32_t object, n_objects; /**< in observed.members */
	struct span refs;          /**< private */
};

/** Zero-initialised is empty. */
struct observed {
	struct buf observations, members, pool; /**< private: struct observation, observed_object, observed_object */
	uint64_t dangling; /**< object_refs that no text has; set by observed_finish() */
};

/** Take in a text.  @return OK; ERR_SYNTAX: it is no JSON (with the place), or an observed-data object is not as it must be (with
 * its id); then release all. */
enum err observed_add(struct observed *o, struct span text, struct fault *f) MUST_USE;
/** After the last text: references are resolved, observations ordered by their first time. */
void observed_finish(struct observed *o);
void observed_release(struct observed *o);

static inline uint32_t observed_count(const struct observed *o)
{
	return (uint32_t)(o->observations.n / sizeof(struct observation));
}

static inline const struct observation *observed_at(const struct observed *o, uint32_t i)
{
	return (const struct observation *)(const void *)o->observations.p + i;
}

static inline const struct observed_object *observed_member(const struct observed *o, uint32_t i)
{
	return (const struct observed_object *)(const void *)o->members.p + i;
}

/** What a reference in an object of `in` names, or NULL. */
const struct observed_object *observed_find(const struct observed *o, const struct observation *in, struct span key);

#endif
