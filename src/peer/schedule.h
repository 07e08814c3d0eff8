/* Schedule: when a source is pulled again.  Pure: who calls brings clock and chance. */
#ifndef PEER_SCHEDULE_H
#define PEER_SCHEDULE_H

#include "base/err.h"
#include "base/span.h"

enum { SCHEDULE_MIN_S = 1, SCHEDULE_MAX_S = 366 * 86400, SCHEDULE_RETRY_S = 60, SCHEDULE_BACK_OFF_S = 6 * 3600 };

/** "90s", "10m", "6h", "7d"; a number alone is seconds.  @return ERR_SYNTAX; ERR_RANGE: below 1 s or above 366 d. */
enum err schedule_parse(struct span text, uint32_t *ret_seconds, struct fault *f) MUST_USE;
/** The same, as short as it can be said exactly: "10m". */
void schedule_format(uint32_t seconds, char ret_text[16]);

/** The time of the next pull, in milliseconds as `now_ms`.
 *
 *  After success in `every_s`, up to a tenth of it sooner or later, so that not all who pull come at the same second.  After the first failure in
 *  a minute, or every_s if that is less; each further one doubles that, up to every_s or six hours, whichever is more; again a tenth around it.
 *  Never sooner than the other side has asked for.
 *  @param failures  in a row, up to now.
 *  @param retry_s   what the other side has asked for (Retry-After), 0: nothing; more than a day counts as a day.
 *  @param chance    any 32 bits. */
int64_t schedule_next(uint32_t every_s, unsigned failures, uint32_t retry_s, uint32_t chance, int64_t now_ms);

#endif
