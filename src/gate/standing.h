/* Standing: which of a value's claims are there and count, each said once, with what its source says when the claim does not. */
#ifndef GATE_STANDING_H
#define GATE_STANDING_H

#include "base/buf.h"
#include "codec/feed.h"
#include "ledger/entry.h"
#include "table/table.h"

/** An indicator, a sighting or a false positive; claims that a later snapshot has replaced, and those of removed sources, are none. */
struct standing {
	struct claim claim;
	uint8_t category, confidence; /**< the claim's, or if it has none its source's */
	bool back;                    /**< its source has taken it back */
	char source[64];
};

/** Of just this value (not of what covers it; of names both what is said of them and of "*.NAME"), into `ret_found` as struct standing.
 *  @param source  NULL: all.  The thread is a reader of the table, and not between enter and leave. */
void standing_find(struct table *t, clearance clear, const char *source, const struct observable *o, struct buf *ret_found);
/** How many there are, and the first. */
static inline size_t standing_count(const struct buf *found)
{
	return found->n / sizeof(struct standing);
}
static inline const struct standing *standing_at(const struct buf *found)
{
	return (const struct standing *)(const void *)found->p;
}
/** Is it what a record of a feed has claimed in a lane? */
bool standing_is(const struct standing *s, uint8_t lane, const char *source, const struct feed_claim *c);
/** Do claims of this entry, of the import that began with `import`, count at all? */
bool standing_entry(struct table *t, const char *source, uint64_t number, uint64_t import);

#endif
