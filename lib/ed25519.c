/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers modulo p = 2^255 - 19 are ten signed limbs of 26 and 25 bits in turn, the least significant first: products fit in
 * 64 bits on every machine.  Points of -x^2 + y^2 = 1 + d x^2 y^2 are (X : Y : Z : T), x = X/Z, y = Y/Z, T = XY/Z, added by the
 * complete formulas of Hisil, Wong, Carter and Dawson (2008), which also double. */
#include "ed25519.h"

#include <string.h>

#include "sha2.h"

struct fe {
	int64_t v[10];
};

struct point {
	struct fe x, y, z, t;
};

static const uint8_t d_octets[32] = {
	0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
	0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
};
static const uint8_t root_octets[32] = { /* of -1 */
	0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
	0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
};
static const uint8_t base_octets[32] = { /* y = 4/5, x even */
	0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
};
/* Order of the group: 2^252 + 27742317777372353535851937790883648493, the least significant word first. */
static const uint64_t order[4] = { 0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000 };

/* ---- numbers modulo p ---- */

static unsigned bits_of(unsigned limb)
{
	return limb % 2 ? 25 : 26;
}

/* Bring each limb to half its range around zero. */
static void carry(struct fe *a)
{
	for (unsigned i = 0; i <= 10; i++) {
		unsigned at = i % 10, bits = bits_of(at);
		int64_t c = (a->v[at] + ((int64_t)1 << (bits - 1))) >> bits;
		a->v[at] -= c * ((int64_t)1 << bits);
		a->v[(at + 1) % 10] += at == 9 ? 19 * c : c;
	}
}

static struct fe small(int64_t n)
{
	return (struct fe){ { n } };
}

static struct fe add(const struct fe *a, const struct fe *b)
{
	struct fe r;
	for (unsigned i = 0; i < 10; i++)
		r.v[i] = a->v[i] + b->v[i];
	carry(&r);
	return r;
}

static struct fe sub(const struct fe *a, const struct fe *b)
{
	struct fe r;
	for (unsigned i = 0; i < 10; i++)
		r.v[i] = a->v[i] - b->v[i];
	carry(&r);
	return r;
}

/* Limb i stands for 2^ceil(25.5 i): two odd ones are off by one bit, and 2^255 is 19. */
static struct fe mul(const struct fe *a, const struct fe *b)
{
	int64_t low[10] = { 0 }, high[10] = { 0 };
	for (unsigned i = 0; i < 10; i++)
		for (unsigned j = 0; j < 10; j++) {
			int64_t product = a->v[i] * b->v[j] * (i & j & 1 ? 2 : 1);
			if (i + j < 10)
				low[i + j] += product;
			else
				high[i + j - 10] += product;
		}
	struct fe r;
	for (unsigned i = 0; i < 10; i++)
		r.v[i] = low[i] + 19 * high[i];
	carry(&r);
	return r;
}

/* The power of a whose exponent has `n` bits, all ones but for the lowest eight, which are `last`. */
static struct fe power(const struct fe *a, unsigned n, uint8_t last)
{
	struct fe r = small(1);
	for (unsigned i = n; i-- > 0;) {
		r = mul(&r, &r);
		if (i >= 8 || last >> i & 1)
			r = mul(&r, a);
	}
	return r;
}

static void to_octets(const struct fe *a, uint8_t ret_octets[32])
{
	struct fe r = *a;
	carry(&r);
	int64_t q = (19 * r.v[9] + ((int64_t)1 << 24)) >> 25; /* how many p are in it, 0 or -1 */
	for (unsigned i = 0; i < 10; i++)
		q = (r.v[i] + q) >> bits_of(i);
	r.v[0] += 19 * q;
	memset(ret_octets, 0, 32);
	for (unsigned i = 0, at = 0; i < 10; at += bits_of(i++)) {
		int64_t c = r.v[i] >> bits_of(i);
		uint64_t limb = (uint64_t)(r.v[i] - c * ((int64_t)1 << bits_of(i)));
		if (i < 9)
			r.v[i + 1] += c;
		for (unsigned bit = 0; bit < bits_of(i); bit++)
			ret_octets[(at + bit) / 8] |= (uint8_t)((limb >> bit & 1) << ((at + bit) % 8));
	}
}

static struct fe from_octets(const uint8_t octets[32])
{
	struct fe r = { { 0 } };
	for (unsigned i = 0, at = 0; i < 10; at += bits_of(i++))
		for (unsigned bit = 0; bit < bits_of(i); bit++)
			r.v[i] |= (int64_t)(octets[(at + bit) / 8] >> ((at + bit) % 8) & 1) << bit;
	carry(&r);
	return r;
}

static bool equal(const struct fe *a, const struct fe *b)
{
	uint8_t x[32], y[32];
	to_octets(a, x);
	to_octets(b, y);
	return memcmp(x, y, sizeof(x)) == 0;
}

/* ---- points ---- */

static struct point plus(const struct point *p, const struct point *q, const struct fe *twice_d)
{
	struct fe a = sub(&p->y, &p->x), b = sub(&q->y, &q->x), c = add(&p->y, &p->x), d = add(&q->y, &q->x);
	struct fe t = mul(&p->t, &q->t), z = mul(&p->z, &q->z);
	a = mul(&a, &b);
	b = mul(&c, &d);
	c = mul(&t, twice_d);
	d = add(&z, &z);
	struct fe e = sub(&b, &a), f = sub(&d, &c), g = add(&d, &c), h = add(&b, &a);
	return (struct point){ mul(&e, &f), mul(&g, &h), mul(&f, &g), mul(&e, &h) };
}

