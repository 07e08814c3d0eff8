/* Reputation: the answer to "what about this value?", the same for every face. */
#ifndef VIEW_REPUTATION_H
#define VIEW_REPUTATION_H

#include "codec/observable.h"
#include "view/protect.h"
#include "view/score.h"

/** What the writer publishes with the images: table_view.context. */
struct meaning {
	const struct source_set *sources;
	const struct rules *rules;
	const struct audiences *audiences; /**< NULL: not known */
	bool entry_is_index;               /**< claims name entries by their index in the lane, not over all lanes */
	uint64_t edition;                  /**< rises with each publication */
	uint64_t protections;              /**< rises when claims or rules may have come that protect, or that know something */
	const char *(*own)(void *ctx, const struct observable *o); /**< NULL, or: who else protects it ("sipar protect"); NULL: nobody */
	void *own_ctx;
};

/** The lanes by number: name and enum tlp. */
struct audiences {
	struct { char name[LANE_NAME_MAX + 1]; uint8_t tlp; } lane[LANES_MAX];
};

struct reputation {
	struct verdict verdict;
	const char *protected_by; /**< NULL, or who protects it, for people; valid until table_leave() */
	const char *rule;         /**< NULL, or the text rule (protecting or known) that it meets; valid likewise */
};

/** One observable.  A URL is judged by itself (https and http alike), its host and what covers that; an e-mail address
 * by itself and its domain.  Reader, between table_enter() and table_leave().
 *  @param lines, ret_n_lines  as in score_hits(). */
void reputation_of(const struct table_view *v, const struct observable *o, clearance clear, uint32_t now_s,
		   struct reputation *ret_reputation, struct score_line *lines, unsigned *ret_n_lines);

/** Many, in order, with their cache misses overlapped. */
typedef void reputation_visit(void *ctx, size_t i, const struct reputation *r);
void reputation_batch(const struct table_view *v, const struct observable *o, size_t n, clearance clear, uint32_t now_s,
		      reputation_visit *visit, void *ctx);

/** Bit i: the table knows something that could concern o[i] (i < n <= 64), in whatever lane; of the others nothing is listed.  For
 *  those who look at much and expect little: it costs half of reputation_batch(). */
uint64_t reputation_known(const struct table_view *v, const struct observable *o, size_t n);

/** The strictest audience among the lanes of the evidence (enum tlp); TLP_UNSAID when there is none or it is not known. */
uint8_t reputation_audience(const struct reputation *r, const struct meaning *m);

/** One JSON object, without a line end: value, kind, listed, score, categories, sources, and when protected
 * protected_by, and tlp when the evidence is not for everybody. */
void reputation_json(const struct reputation *r, const struct observable *o, const struct meaning *m, struct buf *out);
/** One JSON object: the same with "lines", prior, sums and as_of: all that an independent evaluator needs.
 *  @param l  names the entries of the lines, "LANE/INDEX" as ledger_resolve() takes it: their numbers over all lanes would
 *            tell of lanes that the reader does not see.  NULL: the numbers. */
void reputation_why_json(const struct reputation *r, const struct observable *o, const struct meaning *m, struct ledger *l,
			 const struct score_line *lines, unsigned n, uint32_t now_s, struct buf *out);
/** The sum, line by line, for people. */
void reputation_why_text(const struct reputation *r, const struct observable *o, const struct meaning *m, struct ledger *l,
			 const struct score_line *lines, unsigned n, uint32_t now_s, struct buf *out);
/** For these two: the name of the entry that a line's claim came with. */
void reputation_put_entry(const struct score_line *line, const struct meaning *m, struct ledger *l, struct buf *out);
/** Who took it back, when, and why: of a line whose fate is LINE_RETRACTS. */
struct retraction {
	int64_t time_s;
	struct buf by, why; /**< "PARTY/PERSON", or the party; `why` may be empty */
};
/** @return false: it is not one, or nobody knows.  retraction_release() in either case. */
bool reputation_retraction(const struct score_line *line, struct ledger *l, struct retraction *ret);
void retraction_release(struct retraction *r);

#endif
