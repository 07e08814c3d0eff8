/* A claim as the table keeps it: 20 packed octets.  Facts only; what they are worth is the score's business. */
#ifndef TABLE_CLAIM_H
#define TABLE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CLAIM_PART = 1,     /**< an atom of an AND pattern */
	CLAIM_WILDCARD = 2, /**< about the names below the domain only */
	CLAIM_EXACT = 8,    /**< about the key itself only, not what it covers: counts for exact hits */
	CLAIM_FIRST = 4,    /**< first claim of its record: what counts as a duplicate (see batch_finish) */
};

struct claim {
	uint32_t entry;     /**< sequence number of the ledger entry that it came with */
	uint32_t seen;      /**< seconds since 1970 */
	uint32_t until;     /**< end of validity, 0: none */
	uint16_t source;    /**< number of the source, see view/source.h */
	uint16_t back;      /**< entry - back = first entry of the import that it came with; 65,535: or an earlier one */
	uint8_t category;   /**< enum category */
	uint8_t confidence; /**< 0..100; kinds mask when the stance is protected or known */
	uint8_t stance : 4, flags : 4;
	uint8_t lane;       /**< number of the lane, 0..63 */
};

_Static_assert(sizeof(struct claim) == 20, "the image format stores claims as they are");

/** First entry of the import: claims of one source with a lower one than its floor no longer count. */
static inline uint32_t claim_import(const struct claim *c)
{
	return c->entry - c->back;
}

/** What a claim says, as a number: source, lane, category, stance and what it covers.  Claims on a key are kept in
 *  this order. */
static inline uint64_t claim_says(const struct claim *c)
{
	return (uint64_t)c->source << 32 | (uint64_t)c->lane << 24 | (uint64_t)c->category << 16 |
	       (uint64_t)c->stance << 8 | (c->flags & (CLAIM_PART | CLAIM_WILDCARD | CLAIM_EXACT));
}

/** Two claims on one key say the same thing again ... */
static inline bool claim_same(const struct claim *a, const struct claim *b)
{
	return claim_says(a) == claim_says(b);
}

/** ... and then the one from the later import stays; in one import the later seen, the surer, the later entry. */
static inline bool claim_newer(const struct claim *a, const struct claim *b)
{
	if (claim_import(a) != claim_import(b))
		return claim_import(a) > claim_import(b);
	if (a->seen != b->seen)
		return a->seen > b->seen;
	if (a->confidence != b->confidence)
		return a->confidence > b->confidence;
	if (a->until != b->until)
		return a->until > b->until;
	return a->entry > b->entry;
}

#endif
