/* The node's Ed25519 key, random octets and constant-time comparison (libsodium). */
#ifndef SYS_KEY_H
#define SYS_KEY_H

#include "base/err.h"
#include "base/span.h"

/** Once per process, before anything else here.  Aborts when the system has no randomness. */
void sys_key_init(void);
void random_octets(void *p, size_t n);
/** In a time that depends on `n` alone. */
bool octets_equal(const void *a, const void *b, size_t n);

/** Write a new key pair: `dir`/node.key (32-octet seed in hexadecimal, mode 0600) and `dir`/node.pub.  Durable when OK.
 *  @return ERR_EXISTS: one of them is there, and stays as it was; ERR_NOTFOUND: no `dir`; ERR_FORBIDDEN, ERR_IO. */
enum err key_create(const char *dir, struct fault *f) MUST_USE;
/** Octets of the public key.  @return ERR_NOTFOUND: no node.key; ERR_CORRUPT: it is not one, or node.pub says
 *  another; ERR_FORBIDDEN: others may read node.key; ERR_IO. */
enum err key_public(const char *dir, uint8_t ret_public[32], struct fault *f) MUST_USE;

#endif
