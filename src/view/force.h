/* Force: what the decisions in force say of a key, as a mask; docs/decisions.md is about decisions as a whole.
 *
 * Decisions have a table of their own (gate/docket.h), of the same make as that of the claims.  There a claim is one decision on
 * one key: `entry` the ledger entry that put it in force, `seen` when that was, `until` the end of its lease (0: none), `category` its
 * enum reason, `stance` its enum action.  Flags as in the other table: without any, a name and all below it; CLAIM_EXACT the name
 * alone; CLAIM_WILDCARD the names below.  Of claims that say the same (claim_same) the newest one decides: a renewal takes the place
 * of what it renews, and what is taken out of force is said again with a lease that is over (FORCE_ENDED). */
#ifndef VIEW_FORCE_H
#define VIEW_FORCE_H

#include "table/table.h"
#include "view/decision.h"

/** Bit r: block for enum reason r; bit 8 + r: challenge (ask for proof of a person, never drop) for it; FORCE_PROTECT: must not be
 *  blocked, and then nothing else counts. */
typedef uint32_t force;
enum { FORCE_CHALLENGES = 8, FORCE_PROTECT = 1 << 16 };
enum { FORCE_ENDED = 1 /**< `until` of what was taken out of force */ };

/** Blocks and challenges for a set of reasons (bit r for reason r). */
static inline force force_blocks(uint32_t reasons)
{
	return reasons & 0xff;
}
static inline force force_challenges(uint32_t reasons)
{
	return (reasons & 0xff) << FORCE_CHALLENGES;
}

/** What holds for a key itself, and for the names below it (of a domain; of other kinds `below` is 0: a prefix covers what is
 *  in it by what it is). */
struct force_pair {
	force self, below;
};

static inline bool force_any(struct force_pair p)
{
	return (p.self | p.below) != 0;
}

/** The decisions on exactly this key.  @param tick_s  leases that end then or before are over.  Reader, as table_lookup(). */
struct force_pair force_on(const struct table_view *v, const struct table_key *k, uint32_t tick_s);

/** The same of the claims of a key as table_each() gives them. */
struct force_pair force_pair_of(const struct table_key *k, const struct claim *claims, unsigned n, uint32_t tick_s);

/** All that concerns a value: what is on it, and what is on the names and prefixes that cover it; of a URL or an e-mail address only what is
 *  on itself (its folders too), not on its host.  FORCE_PROTECT alone when anything protects it.
 *  @param ret_entry  NULL, or the entry that put the newest decision of these in force; 0: none. */
force force_of(const struct table_view *v, const struct observable *o, uint32_t tick_s, uint32_t *ret_entry);

/** force_of() of n values, with their cache misses overlapped.  @param ret_force, ret_entry  n each. */
void force_of_many(const struct table_view *v, const struct observable *o, size_t n, uint32_t tick_s, force *ret_force, uint32_t *ret_entry);

/** Each claim of exactly this key that is in force.  Reader. */
typedef void force_visit(void *ctx, const struct claim *c);
void force_each(const struct table_view *v, const struct table_key *k, uint32_t tick_s, force_visit *visit, void *ctx);

/** A claim_keep for merges of some levels: one that is over stays for as long as an older one that says the same could be in force.
 *  ctx: the tick, uint32_t. */
bool force_keep(void *ctx, const struct claim *c);

#endif
