/* Fold: entries of the ledger, in order, into the views and the table.  Same entries, same meaning, on every node.
 *
 * The state of a node's meaning: sources, rules, table.  Changes are made here only, by one thread at a time (the caller
 * holds the node's writing lock), and published together.
 */
#ifndef GATE_FOLD_H
#define GATE_FOLD_H

#include "gate/intake.h"
#include "ledger/ledger.h"
#include "table/table.h"
#include "view/reputation.h"

struct fold;

/** Views of no entries, over a table that already holds the entries up to `folded`.  The table is borrowed. */
struct fold *fold_new(struct table *t, uint64_t folded);
void fold_free(struct fold *f);

/** Read every entry after the last that was folded, and what the views need of those before (the table has their claims). */
enum err fold_ledger(struct fold *f, struct ledger *l, struct fault *fault) MUST_USE;

/** Current sources, for the writer. */
const struct source_set *fold_sources(const struct fold *f);
/** A change of a source, already in the ledger as entry `number`; published. */
enum err fold_source_change(struct fold *f, const struct source_change *c, uint64_t number, struct fault *fault) MUST_USE;
/** Is the change one that fold_source_change() would take?  For the gate, before the ledger has it. */
enum err fold_source_check(const struct fold *f, const struct source_change *c, struct fault *fault) MUST_USE;

/** An import that has ended: its claims and rules count from here on, and what its source said before no longer does when it
 *  was a snapshot.  `image` (taken over) is its finished batch. */
struct ended_import {
	uint16_t source;
	bool snapshot;
	uint64_t first, last; /**< ledger entries */
	int64_t time_ms;
	uint64_t accepted;
	struct image *image;
};
enum err fold_import(struct fold *f, const struct ended_import *e, struct intake *t, struct fault *fault) MUST_USE;

/** Two imports of one snapshot at once could not both be all that it says.  @return false: one is under way. */
bool fold_snapshot_begins(struct fold *f, uint16_t source) MUST_USE;
void fold_snapshot_over(struct fold *f, uint16_t source);

/** An import whose first piece is entry `first` is under way: until it has ended or was given up, the table is not called
 *  folded beyond it. */
void fold_import_begins(struct fold *f, uint64_t first);
void fold_import_over(struct fold *f, uint64_t first);

/** Make the table durable as far as it is folded. */
enum err fold_save(struct fold *f, struct fault *fault) MUST_USE;

/** Body of the entry that ends an import: canonical JSON of its counts, and the count of accepted records read back (0 when
 *  it is not there). */
uint64_t fold_summary_accepted(struct span body);

#endif
