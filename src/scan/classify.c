/* Marks.
 *
 * A look_ function gives the classes of 64 octets as bits, by vectors or by a table; mark() makes of them, and of what was in
 * the 64 octets before, the marks.  Both ways share all but the look. */
#include "scan/classify.h"

#include "base/attr.h"
#include "base/buf.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 64, MASKS = 8 };

/* Classes of 64 octets. */
struct classes {
	uint64_t digit, alpha /* and octets from 0x80 */, hexalpha, dot, dash /* and '_' */, colon, slash, border;
	uint64_t odd;  /* backslashes and octets from 0x80 */
	uint64_t ends; /* closing brackets and ';', and perhaps others */
};

/* From the block before, to shift in; and what was odd in all blocks. */
struct before {
	uint64_t any_odd;
	uint64_t dot, part, digit, slash, colon, six, quad, quad2;
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
	return w & ~low & ((w & low) + 0x0101010101010101ULL);
}

INLINE uint64_t used_octets(uint64_t w)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fULL;
	return ((w & low) + low) | w;
}

static const bool hints[256] = { ['.'] = true, [':'] = true, ['@'] = true, ['/'] = true, ['t'] = true, ['T'] = true };

static bool has_amp(const uint8_t *p)
{
	uint64_t w;
	memcpy(&w, p, 8);
	w ^= 0x0101010101010101ULL * '&';
	return ((w - 0x0101010101010101ULL) & ~w & 0x8080808080808080ULL) != 0;
}

/* Of `ends`, those that may end something to be read: before a bracket is one of ". : @ / t", near before a ';' is an '&'.
 * (The block begins at text.p[from].) */
static uint64_t endings(uint64_t ends, struct span text, size_t from)
{
	uint64_t odd = 0;
	for (; ends; ends &= ends - 1) {
		size_t pos = from + (size_t)__builtin_ctzll(ends);
		uint8_t c = text.p[pos];
		if (c != ';' && c != ')' && c != ']' && c != '}')
			continue;
		bool may = false;
		if (c == ';')
			may = pos < 8 || has_amp(text.p + pos - 8);
		else if (pos)
			may = hints[text.p[pos - 1]];
		if (may)
			odd |= ends & -ends;
	}
	return odd;
}

INLINE void mark(const struct classes *c, struct before *b, struct span text, struct marks *m, size_t k)
{
	uint64_t alnum = c->digit | c->alpha, hex = c->digit | c->hexalpha, six = hex | c->colon;
	uint64_t part = alnum | c->dash;
	m->border[k] = c->border;
	m->name[k] = part | c->dot;
	m->alnum[k] = alnum & ~c->odd;
	m->six[k] = six | c->dot;
	m->colon[k] = c->colon;

	uint64_t behind_dot = later(c->dot, b->dot, 1);
	uint64_t names = c->alpha & behind_dot & later(part, b->part, 2);
	/* Digits behind dots behind digits; of these, the ones with another 2 to 4 octets before; and once more. */
	uint64_t quad = c->digit & behind_dot & later(c->digit, b->digit, 2);
	uint64_t quad2 = quad & (later(quad, b->quad, 2) | later(quad, b->quad, 3) | later(quad, b->quad, 4));
	uint64_t quad3 = quad2 & (later(quad2, b->quad2, 2) | later(quad2, b->quad2, 3) | later(quad2, b->quad2, 4));
	m->word[k] = names | quad3;

	uint64_t scheme = c->slash & later(c->slash, b->slash, 1) & later(c->colon, b->colon, 2);
	uint64_t gap = c->colon & later(c->colon, b->colon, 1);
	/* An eight alone is a time of day; of eights, or sixteens, side by side one is enough. */
	uint64_t eights = full_octets(six) & used_octets(c->colon) & (later(six, b->six, 8) | six >> 1 | 1ULL << 63);
	uint64_t digits = full_octets(hex);
	uint64_t sixteens = digits & digits << 8 & 0x8000800080008000ULL;
	m->other[k] = scheme | gap | (eights & ~(eights << 8)) | (sixteens & ~(sixteens << 16));
	uint64_t odd = c->odd;
	if (c->ends)
		odd |= endings(c->ends, text, k * BLOCK);
	m->odd[k] = odd;
	b->any_odd |= odd;
	*b = (struct before){ b->any_odd, c->dot, part, c->digit, c->slash, c->colon, six, quad, quad2 };
}
enum {
	DIGIT = 1, ALPHA = 2, HEXALPHA = 4, DOT = 8, DASH = 16, COLON = 32, SLASH = 64, BORDER = 128, /* in one octet */
	ODD = 1, ENDS = 2,                                                                            /* in another */
};

