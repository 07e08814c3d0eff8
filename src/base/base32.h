/* Base32 (RFC 4648 section 6), without padding, in either case: octets in a DNS label. */
#ifndef BASE_BASE32_H
#define BASE_BASE32_H

#include "base/err.h"
#include "base/span.h"

/** Digits of `n` octets. */
#define BASE32_DIGITS(n) (((n) * 8 + 4) / 5)

/** Exactly `n` octets.  @return OK; ERR_SYNTAX: other digits or another number of them, or spare bits at the end that are not 0. */
enum err base32_decode(struct span text, uint8_t *ret_octets, size_t n) MUST_USE;
/** BASE32_DIGITS(n) digits in lower case, no NUL; spare bits at the end are 0. */
void base32_encode(const uint8_t *octets, size_t n, char *ret_digits);

#endif
