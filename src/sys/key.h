/* The node's Ed25519 key, random octets and constant-time comparison (libsodium).
 *
 * DIR/node.key is one line, mode 0600:
 *
 *   64 hexadecimal digits                                     the seed, or with a passphrase
 *   sipar-key-1 <operations> <memory> <salt> <nonce> <box>    the seed in a secretbox (XSalsa20-Poly1305) under Argon2id of
 *                                                             the passphrase; decimal limits (the memory in octets, whole KiB),
 *                                                             then 16, 24 and 48 octets in hexadecimal
 *
 * The passphrase comes from passphrase_get().  A systemd credential named sipar-node-key stands for DIR/node.key.
 * DIR/node.pub is the public key as 64 hexadecimal digits, for others.
 *
 * From the seed come two keys, one for each realm: an exercise can never be taken for the real thing.
 * A key lives in memory that is locked, is left out of core dumps and is overwritten when it is freed.
 */
#ifndef SYS_KEY_H
#define SYS_KEY_H

#include "base/err.h"
#include "base/span.h"

enum { KEY_OCTETS = 32, SIGNATURE_OCTETS = 64 };
enum realm { REALM_PRODUCTION, REALM_EXERCISE, REALMS };
/** "production", "exercise". */
const char *realm_name(enum realm realm);
/** The realm of a name; REALM_PRODUCTION for what is none. */
enum realm realm_find(const char *name);

/** Once per process, before anything else here.  Aborts when the system has no randomness.  The process writes no core files
 *  from here on. */
void sys_key_init(void);
void random_octets(void *p, size_t n);
/** In a time that depends on `n` alone. */
bool octets_equal(const void *a, const void *b, size_t n);

/** A private key. */
struct key;

/** Write a new key pair: DIR/node.key, mode 0600, and DIR/node.pub.  Durable when OK.
 *  @param passphrase  empty: none.
 *  @return ERR_EXISTS: one of them is there, and stays as it was; ERR_NOTFOUND: no `dir`; ERR_FORBIDDEN, ERR_FULL, ERR_IO. */
enum err key_create(const char *dir, struct span passphrase, struct fault *f) MUST_USE;
/** The private key of DIR.  A node.pub that is missing is written again, if it can be.
 *  @return ERR_NOTFOUND: no node.key; ERR_CORRUPT: it is not one, or node.pub says another; ERR_FORBIDDEN: others may read
 *  node.key, or the passphrase is wrong or missing (a damaged box looks the same); ERR_RANGE: as passphrase_get(); ERR_IO. */
enum err key_open(const char *dir, struct key **ret_key, struct fault *f) MUST_USE;
/** Is the key of DIR under a passphrase?  Asks for none.  @return as key_open(). */
enum err key_protected(const char *dir, bool *ret_protected, struct fault *f) MUST_USE;
/** NULL is taken. */
void key_free(struct key *k);
/** KEY_OCTETS of the public key; valid as long as `k`. */
const uint8_t *key_public(const struct key *k, enum realm realm);
void key_sign(const struct key *k, enum realm realm, struct span message, uint8_t ret_signature[SIGNATURE_OCTETS]);
/** Is it the signature of `message` by the holder of `public`?  Any thread. */
bool signature_holds(const uint8_t public[KEY_OCTETS], struct span message, const uint8_t signature[SIGNATURE_OCTETS]);

/** What DIR/node.pub says, without the private key.  @return ERR_NOTFOUND, ERR_CORRUPT, ERR_IO. */
enum err key_read_public(const char *dir, uint8_t ret_public[KEY_OCTETS], struct fault *f) MUST_USE;

/* Rotation in steps, so that a crash between them leaves one that can be finished: key_prepare() writes DIR/node.key.new; the
 * ledger says so in each lane, signed by both; key_replace() renames.  A node whose ledger was signed by node.key.new already
 * calls key_replace() when it opens. */

/** @return ERR_EXISTS: there is one already, from a rotation that did not end: key_open_new() has it; ERR_UNSUPPORTED: the key
 *  is a systemd credential; or as key_create(). */
enum err key_prepare(const char *dir, struct span passphrase, struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND: none; or as key_open(). */
enum err key_open_new(const char *dir, struct key **ret_key, struct fault *f) MUST_USE;
/** node.key becomes node.key.old-<first 8 digits of its public key>, node.key.new takes its place, and node.pub follows.
 *  After an error or a crash it is done again as a whole, unless node.key.new is gone: then only node.pub may be missing, which
 *  key_open() writes.  @return as key_open_new(). */
enum err key_replace(const char *dir, struct fault *f) MUST_USE;

#endif
