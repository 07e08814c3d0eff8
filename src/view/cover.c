/* An IPv4 address counts as the IPv6 address that it is mapped to (::ffff:a.b.c.d), so that there is one order.  Intervals of
 * prefixes nest or are apart; only the outermost are kept, and then the last one that does not begin behind the end of
 * what is asked overlaps it, or none does.
 *
 * A slot of the hash table stands for a name that is protected or has a protected one below it.  It keeps no text: an entry
 * whose name ends in it has the octets.  Most names that are asked about are in none: a bit of their hash says so, in a map that stays
 * in a near cache where the slots do not. */
#include "view/cover.h"

#include <stdlib.h>

#include "base/buf.h"

typedef unsigned __int128 address; /* in the order of IPv6 */

struct entry {
	uint32_t at, who; /* at: octets / 4 */
	uint16_t n;
	uint8_t kind, prefix, covers;
};

struct interval {
	address first, last;
	uint32_t entry;
};

/* Numbers of entries, plus one; 0: none. */
struct slot {
	uint32_t tag, self, below, under;
};

struct cover {
	struct siphash_seed seed;
	struct entry *entries;
	size_t n, room;
	struct buf octets;
	struct interval *intervals;
	size_t n_intervals;
	struct slot *slots;
	size_t mask, names;
	uint64_t *filter;
	unsigned filter_shift; /* the upper bits of a hash are the number of its bit */
};

enum { FILTER_BITS = 16 /* for each name */ };

struct cover *cover_new(struct siphash_seed seed)
{
	struct cover *c = mem_zalloc(sizeof(*c));
	c->seed = seed;
	return c;
}

void cover_free(struct cover *c)
{
	if (!c)
		return;
	free(c->entries);
	free(c->intervals);
	free(c->slots);
	free(c->filter);
	buf_release(&c->octets);
	free(c);
}

static bool is_address(const struct table_key *k)
{
	return (k->kind == OBS_IPV4 || k->kind == OBS_CIDR4) ? k->n == 4 && k->prefix <= 32 :
	       (k->kind == OBS_IPV6 || k->kind == OBS_CIDR6) ? k->n == 16 && k->prefix <= 128 : false;
}

bool cover_add(struct cover *c, const struct table_key *k, unsigned covers, uint32_t who)
{
	if (!is_address(k) && (k->kind != OBS_DOMAIN || k->n == 0))
		return true;
	if (c->n == COVER_KEYS_MAX)
		return false;
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 64;
		c->entries = mem_realloc(c->entries, c->room * sizeof(*c->entries));
	}
	c->entries[c->n++] = (struct entry){ .at = (uint32_t)(c->octets.n / 4), .who = who, .n = k->n, .kind = k->kind, .prefix = k->prefix,
					     .covers = (uint8_t)covers };
	buf_put(&c->octets, k->p, k->n);
	while (c->octets.n % 4)
		buf_putc(&c->octets, 0);
	return true;
}

size_t cover_count(const struct cover *c)
{
	return c->n;
}

static struct table_key key_at(const struct cover *c, size_t i)
{
	const struct entry *e = &c->entries[i];
	return (struct table_key){ .kind = e->kind, .prefix = e->prefix, .n = e->n, .p = c->octets.p + (size_t)e->at * 4 };
}

static struct interval interval_of(const struct table_key *k)
{
	address a = 0;
	unsigned bits = k->n * 8;
	for (unsigned i = 0; i < k->n; i++)
		a = a << 8 | k->p[i];
	if (k->n == 4)
		a |= (address)0xffff << 32;
	unsigned length = k->kind == OBS_IPV4 || k->kind == OBS_IPV6 ? bits : k->prefix, host = bits - length;
	address in = host >= 128 ? ~(address)0 : ((address)1 << host) - 1;
	return (struct interval){ .first = a & ~in, .last = a | in };
}

/* By their beginning, the wider one first. */
static int compare(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static void lay_out(struct cover *c)
{
	size_t n = 0, kept = 0;
	for (size_t i = 0; i < c->n; i++)
		n += c->entries[i].kind != OBS_DOMAIN;
	struct interval *v = c->intervals = mem_alloc((n + 1) * sizeof(*v));
	n = 0;
	for (size_t i = 0; i < c->n; i++) {
		struct table_key k = key_at(c, i);
		if (k.kind == OBS_DOMAIN)
			continue;
		v[n] = interval_of(&k);
		v[n++].entry = (uint32_t)i;
	}
	qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || v[i].first > v[kept - 1].last)
			v[kept++] = v[i];
	c->n_intervals = kept;
}

