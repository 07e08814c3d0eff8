/* Snapshot: one signed file with all that an edge needs to answer: an image, the sources and rules that belong to it, its
 * lanes.  docs/snapshot-format.md has the octets.
 *
 * It is mapped and used as it lies there.  Opening verifies the signature, the list of digests and the small parts; a chunk of
 * the image is held against its digest when a lookup reads it for the first time.  A lookup that met a damaged chunk has
 * an answer all the same, which is of no use: ask snapshot_sound() after the lookups and before anybody gets their answers.
 *
 * The file is not to be changed in place while it is open (an octet that was verified could become another, and a file
 * that is cut off ends the process with SIGBUS): a new one is put in its place by rename().
 *
 * Threads: any number may look up in one snapshot.
 */
#ifndef VIEW_SNAPSHOT_H
#define VIEW_SNAPSHOT_H

#include "table/table.h"
#include "view/reputation.h"

struct snapshot;

/** What it says of itself; strings live as long as the snapshot. */
struct snapshot_about {
	const char *node, *feed;       /**< feed "": it is no named selection */
	int64_t made_ms;
	uint64_t keys, claims, octets;
	uint8_t kinds, min_score;      /**< what was selected: KINDS_*, the least score */
	uint32_t categories;           /**< bit for each enum category; 0: all */
	unsigned sources, rules, lanes;
	const uint8_t *key;            /**< 32 octets: who has signed */
	uint64_t device, inode;        /**< of the file that is mapped */
};

/** @param path    is opened under the directory `cwd` (or AT_FDCWD).
 *  @param key     32 octets: nobody else may have signed it.  NULL: whoever has; then only that it is whole is known, and
 *                 snapshot_about() says by whom.
 *  @param verify  every chunk now, and none later.
 *  @return OK; ERR_NOTFOUND, ERR_IO; ERR_UNSUPPORTED: a newer version, or the other byte order; ERR_FORBIDDEN: signed by another
 *          key; ERR_CORRUPT: it is no snapshot, cut off, damaged, or the signature does not hold. */
enum err snapshot_open(int cwd, const char *path, const uint8_t *key, bool verify, struct snapshot **ret_snapshot,
		       struct fault *f) MUST_USE;
/** NULL is taken. */
void snapshot_close(struct snapshot *s);
/** For table_lookup(), reputation_of() and reputation_batch(), with CLEARANCE_ALL; its context is the meaning.  Nothing has to be
 *  entered or left: it stays as it is until snapshot_close(). */
const struct table_view *snapshot_view(const struct snapshot *s);
/** Was everything that lookups have read by now what was signed?  Once it was not, it never is again.
 *  @return OK; ERR_CORRUPT with the place.  Any thread: what this thread's lookups have read is seen for certain. */
enum err snapshot_sound(const struct snapshot *s, struct fault *f) MUST_USE;
/** Every chunk, also while others look up.  @return as snapshot_sound(). */
enum err snapshot_verify(struct snapshot *s, struct fault *f) MUST_USE;
struct snapshot_about snapshot_about(const struct snapshot *s);
/** Lane number `i` < lanes: its name, and its signed checkpoint when the snapshot was made. */
const char *snapshot_lane(const struct snapshot *s, unsigned i, uint8_t *ret_tlp, struct span *ret_checkpoint);

#endif
