/* IP addresses in text: strict reading, the one canonical spelling, and what URLs allow besides. */
#ifndef CODEC_IP_H
#define CODEC_IP_H

#include "base/err.h"
#include "base/span.h"

enum { IP_TEXT_MAX = 46 /**< octets of the longest address in text, with a NUL */ };

/** Exactly a dotted quad: four decimal numbers 0..255 without leading zeros.  No fault: a hot path. */
bool ip4_parse(struct span s, uint8_t ret_addr[4]) MUST_USE;

/** The same with the reason for a refusal: for text that is meant as an IPv4 address.
 *  @return OK; ERR_SYNTAX: not four numbers, or a leading zero; ERR_RANGE: a number above 255. */
enum err ip4_parse_why(struct span s, uint8_t ret_addr[4], struct fault *f) MUST_USE;

/** An IPv4 address as the WHATWG URL standard reads it in a URL's host, where 1 to 4 numbers may be decimal, octal ("0177")
 *  or hexadecimal ("0x7f"), and the last one fills what is left.
 *  @return OK; ERR_SYNTAX: a number with strange digits, more than four; ERR_RANGE: a number too big for its place. */
enum err ip4_parse_url(struct span s, uint8_t ret_addr[4], struct fault *f) MUST_USE;

/** True when a URL's host is to be read as a number by the same standard: its last label is all digits, or 0x and hex. */
bool ip4_like(struct span host);

/** All forms of RFC 4291 section 2.2; no brackets, no zone.  @return OK; ERR_SYNTAX with the reason. */
enum err ip6_parse(struct span s, uint8_t ret_addr[16], struct fault *f) MUST_USE;

/** True for ::ffff:0:0/96, whose last four octets are an IPv4 address. */
bool ip6_is_mapped(const uint8_t addr[16]);

/** Canonical text and its length; NUL behind it. */
size_t ip4_format(const uint8_t addr[4], char ret_text[IP_TEXT_MAX]);
/** By RFC 5952. */
size_t ip6_format(const uint8_t addr[16], char ret_text[IP_TEXT_MAX]);

/** Clear all bits of `addr` (n octets) behind the first `prefix`. */
void ip_mask(uint8_t *addr, size_t n, unsigned prefix);

#endif
