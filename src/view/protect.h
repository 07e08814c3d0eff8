/* The protected register: what must never be blocked or scored.
 *
 * Three parts: the special-purpose ranges of the RFCs, built in; protected claims of the table (warning lists of types
 * cidr, hostname and string), which score.h sees; and the text rules here (substring, regex, strings that are no
 * observable). Documentation ranges (RFC 5737, RFC 3849, ".example") are left out on purpose: nothing routes them, and
 * everything that teaches or tests Sipar uses them.
 */
#ifndef VIEW_PROTECT_H
#define VIEW_PROTECT_H

#include "base/err.h"
#include "codec/feed.h"
#include "codec/observable.h"
#include "ledger/ledger.h"
#include "table/image.h"
#include "view/source.h"

/** The built-in range that `k` (an address or prefix) lies in or overlaps, as "10.0.0.0/8 private use (RFC 1918)";
 * NULL: none. */
const char *protect_special(const struct table_key *k);

/** The KINDS_* bit of a kind of observable; 0 for OBS_NONE. */
static inline uint8_t protect_kinds(uint8_t obs_kind)
{
	static const uint8_t bit[OBS_KINDS] = {
		[OBS_IPV4] = KINDS_IP, [OBS_IPV6] = KINDS_IP, [OBS_CIDR4] = KINDS_IP, [OBS_CIDR6] = KINDS_IP,
		[OBS_DOMAIN] = KINDS_DOMAIN, [OBS_URL] = KINDS_URL, [OBS_MD5] = KINDS_HASH, [OBS_SHA1] = KINDS_HASH,
		[OBS_SHA256] = KINDS_HASH, [OBS_SHA512] = KINDS_HASH, [OBS_EMAIL] = KINDS_EMAIL,
	};
	return obs_kind < OBS_KINDS ? bit[obs_kind] : 0;
}

/** Text rules.  A set is immutable once published; copies share the rules themselves, so that a copy is cheap. */
struct rules;
struct rules *rules_new(void);
struct rules *rules_copy(const struct rules *r);
void rules_free(const struct rules *r);
unsigned rules_count(const struct rules *r);
/** @param source  number of the source; @param lane  that it came in; @param import  first entry of its import.
 *  @return OK; ERR_FULL (100,000 rules); ERR_SYNTAX: the regular expression is not one, or the text is empty; or there is no such source. */
enum err rules_add(struct rules *r, enum text_rule rule, struct span text, uint8_t kinds, uint8_t stance,
		   uint16_t source, uint8_t lane, uint64_t import, struct fault *f) MUST_USE;
/** Each rule, in the order in which they were added and are tried. */
struct rule_told {
	enum text_rule rule;
	uint8_t kinds, stance, lane;
	uint16_t source;
	uint64_t import;
	struct span text; /**< as it is compared: in lower case, but for a regular expression */
};
typedef void rules_visit(void *ctx, const struct rule_told *rule);
void rules_each(const struct rules *r, rules_visit *visit, void *ctx);
/** Are there rules of that source? */
bool rules_of(const struct rules *r, uint16_t source);
/** Drop the rules of `source` from imports before `floor`. */
void rules_replace(struct rules *r, uint16_t source, uint64_t floor);

/** After the last change and before the first rules_match(): from then on any thread may read. */
void rules_ready(struct rules *r);

/** KINDS_* of the observables that any rule could concern: a quick "no" before the text of an address is written out.
 */
uint8_t rules_kinds(const struct rules *r);

struct rule_hit { uint8_t stance; uint16_t source; const char *text; };
/** The first protecting rule (or else the first known one) that the canonical text of an observable meets, ASCII case
 * ignored. Rules in lanes outside `clear` and those of removed or distrusted sources do not exist.
 *  @return false: none.  Any thread. */
bool rules_match(const struct rules *r, const struct source_set *sources, clearance clear, uint8_t kind,
		 struct span text, struct rule_hit *ret_hit);

#endif
