/* Record: an entry as its lane has it, octet for octet: what a leaf hash is of, and what entry bundles hold.
 *
 *   offset size
 *      0     4   "SPR1"
 *      4     1   kind: enum entry_kind
 *      5     1   flags
 *      6     2   octets of the token
 *      8     8   time_ms: when it was received, milliseconds since 1970
 *     16     8   import: index, in the lane, of the first entry of the import; its own index when it is that or part of none
 *     24     4   count: records in the body
 *     28     1   octets of party   29  1  octets of source   30  1  octets of media   31  1  zero
 *     32    32   digest: SHA-256(nonce || body)
 *     64         party, source, media, token
 *
 * Integers are big-endian; texts are UTF-8 without a NUL.  At most 64 + 63 + 63 + 31 + 8192 octets.
 */
#ifndef LEDGER_RECORD_H
#define LEDGER_RECORD_H

#include "ledger/entry.h"

enum { RECORD_HEAD = 64, RECORD_MAX = RECORD_HEAD + 63 + 63 + 31 + TOKEN_MAX };

/** What a record says; spans point into it. */
struct record {
	uint8_t kind, flags;
	int64_t time_ms;
	uint64_t import;
	uint32_t count;
	struct span party, source, media, token;
	uint8_t digest[32];
};

void record_put(const struct record *r, struct buf *out);
/** Strict: one encoding for each record.  @return OK; ERR_CORRUPT with what is wrong; ERR_UNSUPPORTED: another version. */
enum err record_parse(struct span octets, struct record *ret_record, struct fault *f) MUST_USE;

#endif
