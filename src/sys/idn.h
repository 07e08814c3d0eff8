/* Internationalised domain names: U-labels to A-labels by IDNA2008 with the UTS #46 mapping (libidn2).
 * Pure: the one header of sys/ that codec/ may include. */
#ifndef SYS_IDN_H
#define SYS_IDN_H

#include "base/err.h"
#include "base/span.h"

/** `name` (UTF-8, at least one octet above 0x7f) in lower-case A-labels, at most 253 octets, NUL-terminated.
 *  @return OK; ERR_SYNTAX with the reason in `f`. */
enum err idn_to_ascii(struct span name, char ret_name[256], struct fault *f) MUST_USE;

#endif
