/* Marks.
 *
 * A `look` function gives the classes of 64 octets as bits, by vectors or by a table; mark() makes of them, and of what was in
 * the 64 octets before, the marks.  Both ways share all but the look. */
#include "scan/classify.h"

#include "base/attr.h"
#include "base/buf.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 64, MASKS = 9 };

/* Classes of 64 octets.  The ones of brackets and entities look at an octet with bit 0x20 set, and so hold a few more than they
 * say: whoever meets them looks again. */
struct classes {
	uint64_t digit, alpha, hexalpha, dot, dash /* and '_' */, colon, slash, border, high, backslash;
	uint64_t open, close, hint /* . : / @ t */, amp, semi;
};

/* From the block before, to shift in. */
struct before {
	uint64_t dot, part, digit, slash, colon, quad, quad2, open, hint, amp;
};

/* Each octet `n` places later. */
INLINE uint64_t later(uint64_t now, uint64_t before, unsigned n)
{
	return now << n | before >> (64 - n);
}

/* The highest bit of each octet of `w` that is all ones. */
INLINE uint64_t full_octets(uint64_t w)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fULL;
	uint64_t x = ~w;
	return ~(((x & low) + low) | x | low);
}

INLINE uint64_t used_octets(uint64_t w)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fULL;
	return (((w & low) + low) | w) & ~low;
}

INLINE void mark(const struct classes *c, struct before *b, struct marks *m, size_t k)
{
	uint64_t alnum = c->digit | c->alpha, hex = c->digit | c->hexalpha;
	m->border[k] = c->border;
	m->name[k] = alnum | c->dot | c->dash | c->high;
	m->alnum[k] = alnum;
	m->hex[k] = hex;
	m->six[k] = hex | c->colon | c->dot;
	m->colon[k] = c->colon;

	uint64_t part = alnum | c->dash | c->high;
	uint64_t behind_dot = later(c->dot, b->dot, 1);
	uint64_t names = (c->alpha | c->high) & behind_dot & later(part, b->part, 2);
	/* Digits behind dots behind digits; of these, the ones with another 2 to 4 octets before; and once more. */
	uint64_t quad = c->digit & behind_dot & later(c->digit, b->digit, 2);
	uint64_t quad2 = quad & (later(quad, b->quad, 2) | later(quad, b->quad, 3) | later(quad, b->quad, 4));
	uint64_t quad3 = quad2 & (later(quad2, b->quad2, 2) | later(quad2, b->quad2, 3) | later(quad2, b->quad2, 4));
	m->word[k] = names | quad3;

	uint64_t scheme = c->slash & later(c->slash, b->slash, 1) & later(c->colon, b->colon, 2);
	uint64_t gap = c->colon & later(c->colon, b->colon, 1);
	uint64_t eights = full_octets(hex | c->colon) & used_octets(c->colon);
	uint64_t digits = full_octets(hex);
	uint64_t sixteens = digits & digits << 8 & 0x8000800080008000ULL;
	m->other[k] = scheme | gap | eights | sixteens;

	uint64_t odd = c->high | c->backslash;
	if (c->close)
		odd |= c->close & later(c->hint, b->hint, 1) &
		       (later(c->open, b->open, 2) | later(c->open, b->open, 3) | later(c->open, b->open, 4));
	if (c->semi)
		odd |= c->semi & (later(c->amp, b->amp, 3) | later(c->amp, b->amp, 4) | later(c->amp, b->amp, 5) |
				  later(c->amp, b->amp, 6) | later(c->amp, b->amp, 7));
	m->odd[k] = odd;
	*b = (struct before){ c->dot, part, c->digit, c->slash, c->colon, quad, quad2, c->open, c->hint, c->amp };
}

enum {
	DIGIT = 1, ALPHA = 2, HEXALPHA = 4, DOT = 8, DASH = 16, COLON = 32, SLASH = 64, BORDER = 128, /* in one octet */
	HIGH = 1, BACKSLASH = 2, OPEN = 4, CLOSE = 8, HINT = 16, AMP = 32, SEMI = 64,                 /* in another */
};

