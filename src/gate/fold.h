/* Fold: entries of the ledger, in order, into the views and the table.  Same entries, same meaning, on every node.
 *
 * The state of a node's meaning: sources, rules, table.  Changes are made here only, by one thread at a time (the caller
 * holds the node's writing lock), in the order of their entries, and published together.
 *
 * Invariant: views and table hold all changes of sources and all imports that ended up to one entry, fold_seen(), and nothing
 * else.  Pieces of an import that has not ended are no part of the state, whatever their numbers.  So what fold_save() makes
 * durable is exactly that state, whoever is importing at the time, and opening again reads what is behind it only.
 */
#ifndef GATE_FOLD_H
#define GATE_FOLD_H

#include "gate/intake.h"
#include "ledger/ledger.h"
#include "table/table.h"
#include "view/reputation.h"

struct fold;

/** What was saved behind entry `folded` with the table, which is borrowed.  Readers see nothing before fold_ledger(). */
struct fold *fold_new(struct table *t, uint64_t folded);
void fold_free(struct fold *f);
/** Before anything is published: what meaning.own is to be. */
void fold_set_own(struct fold *f, const char *(*own)(void *ctx, const struct observable *o), void *ctx);

/** Once, first: the saved views, and every entry behind those that they are of.  Everything anew when there are no views,
 *  when they are damaged, or when bodies were erased since. */
enum err fold_ledger(struct fold *f, struct ledger *l, struct fault *fault) MUST_USE;
/** Everything anew from the ledger, as if nothing had been folded before; saved at the end, if there is room.  Readers go on
 *  with the old and then see the new, in one statement; imports under way go on and are right when they end.
 *  Whoever erases bodies holds the node's writing lock from before ledger_erase() or ledger_prune() until this returns: then
 *  no save can come between that would make the erased claims look like the state after it.
 *  @return as replay_ledger(); the state is as before then, and is not saved any more: the next opening begins anew. */
enum err fold_refold(struct fold *f, struct ledger *l, struct fault *fault) MUST_USE;
/** The last entry that the state is of. */
uint64_t fold_seen(const struct fold *f);

/** A lane was made: published. */
enum err fold_lanes(struct fold *f, struct ledger *l, struct fault *fault) MUST_USE;

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
/** @return ERR_FULL: there are too many text rules, and those that did not fit do not count; ERR_IO ...: its claims did not
 *          come into the table; they will at the next opening. */
enum err fold_import(struct fold *f, const struct ended_import *e, struct intake *t, struct fault *fault) MUST_USE;

/** A report of hits, in the ledger as entry p->number and, when it is long, up to `last`: what it says was met.
 *  Without an active source HITS_SOURCE nothing changes. */
enum err fold_hits(struct fold *f, const struct piece *p, struct span body, uint64_t last, struct fault *fault) MUST_USE;

/** Entries came into mirrored lanes, and some of them ended an import, told of hits or erased bodies: they count from here on.  The caller
 *  has held the writing lock since before they came.  @return as replay_ledger(). */
enum err fold_mirrored(struct fold *f, struct ledger *l, struct fault *fault) MUST_USE;

/** The node has said something of a peer (gate/forgotten.h): everything anew, when other lanes are forgotten than before.
 *  @param ret_forgotten  those.  @return as fold_refold(). */
enum err fold_forget(struct fold *f, struct ledger *l, clearance *ret_forgotten, struct fault *fault) MUST_USE;
/** Mirrored lanes of which nothing counts. */
clearance fold_forgotten(const struct fold *f);

/** Two imports of one snapshot at once could not both be all that it says.  @return false: one is under way. */
bool fold_snapshot_begins(struct fold *f, uint16_t source) MUST_USE;
void fold_snapshot_over(struct fold *f, uint16_t source);

/** Make views and table durable.  Changes do it by themselves from time to time, so that an opening after a crash has few
 *  entries and claims to read again. */
enum err fold_save(struct fold *f, struct fault *fault) MUST_USE;
/** The same, if it is time for it and no large merge is due. */
void fold_save_in_time(struct fold *f);

/** Digest of all that answers depend on: two folds of the same entries have the same one, however they came to it.
 *
 *  SHA-256 of 32 + 8 octets, then the views as view/state.h writes them:
 *    the sum modulo 2^256 of SHA-256(key) over all keys that have a claim that counts, and the number of these keys, both
 *    with the least significant octet first.  SHA-256(key) is of the key's kind (1), prefix (1) and length (2) and its
 *    octets, then of its claims that count, in the order of docs/snapshot-format.md, those that say the same collapsed to
 *    the newest: entry (4), seen (4), until (4), source (2), back (2), category (1), confidence (1), stance (1), flags
 *    without CLAIM_FIRST (1), lane (1).  Numbers have the least significant octet first.
 *  So it does not depend on the seed, the levels and the order of keys.  It finds accidents; a sum is no protection against
 *  someone who chooses the keys. */
enum err fold_digest(struct fold *f, uint8_t ret_digest[32], struct fault *fault) MUST_USE;

#endif
