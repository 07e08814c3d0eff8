/* Reading: what is written in a stretch of text, with escapes and defanging undone.
 *
 * Undone, each once and from left to right:
 *   one or more backslashes and '/'        JSON, also JSON in JSON          /
 *   ... and u with four digits             JSON; surrogates as pairs        the character
 *   ... and x with two digits              nginx, Zeek, C                   the octet
 *   &amp; &quot; &lt; &gt; &apos; &nbsp; &#46; &#x2e;   HTML, XML           the character
 * and in what this gives:
 *   [.] [dot] [:] [://] [/] [@] [at]       defanging, with () and {} too    . : :// / @
 *   U+3002, U+FF0E, U+FF61                 dots of IDNA                     .
 *   other characters above U+007F          letters are kept; punctuation, symbols, invisible ones and octets that are not
 *                                          UTF-8 become a blank, which is a border */
#ifndef SCAN_READING_H
#define SCAN_READING_H

#include "base/buf.h"
#include "base/span.h"

struct reading {
	struct buf text;
	uint32_t *at; /* for each octet of the text, and for its end: where it begins in what was read */
	size_t room;
};

/** Read `raw`.  Zero-initialised readings are empty and valid. */
void reading_of(struct span raw, struct reading *r);
void reading_release(struct reading *r);

/** True when reading changes something that ends with the octet at `pos`, a closing bracket or ';'. */
bool reading_changes(struct span raw, size_t pos);

enum point { POINT_BORDER, POINT_LETTER, POINT_DOT };
/** What a character above U+007F is in a name. */
enum point reading_point(uint32_t c);

/** Letters of scripts that are written without blanks between words, or whose words a Latin name may touch: beside them a name
 *  of ASCII letters is read alone as well.  Latin, Greek and Cyrillic are not among them: their letters are mixed into names
 *  to deceive. */
static inline bool reading_parts(uint32_t c)
{
	return c >= 0x590;
}

#endif
