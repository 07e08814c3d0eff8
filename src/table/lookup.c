/* A query becomes probes: keys that must be looked for exactly (itself, covering prefixes, parent domains).  Three
 * passes over the probes of a group of queries follow, each of which reads what the one before it has asked the
 * memory for:
 *
 *   directory   which buckets may have the probe: most that do not are ruled out here, by the filter
 *   index       which of the bucket's keys has its tag
 *   records     is it the same key?  then its claims are a hit
 *
 * so that a core waits for some dozens of cache misses at once instead of one after the other.  A single lookup is a
 * group of one. */
#include "table/table.h"

#include "codec/observable.h"
#include "table/layout.h"

enum {
	GROUP_PROBES = 48,  /* a group is closed when it has as many ... */
	GROUP_QUERIES = 32, /* ... or so many queries */
	EXPAND_MAX = 130,   /* probes of one query at most: an address and 129 lengths of prefixes */
	NAME_MAX_OCTETS = 255, /* longer ones are no names; they would cost a hash of every suffix */
	NAME_PARENTS_MAX = 125,
	PROBES_MAX = GROUP_PROBES + EXPAND_MAX,
};

struct probe {
	struct table_key key;
	uint32_t tag;
	uint16_t query; /* of the group */
	bool exact;
	uint8_t net[16];
};

/* A place where a probe may be: first a run of the index, then one key. */
struct candidate {
	uint32_t first;
	uint16_t run, probe;
	uint8_t level;
};

struct group {
	unsigned n, queries, candidates;
	struct probe probe[PROBES_MAX];
	struct candidate candidate[PROBES_MAX * TABLE_LEVELS_MAX];
};

static void add(const struct table_view *v, struct group *g, const struct table_key *k, bool exact)
{
	struct probe *p = &g->probe[g->n++];
	p->key = *k;
	p->tag = image_tag(table_hash(v->seed, k));
	p->query = (uint16_t)g->queries;
	p->exact = exact;
	for (unsigned i = 0; i < v->n; i++)
		__builtin_prefetch(image_slot_of(v->level[i], p->tag));
}

/* The prefix of length `l` of the address in k->p. */
static void add_prefix(const struct table_view *v, struct group *g, const struct table_key *k, uint8_t kind, unsigned l)
{
	struct probe *p = &g->probe[g->n];
	unsigned whole = l / 8;
	memset(p->net, 0, sizeof(p->net));
	memcpy(p->net, k->p, whole);
	if (l % 8)
		p->net[whole] = (uint8_t)(k->p[whole] & 0xff << (8 - l % 8));
	add(v, g, &(struct table_key){ .kind = kind, .prefix = (uint8_t)l, .n = k->n, .p = p->net }, false);
}

/* Prefixes that cover the IPv4 address in k->p, shorter than `below`. */
static void expand4(const struct table_view *v, struct group *g, const struct table_key *k, unsigned below)
{
	uint32_t addr = (uint32_t)k->p[0] << 24 | (uint32_t)k->p[1] << 16 | (uint32_t)k->p[2] << 8 | k->p[3];
	uint64_t lengths = 0;
	for (unsigned i = 0; i < v->n; i++)
		lengths |= image_find_lengths4(v->level[i], addr);
	for (lengths &= (1ULL << below) - 1; lengths;) {
		unsigned l = 63 - (unsigned)__builtin_clzll(lengths);
		lengths ^= 1ULL << l;
		uint32_t net = __builtin_bswap32(l ? addr & ~0u << (32 - l) : 0);
		struct probe *p = &g->probe[g->n];
		memcpy(p->net, &net, 4);
		add(v, g, &(struct table_key){ .kind = OBS_CIDR4, .prefix = (uint8_t)l, .n = 4, .p = p->net }, false);
	}
}

static void expand6(const struct table_view *v, struct group *g, const struct table_key *k, unsigned below)
{
	uint64_t lengths[3] = { 0 };
	for (unsigned i = 0; i < v->n; i++)
		for (unsigned j = 0; j < 3; j++)
			lengths[j] |= v->level[i]->header.lengths6[j];
	for (unsigned j = 3; j-- > 0;)
		while (lengths[j]) {
			unsigned l = 63 - (unsigned)__builtin_clzll(lengths[j]);
			lengths[j] ^= 1ULL << l;
			if (j * 64 + l < below && j * 64 + l <= 128)
				add_prefix(v, g, k, OBS_CIDR6, j * 64 + l);
		}
}

static void expand_name(const struct table_view *v, struct group *g, const struct table_key *k)
{
	if (k->n == 0 || k->n > NAME_MAX_OCTETS)
		return;
	const uint8_t *end = k->p + k->n, *last = memrchr(k->p, '.', k->n);
	if (!last)
		return;
	unsigned parents = 0;
	for (const uint8_t *p = k->p; parents < NAME_PARENTS_MAX; parents++) {
		p = memchr(p, '.', (size_t)(end - p));
		if (p++ == last)
			return;
		add(v, g, &(struct table_key){ .kind = OBS_DOMAIN, .n = (uint16_t)(end - p), .p = p }, false);
	}
}

