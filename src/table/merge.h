/* Merge, with a choice of where the result goes.  Private to table/; image_merge() of table/image.h is the plain
 * form. */
#ifndef TABLE_MERGE_H
#define TABLE_MERGE_H

#include "table/writer.h"

enum err merge_images(struct image *const *in, unsigned n, claim_keep *keep, void *ctx, const struct image_target *t,
		      struct image **ret_image, uint64_t *ret_dup, struct fault *f) MUST_USE;
/** What the merge would write, given to `visit` instead, key by key. */
enum err merge_each(struct image *const *in, unsigned n, claim_keep *keep, void *ctx, image_visit *visit, void *visit_ctx,
		    struct fault *f) MUST_USE;

#endif
