/* Do two JSON texts say the same?  Blanks, the order of members and the spelling of strings do not matter; that of numbers does. */
#ifndef CODEC_JSON_SAME_H
#define CODEC_JSON_SAME_H

#include <stdbool.h>

#include "base/siphash.h"
#include "base/span.h"

/** Keyed digest of what a text says: two that are equal have the same; others, to whoever does not know the seed, as good as never.
 *  @return false: it is not JSON. */
bool json_digest(struct span text, struct siphash_seed seed, uint64_t *ret_digest);

#endif