static const uint8_t class_of[256] = {
	['0' ... '9'] = DIGIT, ['a' ... 'f'] = ALPHA | HEXALPHA, ['A' ... 'F'] = ALPHA | HEXALPHA,
	['g' ... 'z'] = ALPHA, ['G' ... 'Z'] = ALPHA, [0x80 ... 0xff] = ALPHA, ['.'] = DOT, ['-'] = DASH, ['_'] = DASH, [':'] = COLON,
	['/'] = SLASH, [0 ... ' '] = BORDER, ['"'] = BORDER, ['<'] = BORDER, ['>'] = BORDER, ['`'] = BORDER, [0x7f] = BORDER,
};
static const uint8_t more_of[256] = {
	[0x80 ... 0xff] = ODD, ['\\'] = ODD, [')'] = ENDS, [']'] = ENDS, ['}'] = ENDS, [';'] = ENDS,
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
		if (b)
			c->odd |= gather(b, 0) << i, c->ends |= gather(b, 1) << i;
	}
}

/* The last block, with zeros, which are borders, behind its end. */
static void pad(struct span text, size_t from, uint8_t ret[BLOCK])
{
	memset(ret, 0, BLOCK);
	if (from < text.n)
		memcpy(ret, text.p + from, text.n - from);
}

/* Inlined with `look` into a function of the same target: the loop is compiled for each. */
typedef void look_block(const uint8_t *p, struct classes *ret_classes);
static inline __attribute__((always_inline)) void classify_with(look_block *look, struct span text, struct marks *m)
{
	struct classes c;
	struct before b = { 0 };
	uint8_t last[BLOCK];
	size_t whole = text.n / BLOCK;
	for (size_t k = 0; k < whole; k++) {
		look(text.p + k * BLOCK, &c);
		mark(&c, &b, text, m, k);
	}
	pad(text, whole * BLOCK, last);
	look(last, &c);
	mark(&c, &b, text, m, whole);
	m->any_odd = b.any_odd != 0;
}

static void classify_portable(struct span text, struct marks *m)
{
	classify_with(look_portable, text, m);
}

#if HAVE_AVX2
#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

/* A set whose members differ in their low four bits: each stands at its place in a table, and is looked up by these bits.  What is
 * not in the set finds another octet than itself, and octets from 0x80 find 0. */
#define SET(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

AVX2 INLINE uint64_t bits(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 INLINE uint64_t equal(__m256i a, __m256i b, char c)
{
	const __m256i all = _mm256_set1_epi8(c);
	return bits(_mm256_cmpeq_epi8(a, all), _mm256_cmpeq_epi8(b, all));
}

AVX2 INLINE __m256i member(__m256i v, __m256i set)
{
	return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(set, v), v);
}

/* Octets of up to `most`, without sign. */
AVX2 INLINE __m256i up_to(__m256i v, char most)
{
	return _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(most)), v);
}

AVX2 INLINE void look_avx2(const uint8_t *p, struct classes *c)
{
	const __m256i borders = SET('`', 1, '"', 1, 1, 1, 1, 1, 1, 1, 1, 1, '<', 1, '>', 0x7f);
	const __m256i dashes = SET(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '-', 0, '_');
	const __m256i ends = SET(1, 0, 0, 0, 0, 0, 0, 0, 0, ')', 0, ';', 0, '}', 0, 0); /* and ']', with bit 0x20 */
	const __m256i case_bit = _mm256_set1_epi8(0x20), first = _mm256_set1_epi8('a'), zero = _mm256_set1_epi8('0');
	__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p), b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
	__m256i low_a = _mm256_or_si256(a, case_bit), low_b = _mm256_or_si256(b, case_bit);
	__m256i letter_a = _mm256_sub_epi8(low_a, first), letter_b = _mm256_sub_epi8(low_b, first);
	c->alpha = bits(_mm256_or_si256(up_to(letter_a, 25), a), _mm256_or_si256(up_to(letter_b, 25), b));
	c->hexalpha = bits(up_to(letter_a, 5), up_to(letter_b, 5));
	c->digit = bits(up_to(_mm256_sub_epi8(a, zero), 9), up_to(_mm256_sub_epi8(b, zero), 9));
	c->dot = equal(a, b, '.');
	c->colon = equal(a, b, ':');
	c->slash = equal(a, b, '/');
	c->dash = bits(member(a, dashes), member(b, dashes));
	c->border = bits(_mm256_or_si256(up_to(a, ' '), member(a, borders)), _mm256_or_si256(up_to(b, ' '), member(b, borders)));
	const __m256i backslash = _mm256_set1_epi8('\\');
	c->odd = bits(_mm256_or_si256(_mm256_cmpeq_epi8(a, backslash), a), _mm256_or_si256(_mm256_cmpeq_epi8(b, backslash), b));
	c->ends = bits(member(low_a, ends), member(low_b, ends));
}

AVX2 static void classify_avx2(struct span text, struct marks *m)
{
	classify_with(look_avx2, text, m);
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
				     all + 6 * blocks, all + 7 * blocks, blocks, blocks, false };
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
