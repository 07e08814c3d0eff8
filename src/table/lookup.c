/* What covers IPv4 addresses and prefixes is found by their order (nest.h).  Another query becomes probes: keys that must be
 * looked for exactly (itself, covering prefixes, parent domains).  Three passes over the probes of a group of queries follow, each of which reads what the one before it has asked the
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
#include "table/nest.h"

enum {
	GROUP_PROBES = 48,  /* a group is closed when it has as many ... */
	GROUP_QUERIES = NEST_QUERIES, /* ... or so many queries */
	EXPAND_MAX = 130,   /* probes of one query at most: an address and 129 lengths of prefixes */
	NAME_MAX_OCTETS = 255, /* longer ones are no names; they would cost a hash of every suffix */
	NAME_PARENTS_MAX = 125,
	URL_FOLDERS_MAX = 8, /* innermost first */
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
	struct nest nest;
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

/* A URL is covered by itself without its query, and by its folders, which end in "/": "http://a.example/b/" covers
 * "http://a.example/b/c?d".  Its host alone ("http://a.example/") covers nothing: who means all of a host lists the host. */
static void expand_url(const struct table_view *v, struct group *g, const struct table_key *k)
{
	const uint8_t *end = k->p + k->n, *host = memmem(k->p, k->n, "://", 3);
	const uint8_t *path = host ? memchr(host + 3, '/', (size_t)(end - host - 3)) : NULL, *query = path ? memchr(path, '?', (size_t)(end - path)) : NULL;
	if (!path)
		return;
	if (query)
		add(v, g, &(struct table_key){ .kind = OBS_URL, .n = (uint16_t)(query - k->p), .p = k->p }, false);
	else
		query = end;
	if (query > path && query[-1] == '/')
		query--; /* the URL itself, or itself without the query */
	for (unsigned i = 0; i < URL_FOLDERS_MAX; i++) {
		const uint8_t *slash = memrchr(path, '/', (size_t)(query - path));
		if (!slash || slash == path)
			return;
		add(v, g, &(struct table_key){ .kind = OBS_URL, .n = (uint16_t)(slash + 1 - k->p), .p = k->p }, false);
		query = slash;
	}
}

/* Lengths below which IPv6 prefixes cover the address or prefix: all for an address, its own excluded for a prefix (it is
 * exact). */
static void expand(const struct table_view *v, struct group *g, const struct table_key *k)
{
	int rank = table_key_rank(k);
	nest_query(&g->nest, g->queries);
	if (rank >= 0)
		nest_ask(&g->nest, v, g->queries, table_key_address(k), (unsigned)rank);
	else
		add(v, g, k, true);
	if (k->kind == OBS_IPV6 && k->n == 16)
		expand6(v, g, k, 129);
	else if (k->kind == OBS_CIDR6 && k->n == 16 && k->prefix <= 128)
		expand6(v, g, k, k->prefix);
	else if (k->kind == OBS_DOMAIN)
		expand_name(v, g, k);
	else if (k->kind == OBS_URL)
		expand_url(v, g, k);
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

static void pass_records(const struct table_view *v, struct group *g, unsigned *next, unsigned query,
			 struct table_hits *ret_hits)
{
	ret_hits->n = 0;
	for (; *next < g->candidates && g->probe[g->candidate[*next].probe].query == query; ++*next) {
		const struct candidate *c = &g->candidate[*next];
		const struct probe *p = &g->probe[c->probe];
		struct table_hit hit = { .exact = p->exact };
		hit.n = image_match(v->level[c->level], c->first, c->run, p->tag, &p->key, &hit.key, &hit.claims);
		if (hit.n)
			ret_hits->hit[ret_hits->n++] = hit;
	}
	nest_put(&g->nest, v, query, ret_hits);
}

static void begin(struct group *g)
{
	g->n = g->queries = 0;
	nest_begin(&g->nest);
}

static void run(const struct table_view *v, struct group *g)
{
	nest_run(&g->nest, v);
	pass_directory(v, g);
	pass_index(v, g);
}

void table_lookup(const struct table_view *v, const struct table_key *k, struct table_hits *ret_hits)
{
	struct group g;
	unsigned next = 0;
	begin(&g);
	expand(v, &g, k);
	run(v, &g);
	pass_records(v, &g, &next, 0, ret_hits);
}

void table_lookup_batch(const struct table_view *v, const struct table_key *k, size_t n, table_visit *visit, void *ctx)
{
	struct group g;
	struct table_hits hits;
	for (size_t i = 0; i < n;) {
		size_t ahead = n - i < GROUP_QUERIES ? n - i : GROUP_QUERIES;
		unsigned next = 0;
		begin(&g);
		while (g.queries < ahead && g.n < GROUP_PROBES)
			expand(v, &g, &k[i + g.queries]);
		run(v, &g);
		for (unsigned q = 0; q < g.queries; q++) {
			pass_records(v, &g, &next, q, &hits);
			visit(ctx, i + q, &hits);
		}
		i += g.queries;
	}
}
