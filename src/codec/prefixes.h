/* Prefixes: a set of address prefixes, made as few as they can be: those inside others are left out, and those that fill a wider
 * one together become that one.  What it covers is exactly what was put in. */
#ifndef CODEC_PREFIXES_H
#define CODEC_PREFIXES_H

#include "codec/observable.h"

/** Zero-initialised is empty. */
struct prefixes {
	struct buf octets; /**< private */
	size_t n;
};

void prefixes_release(struct prefixes *p);
/** One prefix or address, IPv4 or IPv6; host bits are taken for 0.  Other kinds are ignored. */
void prefixes_add(struct prefixes *p, const struct observable *o);
/** After the last one and before the first is read: sort and collapse.  Sorted by family, address and length. */
void prefixes_collapse(struct prefixes *p);
/** The one at `i` < n, after prefixes_collapse(): an address when it has all bits.  The key points into the set. */
struct observable prefixes_at(const struct prefixes *p, size_t i);

#endif
