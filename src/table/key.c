/* The octets of a key are seldom where a header could stand before them, so the hash is computed as if: the header
 * and the first four octets are the first word.  An IPv4 address is then one word, and the words of a longer key are
 * read where they lie. */
#include "table/key.h"

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t w;
	memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/* Up to 7 octets at `p`; `behind`: there are as many before them that one load of 8 can be used instead of a loop. */
static inline uint64_t tail_word(const uint8_t *p, size_t n, bool behind)
{
	uint64_t w = 0;
	if (behind) {
		if (n == 0)
			return 0;
		return load64(p + n - 8) >> (64 - 8 * n);
	}
	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)p[i] << (8 * i);
	return w;
}

uint64_t table_hash(struct siphash_seed seed, const struct table_key *k)
{
	uint64_t v0 = 0x736f6d6570736575ULL ^ seed.k0, v1 = 0x646f72616e646f6dULL ^ seed.k1;
	uint64_t v2 = 0x6c7967656e657261ULL ^ seed.k0, v3 = 0x7465646279746573ULL ^ seed.k1;
	const uint8_t *p = k->p;
	size_t n = k->n;
	uint64_t word = (uint64_t)k->kind | (uint64_t)k->prefix << 8 | (uint64_t)k->n << 16;
	uint64_t last = ((uint64_t)k->n + 4) << 56;
	if (n < 4) {
		last |= word | tail_word(p, n, false) << 32;
	} else {
		word |= (uint64_t)p[0] << 32 | (uint64_t)p[1] << 40 | (uint64_t)p[2] << 48 | (uint64_t)p[3] << 56;
		for (p += 4, n -= 4;; p += 8, n -= 8) {
			v3 ^= word;
			SIP_ROUND(v0, v1, v2, v3);
			v0 ^= word;
			if (n < 8)
				break;
			word = load64(p);
		}
		last |= tail_word(p, n, p + n - k->p >= 8);
	}
	v3 ^= last;
	SIP_ROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	SIP_ROUND(v0, v1, v2, v3);
	SIP_ROUND(v0, v1, v2, v3);
	SIP_ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}