/* Lengths below which prefixes cover the address or prefix: all for an address, its own excluded for a prefix (it is
 * exact). */
static void expand(const struct table_view *v, struct group *g, const struct table_key *k)
{
	add(v, g, k, true);
	switch (k->kind) {
	case OBS_IPV4:
		if (k->n == 4)
			expand4(v, g, k, 33);
		break;
	case OBS_CIDR4:
		if (k->n == 4 && k->prefix <= 32)
			expand4(v, g, k, k->prefix);
		break;
	case OBS_IPV6:
		if (k->n == 16)
			expand6(v, g, k, 129);
		break;
	case OBS_CIDR6:
		if (k->n == 16 && k->prefix <= 128)
			expand6(v, g, k, k->prefix);
		break;
	case OBS_DOMAIN:
		expand_name(v, g, k);
		break;
	}
	g->queries++;
}

static void pass_directory(const struct table_view *v, struct group *g)
{
	g->candidates = 0;
	for (unsigned i = 0; i < g->n; i++) {
		const struct probe *p = &g->probe[i];
		for (unsigned level = 0; level < v->n; level++) {
			uint32_t first, run = image_run(v->level[level], p->tag, &first);
			if (!run)
				continue;
			g->candidate[g->candidates++] = (struct candidate){
				.first = first, .run = (uint16_t)run,
				.probe = (uint16_t)i, .level = (uint8_t)level };
			__builtin_prefetch(v->level[level]->index + first);
		}
	}
}

/* Step over the keys of the run before the first that has the tag. */
static void pass_index(const struct table_view *v, struct group *g)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < g->candidates; i++) {
		struct candidate c = g->candidate[i];
		const struct image *m = v->level[c.level];
		uint32_t tag = g->probe[c.probe].tag;
		for (; c.run && m->index[c.first].tag != tag; c.run--)
			c.first++;
		if (!c.run)
			continue;
		const uint8_t *record = m->records + (size_t)m->index[c.first].record * 4;
		__builtin_prefetch(record);
		__builtin_prefetch(record + 63);
		g->candidate[kept++] = c;
	}
	g->candidates = kept;
}

static void pass_records(const struct table_view *v, const struct group *g, unsigned *next, unsigned query,
			 struct table_hits *ret_hits)
{
	ret_hits->n = 0;
	ret_hits->truncated = false;
	for (; *next < g->candidates && g->probe[g->candidate[*next].probe].query == query; ++*next) {
		const struct candidate *c = &g->candidate[*next];
		const struct probe *p = &g->probe[c->probe];
		struct table_hit hit = { .exact = p->exact };
		hit.n = image_match(v->level[c->level], c->first, c->run, p->tag, &p->key, &hit.key, &hit.claims);
		if (!hit.n)
			continue;
		if (ret_hits->n < TABLE_HITS_MAX)
			ret_hits->hit[ret_hits->n++] = hit;
		else
			ret_hits->truncated = true;
	}
}

void table_lookup(const struct table_view *v, const struct table_key *k, struct table_hits *ret_hits)
{
	struct group g;
	unsigned next = 0;
	g.n = g.queries = 0;
	expand(v, &g, k);
	pass_directory(v, &g);
	pass_index(v, &g);
	pass_records(v, &g, &next, 0, ret_hits);
}

static void prefetch_masks(const struct table_view *v, const struct table_key *k, size_t n)
{
	for (unsigned level = 0; level < v->n; level++) {
		const uint32_t *masks = v->level[level]->masks;
		for (size_t i = 0; masks && i < n; i++)
			if (k[i].kind == OBS_IPV4 && k[i].n == 4)
				__builtin_prefetch(masks + ((uint32_t)k[i].p[0] << 8 | k[i].p[1]));
	}
}

void table_lookup_batch(const struct table_view *v, const struct table_key *k, size_t n, table_visit *visit, void *ctx)
{
	struct group g;
	struct table_hits hits;
	for (size_t i = 0; i < n;) {
		size_t ahead = n - i < GROUP_QUERIES ? n - i : GROUP_QUERIES;
		unsigned next = 0;
		g.n = g.queries = 0;
		prefetch_masks(v, k + i, ahead);
		while (g.queries < ahead && g.n < GROUP_PROBES)
			expand(v, &g, &k[i + g.queries]);
		pass_directory(v, &g);
		pass_index(v, &g);
		for (unsigned q = 0; q < g.queries; q++) {
			pass_records(v, &g, &next, q, &hits);
			visit(ctx, i + q, &hits);
		}
		i += g.queries;
	}
}
