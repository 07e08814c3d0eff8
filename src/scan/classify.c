/* Marks.
 *
 * A look_ function gives the classes of 64 octets as bits, by vectors or by a table; the follow_ functions make of the classes of all
 * blocks what follows from them.  It is plain arithmetic on words that stand side by side, which the compiler does several blocks at a time. */
#include "scan/classify.h"

#include "base/buf.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 64, MASKS = 14, AHEAD = 4096 /**< octets that are fetched before they are looked at */ };

/* Each octet of `m` `n` places later, at block `k`. */
INLINE uint64_t later(const uint64_t *m, size_t k, unsigned n)
{
	return m[k] << n | (m - 1)[k] >> (64 - n);
}

/* Each octet `n` places earlier. */
INLINE uint64_t earlier(const uint64_t *m, size_t k, unsigned n)
{
	return m[k] >> n | m[k + 1] << (64 - n);
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

/* Words: letters behind dots behind names' octets, and another octet of the label; digits behind dots behind digits, of these the ones
 * with another 2 to 4 octets before, and once more. */
INLINE void follow_words(const struct marks *m)
{
	const size_t blocks = m->blocks;
	const uint64_t *restrict name = m->name, *restrict dot = m->dot, *restrict digit = m->digit;
	uint64_t *restrict quad = m->quad, *restrict quad2 = m->quad2, *restrict word = m->word;
	for (size_t k = 0; k < blocks; k++) {
		uint64_t behind = later(dot, k, 1);
		quad[k] = digit[k] & behind & later(digit, k, 2);
		word[k] = name[k] & ~dot[k] & ~digit[k] & behind & later(name, k, 2) & ~later(dot, k, 2) & earlier(name, k, 1) & ~earlier(dot, k, 1);
	}
	for (size_t k = 0; k < blocks; k++)
		quad2[k] = quad[k] & (later(quad, k, 2) | later(quad, k, 3) | later(quad, k, 4));
	for (size_t k = 0; k < blocks; k++)
		word[k] |= quad2[k] & (later(quad2, k, 2) | later(quad2, k, 3) | later(quad2, k, 4));
}

/* Instead of the marks in a word the octet behind it: there a sum carries to. */
INLINE void ends_of_words(const struct marks *m)
{
	const size_t blocks = m->blocks;
	const uint64_t *restrict name = m->name;
	uint64_t *restrict word = m->word;
	uint64_t carry = 0;
	for (size_t k = 0; k < blocks; k++) {
		uint64_t sum = name[k] + word[k], next = sum < name[k];
		sum += carry;
		carry = next | (sum < carry);
		word[k] = sum & ~name[k];
	}
}

INLINE void follow_others(const struct marks *m)
{
	const size_t blocks = m->blocks;
	const uint64_t *restrict dot = m->dot, *restrict digit = m->digit, *restrict colon = m->colon, *restrict slash = m->slash;
	uint64_t *restrict hex = m->hex, *restrict six = m->six, *restrict other = m->other;
	for (size_t k = 0; k < blocks; k++) {
		hex[k] |= digit[k];
		six[k] = hex[k] | colon[k] | dot[k];
	}
	for (size_t k = 0; k < blocks; k++) {
		uint64_t scheme = slash[k] & later(slash, k, 1) & later(colon, k, 2);
		uint64_t gap = colon[k] & later(colon, k, 1);
		/* An eight alone is a time of day; of eights side by side one is enough. */
		uint64_t beside = (later(six, k, 8) & ~later(dot, k, 8)) | (six[k] & ~dot[k]) >> 1 | 1ULL << 63;
		uint64_t eights = full_octets(six[k] & ~dot[k]) & used_octets(colon[k]) & beside;
		uint64_t digits = full_octets(hex[k]), before = full_octets((hex - 1)[k]);
		uint64_t hashes = digits & (digits << 8 | before >> 56) & (digits << 16 | before >> 48);
		other[k] = scheme | gap | (eights & ~(eights << 8)) | (hashes & ~(hashes << 8));
	}
}

/* Where "&...;" ends. */
static bool odd_entities(struct span text, struct marks *m)
{
	bool any = false;
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t *amp = memchr(text.p + i, '&', text.n - i);
		if (!amp)
			break;
		i = (size_t)(amp - text.p);
		if (text.n - i < 4 || !memchr("aqlgn#", amp[1], 6))
			continue;
		const uint8_t *end = memchr(amp + 3, ';', text.n - i - 3 < 5 ? text.n - i - 3 : 5);
		if (end) {
			size_t pos = (size_t)(end - text.p);
			m->odd[pos / 64] |= 1ULL << pos % 64;
			any = true;
		}
	}
	return any;
}