/* The point of an encoding.  @return false: y is not below p, or no point has it. */
static bool decode(const uint8_t octets[32], struct point *ret_point)
{
	uint8_t canonical[32], even[32];
	const struct fe one = small(1), d = from_octets(d_octets), root = from_octets(root_octets);
	struct point p = { .y = from_octets(octets), .z = one };
	to_octets(&p.y, canonical);
	canonical[31] |= octets[31] & 0x80;
	if (memcmp(canonical, octets, sizeof(canonical)) != 0)
		return false;
	struct fe square = mul(&p.y, &p.y), u = sub(&square, &one), v = mul(&square, &d);
	v = add(&v, &one);
	struct fe v3 = mul(&v, &v), zero = small(0), t, minus_u = sub(&zero, &u);
	v3 = mul(&v3, &v); /* x = u v^3 (u v^7)^((p - 5) / 8), perhaps times the root of -1 */
	t = mul(&v3, &v3);
	t = mul(&t, &v);
	t = mul(&t, &u);
	t = power(&t, 252, 0xfd);
	t = mul(&t, &v3);
	p.x = mul(&t, &u);
	t = mul(&p.x, &p.x);
	t = mul(&t, &v);
	if (!equal(&t, &u)) {
		if (!equal(&t, &minus_u))
			return false;
		p.x = mul(&p.x, &root);
	}
	to_octets(&p.x, even);
	if ((even[0] & 1) != octets[31] >> 7)
		p.x = sub(&zero, &p.x);
	p.t = mul(&p.x, &p.y);
	*ret_point = p;
	return true;
}

static void encode(const struct point *p, uint8_t ret_octets[32])
{
	uint8_t x_octets[32];
	struct fe inverse = power(&p->z, 255, 0xeb), x = mul(&p->x, &inverse), y = mul(&p->y, &inverse);
	to_octets(&x, x_octets);
	to_octets(&y, ret_octets);
	ret_octets[31] |= (uint8_t)(x_octets[0] << 7);
}

/* Is eight times the point nothing? */
static bool small_order(const struct point *p, const struct fe *twice_d)
{
	struct fe zero = small(0);
	struct point q = *p;
	for (unsigned i = 0; i < 3; i++)
		q = plus(&q, &q, twice_d);
	return equal(&q.x, &zero) && equal(&q.y, &q.z);
}

/* a P + b Q, the scalars below 2^253 with the least significant word first. */
static struct point combine(const uint64_t a[4], const struct point *p, const uint64_t b[4], const struct point *q, const struct fe *twice_d)
{
	struct point r = { .y = small(1), .z = small(1) }, both = plus(p, q, twice_d);
	for (unsigned i = 253; i-- > 0;) {
		unsigned bits = (unsigned)(a[i / 64] >> i % 64 & 1) | (unsigned)(b[i / 64] >> i % 64 & 1) << 1;
		r = plus(&r, &r, twice_d);
		if (bits)
			r = plus(&r, bits == 1 ? p : bits == 2 ? q : &both, twice_d);
	}
	return r;
}

/* ---- scalars ---- */

static bool below_order(const uint64_t s[4])
{
	for (unsigned i = 4; i-- > 0;)
		if (s[i] != order[i])
			return s[i] < order[i];
	return false;
}

static void words_of(const uint8_t octets[32], uint64_t ret_words[4])
{
	for (unsigned i = 0; i < 4; i++) {
		ret_words[i] = 0;
		for (unsigned j = 8; j-- > 0;)
			ret_words[i] = ret_words[i] << 8 | octets[8 * i + j];
	}
}

/* 64 octets modulo the order, a bit at a time. */
static void reduce(const uint8_t octets[64], uint64_t r[4])
{
	memset(r, 0, 32);
	for (unsigned i = 512; i-- > 0;) {
		uint64_t in = octets[i / 8] >> i % 8 & 1;
		for (unsigned j = 0; j < 4; j++) {
			uint64_t out = r[j] >> 63;
			r[j] = r[j] << 1 | in;
			in = out;
		}
		if (below_order(r))
			continue;
		uint64_t borrow = 0;
		for (unsigned j = 0; j < 4; j++) {
			uint64_t was = r[j];
			r[j] = was - order[j] - borrow;
			borrow = was < order[j] || (was == order[j] && borrow);
		}
	}
}

/* R = S B - h A, where h is the digest of R, A and the message. */
bool ed25519_verify(const uint8_t public[32], const void *message, size_t n, const uint8_t signature[64])
{
	uint8_t digest[64], computed[32];
	uint64_t s[4], h[4];
	struct point key, base, r;
	struct fe d = from_octets(d_octets), twice_d = add(&d, &d), zero = small(0);
	const struct sha2_part parts[] = { { signature, 32 }, { public, 32 }, { message, n } };
	words_of(signature + 32, s);
	if (!below_order(s) || !decode(public, &key) || small_order(&key, &twice_d) || !decode(base_octets, &base))
		return false;
	key.x = sub(&zero, &key.x);
	key.t = sub(&zero, &key.t);
	sha2_512(parts, 3, digest);
	reduce(digest, h);
	r = combine(s, &base, h, &key, &twice_d);
	encode(&r, computed);
	return memcmp(computed, signature, sizeof(computed)) == 0 && !small_order(&r, &twice_d);
}
