/* What was seen: listed observables counted per hour, and nothing else of the lines that they stood in. */
#ifndef SCAN_SEEN_H
#define SCAN_SEEN_H

#include "codec/observable.h"

struct seen;

/** @param max  pairs of observable and hour that it holds. */
struct seen *seen_new(size_t max);
void seen_free(struct seen *s);
/** Count it once more for the hour that `unix_s` is in.  Any thread. */
void seen_add(struct seen *s, const struct observable *o, int64_t unix_s);
/** Pairs; and how often seen_add() had no room for another one. */
size_t seen_pairs(struct seen *s);
uint64_t seen_lost(struct seen *s);
/** One observable in one hour (its first second).  Return false to stop. */
typedef bool seen_visit(void *ctx, const struct observable *o, int64_t hour_s, uint64_t count);
/** Each pair, by hour and then by observable; nobody adds meanwhile. */
void seen_each(struct seen *s, seen_visit *visit, void *ctx);
/** Begin again with nothing. */
void seen_clear(struct seen *s);

#endif
