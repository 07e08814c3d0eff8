/* Grams: which of many strings may occur somewhere in a text, without trying each of them.
 *
 * Strings are entered under their first 8 octets, or their first 4 when they are shorter; a text is read once, and at each place a
 * bit map says whether any string begins with what stands there.  Strings below 4 octets are not for here. */
#ifndef VIEW_GRAMS_H
#define VIEW_GRAMS_H

#include "base/buf.h"
#include "base/span.h"

enum { GRAM_MIN = 4 };

/** Zero-initialised is empty. */
struct grams {
	struct gram { uint64_t key; uint32_t id; } *v[2]; /**< by width: 8 and 4 octets; sorted by key, then id */
	uint32_t n[2], cap[2];
	uint64_t *map[2];                                  /**< bits by hash of the key */
	bool sorted;
};

void grams_release(struct grams *g);
/** A string of at least GRAM_MIN octets, known by `id`. */
void grams_add(struct grams *g, struct span s, uint32_t id);
/** After the last grams_add() and before the first grams_each(): from here on any thread may read. */
void grams_ready(struct grams *g);
/** Every id whose string's beginning stands somewhere in `text`; the visitor compares the rest.  May name an id more than once. */
void grams_each(const struct grams *g, struct span text, void (*visit)(void *ctx, uint32_t id), void *ctx);

#endif
