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

/* The places of the ones of `n` blocks from `k` on; behind the last one, four more of `ret` may be written. */
INLINE size_t list_marks(const struct marks *m, size_t k, size_t n, uint32_t ret[GROUP * 64 + 4])
{
	size_t count = 0;
	for (size_t end = k + n; k < end; k++) {
		uint64_t all = m->word[k] | m->other[k] | m->odd[k];
		size_t ones = (size_t)__builtin_popcountll(all);
		for (size_t i = 0; i < ones; i += 4)
			for (size_t j = 0; j < 4; j++, all &= all - 1)
				ret[count + i + j] = (uint32_t)(k * 64) + (uint32_t)__builtin_ctzll(all | 1ULL << 63);
		count += ones;
	}
	return count;
}

INLINE bool marked(const uint64_t *m, size_t pos)
{
	return m[pos / 64] >> pos % 64 & 1;
}

/* Octets before and behind a word that make it more than a word. */
enum { BEFORE = 1, BEHIND = 2 };
static const uint8_t beside[256] = {
	['@'] = BEFORE | BEHIND, [':'] = BEFORE | BEHIND, ['\\'] = BEFORE, ['%'] = BEFORE, ['+'] = BEHIND, ['/'] = BEHIND, ['?'] = BEHIND,
	['_'] = BEFORE | BEHIND /* the ends of the word itself are looked at, too */,
};

typedef bool parse_quad(const uint8_t *p, size_t n, uint64_t dots, uint8_t ret[4]);

/* @return false when the word from..to needs a closer look. */
INLINE bool plain_word(struct look *l, parse_quad *quad, size_t from, size_t to)
{
	const uint8_t *p = l->p + from;
	size_t n = to - from;
	if (n < 4 || n > PLAIN_MAX || from < l->covered || l->readable - from < PLAIN_MAX)
		return false;
	uint8_t last = p[n - 1], next = look_octet(l, to);
	if ((beside[from ? p[-1] : ' '] | beside[p[0]]) & BEFORE || (beside[next] | beside[last]) & BEHIND || last == '.')
		return false;
	uint8_t clean = look_clean(l, from, to);
	if (clean == OBS_IPV4 || clean == OBS_DOMAIN)
		return true;
	struct pending *pending = &l->f->pending;
	uint64_t dots = marks_of(l->m->dot, from, to);
	struct observable o = { .kind = OBS_IPV4, .n = 4, .key = look_store(l) };
	if (!(ascii_digit(last) && quad(p, n, dots, pending->key + pending->keys))) {
		if (!look_plain_name(l, from, n, dots, pending->key + pending->keys))
			return false;
		o.kind = OBS_DOMAIN;
		o.n = (uint16_t)n;
	}
	size_t at = l->base + from;
	if (UNLIKELY(l->at || (pending->n > 0 && pending->item[pending->n - 1].at >= at))) {
		look_found(l, from, to, &o);
	} else if (wanted(l->f, o.kind)) {
		o.key = (const uint8_t *)(uintptr_t)pending->keys;
		pending->item[pending->n++] = (struct finding){ at, (uint32_t)n, o };
		pending->keys += o.n;
	}
	return true;
}

static void other_at(struct look *l, size_t pos)
{
	if (l->p[pos] == '/') {
		look_scheme_at(l, pos - 2);
		return;
	}
	look_six_at(l, pos);
	if (l->p[pos] != ':')
		look_hash_at(l, pos);
}

INLINE void walk_with(parse_quad *quad, struct look *l, void (*odd)(struct look *l, size_t pos))
{
	uint32_t list[GROUP * 64 + 4];
	const struct marks *m = l->m;
	const size_t blocks = m->blocks;
	for (size_t k = 0; k < blocks; k += GROUP) {
		size_t n = list_marks(m, k, blocks - k < GROUP ? blocks - k : GROUP, list);
		for (size_t i = 0; i < n; i++) {
			size_t pos = list[i];
			if (UNLIKELY(l->f->pending.n >= FINDER_BATCH))
				look_deliver(l, pos);
			if (UNLIKELY(marked(m->odd, pos)))
				odd(l, pos);
			if (UNLIKELY(marked(m->other, pos)))
				other_at(l, pos);
			if (LIKELY(marked(m->word, pos))) {
				size_t from = marks_back(m->name, pos), to = marks_forward(m->name, pos);
				if (!plain_word(l, quad, from, to))
					look_word(l, from, to);
			}
		}
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
