/* Ranges of addresses, as lists write them, turned into the fewest prefixes that cover them. */
#ifndef CODEC_RANGE_H
#define CODEC_RANGE_H

#include "codec/draft.h"

/** Claims for "198.51.100.0-198.51.100.255", blanks around the '-' allowed, and for the P2P form "a name:first-last".
 *  @return OK; ERR_SYNTAX: `text` is no range, nothing is said; ERR_RANGE, ERR_FULL: it is one that cannot be used, and
 *          d->fault says why. */
enum err range_claim(struct draft *d, struct span text) MUST_USE;
/** Of two addresses. */
enum err range_claim_ends(struct draft *d, struct span first, struct span last) MUST_USE;

#endif