static const uint8_t class_of[256] = {
	['0' ... '9'] = DIGIT, ['a' ... 'f'] = ALPHA | HEXALPHA, ['A' ... 'F'] = ALPHA | HEXALPHA,
	['g' ... 'z'] = ALPHA, ['G' ... 'Z'] = ALPHA, ['.'] = DOT, ['-'] = DASH, ['_'] = DASH, [':'] = COLON, ['/'] = SLASH,
	[0 ... ' '] = BORDER, ['"'] = BORDER, ['<'] = BORDER, ['>'] = BORDER, ['`'] = BORDER, [0x7f] = BORDER,
};
static const uint8_t more_of[256] = {
	[0x80 ... 0xff] = HIGH, ['\\'] = BACKSLASH, ['('] = OPEN, ['['] = OPEN, ['{'] = OPEN, [8] = OPEN,
	[')'] = CLOSE, [']'] = CLOSE, ['}'] = CLOSE, [9] = CLOSE, ['.'] = HINT, [':'] = HINT, ['/'] = HINT, ['@'] = HINT, ['`'] = HINT,
	['t'] = HINT, ['T'] = HINT, [0x0e] = HINT, [0x1a] = HINT, [0x0f] = HINT, ['&'] = AMP, [';'] = SEMI,
};

/* Bit `bit` of each of eight octets, as one octet. */
INLINE uint64_t gather(uint64_t w, unsigned bit)
{
	return (w >> bit & 0x0101010101010101ULL) * 0x0102040810204080ULL >> 56;
}

INLINE void look_portable(const uint8_t *p, struct classes *c)
{
	*c = (struct classes){ 0 };
	for (unsigned i = 0; i < BLOCK; i += 8) {
		uint64_t a = 0, b = 0;
		for (unsigned k = 0; k < 8; k++) {
			a |= (uint64_t)class_of[p[i + k]] << 8 * k;
			b |= (uint64_t)more_of[p[i + k]] << 8 * k;
		}
		c->digit |= gather(a, 0) << i, c->alpha |= gather(a, 1) << i, c->hexalpha |= gather(a, 2) << i;
		c->dot |= gather(a, 3) << i, c->dash |= gather(a, 4) << i, c->colon |= gather(a, 5) << i;
		c->slash |= gather(a, 6) << i, c->border |= gather(a, 7) << i;
		if (b == 0)
			continue;
		c->high |= gather(b, 0) << i, c->backslash |= gather(b, 1) << i, c->open |= gather(b, 2) << i;
		c->close |= gather(b, 3) << i, c->hint |= gather(b, 4) << i, c->amp |= gather(b, 5) << i, c->semi |= gather(b, 6) << i;
	}
}

/* The last block, with zeros, which are borders, behind its end. */
INLINE void pad(struct span text, size_t from, uint8_t ret[BLOCK])
{
	memset(ret, 0, BLOCK);
	if (from < text.n)
		memcpy(ret, text.p + from, text.n - from);
}

static void classify_portable(struct span text, struct marks *m)
{
	struct classes c;
	struct before b = { 0 };
	uint8_t last[BLOCK];
	size_t whole = text.n / BLOCK;
	for (size_t k = 0; k < whole; k++) {
		look_portable(text.p + k * BLOCK, &c);
		mark(&c, &b, m, k);
	}
	pad(text, whole * BLOCK, last);
	look_portable(last, &c);
	mark(&c, &b, m, whole);
}

#if HAVE_AVX2
#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

/* A set whose members differ in their low four bits: each stands at its place in a table, and is looked up by these bits.  (An
 * octet from 0x80 finds 0, which it is not.) */
#define SET(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

AVX2 INLINE uint64_t is(__m256i v, __m256i w)
{
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, w));
}

AVX2 INLINE __m256i up_to(__m256i v, char most)
{
	return _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(most)), v);
}

AVX2 INLINE uint64_t bits(__m256i v)
{
	return (uint32_t)_mm256_movemask_epi8(v);
}

