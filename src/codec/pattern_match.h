/* A pattern against what was observed.
 *
 * Inside of [ ] all holds of one and the same object; its references are followed.  AND, FOLLOWEDBY and REPEATS bind different
 * observations.  One that lasted may have happened at any time from first_observed to last_observed: FOLLOWEDBY, WITHIN and
 * START ... STOP (STOP itself is outside) hold when there are such times, each of them looked at alone.  One that was seen
 * number_observed times counts so often for a REPEATS right behind its brackets.  A path that an object does not have makes
 * a comparison false, with NOT, too (but for NOT EXISTS).  [*] takes any element of a list, or any value of a dictionary.
 */
#ifndef CODEC_PATTERN_MATCH_H
#define CODEC_PATTERN_MATCH_H

#include "codec/observed.h"
#include "codec/pattern_compare.h"

enum { PATTERN_BOUND_MAX = 1024 /**< observations in one match */ };

/** One match: numbers of observations, ascending.  Return false to stop. */
typedef bool pattern_matched(void *ctx, const uint32_t *observations, size_t n);

/** Visit matches that have no observation in common, until there is none among the observations left; so when there is a match
 * at all, one is visited.
 *  @param o  finished.
 *  @return OK; ERR_FULL: the search was given up after a hundred million steps, or at a match of too many observations (the
 * matches visited are right, but there may be more). */
enum err pattern_match(const struct pattern *p, const struct observed *o, const struct pattern_regex *regex, pattern_matched *visit, void *ctx,
		       struct fault *f) MUST_USE;

#endif
