/* Marks: one bit per octet of a text, for what the octet is and for what may begin, or be seen, there.
 *
 * All of them are made at once, first the classes, 64 octets at a time, then what follows from these, several blocks at a time; the rest
 * of the finder goes from mark to mark, so text without marks costs nothing but this.  A mark too many costs time; one too few would
 * lose a finding.
 *
 *   border   white space, controls, " < > ` and whatever is behind the end: no observable and no escape goes across one
 *   name     letters, digits, '.', '-', '_' and octets from 0x80: a maximal run is a word;  dot, hyphen, colon, digit  '.', '-', ':', 0-9
 *   hex      hexadecimal digits;  six  these, ':' and '.': a maximal run may be an IPv6 address
 *   word     behind each word that has a label of two octets or more that begins with no digit behind a dot behind a name's
 *            octet, or three dots between digits as a dotted quad has
 *   other    the last octet of "://"; the second of "::"; the last of an aligned eight of `six` without dots but with a colon, not alone;
 *            the last of three aligned eights of hexadecimal digits
 *   odd      where reading must change the text (scan/reading.h): a backslash, an octet from 0x80, a closing bracket or ';'
 *            that may end such a thing
 *
 * A hash has 32 hexadecimal digits or more, so it holds three aligned eights; an IPv6 address without "::" and without dots has
 * 15 octets or more, so it holds an aligned eight and another octet.  Of several in a row one is marked.  (With dots, the mark of its
 * dotted quad leads to it.) */
#ifndef SCAN_CLASSIFY_H
#define SCAN_CLASSIFY_H

#include "base/attr.h"
#include "base/span.h"

/* Arrays of one word for 64 octets, each with a word of zeros before its first and one more behind its last. */
struct marks {
	uint64_t *border, *name, *dot, *hyphen, *digit, *hex, *colon, *slash, *six; /* classes */
	uint64_t *word, *other, *odd;                        /* what the finder stops at */
	uint64_t *quad, *quad2;                              /* on the way to these */
	uint64_t *all;
	size_t blocks, room;                                 /* of 64 octets; the last one is padded with borders */
	bool any_odd;
};

enum classify_way { CLASSIFY_BEST, CLASSIFY_PORTABLE, CLASSIFY_AVX2 };

/** True when this machine can go that way. */
bool classify_can(enum classify_way way);
/** Mark `text`.  Zero-initialised marks are empty and valid; both ways give the same bits.  Reads no octet outside `text`. */
void classify(enum classify_way way, struct span text, struct marks *m);
void marks_release(struct marks *m);

/** The 64 bits from `pos` on, that of `pos` lowest. */
static inline uint64_t marks_from(const uint64_t *m, size_t pos)
{
	return m[pos / 64] >> pos % 64 | m[pos / 64 + 1] << 1 << (63 - pos % 64);
}

/** The 64 bits up to `pos`, that of `pos` highest. */
static inline uint64_t marks_to(const uint64_t *m, size_t pos)
{
	return m[pos / 64] << (63 - pos % 64) | (m - 1)[pos / 64] >> 1 >> pos % 64;
}

enum { MARKS_NEAR = 57 };

/** The MARKS_NEAR bits from `pos` on, that of `pos` lowest; what is above them is not said. */
static inline uint64_t marks_near(const uint64_t *m, size_t pos)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t w;
	memcpy(&w, (const uint8_t *)m + pos / 8, 8);
	return w >> pos % 8;
#else
	return marks_from(m, pos);
#endif
}

/** The same up to `pos`, that of `pos` highest. */
static inline uint64_t marks_near_to(const uint64_t *m, size_t pos)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t w;
	memcpy(&w, (const uint8_t *)(m - 1) + pos / 8 + 1, 8);
	return w << (7 - pos % 8);
#else
	return marks_to(m, pos);
#endif
}

/** The first octet of the run of ones that holds `pos`. */
static inline size_t marks_back(const uint64_t *m, size_t pos)
{
	uint64_t zeros;
	while (UNLIKELY((zeros = ~marks_to(m, pos)) == 0)) {
		if (pos < 64)
			return 0;
		pos -= 64;
	}
	return pos + 1 - (size_t)__builtin_clzll(zeros);
}

/** The first octet of the run of zeros that holds `pos`. */
static inline size_t marks_back_zero(const uint64_t *m, size_t pos)
{
	uint64_t ones;
	while ((ones = marks_to(m, pos)) == 0) {
		if (pos < 64)
			return 0;
		pos -= 64;
	}
	return pos + 1 - (size_t)__builtin_clzll(ones);
}

/** The first octet from `pos` on whose bit is zero.  There must be one. */
static inline size_t marks_forward(const uint64_t *m, size_t pos)
{
	uint64_t zeros;
	while (UNLIKELY((zeros = ~marks_from(m, pos)) == 0))
		pos += 64;
	return pos + (size_t)__builtin_ctzll(zeros);
}

/** The first octet from `pos` on whose bit is one.  There must be one. */
static inline size_t marks_next(const uint64_t *m, size_t pos)
{
	uint64_t ones;
	while ((ones = marks_from(m, pos)) == 0)
		pos += 64;
	return pos + (size_t)__builtin_ctzll(ones);
}

/** The marks of from..to, 1 to 64 octets, that of `from` lowest. */
static inline uint64_t marks_of(const uint64_t *m, size_t from, size_t to)
{
	return marks_from(m, from) & ~0ULL >> (64 - (to - from));
}

#endif
