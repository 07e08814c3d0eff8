/* Writer: keys with their claims, in order, become an image in memory or in a file.  Private to table/. */
#ifndef TABLE_WRITER_H
#define TABLE_WRITER_H

#include <stdatomic.h>

#include "base/err.h"
#include "table/image.h"

/** Where an image goes. */
struct image_target {
	enum { IMAGE_IN_MEMORY, IMAGE_AS_FILE, IMAGE_AS_SCRATCH } kind;
	const char *path; /**< of the file; of the directory where a scratch file, which has no name, takes its room */
	bool sync;        /**< the file and its name are durable when finished */
	const atomic_bool *stop; /**< NULL, or what ends a merge early when it becomes true: ERR_CANCELLED */
};

/** What there can be at most: the writer's memory is sized by it. */
struct image_bounds {
	uint64_t keys4, keys, record_octets; /**< keys: those that are not among keys4 (table_key_rank()) */
};

struct writer;

/** @param t  copied but for the path, which must outlive the writer. */
enum err writer_new(struct siphash_seed seed, const struct image_bounds *b, const struct image_target *t,
		    struct writer **ret_writer, struct fault *f) MUST_USE;
/** The next key: of a higher place (table_place()) than the last one, or of the same and after it (table_key_order()).
 *  Claims are settled, n > 0.
 *  @return OK; ERR_IO; ERR_FULL: the image would have more than 2^32 keys or 16 GiB of records. */
enum err writer_add(struct writer *w, uint64_t place, const struct table_key *k, const struct claim *c, unsigned n,
		    struct fault *f) MUST_USE;
enum err writer_finish(struct writer *w, struct image **ret_image, struct fault *f) MUST_USE;
/** Also after finish.  What was not finished leaves no file. */
void writer_free(struct writer *w);

/** Make a name in the directory of `path` durable. */
enum err writer_sync_directory(const char *path, struct fault *f) MUST_USE;
/** Tell the kernel that a large run of memory will be read at random. */
void writer_huge(void *p, size_t n);

#endif
