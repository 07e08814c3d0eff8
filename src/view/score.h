/* Score: what the claims on one observable add up to.  docs/scoring.md is the specification; tests/score_eval.py
 * computes it again from `sipar why --json`.
 *
 * Evidence is counted in millidecibans (mdb): 10,000 mdb = a factor of ten in the odds.  Integers only, so the same sum
 * in any order on every machine.
 */
#ifndef VIEW_SCORE_H
#define VIEW_SCORE_H

#include "base/err.h"
#include "ledger/ledger.h"
#include "table/table.h"
#include "view/line.h"
#include "view/source.h"

/** The evidence that makes 50 of 100: what it takes to believe a thing as much as not. */
enum { SCORE_PRIOR_MDB = 20000 };

/** "Evidence" is a line with mdb > 0, whether it counts itself or a stronger one of its group does: what a source says
 * is not lost from the categories because a fresher list of the same family says something else. */
struct verdict {
	bool listed;            /**< score >= 1 */
	bool is_protected;
	uint8_t score;          /**< 0..100 */
	uint8_t category;       /**< of the strongest line of evidence */
	int32_t mdb;            /**< the sum */
	uint64_t lanes;         /**< bit per lane of the evidence: whoever tells the score tells of these */
	uint32_t categories;    /**< bit per enum category, of the evidence */
	unsigned n_sources;     /**< of the evidence, distinct */
	unsigned n_groups;      /**< of the evidence: how many count */
	unsigned n_claims;      /**< claims that concern what was asked and that the clearance shows */
	uint32_t seen;          /**< newest event time of the evidence */
	uint64_t entry;         /**< of the strongest line of evidence */
	uint8_t key_kind;       /**< of the key that it is on; 0: there is none */
	uint8_t key_prefix;
	uint16_t key_octets;    /**< of domains: what is left of the name that was asked, from its end */
	bool exact;             /**< that key is what was asked, not what covers it */
	uint16_t protector;     /**< a protecting source, when is_protected by a claim */
	uint16_t sources[16];   /**< numbers of the strongest sources, strongest first */
};

/** Of nothing.  (A copy of it is a few moves; to set all to 0 is a loop.) */
extern const struct verdict verdict_none;

/** Decay in 1/1024 of a claim of `age_s`: max(floor, 1024 * (1 - (age / lifetime)^(1 / speed))), from a table of
 * integers. The floor is 64/1024 for events: what once was bad is never quite nothing while its claim stands. */
uint16_t score_decay(uint32_t age_s, uint16_t lifetime_d, uint16_t speed_x10);
/** Days of lifetime and speed for the kind of key that a claim is on and its category, unless the source has its own.
 */
void score_lifetime(uint8_t kind, uint8_t category, uint16_t *ret_lifetime_d, uint16_t *ret_speed_x10);
/** 0..100 from the sum: 0 when it is not positive, else 100 / (1 + 10^(-(mdb - 20,000) / 10,000)), at least 1, from a
 * table. */
uint8_t score_from_mdb(int32_t mdb);

/** Does `r`, a retraction, take `c` back, both on one key?  It does what its source said in that lane up to then: of one category and stance
 *  (STANCE_UNSAID), or whatever made it look bad (STANCE_RETRACTED).  That a later snapshot has replaced `r` is not looked at. */
bool score_takes_back(const struct claim *r, const struct claim *c);

/** Add up the hits on one observable.  Only claims in lanes of `clear` are looked at.
 *  @param kind   of what was asked (enum obs_kind), for which protections apply.  Of a URL or an e-mail address the
 * hits on keys of other kinds are about its host: what protects that, or says what it is, takes away the evidence about
 * the host and leaves that about the URL itself
 *  @param lines  NULL, or room for SCORE_LINES_MAX lines: every claim in `clear`, those that count first, then the
 * strongest; *ret_n_lines of them.  When there are more, the last are left out (see verdict.n_claims) Pure; never
 * allocates; any thread inside table_enter(). */
void score_hits(const struct table_hits *hits, unsigned n_hits, const struct source_set *sources, clearance clear,
		uint8_t kind, uint32_t now_s, struct verdict *ret_verdict, struct score_line *lines, unsigned *ret_n_lines);

#endif
