/* Text of an observable as people and feeds write it, made ready to be looked at. */
#ifndef CODEC_CLEAN_H
#define CODEC_CLEAN_H

#include "base/err.h"
#include "base/span.h"

enum { CLEAN_MAX = 8192 /**< octets of a text that is looked at at all */ };

/** Blanks, quotes, <> and invisible characters around `text` are left off; control characters, invalid UTF-8, and invisible
 *  or direction-turning characters inside are refused; defanging is undone (codec/refang.h).
 *  @param scratch  for the text when it had to be changed; else the result is part of `text`.
 *  @return OK; ERR_SYNTAX: refused, or nothing left; ERR_RANGE: longer than CLEAN_MAX. */
enum err clean_text(struct span text, uint8_t scratch[CLEAN_MAX], struct span *ret_text, struct fault *f) MUST_USE;

#endif
