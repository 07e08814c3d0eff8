/* Image: an immutable set of keys with their claims, in a mapped file or in memory.  See docs/snapshot-format.md for
 * the octets.
 *
 * IPv4 addresses and prefixes stand in the order of addresses, and one search finds all that covers an address; other keys are
 * ordered by the upper half of their keyed hash, then by themselves, and a lookup is one read of a small directory and one
 * short run of the index.  Either way images merge by one sequential pass.  The text of a key is kept and compared: a hash
 * collision gives no false answer.
 */
#ifndef TABLE_IMAGE_H
#define TABLE_IMAGE_H

#include "base/err.h"
#include "table/claim.h"
#include "table/guard.h"
#include "table/key.h"

struct image;

/** Map an image file.  The header, its check, sizes and section bounds are verified here and offsets where they are
 *  used, so that no read leaves the file, whatever it says; the checks of the sections are verified when `verify`.
 *  @return OK; ERR_NOTFOUND: no such file; ERR_IO; ERR_CORRUPT; ERR_UNSUPPORTED: another version or byte order. */
enum err image_open(const char *path, bool verify, struct image **ret_image, struct fault *f) MUST_USE;
/** The same of an open file, which stays the caller's; `name` is for the fault. */
enum err image_open_fd(int fd, const char *name, bool verify, struct image **ret_image, struct fault *f) MUST_USE;
/** An image in `octets` octets of memory at `p` (a multiple of 64), which stay the caller's; `name` is for the fault.  Only
 *  the header is read here, and its piece is the caller's to vouch for.
 *  @param guard  NULL, or asked by every lookup; outlives the image.  @return as image_open(). */
enum err image_over(const void *p, size_t octets, const char *name, struct image_guard *guard, struct image **ret_image,
		    struct fault *f) MUST_USE;
/** Everything was vouched for: nobody is asked any more.  Before others use the image. */
void image_unguard(struct image *m);
/** Image of no keys. */
struct image *image_empty(struct siphash_seed seed);
void image_free(struct image *m);

uint64_t image_keys(const struct image *m);
uint64_t image_claims(const struct image *m);
uint64_t image_octets(const struct image *m);
/** Where the octets of an image that is a file are mapped; NULL: it is not. */
const void *image_mapped(const struct image *m);
struct siphash_seed image_seed(const struct image *m);

/** Claims on exactly this key.  @return how many; 0: none.  Any thread; never allocates. */
unsigned image_find(const struct image *m, const struct table_key *k, const struct claim **ret_claims);

/** Each key in the order of its place (table_place()) with its claims. */
typedef void image_visit(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n);
void image_each(const struct image *m, image_visit *visit, void *ctx);

/** Is this claim to be kept by a merge?  (Those of replaced snapshots are not.) */
typedef bool claim_keep(void *ctx, const struct claim *c);

/** Merge images of one seed into one: equal claims (claim_same) collapse to the newer.
 *  @param path     where to write the file (made with a temporary name, synced, renamed); NULL: in memory.
 *  @param keep     NULL: all.
 *  @param ret_dup  when not NULL: how many claims with CLAIM_FIRST collapsed into another with CLAIM_FIRST.
 *  Memory: the directory, ranges and samples of the result only; files are read and written in order. */
enum err image_merge(struct image *const *in, unsigned n, claim_keep *keep, void *ctx, const char *path,
		     struct image **ret_image, uint64_t *ret_dup, struct fault *f) MUST_USE;

#endif
