/* DNS cookies (RFC 7873) with the server part of RFC 9018, which servers of other makes that share the secret take, too:
 *
 *   0  version 1     1  reserved 3 octets, 0     4  time 32, seconds     8  SipHash-2-4(client's 8 || these 8 || address)
 *
 * Who brings one back owns the address that it asks from. */
#ifndef FACE_DNS_COOKIE_H
#define FACE_DNS_COOKIE_H

#include "base/siphash.h"
#include "base/span.h"

enum { DNS_COOKIE_SECRET = 16, DNS_COOKIE_SECRETS_MAX = 2, DNS_COOKIE_MADE = 24 /**< octets of a whole cookie that is made here */ };

/** Immutable: each thread makes and checks cookies alone. */
struct dns_cookies {
	unsigned n;                                     /**< 0: `own` rolls: a secret for each day is made of it */
	struct siphash_seed given[DNS_COOKIE_SECRETS_MAX]; /**< the first makes cookies, each is taken */
	struct siphash_seed own;
};

/** The seed as SipHash reads 16 octets. */
struct siphash_seed dns_cookie_secret(const uint8_t octets[DNS_COOKIE_SECRET]);

/** Did this server (or one with its secret) give `cookie` to `address`, within the last hour?  Cookies of five minutes ahead are taken, since
 *  clocks differ.
 *  @param cookie  of 8 or more octets; @param address  4 or 16 octets. */
bool dns_cookie_valid(const struct dns_cookies *c, struct span cookie, struct span address, uint32_t now_s);
/** The cookie for an answer: with the client's 8 octets, and a server part of now. */
void dns_cookie_make(const struct dns_cookies *c, const uint8_t client[8], struct span address, uint32_t now_s,
		     uint8_t ret_cookie[DNS_COOKIE_MADE]);

#endif
