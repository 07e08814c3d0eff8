/* SPDX-License-Identifier: Apache-2.0 */
/* Whole blocks go to a function that was chosen by asking the processor; the rest waits in `tail`.  The constants are the first
 * bits of the fractions of the cube roots of the first 80 primes and of the square roots of the first 8. */
#include "sha2.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint64_t k512[80] = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static const uint32_t k256[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t load64(const uint8_t *p)
{
	return (uint64_t)load32(p) << 32 | load32(p + 4);
}

static void store32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* ---- SHA-256 ---- */

#define R32(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define R64(x, n) ((x) >> (n) | (x) << (64 - (n)))

static void blocks256(uint32_t h[8], const uint8_t *p, size_t blocks)
{
	for (; blocks--; p += 64) {
		uint32_t w[64], v[8];
		for (unsigned i = 0; i < 16; i++)
			w[i] = load32(p + 4 * i);
		for (unsigned i = 16; i < 64; i++) {
			uint32_t a = w[i - 15], b = w[i - 2];
			w[i] = w[i - 16] + w[i - 7] + (R32(a, 7) ^ R32(a, 18) ^ a >> 3) + (R32(b, 17) ^ R32(b, 19) ^ b >> 10);
		}
		memcpy(v, h, sizeof(v));
		for (unsigned i = 0; i < 64; i++) {
			uint32_t s1 = R32(v[4], 6) ^ R32(v[4], 11) ^ R32(v[4], 25), ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
			uint32_t s0 = R32(v[0], 2) ^ R32(v[0], 13) ^ R32(v[0], 22), maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
			uint32_t t = v[7] + s1 + ch + k256[i] + w[i];
			memmove(v + 1, v, 7 * sizeof(*v));
			v[4] += t;
			v[0] = t + s0 + maj;
		}
		for (unsigned i = 0; i < 8; i++)
			h[i] += v[i];
	}
}

#if defined(__x86_64__)
/* The SHA extensions keep the state as (A, B, E, F) and (C, D, G, H), the high word first, and do two rounds an instruction. */
__attribute__((target("sha,sse4.1,ssse3"))) static void blocks256_sha(uint32_t h[8], const uint8_t *p, size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0xb1);
	__m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(h + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(badc, efgh, 8), cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
	for (; blocks--; p += 64) {
		__m128i w[4], x = abef, y = cdgh;
		for (unsigned i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), swap);
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++) {
			__m128i *a = &w[i % 4], b = w[(i + 1) % 4], c = w[(i + 2) % 4], d = w[(i + 3) % 4];
			__m128i k = _mm_add_epi32(*a, _mm_loadu_si128((const __m128i *)(const void *)(k256 + 4 * i)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
			if (i < 12)
				*a = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(*a, b), _mm_alignr_epi8(d, c, 4)), d);
		}
		abef = _mm_add_epi32(abef, x);
		cdgh = _mm_add_epi32(cdgh, y);
	}
	__m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static int has_instructions(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) != 0;
}
#else
#define blocks256_sha blocks256

static int has_instructions(void)
{
	return 0;
}
#endif

static atomic_int choice; /* 0: not asked yet, 1: without, 2: with */

static void blocks256_chosen(void *h, const uint8_t *p, size_t blocks)
{
	int c = atomic_load_explicit(&choice, memory_order_relaxed);
	if (!c)
		atomic_store_explicit(&choice, c = 1 + has_instructions(), memory_order_relaxed);
	(c == 2 ? blocks256_sha : blocks256)(h, p, blocks);
}

int sha2_use_instructions(int use)
{
	atomic_store(&choice, use && has_instructions() ? 2 : 1);
	return has_instructions();
}

/* ---- SHA-512 ---- */

static void blocks512(void *state, const uint8_t *p, size_t blocks)
{
	uint64_t *h = state;
	for (; blocks--; p += 128) {
		uint64_t w[80], v[8];
		for (unsigned i = 0; i < 16; i++)
			w[i] = load64(p + 8 * i);
		for (unsigned i = 16; i < 80; i++) {
			uint64_t a = w[i - 15], b = w[i - 2];
			w[i] = w[i - 16] + w[i - 7] + (R64(a, 1) ^ R64(a, 8) ^ a >> 7) + (R64(b, 19) ^ R64(b, 61) ^ b >> 6);
		}
		memcpy(v, h, sizeof(v));
		for (unsigned i = 0; i < 80; i++) {
			uint64_t s1 = R64(v[4], 14) ^ R64(v[4], 18) ^ R64(v[4], 41), ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
			uint64_t s0 = R64(v[0], 28) ^ R64(v[0], 34) ^ R64(v[0], 39), maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
			uint64_t t = v[7] + s1 + ch + k512[i] + w[i];
			memmove(v + 1, v, 7 * sizeof(*v));
			v[4] += t;
			v[0] = t + s0 + maj;
		}
		for (unsigned i = 0; i < 8; i++)
			h[i] += v[i];
	}
}

/* ---- both ---- */

/* Feed the parts, then the padding: 0x80, zeros, and the number of bits in the last octets of a block. */
static void run(void *h, unsigned block, void (*blocks)(void *h, const uint8_t *p, size_t n), const struct sha2_part *parts, size_t n)
{
	uint8_t tail[256] = { 0 };
	size_t held = 0;
	uint64_t all = 0;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = parts[i].p;
		size_t left = parts[i].n;
		all += left;
		while (left) {
			size_t step = block - held < left ? block - held : left;
			if (held == 0 && left >= block) {
				step = left / block * block;
				blocks(h, p, step / block);
			} else {
				memcpy(tail + held, p, step);
				if ((held += step) == block) {
					blocks(h, tail, 1);
					held = 0;
				}
			}
			p += step, left -= step;
		}
	}
	size_t end = held + 1 + block / 8 > block ? 2 * block : block;
	memset(tail + held, 0, end - held);
	tail[held] = 0x80;
	store32(tail + end - 8, (uint32_t)(all >> 29));
	store32(tail + end - 4, (uint32_t)(all << 3));
	blocks(h, tail, end / block);
}

void sha2_256(const struct sha2_part *parts, size_t n, uint8_t ret_digest[32])
{
	uint32_t h[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};
	run(h, 64, blocks256_chosen, parts, n);
	for (unsigned i = 0; i < 8; i++)
		store32(ret_digest + 4 * i, h[i]);
}

void sha2_512(const struct sha2_part *parts, size_t n, uint8_t ret_digest[64])
{
	uint64_t h[8] = {
		0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
		0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
	};
	run(h, 128, blocks512, parts, n);
	for (unsigned i = 0; i < 8; i++) {
		store32(ret_digest + 8 * i, (uint32_t)(h[i] >> 32));
		store32(ret_digest + 8 * i + 4, (uint32_t)h[i]);
	}
}
