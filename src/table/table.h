/* Table: the reputation claims of a node, as a short stack of immutable images, published in one statement.
 *
 * Level 0 is the largest.  A new image goes on top; while the one below is not at least four times as large, both
 * merge, so that there are O(log n) levels and a claim is rewritten O(log n) times.  Large levels are files in
 * DIR/table, listed with the entry number up to which they are folded in DIR/table/manifest (replaced by rename).
 * What else was folded from those entries (view/: sources and rules) is saved beside them, as octets that mean nothing
 * here.  Everything here can be made anew from the lanes.
 *
 * Threads: one writer (table_push, table_replace, table_save, ...), and one that merges for it when it is told to defer that; readers between table_enter() and table_leave(), registered with
 * table_reader_init(); readers never wait.  The only RCU user of the program.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include <stdatomic.h>

#include "base/span.h"
#include "table/batch.h"
#include "table/image.h"

enum { TABLE_LEVELS_MAX = 12 };

struct table;

/** What readers see at one moment. */
struct table_view {
	unsigned n;
	struct image *level[TABLE_LEVELS_MAX];
	const void *context; /**< what the writer published with it (view/: the sources) */
	struct siphash_seed seed;
};

/** Open DIR/table, made when missing (seed from `new_seed`).
 *  Images are checked whole (3.5 GB/s here): a damaged one would answer wrongly without a word.
 *  A manifest, image or file of views that cannot be read is an ERR_CORRUPT, a manifest of another version an
 *  ERR_UNSUPPORTED: the caller may table_drop() and refold.
 *  @param ret_folded  entries up to this number are in the levels. */
enum err table_open(const char *dir, struct siphash_seed new_seed, bool writable, struct table **ret_table,
		    uint64_t *ret_folded, struct fault *f) MUST_USE;
void table_close(struct table *t);
/** Remove manifest and images of DIR/table. */
enum err table_drop(const char *dir, struct fault *f) MUST_USE;

/** The views that were saved with the table, as they were found when it was opened; empty: none.  Valid until the next
 *  table_save() or table_close(). */
struct span table_saved_views(const struct table *t);
struct siphash_seed table_seed(const struct table *t);
/** Directory for a batch to spill to. */
const char *table_dir(const struct table *t);

/** Writer: put an image on top (taken over, also on error), merging below as needed, and publish it with `context`.
 *  The old context is given to `drop_context` once no reader can see it.  `m` NULL: publish a new context only.
 *  Not between table_enter() and table_leave(): it waits for the readers.
 *  On error the context is published all the same, without the claims of `m`. */
enum err table_push(struct table *t, struct image *m, const void *context, void (*drop_context)(const void *),
		    claim_keep *keep, void *keep_ctx, struct fault *f) MUST_USE;
/** Writer: let `m` (taken over, also on error; NULL: no claims) be the whole table from here on, in one statement with
 *  `context`: readers see all that was before or all that is new.  As table_push() but for the error: nothing changes. */
enum err table_replace(struct table *t, struct image *m, const void *context, void (*drop_context)(const void *),
		       struct fault *f) MUST_USE;
/** Writer: make levels, folded number and the views at that number durable, together.  Does nothing when the levels are
 *  as they were saved last and so is the number; cheap when only the number has changed. */
enum err table_save(struct table *t, uint64_t folded, struct span views, struct fault *f) MUST_USE;
/** Has anything changed that table_save() with this number would write? */
bool table_is_saved(const struct table *t, uint64_t folded);
/** Writer: from here on table_push() merges only what takes moments, so that what is pushed is seen at once; the large merges
 *  are for another thread, which asks for them. */
void table_defer(struct table *t);
/** Writer: would table_save() take moments only?  Not while a merge is under way, which it would make useless, or due for a large
 *  level that is no file yet. */
bool table_save_is_quick(const struct table *t);
struct table_merge;
/** Writer: a merge that is due, NULL: none is, or one is under way.  Its end must come, and before table_close(). */
struct table_merge *table_merge_begin(struct table *t);
/** Any thread, while the writer goes on: makes the file, durable.
 *  @param ctx   of `keep`: as it was at the beginning, or later.  What does not count then must not count again.
 *  @param stop  NULL, or makes it ERR_CANCELLED when it becomes true. */
enum err table_merge_run(struct table_merge *g, claim_keep *keep, void *ctx, const atomic_bool *stop, struct fault *f) MUST_USE;
/** Writer: publish what was made in the place of what it was made of, if that is still there. */
void table_merge_end(struct table *t, struct table_merge *g);
/** Writer: each key once, in no order that means anything, with its claims as a merge of all levels would leave them. */
enum err table_each(struct table *t, claim_keep *keep, void *keep_ctx, image_visit *visit, void *ctx, struct fault *f)
	MUST_USE;
/** Writer: all levels into one file. */
enum err table_compact(struct table *t, claim_keep *keep, void *ctx, struct fault *f) MUST_USE;

/** Each reading thread: once at its start and end. */
void table_reader_init(void);
void table_reader_exit(void);
/** A consistent view, valid until table_leave(); do not block in between. */
const struct table_view *table_enter(struct table *t);
void table_leave(struct table *t);
/** Wait until all who were between enter and leave have left: for what is published beside the table.  Not from in between. */
void table_wait_readers(struct table *t);

/** Nothing is left out: a key is met in each level at most once, and 129 prefixes and itself are the most that concern one. */
enum { TABLE_HITS_MAX = 130 * TABLE_LEVELS_MAX };

/** One key of the table that concerns what was asked. */
struct table_hit {
	struct table_key key;        /**< points into the table: valid until table_leave(), as the claims */
	bool exact;                  /**< the key itself, not a covering prefix or parent */
	unsigned n;
	const struct claim *claims;
};

/** Large, and only its first `n` hits are ever touched: not to be copied or cleared as a whole. */
struct table_hits {
	unsigned n;
	struct table_hit hit[TABLE_HITS_MAX];
};

/** Every key that concerns `k`: itself; for an address or prefix all covering prefixes, longest first; for a domain
 *  its parents of two labels or more, longest first; for a URL itself without its query, and its eight innermost
 *  folders.  Several levels may each give a hit on the same key.  Never
 *  allocates.  Reader, between enter and leave. */
void table_lookup(const struct table_view *v, const struct table_key *k, struct table_hits *ret_hits);

/** The same for many keys, overlapping their cache misses; `visit` is called once per key, in order. */
typedef void table_visit(void *ctx, size_t i, const struct table_hits *hits);
void table_lookup_batch(const struct table_view *v, const struct table_key *k, size_t n, table_visit *visit, void *ctx);

/** How many keys lie in a prefix, or below a name, for people: one that stands in several levels may be counted for each.  What is
 *  said of them is not looked at.  IPv4 is a few searches; IPv6 and names look at all keys. Reader. */
uint64_t table_under(const struct table_view *v, const struct table_key *k);

/** Sums over the levels, for people and metrics. */
struct table_stats { uint64_t keys, claims, octets; unsigned levels; };
void table_stats(const struct table_view *v, struct table_stats *ret_stats);

#endif
