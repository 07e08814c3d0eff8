/* Base64 (RFC 4648 §4), with padding, strictly: no white space, no stray bits. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"

void base64_put(struct buf *out, struct span octets);
/** Octets of the whole span, appended.  @return OK; ERR_SYNTAX: not exactly what base64_put() would write; nothing appended. */
enum err base64_decode(struct span text, struct buf *out) MUST_USE;

#endif
