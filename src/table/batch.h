/* Batch: claims on their way into the table.  Holds a bounded amount in memory, sorts by hash, spills to files. */
#ifndef TABLE_BATCH_H
#define TABLE_BATCH_H

#include "table/image.h"

struct batch;

/** @param spill_dir  directory for runs beyond `memory_octets`; the files are unlinked at once. */
struct batch *batch_new(struct siphash_seed seed, const char *spill_dir, size_t memory_octets);
/** Drops what was not finished. */
void batch_free(struct batch *b);
/** Add a claim on a key (copied).  @return OK; ERR_FULL: far beyond its memory without a stamp. */
enum err batch_add(struct batch *b, const struct table_key *k, const struct claim *c, struct fault *f) MUST_USE;
/** The claims added since the last stamp came with ledger entry `entry`, `back` after the first of their import: sets
 *  both in each.  The place where a full batch spills (batch_add never does), so that a spilled claim is always
 *  stamped. */
enum err batch_stamp(struct batch *b, uint32_t entry, uint16_t back, struct fault *f) MUST_USE;
/** Take over all that `other` holds, of the same seed; it is then empty. */
enum err batch_take(struct batch *b, struct batch *other, struct fault *f) MUST_USE;
uint64_t batch_count(const struct batch *b);
/** All claims added as one image; the batch is then empty and can be used again.
 *  @param path     file of the image; NULL for memory, or for a file without a name when the batch has spilled.
 *  @param ret_dup  records whose first claim was there already (see image_merge). */
enum err batch_finish(struct batch *b, const char *path, struct image **ret_image, uint64_t *ret_dup,
		      struct fault *f) MUST_USE;
/** The same as a file without a name, however little it is: see image_mapped(). */
enum err batch_finish_mapped(struct batch *b, struct image **ret_image, struct fault *f) MUST_USE;

#endif
