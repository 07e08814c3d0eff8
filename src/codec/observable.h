/* Observables: what a claim is about.  One canonical form each, whatever spelling a feed, a log or a person uses.
 *
 * kind    text (canonical)                          key octets
 * ipv4    198.51.100.7                              4, network order
 * ipv6    2001:db8::7 (RFC 5952)                    16, network order; IPv4-mapped addresses become ipv4
 * cidr    198.51.100.0/24, 2001:db8::/32            4 or 16, host bits cleared, prefix length in `prefix`
 * domain  evil.example, *.evil.example              A-labels, lower case, no final dot; the "*." only in `wildcard`
 * url     http://evil.example/a?b                   the text
 * md5 ... sha512   lower-case hexadecimal           16, 20, 32, 64
 * email   user@evil.example                         the text; the domain as above, the local part in lower case
 */
#ifndef CODEC_OBSERVABLE_H
#define CODEC_OBSERVABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum obs_kind {
	OBS_NONE,
	OBS_IPV4,
	OBS_IPV6,
	OBS_CIDR4, /**< both prefix kinds are named "cidr" */
	OBS_CIDR6,
	OBS_DOMAIN,
	OBS_URL,
	OBS_MD5,
	OBS_SHA1,
	OBS_SHA256,
	OBS_SHA512,
	OBS_EMAIL,
	OBS_KINDS
};

enum { OBS_KEY_MAX = 2048 /**< octets of a key; longer URLs are refused with ERR_RANGE */ };

/** Plain data; `key` points into the store that was given to the parser (or at a constant): it lives as long as that. */
struct observable {
	uint8_t kind;     /**< enum obs_kind */
	uint8_t prefix;   /**< prefix length of a cidr, else 0 */
	bool wildcard;    /**< domain: written "*.name", about the names below it, not itself */
	uint16_t n;       /**< octets of key */
	const uint8_t *key;
};

/** "ipv4", "cidr", ... ; "none" for OBS_NONE.  Never NULL. */
const char *obs_kind_name(enum obs_kind kind);

/** One observable, the kind found from its form.
 *
 *  Accepts what feeds and people write: white space around, defanging (hxxp, [.] (.) {.} [dot] (dot) " dot ", [:], [at], [@]),
 *  quotes or <> around, a port glued to an address or a host (dropped), "tcp://1.2.3.4:80" (the address), host/path without
 *  a scheme (a URL, http), upper case, a final dot, "*.", IDNs in Unicode, 010.001.000.007 refused (octal or decimal? unknowable).
 *  1.2.3.4/32 and ::1/128 become addresses.  A host that is an address in a URL stays a url.  What a URL loses on the way is
 *  told in codec/url.h; "*." before an address is left off.
 *
 *  @param text   any octets; @param store  OBS_KEY_MAX octets for the key.
 *  @return OK; ERR_SYNTAX: not an observable; ERR_RANGE: an octet, port, prefix or length out of bounds, a
 *          single-label domain.  `f` says what in words, without quoting control characters.
 *  Pure; any thread. */
enum err obs_parse(struct span text, uint8_t store[OBS_KEY_MAX], struct observable *ret_obs, struct fault *f) MUST_USE;

/** The same, of a kind that is known: for typed fields (a STIX pattern's url:value, a CSV column "sha256").
 *  Look at ret_obs->kind all the same: the four kinds of addresses and prefixes are one group, since fields for either
 *  carry both; a host alone is a URL where a URL is meant, but "tcp://1.2.3.4:80" is an address there too. */
enum err obs_parse_as(enum obs_kind kind, struct span text, uint8_t store[OBS_KEY_MAX], struct observable *ret_obs,
		      struct fault *f) MUST_USE;

/** Fast path for the two commonest lines: exactly a dotted quad, or a plain lower-case LDH name (or with underscores) of two
 *  labels or more and at most 64 octets, the last label beginning with a letter.  Anything else: ERR_SYNTAX, without a
 *  fault, and obs_parse() decides. */
enum err obs_parse_plain(struct span text, uint8_t store[OBS_KEY_MAX], struct observable *ret_obs) MUST_USE;

/** Append the canonical text. */
void obs_format(const struct observable *o, struct buf *out);

/** The host of a URL or the domain part of an e-mail address: an ipv4, ipv6 or domain observable whose key is in `store`.
 *  @return OK; ERR_NOTFOUND for other kinds, and for URLs without a host or with a single label ("ldap://router/"). */
enum err obs_host(const struct observable *o, uint8_t store[OBS_KEY_MAX], struct observable *ret_host) MUST_USE;

/** Same kind, prefix, wildcard and key. */
bool obs_eq(const struct observable *a, const struct observable *b);

#endif
