/* Marks: one bit per octet of a text, for what the octet is and for what may begin, or be seen, there.
 *
 * All of them are made in one pass, 64 octets at a time, and the rest of the finder goes from mark to mark; so text without
 * marks costs nothing but this pass.  A mark too many costs time; one too few would lose a finding.
 *
 *   border   white space, controls, " < > ` and whatever is behind the end: no observable and no escape goes across one
 *   name     letters, digits, '.', '-', '_' and octets from 0x80: a maximal run is a word
 *   alnum    letters and digits of ASCII;  colon  ':'
 *   six      hexadecimal digits, ':' and '.': a maximal run may be an IPv6 address
 *   word     a letter behind a dot behind a name's octet; and what is behind the third dot of a dotted quad
 *   other    the last octet of "://"; the second of "::"; the last of an aligned eight of `six` without dots but with a colon, not alone;
 *            the last of an aligned sixteen of hexadecimal digits
 *   odd      where reading must change the text (scan/reading.h): a backslash, an octet from 0x80, a closing bracket or ';'
 *            that may end such a thing
 *
 * A hash has 32 hexadecimal digits or more, so it holds an aligned sixteen; an IPv6 address without "::" and without dots has
 * 15 octets or more, so it holds an aligned eight and another octet.  Of several in a row one is marked.  (With dots, the mark of its dotted quad leads to it.) */
#ifndef SCAN_CLASSIFY_H
#define SCAN_CLASSIFY_H

#include "base/span.h"

struct marks {
	uint64_t *border, *name, *alnum, *six, *colon; /* classes */
	uint64_t *word, *other, *odd;                        /* what the finder stops at */
	size_t blocks, room;                                 /* of 64 octets; the last one is padded with borders */
	bool any_odd;
};

enum classify_way { CLASSIFY_BEST, CLASSIFY_PORTABLE, CLASSIFY_AVX2 };

/** True when this machine can go that way. */
bool classify_can(enum classify_way way);
/** Mark `text`.  Zero-initialised marks are empty and valid; both ways give the same bits.  Reads no octet outside `text`. */
void classify(enum classify_way way, struct span text, struct marks *m);
void marks_release(struct marks *m);

/** The first octet of the run of ones that holds `pos`. */
static inline size_t marks_back(const uint64_t *m, size_t pos)
{
	size_t k = pos / 64;
	uint64_t zeros = ~m[k] << (63 - pos % 64);
	while (zeros == 0) {
		if (k == 0)
			return 0;
		zeros = ~m[--k];
		pos = k * 64 + 63;
	}
	return pos + 1 - (size_t)__builtin_clzll(zeros);
}

/** The first octet of the run of zeros that holds `pos`. */
static inline size_t marks_back_zero(const uint64_t *m, size_t pos)
{
	size_t k = pos / 64;
	uint64_t ones = m[k] << (63 - pos % 64);
	while (ones == 0) {
		if (k == 0)
			return 0;
		ones = m[--k];
		pos = k * 64 + 63;
	}
	return pos + 1 - (size_t)__builtin_clzll(ones);
}

/** The first octet from `pos` on whose bit is zero.  There must be one. */
static inline size_t marks_forward(const uint64_t *m, size_t pos)
{
	size_t k = pos / 64;
	uint64_t zeros = ~m[k] >> pos % 64;
	if (zeros)
		return pos + (size_t)__builtin_ctzll(zeros);
	while ((zeros = ~m[++k]) == 0)
		;
	return k * 64 + (size_t)__builtin_ctzll(zeros);
}

/** The first octet from `pos` on whose bit is one.  There must be one. */
static inline size_t marks_next(const uint64_t *m, size_t pos)
{
	size_t k = pos / 64;
	uint64_t ones = m[k] >> pos % 64;
	if (ones)
		return pos + (size_t)__builtin_ctzll(ones);
	while ((ones = m[++k]) == 0)
		;
	return k * 64 + (size_t)__builtin_ctzll(ones);
}

/** The marks of from..to, at most 64 octets, the first one lowest. */
static inline uint64_t marks_of(const uint64_t *m, size_t from, size_t to)
{
	size_t k = from / 64, shift = from % 64;
	uint64_t w = m[k] >> shift;
	if (from == to)
		return 0;
	if (shift && (to - 1) / 64 > k)
		w |= m[k + 1] << (64 - shift);
	return w & ~0ULL >> (64 - (to - from));
}

#endif
