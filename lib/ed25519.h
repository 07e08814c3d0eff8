/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying Ed25519 signatures (RFC 8032, pure), as libsodium judges them: S below the order of the group; key canonical; neither key
 * nor R of small order; the equation without the cofactor.  Everything here is public, so nothing takes care to be
 * constant in time.  Half a millisecond.  Any thread. */
#ifndef LIB_ED25519_H
#define LIB_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool ed25519_verify(const uint8_t public[32], const void *message, size_t n, const uint8_t signature[64]);

#endif
