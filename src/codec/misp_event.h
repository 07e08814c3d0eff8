/* MISP events, written: what a claim is called there, and an event, its attributes and its line of a manifest as JSON.
 *
 * The format is the MISP core format (MISP/misp-rfc); feed_misp.c reads what is written here, and understands the same by it.
 * Pure: whoever calls gives the UUIDs, which must be the same each time for the same thing, and times that rise when it changes: a
 * MISP takes an event, and in it an attribute, only when its timestamp is newer than that of the one it has.
 */
#ifndef CODEC_MISP_EVENT_H
#define CODEC_MISP_EVENT_H

#include "base/buf.h"
#include "codec/category.h"
#include "codec/feed.h"

struct misp_org {
	struct span name;
	const char *uuid;
};

struct misp_event {
	const char *uuid;
	uint64_t id;           /**< as MISP numbers its events; what programs pass back instead of the UUID */
	struct span info;
	struct misp_org org;   /**< who made it */
	uint32_t time_s;       /**< of its last change */
	uint32_t date_s;       /**< of the day that it is of */
	uint8_t tlp;           /**< enum tlp: its audience */
	const char *summary;   /**< NULL, or Orgc, Tag, info, date, analysis and threat_level_id as JSON members, in the place of those above */
};

enum { MISP_SEEN, MISP_FALSE_POSITIVE, MISP_EXPIRATION, MISP_SIGHTINGS };

struct misp_attribute {
	const char *uuid;
	uint64_t id;
	struct observable obs;
	uint8_t category;      /**< enum category, CAT_UNKNOWN: none is said */
	uint8_t confidence;    /**< 0..100, or CONFIDENCE_ABSENT */
	bool to_ids;           /**< enough to act on */
	bool deleted;          /**< it was said, and is no more */
	uint32_t time_s;       /**< of its last change */
	uint32_t seen_s;       /**< when it was seen last; 0: not said */
	uint32_t sighted_s[MISP_SIGHTINGS];           /**< the newest of each type; 0: none */
	const char *sighting_uuid[MISP_SIGHTINGS];    /**< of those */
	const char *comment;   /**< NULL: none */
};

/** MISP's type of an observable, and the category that its type has by default. */
const char *misp_type(const struct observable *o);
const char *misp_type_category(const struct observable *o);
/** Could an observable of this kind have such a type?  For searches: "ip-src" is an address, too.  @return OBS_BIT()s; 0: no type that
 *  is written or read here. */
unsigned misp_type_kinds(struct span type);
/** The tag that says a category: of the Reference Security Incident Taxonomy where that has it. */
const char *misp_category_tag(enum category c);
/** The tag of the confidence level next to a confidence; NULL for CONFIDENCE_ABSENT. */
const char *misp_confidence_tag(uint8_t confidence);
/** The colour that a tag is shown in, "#FFC000". */
const char *misp_tag_colour(const char *tag);

/** The attribute that says what a claim says, without UUIDs and times of change.
 *  @return false: a MISP event cannot say it (it protects, or was met). */
bool misp_attribute_of(const struct feed_claim *c, struct misp_attribute *ret_attribute);
/** Another claim of the same record on the same observable: a sighting, or that it is a false positive. */
void misp_attribute_add(struct misp_attribute *a, const struct feed_claim *c);

/** `"UUID":{...}` of manifest.json, without a comma. */
void misp_put_manifest(struct buf *out, const struct misp_event *e);
/** `{"Event":{...,"Attribute":[`, then attributes with commas between them, then `]}}`. */
void misp_put_event_begin(struct buf *out, const struct misp_event *e);
void misp_put_event_end(struct buf *out);
/** One attribute of `e`.  @param context  with "Event" behind it, as attributes of a search have it. */
void misp_put_attribute(struct buf *out, const struct misp_event *e, const struct misp_attribute *a, bool context);
/** One row of a search as CSV, by the columns of misp_csv_heading. */
void misp_put_csv(struct buf *out, const struct misp_event *e, const struct misp_attribute *a);
extern const char misp_csv_heading[];

#endif
