/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-512 (FIPS 180-4), in one call each.  Any thread. */
#ifndef LIB_SHA2_H
#define LIB_SHA2_H

#include <stddef.h>
#include <stdint.h>

/** Of several runs of octets, one after another. */
struct sha2_part {
	const void *p;
	size_t n;
};

void sha2_256(const struct sha2_part *parts, size_t n, uint8_t ret_digest[32]);
void sha2_512(const struct sha2_part *parts, size_t n, uint8_t ret_digest[64]);

/** For tests: 0 lets sha2_256() do without the processor's instructions, if it has any; returns whether it has. */
int sha2_use_instructions(int use);

#endif
