/* SipHash (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012): a keyed 64-bit hash against which nobody without the
 * seed can build collisions.  SipHash-1-3 (1 compression, 3 finalisation rounds) for tables, SipHash-2-4 where a standard asks for it.
 * Inline: it is on every hot path. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct siphash_seed {
	uint64_t k0, k1;
};

#define SIP_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define SIP_ROUND(v0, v1, v2, v3)                                                                                      \
	do {                                                                                                               \
		v0 += v1, v1 = SIP_ROTL(v1, 13), v1 ^= v0, v0 = SIP_ROTL(v0, 32);                                              \
		v2 += v3, v3 = SIP_ROTL(v3, 16), v3 ^= v2;                                                                     \
		v0 += v3, v3 = SIP_ROTL(v3, 21), v3 ^= v0;                                                                     \
		v2 += v1, v1 = SIP_ROTL(v1, 17), v1 ^= v2, v2 = SIP_ROTL(v2, 32);                                              \
	} while (0)

/* Constants for `compress` and `finish` are unrolled. */
static inline __attribute__((always_inline)) uint64_t siphash_rounds(struct siphash_seed seed, const void *p, size_t n, unsigned compress,
								     unsigned finish)
{
	const uint8_t *in = p;
	uint64_t v0 = 0x736f6d6570736575ULL ^ seed.k0, v1 = 0x646f72616e646f6dULL ^ seed.k1;
	uint64_t v2 = 0x6c7967656e657261ULL ^ seed.k0, v3 = 0x7465646279746573ULL ^ seed.k1;
	uint64_t last = (uint64_t)n << 56;
	for (; n >= 8; in += 8, n -= 8) {
		uint64_t m;
		memcpy(&m, in, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		m = __builtin_bswap64(m);
#endif
		v3 ^= m;
		for (unsigned i = 0; i < compress; i++)
			SIP_ROUND(v0, v1, v2, v3);
		v0 ^= m;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)in[i] << (8 * i);
	v3 ^= last;
	for (unsigned i = 0; i < compress; i++)
		SIP_ROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	for (unsigned i = 0; i < finish; i++)
		SIP_ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

/** Hash of `n` octets at `p` under `seed`; words are little-endian on every machine. */
static inline uint64_t siphash13(struct siphash_seed seed, const void *p, size_t n)
{
	return siphash_rounds(seed, p, n, 1, 3);
}

static inline uint64_t siphash24(struct siphash_seed seed, const void *p, size_t n)
{
	return siphash_rounds(seed, p, n, 2, 4);
}

#endif
