/* Words for what a line of the sum holds: the same in every form of "why". */
#ifndef VIEW_SCORE_WORDS_H
#define VIEW_SCORE_WORDS_H

#include "codec/observable.h"
#include "view/score.h"

/** "counts", "group", ... */
const char *score_words_fate(enum line_fate fate);
/** "indicator", "sighting", ... */
const char *score_words_stance(uint8_t stance);
/** How the key concerns what was asked: "exact", "prefix" or "parent" that covers it, "host" of the URL or e-mail address. */
const char *score_words_match(const struct score_line *l, uint8_t asked_kind);
/** The key that the claim is on, as one can write it. */
struct observable score_words_key(const struct score_line *l);

#endif