enum {
	NAME = 1, DIGIT = 2, HEX = 4, DOT = 8, HYPHEN = 16, COLON = 32, SLASH = 64, BORDER = 128, /* in one octet */
	ODD = 1, CLOSE = 2, HINT = 4,                                                             /* in another */
};

static const uint8_t class_of[256] = {
	['0' ... '9'] = NAME | DIGIT, ['a' ... 'f'] = NAME | HEX, ['A' ... 'F'] = NAME | HEX, ['g' ... 'z'] = NAME, ['G' ... 'Z'] = NAME,
	[0x80 ... 0xff] = NAME, ['.'] = NAME | DOT, ['-'] = NAME | HYPHEN, ['_'] = NAME, [':'] = COLON, ['/'] = SLASH,
	[0 ... ' '] = BORDER, ['"'] = BORDER, ['<'] = BORDER, ['>'] = BORDER, ['`'] = BORDER, [0x7f] = BORDER,
};
/* Some members look like others but for bit 0x20, which vectors do not look at. */
static const uint8_t more_of[256] = {
	[0x80 ... 0xff] = ODD, ['\\'] = ODD, [')'] = CLOSE, [']'] = CLOSE, ['}'] = CLOSE, ['\t'] = CLOSE,
	['t'] = HINT, ['T'] = HINT, ['@'] = HINT, ['.'] = HINT, [':'] = HINT, ['/'] = HINT, ['`'] = HINT, [0x0e] = HINT, [0x1a] = HINT, [0x0f] = HINT,
};

/* Bit `bit` of each of eight octets, as one octet. */
INLINE uint64_t gather(uint64_t w, unsigned bit)
{
	return (w >> bit & 0x0101010101010101ULL) * 0x0102040810204080ULL >> 56;
}

/* The classes of the octets at `p`, at block `k`, but for what is odd. */
INLINE void look_portable(const uint8_t *p, const struct marks *m, size_t k)
{
	uint64_t *const classes[] = { m->name, m->digit, m->hex, m->dot, m->hyphen, m->colon, m->slash, m->border };
	uint64_t ret[COUNT_OF(classes)] = { 0 };
	for (unsigned i = 0; i < BLOCK; i += 8) {
		uint64_t a = 0;
		for (unsigned j = 0; j < 8; j++)
			a |= (uint64_t)class_of[p[i + j]] << 8 * j;
		for (unsigned bit = 0; bit < COUNT_OF(classes); bit++)
			ret[bit] |= gather(a, bit) << i;
	}
	for (unsigned bit = 0; bit < COUNT_OF(classes); bit++)
		classes[bit][k] = ret[bit];
}

/* What is odd there; the octet before `p` is looked at, too. */
INLINE uint64_t odd_portable(const uint8_t *p, const struct marks *m, size_t k)
{
	uint64_t odd = 0, carry = more_of[p[-1]];
	for (unsigned i = 0; i < BLOCK; i += 8) {
		uint64_t now = 0;
		for (unsigned j = 0; j < 8; j++)
			now |= (uint64_t)more_of[p[i + j]] << 8 * j;
		uint64_t before = now << 8 | carry; /* ODD is bit 0, CLOSE bit 1, HINT bit 2 */
		carry = now >> 56;
		if (now)
			odd |= gather(now | (now >> 1 & before >> 2), 0) << i;
	}
	return m->odd[k] = odd;
}

typedef void look_block(const uint8_t *p, const struct marks *m, size_t k);
typedef uint64_t odd_block(const uint8_t *p, const struct marks *m, size_t k);

/* Inlined with `look` and `odd` into a function of the same target: the loops are compiled for each.  @return whether anything is odd. */
INLINE bool classify_with(look_block *look, odd_block *odd, struct span text, const struct marks *marks)
{
	const struct marks copy = *marks, *m = &copy; /* which nothing that is written can change */
	uint8_t edge[1 + BLOCK] = { 0 }, *block = edge + 1; /* the first block, with a border before it; the last one, with borders behind its end */
	size_t whole = text.n / BLOCK;
	uint64_t any = 0;
	for (size_t k = 0; k < whole; k++) {
		__builtin_prefetch((const void *)((uintptr_t)text.p + k * BLOCK + AHEAD));
		look(text.p + k * BLOCK, m, k);
	}
	for (size_t k = 1; k < whole; k++)
		any |= odd(text.p + k * BLOCK, m, k);
	if (whole) {
		memcpy(block, text.p, BLOCK);
		any |= odd(block, m, 0);
		memset(block, 0, BLOCK);
		edge[0] = text.p[whole * BLOCK - 1];
	}
	if (text.n % BLOCK)
		memcpy(block, text.p + whole * BLOCK, text.n % BLOCK);
	look(block, m, whole);
	any |= odd(block, m, whole);
	follow_words(m);
	ends_of_words(m);
	follow_others(m);
	return any != 0;
}

