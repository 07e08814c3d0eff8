/* Pace: how many requests a minute somebody may make.  A token bucket that holds those of one minute, kept as one number: the time at which it is
 * full again (the generic cell rate algorithm, ITU-T I.371 annex A, with a burst of a minute).  So it costs one exchange of a word and no lock, and a fresh
 * one is all zeros. */
#ifndef GATE_PACE_H
#define GATE_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pace {
	_Atomic int64_t full_ns; /**< monotonic */
};

/** What is left, as the header fields say it. */
struct pace_left {
	uint32_t quota;   /**< requests a minute; 0: no limit, and the others say nothing */
	bool over;        /**< this one is too many */
	uint32_t left;    /**< requests that could be made at once */
	uint32_t reset_s; /**< until the bucket is full again */
	uint32_t wait_s;  /**< when it is over: until there is one again, at least 1 */
};

/** Take one.  @param a_minute  0: no limit.  Any thread. */
struct pace_left pace_take(struct pace *p, uint32_t a_minute, int64_t now_ns);

#endif
