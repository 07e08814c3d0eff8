/* Intake: from the records of a feed to claims in a batch and rules in a list.  The same for a fresh import and for a fold of
 * what the ledger holds, so that both come to the same table. */
#ifndef GATE_INTAKE_H
#define GATE_INTAKE_H

#include "codec/feed.h"
#include "ledger/ledger.h"
#include "table/batch.h"
#include "view/protect.h"

struct pending_rule {
	uint8_t rule, kinds, stance;
	char *text;
	size_t n;
};

enum { INTAKE_RULES_MAX = 100000 };

/** What one import has brought so far.  Zero-initialise, then set batch, source and lane. */
struct intake {
	struct batch *batch; /**< owned */
	uint16_t source;
	uint8_t lane;
	uint32_t time_s;     /**< when the piece came: event time of claims that do not say one */
	struct pending_rule *rules;
	size_t n_rules;
	bool guards;         /**< some claims protect, or know what a thing is */
	enum err error;      /**< sticky: a batch or a cap refused */
	struct fault fault;
};

/** The token of a piece: what the importer asked for and where its parser stood. */
void intake_token(const struct feed_options *o, const struct feed_parser *p, struct buf *out);
/** A parser that goes on from such a token; its options point into `token`.  @return ERR_SYNTAX: not one. */
enum err intake_resume(const struct feed_format *format, struct span token, struct feed_parser **ret_parser) MUST_USE;

/** A piece of a feed, read back. */
struct piece {
	uint64_t number, import;  /**< its entry, and the first of its import */
	int64_t time_ms;
	uint8_t lane;
	uint16_t source;
	bool rules_only;          /**< its claims do not count */
	const struct feed_format *format; /**< NULL: a report of hits, see view/hits.h */
	struct span token;
};

/** Whose the claims are that reports of hits make (STANCE_MET).  A source like others: who removes it, or gives it the weight 0, does without them. */
#define HITS_SOURCE "hits"
/** The records of a piece, whose batch is t->batch.  @return ERR_CORRUPT: the token is none; or t->error. */
enum err intake_piece(struct intake *t, const struct piece *p, struct span body, struct fault *f) MUST_USE;

void intake_release(struct intake *t);
/** The claims and rules of one record that says something.  @return false: see t->error. */
bool intake_record(struct intake *t, const struct feed_record *r);
/** How far back a claim of entry `entry` says its import began: at `first`, or later when that is too far. */
static inline uint16_t intake_back(uint64_t entry, uint64_t first)
{
	return entry - first < UINT16_MAX ? (uint16_t)(entry - first) : UINT16_MAX;
}
/** The claims added since the last call came with ledger entry `entry`, of the import that began with entry `first`. */
enum err intake_stamp(struct intake *t, uint64_t entry, uint64_t first) MUST_USE;
/** The import that began with entry `first` has ended: its rules go to the register, in place of those that its source had
 *  when it was a snapshot.  Rules that are not understood are left out.
 *  @return OK; ERR_FULL: the register was full before the last of them; those before it are in. */
enum err intake_rules(struct intake *t, struct rules *rules, uint16_t source, bool snapshot, uint64_t first, struct fault *f)
	MUST_USE;

#endif
