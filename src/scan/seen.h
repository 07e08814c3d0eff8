/* Spellings that were looked up and of which nothing is known: a direct-mapped cache of raw octets, compared in full, so that a
 * spelling is never taken for another one.  64 KiB, for the second level of a core's caches. */
#ifndef SCAN_SEEN_H
#define SCAN_SEEN_H

#include "base/span.h"

enum { SEEN_TEXT_MAX = 62, SEEN_ENTRIES = 1024 };

struct seen {
	struct seen_entry {
		uint8_t n, kind; /* n 0: none */
		uint8_t text[SEEN_TEXT_MAX];
	} entry[SEEN_ENTRIES];
};

/* Where a spelling of 1 to SEEN_TEXT_MAX octets has its place. */
static inline size_t seen_place(struct span s)
{
	uint64_t a = 0, b = 0;
	if (s.n >= 8) {
		memcpy(&a, s.p, 8);
		memcpy(&b, s.p + s.n - 8, 8);
	} else if (s.n >= 4) {
		memcpy(&a, s.p, 4);
		memcpy(&b, s.p + s.n - 4, 4);
	} else {
		a = s.p[0], b = (uint64_t)s.p[s.n / 2] << 8 | s.p[s.n - 1];
	}
	uint64_t h = (a ^ s.n) * 0x9e3779b97f4a7c15ULL ^ b * 0xc2b2ae3d27d4eb4fULL;
	return (h ^ h >> 32) * 0x9e3779b97f4a7c15ULL >> 54;
}
_Static_assert(SEEN_ENTRIES == 1 << (64 - 54), "the place is the upper bits of the hash");

/* Eight octets at a time; the last ones may be looked at twice. */
static inline bool seen_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t x, y;
	if (n < 8)
		return memcmp(a, b, n) == 0;
	for (size_t i = 0; i + 8 < n; i += 8) {
		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x != y)
			return false;
	}
	memcpy(&x, a + n - 8, 8);
	memcpy(&y, b + n - 8, 8);
	return x == y;
}

/** The kind that was noted with exactly these octets, or 0. */
static inline uint8_t seen_kind(const struct seen *c, struct span s)
{
	if (s.n == 0 || s.n > SEEN_TEXT_MAX)
		return 0;
	const struct seen_entry *e = &c->entry[seen_place(s)];
	return e->n == s.n && seen_same(e->text, s.p, s.n) ? e->kind : 0;
}

/** Note a spelling, in the place of another one perhaps.  Longer ones are not kept. */
static inline void seen_note(struct seen *c, struct span s, uint8_t kind)
{
	if (s.n == 0 || s.n > SEEN_TEXT_MAX)
		return;
	struct seen_entry *e = &c->entry[seen_place(s)];
	e->n = (uint8_t)s.n;
	e->kind = kind;
	memcpy(e->text, s.p, s.n);
}

#endif
