/* UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/span.h"

/** Length of the longest well-formed beginning; s.n when all of it is. */
size_t utf8_valid_prefix(struct span s);

/** One code point at the start of `s`.  @return octets used, 0 when `s` is empty or malformed there. */
size_t utf8_decode(struct span s, uint32_t *ret_point);

/** Encode `point` (a valid scalar value).  @return octets written, 1 to 4. */
size_t utf8_encode(uint32_t point, uint8_t ret_octets[4]);

#endif
