/* Hours: observables counted per hour, or another period, and nothing else of the lines that they stood in. */
#ifndef SCAN_HOURS_H
#define SCAN_HOURS_H

#include "codec/observable.h"

struct hours;

/** @param max  pairs of observable and hour that it holds; @param hour_s  seconds of an "hour". */
struct hours *hours_new(size_t max, unsigned hour_s);
void hours_free(struct hours *s);
/** Count it once more for the hour that `unix_s` is in.  Any thread. */
void hours_add(struct hours *s, const struct observable *o, int64_t unix_s);
void hours_add_many(struct hours *s, const struct observable *o, int64_t unix_s, uint64_t times);
/** Pairs; and how often hours_add() had no room for another one. */
size_t hours_pairs(struct hours *s);
uint64_t hours_lost(struct hours *s);
/** One observable in one hour (its first second).  Return false to stop. */
typedef bool hours_visit(void *ctx, const struct observable *o, int64_t hour_s, uint64_t count);
/** Each pair, by hour and then by observable; nobody adds meanwhile. */
void hours_each(struct hours *s, hours_visit *visit, void *ctx);
/** Begin again with nothing. */
void hours_clear(struct hours *s);

#endif
