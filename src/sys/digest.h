/* SHA-256 and the HMAC that is made of it, and SHA-1 for what a standard makes of it (OpenSSL: it uses the processor's instructions for them). */
#ifndef SYS_DIGEST_H
#define SYS_DIGEST_H

#include "base/span.h"

/** SHA-256(a || b) into `ret_digest`; either may be empty.  Any thread. */
void sha256_two(struct span a, struct span b, uint8_t ret_digest[32]);
/** SHA-256(a || b || c), as sha256_two(). */
void sha256_three(struct span a, struct span b, struct span c, uint8_t ret_digest[32]);
/** HMAC-SHA256 (RFC 2104). */
void hmac_sha256(struct span key, struct span message, uint8_t ret_mac[32]);
/** MD5(s), which MISP names values by.  Never for anything that must not be forged. */
void md5_one(struct span s, uint8_t ret_digest[16]);
/** SHA-1(a || b): for identifiers that are defined by it, never for trust. */
void sha1_two(struct span a, struct span b, uint8_t ret_digest[20]);

#endif
