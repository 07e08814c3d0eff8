/* Stamps: when a line of a log says that it happened.  Recognised near its beginning:
 *
 *   2026-11-25T13:58:01.5+01:00, 2026-11-25 13:58:01   RFC 3339 and ISO 8601: JSON logs, journald, PostgreSQL
 *   2026/11/25 13:58:01                                nginx (errors)
 *   [25/Nov/2026:13:58:01 +0100]                       Apache, nginx (access)
 *   25-Nov-2026 13:58:01.123                           BIND
 *   Wed Nov 25 13:58:01 2026                           asctime(3): clamd, Apache (errors)
 *   Nov 25 13:58:01                                    syslog (RFC 3164): the year is guessed
 *   1764079081.123, [1764079081], "ts":1764079081.1    seconds since 1970, at the start: Zeek, Unbound, Squid
 *
 * A time without a zone is taken as UTC. */
#ifndef SCAN_STAMP_H
#define SCAN_STAMP_H

#include <stdbool.h>

#include "base/span.h"

enum { STAMP_WITHIN = 1024 /**< octets of a line that are looked at */ };

/** @param near_s  about when the line was written at the latest (the file's time): the year of a stamp without one is the last
 *                 that makes it no later than a day after this.
 *  @return false: there is none, or none that exists.  Pure; any thread. */
bool stamp_find(struct span line, int64_t near_s, int64_t *ret_unix_s);

#endif
