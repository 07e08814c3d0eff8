/* Defanging undone: addresses that were made unclickable for a report, made usable again. */
#ifndef CODEC_REFANG_H
#define CODEC_REFANG_H

#include "base/attr.h"
#include "base/span.h"

/** True when refang() might change `s`: it has an opening bracket, " dot ", or begins as "hxxp" and its like do. */
bool refang_wanted(struct span s) MUST_USE;

/** Undo "[.] (.) {.}", "[dot]", " dot ", "[:]", "[://]", "[/]", "[@]", "[at]", each with any of the brackets, and "hxxp",
 *  "h**p", "hXXps", "htxp" at the start.  One pass; what comes out stays as it is when put in again.
 *  @param ret_text  room for s.n octets.  @return octets written, at most s.n. */
size_t refang(struct span s, uint8_t *ret_text) MUST_USE;

#endif