static bool classify_portable(struct span text, const struct marks *m)
{
	return classify_with(look_portable, odd_portable, text, m);
}

#if HAVE_AVX2
#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

/* A set whose members differ in their low four bits: each stands at its place in a table, and is looked up by these bits.  What is
 * not in the set finds another octet than itself, and octets from 0x80 find 0. */
#define SET(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

AVX2 INLINE __m256i equal(__m256i v, char c)
{
	return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
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

/* Half a word of marks. */
AVX2 INLINE void put(uint64_t *m, size_t half, __m256i v)
{
	uint32_t bits = (uint32_t)_mm256_movemask_epi8(v);
	memcpy((uint8_t *)m + 4 * half, &bits, 4);
}

AVX2 INLINE __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 INLINE void look_half(const uint8_t *p, const struct marks *m, size_t half)
{
	const __m256i borders = SET('`', 1, '"', 1, 1, 1, 1, 1, 1, 1, 1, 1, '<', 1, '>', 0x7f);
	const __m256i dashes = SET(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '-', '.', '_');
	__m256i v = load(p), letter = _mm256_sub_epi8(_mm256_or_si256(v, _mm256_set1_epi8(0x20)), _mm256_set1_epi8('a'));
	__m256i digit = up_to(_mm256_sub_epi8(v, _mm256_set1_epi8('0')), 9);
	__m256i name = _mm256_or_si256(_mm256_or_si256(up_to(letter, 25), digit), _mm256_or_si256(member(v, dashes), v));
	put(m->name, half, name);
	put(m->digit, half, digit);
	put(m->hex, half, up_to(letter, 5));
	put(m->dot, half, equal(v, '.'));
	put(m->hyphen, half, equal(v, '-'));
	put(m->colon, half, equal(v, ':'));
	put(m->slash, half, equal(v, '/'));
	put(m->border, half, _mm256_or_si256(up_to(v, ' '), member(v, borders)));
}

AVX2 INLINE void look_avx2(const uint8_t *p, const struct marks *m, size_t k)
{
	look_half(p, m, 2 * k);
	look_half(p + 32, m, 2 * k + 1);
}

AVX2 INLINE __m256i odd_half(const uint8_t *p)
{
	const __m256i closes = SET(1, 0, 0, 0, 0, 0, 0, 0, 0, ')', 0, 0, 0, '}', 0, 0); /* and ']', with bit 0x20 */
	const __m256i hints = SET('`', 0, 0, 0, 't', 0, 0, 0, 0, 0, ':', 0, 0, 0, '.', '/');
	const __m256i case_bit = _mm256_set1_epi8(0x20);
	__m256i v = load(p), close = member(_mm256_or_si256(v, case_bit), closes), hint = member(_mm256_or_si256(load(p - 1), case_bit), hints);
	return _mm256_or_si256(_mm256_or_si256(v, equal(v, '\\')), _mm256_and_si256(close, hint));
}

AVX2 INLINE uint64_t odd_avx2(const uint8_t *p, const struct marks *m, size_t k)
{
	uint64_t low = (uint32_t)_mm256_movemask_epi8(odd_half(p)), high = (uint32_t)_mm256_movemask_epi8(odd_half(p + 32));
	return m->odd[k] = low | high << 32;
}

AVX2 static bool classify_avx2(struct span text, const struct marks *m)
{
	return classify_with(look_avx2, odd_avx2, text, m);
}
#else
static bool classify_avx2(struct span text, const struct marks *m)
{
	return classify_portable(text, m);
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

static void make_room(struct marks *m, size_t blocks)
{
	marks_release(m);
	size_t stride = blocks + 2;
	uint64_t *all = mem_zalloc(MASKS * stride * sizeof(*all)), *next = all + 1;
	uint64_t **const of[MASKS] = { &m->border, &m->name, &m->dot, &m->hyphen, &m->digit, &m->hex, &m->colon, &m->six, &m->word, &m->other,
		&m->odd, &m->slash, &m->quad, &m->quad2 };
	for (size_t i = 0; i < MASKS; i++, next += stride)
		*of[i] = next;
	m->all = all;
	m->room = blocks;
}

void classify(enum classify_way way, struct span text, struct marks *m)
{
	size_t blocks = text.n / BLOCK + 1;
	if (blocks > m->room)
		make_room(m, blocks);
	m->blocks = blocks;
	if (way == CLASSIFY_AVX2 || (way == CLASSIFY_BEST && classify_can(CLASSIFY_AVX2)))
		m->any_odd = classify_avx2(text, m);
	else
		m->any_odd = classify_portable(text, m);
	m->any_odd |= odd_entities(text, m);
}

void marks_release(struct marks *m)
{
	free(m->all);
	*m = (struct marks){ 0 };
}
