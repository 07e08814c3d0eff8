/* Time, and its two text forms.  Everything stored is UTC seconds or milliseconds since 1970. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/err.h"
#include "base/span.h"

/** Now, in milliseconds since 1970 (CLOCK_REALTIME). */
int64_t clock_ms(void);
/** Monotonic nanoseconds, for measuring. */
uint64_t clock_mono_ns(void);

/** Seconds since 1970 of a civil UTC date (proleptic Gregorian); arguments must be in range. */
int64_t civil_to_unix(int year, int month, int day, int hour, int minute, int second);

/** RFC 3339 and what feeds write for it: "2026-08-22", "2026-08-22T03:00:29Z", blank for T, fraction of a second,
 *  "+02:00", a missing zone (taken as UTC).
 *  @param ret_unix_s  seconds since 1970.  @return OK; ERR_SYNTAX; ERR_RANGE for a day or hour that does not exist. */
enum err time_parse(struct span s, int64_t *ret_unix_s) MUST_USE;

/** The same in microseconds; further digits of a fraction are cut off. */
enum err time_parse_us(struct span s, int64_t *ret_unix_us) MUST_USE;
/** "2026-08-22T03:00:29Z" and NUL into `ret_text`. */
void time_format(int64_t unix_s, char ret_text[32]);
/** "2026-08-22T03:00:29.000001Z", always six digits.  Years 1 to 9999. */
void time_format_us(int64_t unix_us, char ret_text[32]);

#endif
