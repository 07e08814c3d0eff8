/* Line: one claim's part in a sum.  Which lines of a group count, and their order, are the same for any order of
 * arrival. */
#ifndef VIEW_LINE_H
#define VIEW_LINE_H

#include "table/image.h"
#include "view/source.h"

/** Why a claim adds nothing, or not all that it could. */
enum line_fate {
	LINE_COUNTS,
	LINE_GROUP,      /**< a stronger claim of its independence group counts instead */
	LINE_REPLACED,   /**< a later snapshot of its source no longer has it */
	LINE_EXPIRED,    /**< past its end of validity */
	LINE_DISTRUSTED, /**< the source has weight 0 or was removed */
	LINE_PART,       /**< only part of an AND pattern */
	LINE_KNOWN,      /**< says what it is, not that it is bad */
	LINE_PROTECTS,   /**< caps the score at 0 */
	LINE_RETRACTED,  /**< its source took it back */
	LINE_RETRACTS,   /**< takes an earlier claim of its source back */
	LINE_HOST,       /**< is about the host of a URL or e-mail address, and the host is protected or known */
	LINE_MET,        /**< hits: adds nothing, but what is said of the key counts as of then */
	LINE_FATES
};

/** One line of the sum. */
struct score_line {
	const struct source *source;
	struct claim claim;
	struct table_key key;  /**< the key that the claim is on */
	bool exact;
	uint32_t met;          /**< 0, or when the key was met since it was seen: age_s is from then on */
	uint32_t age_s;
	uint16_t lifetime_d, speed_x10; /**< used */
	uint16_t decay_1024;   /**< 1024 = fresh */
	uint8_t confidence;    /**< used: the claim's or the source's, 0..100 */
	uint8_t category;      /**< used */
	int32_t mdb;           /**< what it adds, or would but for its group; negative for false positives; else 0 */
	enum line_fate fate;
};

enum { SCORE_LINES_MAX = 256 };

/** Lines of a sum as they are gathered. */
struct score_lines {
	struct score_line *v; /**< room for SCORE_LINES_MAX */
	unsigned n;
};

/** Add a line whose fate is LINE_COUNTS when nothing but its group speaks against it. */
void score_lines_add(struct score_lines *l, struct score_line *line);
/** Those that count, then those that protect, then those of a group, then the rest; the strongest first in each. */
void score_lines_sort(struct score_lines *l);

/** "counts", "group", ... */
const char *score_line_fate(enum line_fate fate);
/** "indicator", "sighting", ... */
const char *score_line_stance(uint8_t stance);
/** How the key concerns what was asked: "exact", "prefix" or "parent" that covers it, "host" of the URL or e-mail
 * address. */
const char *score_line_match(const struct score_line *l, uint8_t asked_kind);
/** The key that the claim is on, as one can write it. */
struct observable score_line_key(const struct score_line *l);

#endif
