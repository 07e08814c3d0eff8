/* Nest: what covers IPv4 addresses and prefixes in a view, for a group of queries at once.  Private to table/.
 *
 * Steps that all walkers of the group take together, each asking the memory for what the next one reads: the range, the
 * samples, the block; then from the record that was found to those of its parents, one after the other. */
#ifndef TABLE_NEST_H
#define TABLE_NEST_H

#include "table/table.h"

enum { NEST_QUERIES = 64, NEST_FIRST = 8 };

/* One query in one level, and how far it has come. */
struct nest_walker {
	uint32_t addr, at, end; /* at: first of the range, then of the block, then a record */
	uint8_t rank, level, query;
	bool inside; /* what covers `at` covers the address */
};

struct nest_hit {
	uint32_t record;
	uint8_t level, exact;
};

struct nest {
	unsigned n;
	struct nest_walker walker[NEST_QUERIES * TABLE_LEVELS_MAX];
	uint32_t addr[NEST_QUERIES]; /* what was asked ... */
	uint8_t rank[NEST_QUERIES];
	uint16_t hits[NEST_QUERIES]; /* ... how much covers it, and the first of that, side by side */
	struct nest_hit first[NEST_QUERIES][NEST_FIRST];
	struct table_hits *all;      /* whoever has more is walked alone, straight to here */
};

static inline void nest_begin(struct nest *n)
{
	n->n = 0;
	n->all = NULL;
}

/** No hits yet for query number `query`, which may or may not be asked. */
static inline void nest_query(struct nest *n, unsigned query)
{
	n->hits[query] = 0;
}

/** What covers `addr` and is not longer than `rank`: its own, TABLE_RANK_ADDRESS or the length of a prefix. */
void nest_ask(struct nest *n, const struct table_view *v, unsigned query, uint32_t addr, unsigned rank);
void nest_run(struct nest *n, const struct table_view *v);
/** Append what was found for a query. */
void nest_put(struct nest *n, const struct table_view *v, unsigned query, struct table_hits *hits);

#endif
