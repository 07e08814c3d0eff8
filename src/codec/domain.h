/* Domain names: one canonical form, lower-case A-labels with dots between them. */
#ifndef CODEC_DOMAIN_H
#define CODEC_DOMAIN_H

#include "base/err.h"
#include "base/span.h"

enum { DOMAIN_MAX = 253, LABEL_MAX = 63 };

/** Fast path: `s` is a canonical name already, 4 to 64 octets of lower-case letters, digits, '-', '_' and dots, at least two
 *  labels, the last one beginning with a letter.  false says only that domain_parse() has to look. */
bool domain_plain(struct span s) MUST_USE;

/** Any spelling of a name: upper case, a final dot, Unicode (mapped by sys/idn.h).  Labels have 1 to 63 octets of letters,
 *  digits, '-' and '_', without '-' at an end; "xn--" labels are kept as they are.  One label is enough here.
 *  @param ret_name  canonical, lower case; @param ret_n  its length.
 *  @return OK; ERR_SYNTAX; ERR_RANGE: a label or the name is too long. */
enum err domain_parse(struct span s, uint8_t ret_name[DOMAIN_MAX], size_t *ret_n, struct fault *f) MUST_USE;

#endif
