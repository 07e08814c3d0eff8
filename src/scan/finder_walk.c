/* From mark to mark; and the commonest words, which are one name or address as it is written with nothing to be told apart.
 *
 * All of this file is inlined into one function for each way to go, compiled for what the machine can do. */
#include "base/attr.h"
#include "codec/ip.h"
#include "scan/finder_parts.h"

#if defined(__x86_64__)
#include "scan/finder_quad.h"
#define HAVE_AVX2 1
#endif

#define INLINE static inline __attribute__((always_inline))

enum { GROUP = 8 /**< blocks whose marks are listed at a time */ };

/* The places of the ones in `bits`, which begin at `from`; up to two more of `ret` are written behind them.  @return how many. */
INLINE size_t list_ones(uint64_t bits, uint32_t from, uint32_t *ret)
{
	size_t ones = (size_t)__builtin_popcountll(bits), i = 0;
	do {
		ret[i] = from + (uint32_t)__builtin_ctzll(bits | 1ULL << 63);
		bits &= bits - 1;
		ret[i + 1] = from + (uint32_t)__builtin_ctzll(bits | 1ULL << 63);
		bits &= bits - 1;
		i += 2;
	} while (UNLIKELY(i < ones));
	return ones;
}

INLINE bool marked(const uint64_t *m, size_t pos)
{
	return m[pos / 64] >> pos % 64 & 1;
}

/* Octets before and behind a word that make it more than a word; and those behind one that may be a host. */
enum { BEFORE = 1, BEHIND = 2, HOST = 4 };
static const uint8_t beside[256] = {
	['@'] = BEFORE | BEHIND, [':'] = BEFORE | HOST, ['\\'] = BEFORE, ['%'] = BEFORE, ['+'] = BEHIND, ['/'] = HOST, ['?'] = HOST,
};

typedef bool parse_quad(const uint8_t *p, size_t n, uint64_t dots, uint8_t ret[4]);

/* @return false when the word from..to needs a closer look. */
INLINE bool plain_word(struct look *l, const struct marks *m, parse_quad *quad, size_t from, size_t to)
{
	if (to - from > PLAIN_MAX || from < l->covered || from >= l->plain_end)
		return false;
	uint8_t behind = beside[l->p[to]], kind = OBS_IPV4;
	if ((from && beside[l->p[from - 1]] & BEFORE) || behind & BEHIND || (behind && l->p[to] == ':' && l->p[to + 1] == '/'))
		return false;
	from += l->p[from] == '.';
	to -= l->p[to - 1] == '.';
	const uint8_t *p = l->p + from;
	size_t n = to - from, keys = 4;
	if (n < 4 || n > PLAIN_MAX)
		return false;
	uint8_t clean = look_clean(l, from, to);
	if (UNLIKELY(clean)) {
		kind = clean;
		if (kind != OBS_IPV4 && (kind != OBS_DOMAIN || p[0] == '_'))
			return false;
	} else {
		struct pending *pending = &l->f->pending;
		uint64_t dots = marks_near(m->dot, from) & ((1ULL << n) - 1);
		uint8_t *key = pending->key + pending->keys, last = p[n - 1];
		if (!(ascii_digit(last) && quad(p, n, dots, key))) {
			if (p[0] == '_' || last == '_' || !plain_name(p, n, dots, marks_near(m->hyphen, from)))
				return false;
			lower_name(p, key);
			kind = OBS_DOMAIN;
			keys = n;
		}
		if (LIKELY(wanted(l->f, kind)))
			look_put(l, from, to, kind, keys);
	}
	if (UNLIKELY(behind & HOST))
		look_behind(l, from, to, kind);
	return true;
}

/* An address of 39 octets or less without "::" has seven colons; times of day have fewer. */
INLINE bool colons_near(const struct marks *m, size_t pos)
{
	enum { OUTSIDE = 64 - 39 };
	return __builtin_popcountll(marks_to(m->colon, pos) >> OUTSIDE) + __builtin_popcountll(marks_from(m->colon, pos) << OUTSIDE) >= 7;
}

INLINE void other_at(struct look *l, size_t pos)
{
	if (l->p[pos] == '/')
		look_scheme_at(l, pos - 2);
	else if (marks_to(l->m->colon, pos) >> (64 - 8) == 0)
		look_hash_at(l, pos);
	else if (colons_near(l->m, pos) || (l->p[pos] == ':' && l->p[pos - 1] == ':'))
		look_six_at(l, pos);
}

INLINE void rare_at(struct look *l, size_t pos, void (*odd)(struct look *l, size_t pos))
{
	if (l->f->pending.n >= FINDER_BATCH)
		look_deliver(l, pos);
	if (marked(l->m->odd, pos))
		odd(l, pos);
	if (marked(l->m->other, pos))
		other_at(l, pos);
}

INLINE size_t word_start(const uint64_t *name, size_t to)
{
	uint64_t others = ~marks_near_to(name, to - 1) >> (64 - MARKS_NEAR) << (64 - MARKS_NEAR);
	return LIKELY(others) ? to - (size_t)__builtin_clzll(others) : marks_back(name, to - 1);
}

INLINE void walk_with(parse_quad *quad, struct look *l, void (*odd)(struct look *l, size_t pos))
{
	const struct marks copy = *l->m, *m = &copy; /* which no finding can change */
	uint32_t words[GROUP * 64 + 2], rare[GROUP * 64 + 2];
	for (size_t k = 0; k < m->blocks;) {
		size_t n_words = 0, n_rare = 0, end = m->blocks - k < GROUP ? m->blocks : k + GROUP;
		for (; k < end; k++) {
			n_words += list_ones(m->word[k], (uint32_t)k * 64, words + n_words);
			n_rare += list_ones(m->other[k] | m->odd[k], (uint32_t)k * 64, rare + n_rare);
		}
		const uint32_t *next = rare;
		rare[n_rare] = words[n_words] = UINT32_MAX;
		for (size_t i = 0; i < n_words; i++) {
			size_t to = words[i], from = word_start(m->name, to);
			while (UNLIKELY(*next <= to))
				rare_at(l, *next++, odd);
			if (UNLIKELY(l->f->pending.n >= FINDER_BATCH))
				look_deliver(l, from);
			if (!plain_word(l, m, quad, from, to))
				look_word(l, from, to);
		}
		while (*next != UINT32_MAX)
			rare_at(l, *next++, odd);
	}
}

static inline bool quad_portable(const uint8_t *p, size_t n, uint64_t dots, uint8_t ret[4])
{
	return ip4_parse(span_of(p, n), ret);
}

#if HAVE_AVX2
AVX2 static void walk_avx2(struct look *l, void (*odd)(struct look *l, size_t pos))
{
	walk_with(quad_avx2, l, odd);
}
#endif

void look_walk(struct look *l, void (*odd)(struct look *l, size_t pos))
{
#if HAVE_AVX2
	if (l->f->way == CLASSIFY_AVX2) {
		walk_avx2(l, odd);
		return;
	}
#endif
	walk_with(quad_portable, l, odd);
}
