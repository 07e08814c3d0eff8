/* Numbers in text, without locale, sign surprises or silent overflow. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/err.h"
#include "base/span.h"

/** Whole span as an unsigned decimal number.  @return OK; ERR_SYNTAX: not digits only; ERR_RANGE: above `max`. */
enum err num_parse_u64(struct span s, uint64_t max, uint64_t *ret_value) MUST_USE;

/** Whole span as hexadecimal octets, either case.  @return OK when s.n == 2 * n and all are digits; else ERR_SYNTAX. */
enum err hex_decode(struct span s, uint8_t *ret_octets, size_t n) MUST_USE;

/** Lower-case hexadecimal digits of `n` octets, 2 * n characters, no NUL. */
void hex_encode(const uint8_t *octets, size_t n, char *ret_digits);

#endif
