/* E-mail addresses: local@domain, as far as they are what people and feeds mean by one. */
#ifndef CODEC_EMAIL_H
#define CODEC_EMAIL_H

#include "base/err.h"
#include "base/span.h"
#include "codec/domain.h"

enum { EMAIL_LOCAL_MAX = 64, EMAIL_MAX = EMAIL_LOCAL_MAX + 1 + DOMAIN_MAX };

/** The local part: 1 to 64 octets of RFC 5322 atext and dots but not '/' or '?', which would make it look like a URL; put in
 *  lower case.  No quoted strings, comments, address literals or single-label domains.
 *  @return OK; ERR_SYNTAX; ERR_RANGE: a part is too long, or the domain a single label. */
enum err email_parse(struct span s, uint8_t ret_text[EMAIL_MAX], size_t *ret_n, struct fault *f) MUST_USE;

#endif
