/* Sources: where claims come from, and what they are worth.  A fold of the ENTRY_SOURCE and ENTRY_FEED entries in
 * order.
 *
 * A source_set is immutable once published (the table carries it to readers beside the images); the writer edits a
 * copy.
 */
#ifndef VIEW_SOURCE_H
#define VIEW_SOURCE_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/category.h"
#include "codec/feed.h"

enum { SOURCES_MAX = 4096, SOURCE_NAME_MAX = 63, SOURCE_WEIGHT_DEFAULT = 20, SOURCE_WEIGHT_MAX = 60,
       SOURCE_LIFETIME_MAX = 3650, SOURCE_FROM_MAX = 255 };

struct source {
	uint16_t number;                 /**< in claims; given once, never used again */
	char name[SOURCE_NAME_MAX + 1];  /**< [a-z0-9._-]+ */
	char group[SOURCE_NAME_MAX + 1]; /**< independence group; its own name by default */
	uint16_t group_number;           /**< equal for equal groups */
	uint8_t weight_db;               /**< decibans of a fresh claim at confidence 100; 0: distrusted, counts nothing */
	uint8_t category;                /**< for claims that do not say one */
	uint8_t confidence;              /**< for claims that do not say one, 0..100 */
	bool snapshot;                   /**< an import is all the source says; false: events, each stands until it decays */
	uint16_t lifetime_d;             /**< decay: days to the floor; 0: the category's */
	uint16_t speed_x10;              /**< decay speed times 10; 0: the category's */
	bool removed;                    /**< its claims no longer count; the name can be added again */
	uint64_t floor;                  /**< first entry of its last finished snapshot */
	uint64_t last_import;            /**< entry that finished its last import, 0: none */
	int64_t last_import_ms;
	uint64_t accepted;               /**< claims of the last import */
};

struct source_set;

struct source_set *source_set_new(void);
struct source_set *source_set_copy(const struct source_set *s);
void source_set_free(const struct source_set *s);
unsigned source_count(const struct source_set *s);
/** A set of these `n`, whose numbers are their places: for what was saved.
 *  @return ERR_CORRUPT: no series of changes leads to such a set. */
enum err source_set_restore(const struct source *v, unsigned n, struct source_set **ret_set, struct fault *f) MUST_USE;
/** What a claim's weight needs to know of its source. */
struct source_worth {
	uint64_t floor;
	uint16_t group_number, lifetime_d;
	uint8_t weight_db; /**< 0 also when it was removed */
	uint8_t speed_x10, category, confidence;
};
/** Of all sources, by number: four in a line of the cache. */
const struct source_worth *source_worths(const struct source_set *s);
/** By number, 0 .. source_count() - 1.  Never NULL for those. */
const struct source *source_get(const struct source_set *s, uint16_t number);
/** By name, removed ones too.  NULL: none. */
const struct source *source_find(const struct source_set *s, struct span name);
/** Is `name` one? */
bool source_name_ok(struct span name);

/** Changes to one source; fields not set keep their value (or the default when the source is new). */
struct source_change {
	enum { SOURCE_ADD, SOURCE_SET, SOURCE_REMOVE } op;
	struct span name;
	bool has_group, has_weight, has_category, has_confidence, has_snapshot, has_lifetime, has_speed, has_from;
	struct span group;
	struct span from; /**< host that it is pulled from; "": not any more.  Said for those who read the ledger: the fold has no use for it */
	uint8_t weight_db, category, confidence;
	bool snapshot;
	uint16_t lifetime_d, speed_x10;
};

/** Canonical JSON body of an ENTRY_SOURCE, and back (strict: unknown keys are ERR_SYNTAX; spans point into `body`). */
void source_change_write(const struct source_change *c, struct buf *out);
enum err source_change_read(struct span body, struct source_change *ret_change, struct fault *f) MUST_USE;
/** @return OK; ERR_EXISTS; ERR_NOTFOUND; ERR_FULL; ERR_SYNTAX: a bad name; ERR_RANGE. */
enum err source_apply(struct source_set *s, const struct source_change *c, struct fault *f) MUST_USE;
/** An import of `name` has finished. */
void source_imported(struct source_set *s, uint16_t number, bool snapshot, uint64_t first_entry, uint64_t last_entry,
		     int64_t time_ms, uint64_t accepted);

/** Does a claim still count (its source not removed, its snapshot not replaced)?  A claim_keep for merges: ctx is the
 * set. */
struct claim;
bool source_claim_counts(void *ctx, const struct claim *c);

#endif