/* The octets of the entry's name end in `name`, as its own or a parent's. */
static bool ends_in(const struct cover *c, uint32_t entry, struct span name)
{
	struct table_key k = key_at(c, entry);
	return k.n >= name.n && memcmp(k.p + k.n - name.n, name.p, name.n) == 0 && (k.n == name.n || k.p[k.n - name.n - 1] == '.');
}

static uint32_t any_of(const struct slot *s)
{
	return (s->self ? s->self : s->below ? s->below : s->under) - 1;
}

static uint64_t hash_of(struct siphash_seed seed, struct span name)
{
	return siphash13(seed, name.p, name.n);
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1; /* 0: free */
}

static inline bool in_filter(const struct cover *c, uint64_t hash)
{
	uint64_t n = hash >> c->filter_shift;
	return c->filter[n >> 6] >> (n & 63) & 1;
}

static void put_in_filter(struct cover *c, uint64_t hash)
{
	uint64_t n = hash >> c->filter_shift;
	c->filter[n >> 6] |= 1ULL << (n & 63);
}

/* The slot of a name, or the free one where it would be. */
static struct slot *slot_of(const struct cover *c, struct span name, uint64_t hash)
{
	uint32_t tag = tag_of(hash);
	for (size_t i = hash & c->mask;; i = (i + 1) & c->mask) {
		struct slot *s = &c->slots[i];
		if (s->tag == 0 || (s->tag == tag && ends_in(c, any_of(s), name)))
			return s;
	}
}

/* NULL: the name is not there. */
static const struct slot *find_slot(const struct cover *c, struct span name, uint64_t hash)
{
	if (LIKELY(!in_filter(c, hash)))
		return NULL;
	const struct slot *s = slot_of(c, name, hash);
	return s->tag ? s : NULL;
}

static void set(struct slot *s, uint32_t *which, uint32_t entry, uint32_t tag)
{
	s->tag = tag;
	if (!*which)
		*which = entry + 1;
}

/* Without the first label; empty: there is none. */
static struct span parent_of(struct span name)
{
	return span_from(name, span_find(name, '.') + 1);
}

static void enter(struct cover *c, uint32_t entry)
{
	const struct table_key k = key_at(c, entry);
	struct span name = span_of(k.p, k.n);
	for (bool own = true; name.n; own = false, name = parent_of(name)) {
		if (!own && span_find(name, '.') == name.n)
			return; /* names of one label are protected by what they are */
		uint64_t hash = hash_of(c->seed, name);
		struct slot *s = slot_of(c, name, hash);
		uint32_t tag = tag_of(hash);
		put_in_filter(c, hash);
		if (!own)
			set(s, &s->under, entry, tag);
		if (own && c->entries[entry].covers & COVER_SELF)
			set(s, &s->self, entry, tag);
		if (own && c->entries[entry].covers & COVER_BELOW)
			set(s, &s->below, entry, tag);
	}
}

static void index_names(struct cover *c)
{
	size_t names = 0, room = 16;
	unsigned filter_bits = 6;
	for (size_t i = 0; i < c->n; i++) {
		struct table_key k = key_at(c, i);
		for (size_t j = 0; k.kind == OBS_DOMAIN && j < k.n; j++)
			names += k.p[j] == '.';
		names += k.kind == OBS_DOMAIN;
	}
	while (room < 2 * names)
		room *= 2;
	while (1ULL << filter_bits < FILTER_BITS * names)
		filter_bits++;
	c->names = names;
	c->slots = mem_zalloc(room * sizeof(*c->slots));
	c->mask = room - 1;
	c->filter = mem_zalloc((size_t)1 << (filter_bits - 3));
	c->filter_shift = 64 - filter_bits;
	for (size_t i = 0; i < c->n; i++)
		if (c->entries[i].kind == OBS_DOMAIN)
			enter(c, (uint32_t)i);
}

void cover_ready(struct cover *c)
{
	lay_out(c);
	index_names(c);
}