AVX2 INLINE void look_half(__m256i v, struct classes *c)
{
	const __m256i borders = SET('`', 1, '"', 1, 1, 1, 1, 1, 1, 1, 1, 1, '<', 1, '>', 0x7f);
	const __m256i dashes = SET(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '-', 0, '_');
	const __m256i opens = SET(1, 0, 0, 0, 0, 0, 0, 0, '(', 0, 0, '{', 0, 0, 0, 0);
	const __m256i closes = SET(1, 0, 0, 0, 0, 0, 0, 0, 0, ')', 0, 0, 0, '}', 0, 0);
	const __m256i hints = SET('`', 0, 0, 0, 't', 0, 0, 0, 0, 0, ':', 0, 0, 0, '.', '/');
	__m256i lower = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
	__m256i letter = _mm256_sub_epi8(lower, _mm256_set1_epi8('a'));
	c->alpha = bits(up_to(letter, 25));
	c->hexalpha = bits(up_to(letter, 5));
	c->digit = bits(up_to(_mm256_sub_epi8(v, _mm256_set1_epi8('0')), 9));
	c->dot = is(v, _mm256_set1_epi8('.'));
	c->colon = is(v, _mm256_set1_epi8(':'));
	c->slash = is(v, _mm256_set1_epi8('/'));
	c->dash = is(_mm256_shuffle_epi8(dashes, v), v);
	c->border = bits(_mm256_or_si256(up_to(v, ' '), _mm256_cmpeq_epi8(_mm256_shuffle_epi8(borders, v), v)));
	c->high = bits(v);
	c->backslash = is(v, _mm256_set1_epi8('\\'));
	c->open = is(_mm256_shuffle_epi8(opens, lower), lower);
	c->close = is(_mm256_shuffle_epi8(closes, lower), lower);
	c->hint = is(_mm256_shuffle_epi8(hints, lower), lower);
	c->amp = is(v, _mm256_set1_epi8('&'));
	c->semi = is(v, _mm256_set1_epi8(';'));
}

AVX2 INLINE void look_avx2(const uint8_t *p, struct classes *c)
{
	struct classes h;
	look_half(_mm256_loadu_si256((const __m256i *)(const void *)p), c);
	look_half(_mm256_loadu_si256((const __m256i *)(const void *)(p + 32)), &h);
	c->digit |= h.digit << 32, c->alpha |= h.alpha << 32, c->hexalpha |= h.hexalpha << 32, c->dot |= h.dot << 32;
	c->dash |= h.dash << 32, c->colon |= h.colon << 32, c->slash |= h.slash << 32, c->border |= h.border << 32;
	c->high |= h.high << 32, c->backslash |= h.backslash << 32, c->open |= h.open << 32, c->close |= h.close << 32;
	c->hint |= h.hint << 32, c->amp |= h.amp << 32, c->semi |= h.semi << 32;
}

AVX2 static void classify_avx2(struct span text, struct marks *m)
{
	struct classes c;
	struct before b = { 0 };
	uint8_t last[BLOCK];
	size_t whole = text.n / BLOCK;
	for (size_t k = 0; k < whole; k++) {
		look_avx2(text.p + k * BLOCK, &c);
		mark(&c, &b, m, k);
	}
	pad(text, whole * BLOCK, last);
	look_avx2(last, &c);
	mark(&c, &b, m, whole);
}
#else
static void classify_avx2(struct span text, struct marks *m)
{
	classify_portable(text, m);
}
#endif

bool classify_can(enum classify_way way)
{
#if HAVE_AVX2
	return way != CLASSIFY_AVX2 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"));
#else
	return way != CLASSIFY_AVX2;
#endif
}

void classify(enum classify_way way, struct span text, struct marks *m)
{
	m->blocks = text.n / BLOCK + 1;
	if (m->blocks > m->room) {
		size_t blocks = m->blocks;
		marks_release(m);
		uint64_t *all = mem_alloc(MASKS * blocks * sizeof(*all));
		*m = (struct marks){ all, all + blocks, all + 2 * blocks, all + 3 * blocks, all + 4 * blocks, all + 5 * blocks,
				     all + 6 * blocks, all + 7 * blocks, all + 8 * blocks, blocks, blocks };
	}
	if (way == CLASSIFY_AVX2 || (way == CLASSIFY_BEST && classify_can(CLASSIFY_AVX2)))
		classify_avx2(text, m);
	else
		classify_portable(text, m);
}

void marks_release(struct marks *m)
{
	free(m->border);
	*m = (struct marks){ 0 };
}
