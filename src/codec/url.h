/* URLs: RFC 3986 normalisation with the habits of browsers (WHATWG URL) that attackers and feeds rely on.
 *
 * canonical: scheme and host in lower case; the host in A-labels, as a dotted quad or as [RFC 5952]; no user, no
 * default port, no fragment; dot segments resolved, an empty path as "/"; percent-encoding in upper case where it
 * is needed, and nowhere else.
 */
#ifndef CODEC_URL_H
#define CODEC_URL_H

#include "base/err.h"
#include "base/span.h"

enum { URL_MAX = 2048 /**< octets of a canonical URL */ };

/** Length of the scheme when `s` begins with one and "://" (for http and its like also with backslashes), else 0. */
size_t url_scheme(struct span s) MUST_USE;

/** A URL with a scheme, or host/path without one, which is taken as http; then the host must be spelled plainly and no
 *  blank be in it.
 *  @return OK; ERR_SYNTAX; ERR_RANGE: too long, a port that does not exist, a number host out of bounds, a single-label
 *          host of http, https, ftp, ws or wss. */
enum err url_parse(struct span s, uint8_t ret_url[URL_MAX], size_t *ret_n, struct fault *f) MUST_USE;

/** The host of a canonical URL, with the brackets of an IPv6 address; empty when it has none. */
struct span url_host(struct span canonical) MUST_USE;

#endif
