/* Places are lines of the cache with four buckets.  A network that finds no bucket of its own takes that which was touched longest ago: one
 * that is being flooded keeps its own, and who sprays over more networks than there are buckets gives each of them next to nothing. */
#include "face/dns_rate.h"

#include <stdlib.h>

#include "base/buf.h"

enum { LINES = 1 << 14, WAYS = 4, TOKEN = 1000, SECOND_MS = 1000, NET4 = 3, NET6 = 7 };

struct bucket {
	uint32_t tag, touched_ms;
	uint32_t tokens; /* in thousandths */
	uint32_t slips;
};

struct dns_rate {
	uint32_t rate;
	struct siphash_seed seed;
	struct bucket (*line)[WAYS];
};

struct dns_rate *dns_rate_new(unsigned rate, struct siphash_seed seed)
{
	struct dns_rate *r = mem_zalloc(sizeof(*r));
	*r = (struct dns_rate){ .rate = rate, .seed = seed, .line = mem_zalloc(LINES * sizeof(*r->line)) };
	return r;
}

void dns_rate_free(struct dns_rate *r)
{
	if (r)
		free(r->line);
	free(r);
}

enum dns_rated dns_rate_take(struct dns_rate *r, struct span address, uint32_t now_ms)
{
	uint64_t hash = siphash13(r->seed, address.p, address.n == 4 ? NET4 : NET6);
	uint32_t tag = (uint32_t)(hash >> 32), full = r->rate * TOKEN;
	struct bucket *line = r->line[hash % LINES], *b = &line[0];
	for (unsigned i = 0; i < WAYS; i++) {
		if (line[i].tag == tag) {
			b = &line[i];
			break;
		}
		uint32_t idle = now_ms - line[i].touched_ms, least = now_ms - b->touched_ms;
		if (idle > least || (idle == least && line[i].tokens > b->tokens))
			b = &line[i];
	}
	if (b->tag != tag)
		*b = (struct bucket){ .tag = tag, .touched_ms = now_ms, .tokens = full };
	uint32_t passed = now_ms - b->touched_ms, room = full - b->tokens;
	uint32_t come = passed < SECOND_MS ? passed * r->rate : full;
	b->tokens += come < room ? come : room;
	b->touched_ms = now_ms;
	if (b->tokens >= TOKEN) {
		b->tokens -= TOKEN;
		return DNS_RATE_FINE;
	}
	return b->slips++ % 2 ? DNS_RATE_SLIP : DNS_RATE_DROP;
}
