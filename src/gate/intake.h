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
	enum err error;      /**< sticky: a batch or a cap refused */
	struct fault fault;
};

/** The token of a piece: what the importer asked for and where its parser stood. */
void intake_token(const struct feed_options *o, const struct feed_parser *p, struct buf *out);
/** A parser that goes on from such a token; its options point into `token`.  @return ERR_SYNTAX: not one. */
enum err intake_resume(const struct feed_format *format, struct span token, struct feed_parser **ret_parser) MUST_USE;

void intake_release(struct intake *t);
/** The claims and rules of one record that says something.  @return false: see t->error. */
bool intake_record(struct intake *t, const struct feed_record *r);
/** The claims added since the last call came with ledger entry `entry`, of the import that began with entry `first`. */
enum err intake_stamp(struct intake *t, uint64_t entry, uint64_t first) MUST_USE;
/** Give the rules to the register. */
enum err intake_rules(struct intake *t, struct rules *rules, uint64_t first, struct fault *f) MUST_USE;

#endif
