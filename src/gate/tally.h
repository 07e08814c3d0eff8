/* Tally: how many of what, in order of first sight. */
#ifndef GATE_TALLY_H
#define GATE_TALLY_H

#include <stdint.h>

enum { TALLY_NAMES = 64, TALLY_NAME_MAX = 47 };

/** Zero-initialised is empty.  Plain data. */
struct tally {
	struct { char what[TALLY_NAME_MAX + 1]; uint64_t n; } row[TALLY_NAMES];
	unsigned n;
};

/** One more of `what` (cut to TALLY_NAME_MAX; NULL: "other").  When there are TALLY_NAMES names, new ones count to the last. */
void tally_add(struct tally *t, const char *what);

#endif
