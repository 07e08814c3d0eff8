/* Score: what the claims on one observable add up to.  docs/scoring.md is the specification; tests/score_eval.py
 * computes it again from `sipar why --json`.
 *
 * Evidence is counted in millidecibans (mdb): 10,000 mdb = a factor of ten in the odds.  Integers only, so the same sum in
 * any order on every machine.
 */
#ifndef VIEW_SCORE_H
#define VIEW_SCORE_H

#include "base/err.h"
#include "ledger/ledger.h"
#include "table/table.h"
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
};

/** One line of the sum. */
struct score_line {
	const struct source *source;
	struct claim claim;
	struct table_key key;  /**< the key that the claim is on */
	bool exact;
	uint32_t age_s;
	uint16_t decay_1024;   /**< 1024 = fresh */
	uint8_t confidence;    /**< used: the claim's or the source's, 0..100 */
	uint8_t category;      /**< used */
	int32_t mdb;           /**< what it would add alone; negative for false positives */
	enum line_fate fate;
};

enum { SCORE_LINES_MAX = 256 };

struct verdict {
	bool listed;            /**< score >= 1 */
	uint8_t score;          /**< 0..100 */
	int32_t mdb;            /**< the sum */
	uint32_t categories;    /**< bit per enum category, of lines that count */
	uint8_t category;       /**< the strongest of them */
	bool is_protected;
	unsigned n_sources;     /**< sources that count, distinct */
	unsigned n_groups;
	uint32_t seen;          /**< newest event time among lines that count */
	uint64_t entry;         /**< of the strongest line */
	uint16_t sources[16];   /**< numbers of the first of them, strongest first */
};

/** Decay in 1/1024 of a claim of `age_s`: max(floor, 1024 * (1 - (age / lifetime)^(1 / speed))), from a table of integers.
 *  The floor is 64/1024 for events: what once was bad is never quite nothing while its claim stands. */
uint16_t score_decay(uint32_t age_s, uint16_t lifetime_d, uint16_t speed_x10);
/** Days of lifetime and speed for a kind of observable and category, unless the source has its own. */
void score_lifetime(uint8_t kind, uint8_t category, uint16_t *ret_lifetime_d, uint16_t *ret_speed_x10);
/** 0..100 from the sum: 0 when it is not positive, else 100 / (1 + 10^(-(mdb - 20,000) / 10,000)), at least 1, from a table. */
uint8_t score_from_mdb(int32_t mdb);

/** Add up the hits on one observable.  Only claims in lanes of `clear` are looked at.
 *  @param kind   of what was asked, for decay and for which protections apply (enum obs_kind)
 *  @param lines  NULL, or room for SCORE_LINES_MAX lines: every claim in `clear`, strongest first; *ret_n_lines of them.
 *  Pure; never allocates; any thread inside table_enter(). */
void score_hits(const struct table_hits *hits, unsigned n_hits, const struct source_set *sources, clearance clear,
		uint8_t kind, uint32_t now_s, struct verdict *ret_verdict, struct score_line *lines, unsigned *ret_n_lines);

#endif