static bool answer(const struct cover *c, size_t entry, enum cover_how how, struct cover_hit *ret_hit)
{
	*ret_hit = (struct cover_hit){ .how = how, .who = c->entries[entry].who, .key = key_at(c, entry) };
	return true;
}

static enum cover_how relation(const struct interval *theirs, const struct interval *asked)
{
	if (theirs->first == asked->first && theirs->last == asked->last)
		return COVER_IS;
	return theirs->first <= asked->first && theirs->last >= asked->last ? COVER_IN : COVER_OVER;
}

static bool find_address(const struct cover *c, const struct table_key *k, struct cover_hit *ret_hit)
{
	struct interval asked = interval_of(k);
	size_t low = 0;
	for (size_t n = c->n_intervals; n;) { /* `low` of them do not begin behind the end of what is asked */
		size_t half = n / 2;
		bool there = c->intervals[low + half].first <= asked.last;
		low += there ? half + 1 : 0;
		n = there ? n - half - 1 : half;
	}
	if (low == 0 || c->intervals[low - 1].last < asked.first)
		return false;
	return answer(c, c->intervals[low - 1].entry, relation(&c->intervals[low - 1], &asked), ret_hit);
}

static bool find_name(const struct cover *c, const struct cover_query *q, struct cover_hit *ret_hit)
{
	struct span name = span_of(q->key->p, q->key->n);
	const struct slot *s = find_slot(c, name, q->hash[0]);
	if (s && s->self)
		return answer(c, s->self - 1, COVER_IS, ret_hit);
	uint32_t taken = s ? s->below ? s->below : s->under : 0;
	for (unsigned i = 1; i < q->n; i++) {
		s = find_slot(c, span_from(name, q->at[i]), q->hash[i]);
		if (s && s->below)
			return answer(c, s->below - 1, COVER_IN, ret_hit);
	}
	return taken && answer(c, taken - 1, COVER_OVER, ret_hit);
}

void cover_ask(struct siphash_seed seed, const struct table_key *k, struct cover_query *ret_query)
{
	ret_query->key = k;
	ret_query->n = 0;
	if (k->kind != OBS_DOMAIN)
		return;
	struct span whole = span_of(k->p, k->n);
	for (struct span name = whole; name.n && ret_query->n < COVER_LABELS_MAX; name = parent_of(name)) {
		if (ret_query->n && !memchr(name.p, '.', name.n))
			return; /* no cover knows one label as a parent */
		ret_query->at[ret_query->n] = (uint16_t)(whole.n - name.n);
		ret_query->hash[ret_query->n++] = hash_of(seed, name);
	}
}

bool cover_find(const struct cover *c, const struct cover_query *q, struct cover_hit *ret_hit)
{
	if (q->n)
		return c->names && find_name(c, q, ret_hit);
	return c->n_intervals && is_address(q->key) && find_address(c, q->key, ret_hit);
}

static bool is_below(const struct table_key *name, const struct table_key *parent)
{
	return name->n > parent->n && name->p[name->n - parent->n - 1] == '.' && memcmp(name->p + name->n - parent->n, parent->p, parent->n) == 0;
}

/* Entry `i` and what is asked, both addresses or both names. */
static bool meets(const struct cover *c, size_t i, const struct table_key *asked, enum cover_how *ret_how)
{
	struct table_key k = key_at(c, i);
	if (k.kind != OBS_DOMAIN) {
		struct interval a = interval_of(&k), b = interval_of(asked);
		*ret_how = relation(&a, &b);
		return a.first <= b.last && b.first <= a.last;
	}
	bool same = k.n == asked->n && memcmp(k.p, asked->p, k.n) == 0;
	*ret_how = same && c->entries[i].covers & COVER_SELF ? COVER_IS : is_below(asked, &k) ? COVER_IN : COVER_OVER;
	return same || is_below(&k, asked) || (*ret_how == COVER_IN && c->entries[i].covers & COVER_BELOW);
}

void cover_each(const struct cover *c, const struct table_key *k, cover_visit *visit, void *ctx)
{
	bool network = is_address(k);
	for (size_t i = 0; i < c->n && (network || k->kind == OBS_DOMAIN); i++) {
		struct cover_hit hit;
		if ((c->entries[i].kind != OBS_DOMAIN) == network && meets(c, i, k, &hit.how)) {
			hit.who = c->entries[i].who;
			hit.key = key_at(c, i);
			visit(ctx, &hit);
		}
	}
}
