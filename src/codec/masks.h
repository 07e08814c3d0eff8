/* Masks as people write them: words with commas between them, "ip,domain" and "phishing,c2-server", in configurations and options. */
#ifndef CODEC_MASKS_H
#define CODEC_MASKS_H

#include "base/buf.h"
#include "base/err.h"

/** Kinds of observables, KINDS_* of codec/feed.h.
 *  @param of  those that may be named.  @return ERR_USAGE with the word and those that there are; nothing is written then. */
enum err kinds_parse(struct span list, uint8_t of, uint8_t *ret_kinds, struct fault *f) MUST_USE;
void kinds_put(uint8_t kinds, struct buf *out);

/** Categories, by name or alias: a bit each.  @return ERR_USAGE with the word; nothing is written then. */
enum err categories_parse(struct span list, uint32_t *ret_categories, struct fault *f) MUST_USE;
void categories_put(uint32_t categories, struct buf *out);

#endif
