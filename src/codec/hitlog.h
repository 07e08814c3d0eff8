/* Hit logs: what resolvers write when a response policy zone was applied.
 *
 *   Unbound  [1764079081] unbound[77:0] info: rpz: applied [sipar] *.evil.example. rpz-nxdomain 127.0.0.1@51234 mail.evil.example. A IN
 *            (or "rpz-ip 198.51.100.7/32" in the place of the name)
 *   BIND     25-Nov-2026 13:58:01.123 client @0x7f.. 127.0.0.1#52345 (mail.evil.example): rpz QNAME NXDOMAIN rewrite
 *            mail.evil.example/A/IN via *.evil.example.rpz.example        (or "rpz IP ... via 32.7.100.51.198.rpz-ip.rpz.example")
 *
 * What counts is the value that is blocked, as the zone has it; who asked, and for which name below it, is passed over and never leaves
 * this reader. */
#ifndef CODEC_HITLOG_H
#define CODEC_HITLOG_H

#include "codec/observable.h"

/** The blocked value that a line tells of.
 *  @param ret_passed  it was a passthru: nothing was blocked.
 *  @return OK; ERR_NOTFOUND: the line is about something else; ERR_SYNTAX: it is about a policy zone, and not understood.
 *  Pure; any thread. */
enum err hitlog_line(struct span line, uint8_t store[OBS_KEY_MAX], struct observable *ret_value, bool *ret_passed) MUST_USE;

#endif
