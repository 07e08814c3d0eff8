/* Manifest of a table directory: which images are its levels, and up to which entry they are folded.  Private to
 * table/.
 *
 *   sipar table 2
 *   seed 000102030405060708090a0b0c0d0e0f
 *   folded 1234
 *   next 9
 *   views 8 4711 0123456789abcdef  (number of the file, its octets, check of those; when there are any)
 *   image 7 1048576            (number of the file, its octets; from the largest level up)
 *   check 0123456789abcdef     (of all lines before)
 */
#ifndef TABLE_MANIFEST_H
#define TABLE_MANIFEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/siphash.h"

enum { MANIFEST_LEVELS_MAX = 12 };

struct manifest {
	struct siphash_seed seed;
	uint64_t folded;
	uint64_t next; /**< number of the next file */
	struct { uint64_t number, octets, check; } views; /**< number 0: none */
	unsigned n;
	struct { uint64_t number, octets; } level[MANIFEST_LEVELS_MAX];
};

/** @return OK; ERR_NOTFOUND: there is none; ERR_CORRUPT; ERR_UNSUPPORTED: another version; ERR_IO. */
enum err manifest_read(const char *dir, struct manifest *ret_manifest, struct fault *f) MUST_USE;
/** Replace it durably: written beside, synced, renamed, directory synced. */
enum err manifest_write(const char *dir, const struct manifest *m, struct fault *f) MUST_USE;
/** Path of image `number`; the caller frees it. */
char *manifest_image_path(const char *dir, uint64_t number);
/** Write views durably as file `number`, and fill in what the manifest says of them. */
enum err manifest_write_views(const char *dir, uint64_t number, struct span views, struct manifest *m, struct fault *f) MUST_USE;
/** The views that `m` lists, appended; nothing when it lists none.
 *  @return ERR_CORRUPT: they are not there, or not those. */
enum err manifest_read_views(const char *dir, const struct manifest *m, struct buf *out, struct fault *f) MUST_USE;
/** Remove images and views that `m` (NULL: none, and the manifest itself) does not list, and unfinished files.
 *  @param spare  number of an image that another thread is making, finished or not; 0: none. */
enum err manifest_sweep(const char *dir, const struct manifest *m, uint64_t spare, struct fault *f) MUST_USE;

#endif
