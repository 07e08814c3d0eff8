/* Import: one or more streams of one source, through the gate into lane and table. */
#ifndef GATE_IMPORT_H
#define GATE_IMPORT_H

#include "codec/feed.h"
#include "gate/node.h"
#include "gate/tally.h"
#include "sys/input.h"

struct import_options {
	const char *source;            /**< added with defaults when new */
	const char *lane;              /**< NULL: public */
	const char *party;             /**< NULL: local */
	const struct feed_format *format; /**< NULL: detected, for each stream */
	struct span column;
	enum stance stance;
	bool allow_empty;              /**< a snapshot is replaced also by an import that is damaged or accepts nothing */
	bool strict;                   /**< stop at the first rejected record; then nothing of the import counts */
	bool adds;                     /**< it adds to what the source said, though that is a snapshot; one that is under way does not mind */
	struct span by, retracts, why; /**< of a retraction: what its end says besides; empty: left out */
};

/** read = accepted + duplicate + skipped + rejected. */
struct import_counts {
	uint64_t read, accepted, duplicate, skipped, rejected;
	uint64_t claims;               /**< distinct, told to the table */
	uint64_t entries;              /**< ledger entries written */
	uint64_t octets;               /**< after unpacking */
	uint64_t replaced;             /**< records of the import that this one replaces; 0: none */
	bool kept;                     /**< it is not whole, and so replaces nothing */
};

/** Where things go wrong, record by record: `place` is "feeds/a.csv:17". */
typedef void import_complaint(void *ctx, const char *place, const char *reason);
/** From time to time; return false to cancel. */
typedef bool import_progress(void *ctx, const struct import_counts *c, uint64_t octets_done, uint64_t octets_size);

struct import;

/** Begin.  Nothing is visible and nothing counts before import_finish().
 *  @return ERR_BUSY: the source is a snapshot, and another import of it is under way; ERR_FORBIDDEN: ... and what it says now is in a lane that more
 *  people see than this one: it would end there, which would tell them of this one; ERR_USAGE, ERR_NOTFOUND: name, lane. */
enum err import_begin(struct node *n, const struct import_options *o, import_complaint *complain, import_progress *progress,
		      void *ctx, struct import **ret_import, struct fault *f) MUST_USE;
/** One stream, whole.  @return OK; ERR_SYNTAX ...: this stream cannot be read (further); what came before stays in the import and
 *  the next stream may be added.  ERR_CANCELLED, ERR_IO of the ledger: give up. */
enum err import_stream(struct import *i, struct input *in, const char *name, struct fault *f) MUST_USE;
/** A file of the import could not be read at all: it is not whole. */
void import_incomplete(struct import *i);
/** Commit, fold, publish: returns when it is durable and every face answers with it. */
enum err import_finish(struct import *i, struct import_counts *ret_counts, struct fault *f) MUST_USE;
/** What was skipped, by kind. */
const struct tally *import_skipped(const struct import *i);
/** Number of its first entry, when it is finished. */
uint64_t import_first(const struct import *i);
/** Not finished: nothing of it counts, though the pieces already durable stay in the lane. */
void import_free(struct import *i);

#endif
