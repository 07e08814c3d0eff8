/* State: the sources and the text rules as octets, to be saved beside the table, and compared.
 *
 * Canonical: equal sets have equal octets, and what state_read() takes is what state_write() makes of it.  Numbers are
 * unsigned and have their least significant octet first.
 *
 *   offset  size
 *        0     8  "SIPARVW1"
 *        8     4  number of sources
 *       12     4  number of rules
 *                 each source, in the order of their numbers:
 *        0     1    octets of its name, n, then the name
 *    1 + n     1    octets of its group, g, then the group
 *              2    number of the group
 *              1    weight in decibans
 *              1    category
 *              1    confidence
 *              1    bits: 1 a snapshot, 2 removed
 *              2    lifetime in days
 *              2    decay speed times 10
 *              8    floor: first entry of its last finished snapshot
 *              8    entry that finished its last import
 *              8    time of that, milliseconds since 1970 (two's complement)
 *              8    claims that it accepted
 *                 each rule, in the order in which they are tried:
 *        0     1    enum text_rule
 *        1     1    KINDS_* that it applies to
 *        2     1    stance
 *        3     1    lane
 *        4     2    source
 *        6     8    first entry of its import
 *       14     4    octets of its text, then the text
 */
#ifndef VIEW_STATE_H
#define VIEW_STATE_H

#include "view/protect.h"
#include "view/source.h"

/** Append. */
void state_write(const struct source_set *sources, const struct rules *rules, struct buf *out);
/** @return ERR_CORRUPT: it is not one; nothing is written then.  Both results are the caller's. */
enum err state_read(struct span octets, struct source_set **ret_sources, struct rules **ret_rules, struct fault *f) MUST_USE;

#endif
