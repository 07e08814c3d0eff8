/* The protected register: what must never be blocked or scored.
 *
 * Three parts: the special-purpose ranges of the RFCs, built in; protected claims of the table (warning lists of types cidr,
 * hostname and string), which score.h sees; and the text rules here (substring, regex, strings that are no observable).
 * Documentation ranges (RFC 5737, RFC 3849, ".example") are left out on purpose: nothing routes them, and everything that
 * teaches or tests Sipar uses them.
 */
#ifndef VIEW_PROTECT_H
#define VIEW_PROTECT_H

#include "base/err.h"
#include "codec/feed.h"
#include "codec/observable.h"
#include "table/image.h"

/** The built-in range that `k` (an address or prefix) lies in or overlaps, as "10.0.0.0/8 private use (RFC 1918)"; NULL: none. */
const char *protect_special(const struct table_key *k);

struct rules;
struct rules *rules_new(void);
struct rules *rules_copy(const struct rules *r);
void rules_free(const struct rules *r);
unsigned rules_count(const struct rules *r);
/** @param source  number of the source; @param import  first entry of its import.
 *  @return OK; ERR_FULL (100,000 rules); ERR_SYNTAX: the regular expression is not one. */
enum err rules_add(struct rules *r, enum text_rule rule, struct span text, uint8_t kinds, uint8_t stance, uint16_t source,
		   uint64_t import, struct fault *f) MUST_USE;
/** Drop the rules of `source` from imports before `floor`. */
void rules_replace(struct rules *r, uint16_t source, uint64_t floor);

struct rule_hit { uint8_t stance; uint16_t source; const char *text; };
/** The first protecting rule (or else the first known one) that the canonical text of an observable meets.
 *  @return false: none. */
bool rules_match(const struct rules *r, uint8_t kind, struct span text, struct rule_hit *ret_hit);

#endif
