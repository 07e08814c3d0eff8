/* What concerns an observable is said by table/lookup.c and reputation.c.  Here each key leaves a trace of what it shares with all
 * that it concerns, and an observable is let through when there is such a trace:
 *
 *   IPv4      a bit for each of 2^b ranges of addresses that the key touches.  What covers an address or prefix touches the range
 *             of its first address.
 *   names     the last two labels.  A listed name concerns itself and what is below it; a parent has two labels or more: they
 *             share them.  Then, to tell names of one large domain apart, the last three labels, or the two when the key has no more.
 *   IPv6      the first 32 bits, then the first 48 or, of shorter prefixes, the 32 once more.  Prefixes below 32: a bit for each of
 *             2^16 ranges.
 *   URLs      what stands behind "://" up to the next "/".  A URL shares it with its folders, with itself without its query, and
 *             with itself under another scheme.  Its host is asked about as a name or address.
 *   e-mail    the address, and its domain as a name
 *   others    the key
 *
 * A trace is three bits of one word of a Bloom filter, chosen by a hash under the table's secret seed.  Whoever could make traces
 * meet would make the table be asked, as without a sieve.  `coarse` is what everything is held against first; `fine` has the
 * second trace of names and of IPv6.
 *
 * A group of observables goes through in two passes: the first asks the memory for what the second reads. */
#include "view/sieve.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "codec/domain.h"
#include "table/walk.h"

enum {
	RANGE_BITS_MIN = 13, RANGE_BITS_MAX = 24, /* a /24 each, 2 MiB */
	RANGES_PER_KEY = 8,
	COARSE_PER_KEY = 16, FINE_PER_KEY = 8,
	FILTER_BITS_MIN = 13, COARSE_BITS_MAX = 27, FINE_BITS_MAX = 26, /* 16 MiB, 8 MiB */
	AHEAD = 64, /* traces on their way, when it is made: a power of two */
	GROUP = 64,
};

struct filter {
	uint64_t *word;
	unsigned bits, shift; /* 2^bits bits; the word is the upper bits of the hash */
};

struct sieve {
	struct siphash_seed seed;
	uint64_t *ranges; /* of IPv4 */
	unsigned range_bits;
	uint64_t short6[1 << 10];
	struct filter coarse, fine;
};

/* ---- hash ---- */

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t w;
	memcpy(&w, p, 8);
	return w;
}

static inline uint64_t load32(const uint8_t *p)
{
	uint32_t w;
	memcpy(&w, p, 4);
	return w;
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Sixteen octets a multiplication.  Not SipHash: a collision costs a lookup, no more. */
static inline uint64_t hash(const struct sieve *s, uint8_t kind, const uint8_t *p, size_t n)
{
	uint64_t h = s->seed.k0 ^ (uint64_t)kind << 32 ^ n, a, b;
	size_t left = n;
	for (; left > 16; p += 16, left -= 16)
		h = fold(load64(p) ^ s->seed.k1, load64(p + 8) ^ h);
	if (left >= 8) {
		a = load64(p), b = load64(p + left - 8);
	} else if (left >= 4) {
		a = load32(p), b = load32(p + left - 4);
	} else {
		a = left ? (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1] : 0, b = 0;
	}
	return fold(fold(a ^ s->seed.k1, b ^ h), 0x9e3779b97f4a7c15ULL);
}

/* ---- traces ---- */

struct trace {
	uint64_t *word, bits;
};

static inline struct trace trace_of(const struct filter *f, uint64_t h)
{
	return (struct trace){ f->word + (h >> f->shift), 1ULL << (h & 63) | 1ULL << (h >> 6 & 63) | 1ULL << (h >> 12 & 63) };
}

static inline bool is_there(struct trace t)
{
	return (*t.word & t.bits) == t.bits;
}

/* Where there is room for large pages, in them: their places are asked for at random. */
static void *zeros(size_t n)
{
	enum { LARGE = 2 << 20 };
	if (n < LARGE)
		return mem_zalloc(n);
	void *p = aligned_alloc(LARGE, n); /* a power of two */
	if (!p)
		abort(); /* as mem_zalloc() */
	(void)madvise(p, n, MADV_HUGEPAGE);
	return memset(p, 0, n);
}

static void filter_init(struct filter *f, uint64_t keys, unsigned per_key, unsigned bits_max)
{
	f->bits = FILTER_BITS_MIN;
	while (f->bits < bits_max && 1ULL << f->bits < keys * per_key)
		f->bits++;
	f->shift = 64 - (f->bits - 6);
	f->word = zeros((size_t)1 << (f->bits - 3));
}

/* ---- what is traced ---- */

/* A bit at the top of each octet that is a dot, the first octet lowest. */
static inline uint64_t dots_of(const uint8_t *p)
{
	uint64_t w = load64(p);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	w ^= 0x2e2e2e2e2e2e2e2eULL;
	return ~(((w & 0x7f7f7f7f7f7f7f7fULL) + 0x7f7f7f7f7f7f7f7fULL) | w | 0x7f7f7f7f7f7f7f7fULL);
}

/* Where the last two labels of a name begin, and with `three` where the last three do; 0 when it has no more. */
struct tails { size_t two, three; };

static inline struct tails tails_of(const uint8_t *p, size_t n, bool three)
{
	struct tails t = { 0, 0 };
	unsigned seen = 0;
	for (size_t end = n, from; end; end = from) {
		uint64_t dots = 0;
		from = end >= 8 ? end - 8 : 0;
		if (n >= 8)
			dots = dots_of(p + from);
		else
			for (size_t i = 0; i < n; i++)
				dots |= p[i] == '.' ? 0x80ULL << 8 * i : 0;
		if (n >= 8 && end < 8) /* the others were looked at by now */
			dots &= (1ULL << 8 * end) - 1;
		while (dots) {
			unsigned top = 63 - (unsigned)__builtin_clzll(dots);
			size_t behind = from + top / 8 + 1;
			dots ^= 1ULL << top;
			if (++seen == 2) {
				t.two = behind;
				if (!three)
					return t;
			} else if (seen == 3) {
				t.three = behind;
				return t;
			}
		}
	}
	return t;
}

/* What a URL has in common with all that concerns it. */
static struct span authority(const uint8_t *p, size_t n)
{
	struct span all = span_of(p, n), rest = span_from(all, span_find(all, ':') + 3);
	return span_head(rest, span_find(rest, '/'));
}

static inline uint64_t hash_from(const struct sieve *s, const uint8_t *p, size_t n, size_t from)
{
	return hash(s, OBS_DOMAIN, p + from, n - from);
}

static inline bool is_ip6(uint8_t kind, size_t n)
{
	return (kind == OBS_IPV6 || kind == OBS_CIDR6) && n == 16;
}

/* ---- making ---- */

struct making {
	struct sieve *s;
	struct trace ahead[AHEAD];
	unsigned n;
};

/* The words are asked for, and written when AHEAD more have been. */
static inline void put(struct making *m, const struct filter *f, uint64_t h)
{
	struct trace *t = &m->ahead[m->n++ % AHEAD];
	*t->word |= t->bits;
	*t = trace_of(f, h);
	__builtin_prefetch(t->word, 1);
}

static void set_bits(uint64_t *word, uint64_t from, uint64_t n)
{
	for (; n && from % 64; from++, n--)
		word[from / 64] |= 1ULL << from % 64;
	for (; n >= 64; from += 64, n -= 64)
		word[from / 64] = ~0ULL;
	for (; n; from++, n--)
		word[from / 64] |= 1ULL << from % 64;
}

static void add_ip4(struct sieve *s, uint32_t addr, unsigned rank)
{
	uint32_t first = addr >> (32 - s->range_bits);
	if (rank >= s->range_bits)
		s->ranges[first / 64] |= 1ULL << first % 64;
	else
		set_bits(s->ranges, first, 1ULL << (s->range_bits - rank));
}

static void add_ip6(struct making *m, const struct table_key *k)
{
	unsigned length = k->kind == OBS_IPV6 ? 128 : k->prefix, first = (unsigned)k->p[0] << 8 | k->p[1];
	if (length < 32) {
		unsigned n = length >= 16 ? 1 : 1u << (16 - length);
		set_bits(m->s->short6, first & ~(n - 1), n);
		return;
	}
	put(m, &m->s->coarse, hash(m->s, OBS_IPV6, k->p, 4));
	put(m, &m->s->fine, hash(m->s, OBS_IPV6, k->p, length < 48 ? 4 : 6));
}

static void add_key(void *ctx, const struct table_key *k)
{
	struct making *m = ctx;
	struct sieve *s = m->s;
	int rank = table_key_rank(k);
	if (rank >= 0) {
		add_ip4(s, table_key_address(k), (unsigned)rank);
	} else if (k->kind == OBS_DOMAIN) {
		struct tails t = tails_of(k->p, k->n, true);
		put(m, &s->coarse, hash_from(s, k->p, k->n, t.two));
		put(m, &s->fine, hash_from(s, k->p, k->n, t.three));
	} else if (k->kind == OBS_URL) {
		struct span a = authority(k->p, k->n);
		put(m, &s->coarse, hash(s, OBS_URL, a.p, a.n));
	} else if (is_ip6(k->kind, k->n)) {
		add_ip6(m, k);
	} else {
		put(m, &s->coarse, hash(s, k->kind, k->p, k->n));
	}
}

struct sieve *sieve_new(const struct table_view *v)
{
	struct sieve *s = mem_zalloc(sizeof(*s));
	struct making m = { .s = s };
	struct walk_count count;
	uint64_t nowhere = 0;
	walk_count(v, &count);
	s->seed = v->seed;
	s->range_bits = RANGE_BITS_MIN;
	while (s->range_bits < RANGE_BITS_MAX && 1ULL << s->range_bits < count.addresses * RANGES_PER_KEY)
		s->range_bits++;
	s->ranges = zeros((size_t)1 << (s->range_bits - 3));
	filter_init(&s->coarse, count.others, COARSE_PER_KEY, COARSE_BITS_MAX);
	filter_init(&s->fine, count.others, FINE_PER_KEY, FINE_BITS_MAX);
	for (unsigned i = 0; i < AHEAD; i++)
		m.ahead[i].word = &nowhere;
	walk_keys(v, add_key, &m);
	for (unsigned i = 0; i < AHEAD; i++)
		*m.ahead[i].word |= m.ahead[i].bits;
	return s;
}

void sieve_free(struct sieve *s)
{
	if (!s)
		return;
	free(s->ranges);
	free(s->coarse.word);
	free(s->fine.word);
	free(s);
}

size_t sieve_octets(const struct sieve *s)
{
	return sizeof(*s) + ((size_t)1 << (s->range_bits - 3)) + ((size_t)1 << (s->coarse.bits - 3)) + ((size_t)1 << (s->fine.bits - 3));
}

/* ---- asking ---- */

struct question {
	struct trace trace;
	const uint8_t *p; /* what has a second trace, or NULL */
	uint16_t n;
	uint8_t kind, owner;
};

struct asking {
	const struct sieve *s;
	uint64_t pass;
	unsigned n;
	struct question q[2 * GROUP]; /* an observable and its host */
};

static inline void ask(struct asking *a, size_t owner, struct trace t)
{
	__builtin_prefetch(t.word);
	a->q[a->n++] = (struct question){ .trace = t, .owner = (uint8_t)owner };
}

/* Of a name, or of IPv6. */
static inline void ask_twice(struct asking *a, size_t owner, uint64_t coarse, uint8_t kind, struct span text)
{
	struct trace t = trace_of(&a->s->coarse, coarse);
	__builtin_prefetch(t.word);
	a->q[a->n++] = (struct question){ .trace = t, .p = text.p, .n = (uint16_t)text.n, .kind = kind, .owner = (uint8_t)owner };
}

static inline void ask_name(struct asking *a, size_t owner, struct span name)
{
	struct tails t = tails_of(name.p, name.n, false);
	ask_twice(a, owner, hash_from(a->s, name.p, name.n, t.two), OBS_DOMAIN, name);
}

static bool is_fine(const struct sieve *s, const struct question *q)
{
	uint64_t two, three;
	if (q->kind == OBS_DOMAIN) {
		struct tails t = tails_of(q->p, q->n, true);
		two = hash_from(s, q->p, q->n, t.two), three = hash_from(s, q->p, q->n, t.three);
	} else {
		two = hash(s, OBS_IPV6, q->p, 4), three = hash(s, OBS_IPV6, q->p, 6);
	}
	return is_there(trace_of(&s->fine, two)) || is_there(trace_of(&s->fine, three));
}

static inline struct trace range_of(const struct sieve *s, uint32_t addr)
{
	uint32_t bit = addr >> (32 - s->range_bits);
	return (struct trace){ s->ranges + bit / 64, 1ULL << bit % 64 };
}

static inline bool is_short6(const struct sieve *s, const uint8_t *p)
{
	unsigned bit = (unsigned)p[0] << 8 | p[1];
	return s->short6[bit / 64] >> bit % 64 & 1;
}

/* The host, which is written as `text`: nearly always a name that is its own key.  Of another one the key does not stay, so it
 * is asked about at once. */
static void ask_host(struct asking *a, size_t owner, const struct observable *o, struct span text)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable host;
	if (domain_plain(text))
		ask_name(a, owner, text);
	else if (obs_host(o, store, &host) == OK && sieve_pass(a->s, &host, 1))
		a->pass |= 1ULL << owner;
}

static void ask_url(struct asking *a, size_t owner, const struct observable *o)
{
	struct span where = authority(o->key, o->n);
	ask_host(a, owner, o, span_head(where, span_find(where, ':')));
	ask(a, owner, trace_of(&a->s->coarse, hash(a->s, OBS_URL, where.p, where.n)));
}

static void ask_email(struct asking *a, size_t owner, const struct observable *o)
{
	struct span text = span_of(o->key, o->n);
	ask_host(a, owner, o, span_from(text, span_find(text, '@') + 1));
	ask(a, owner, trace_of(&a->s->coarse, hash(a->s, OBS_EMAIL, text.p, text.n)));
}

static void ask_ip6(struct asking *a, size_t owner, const struct observable *o)
{
	if (is_short6(a->s, o->key))
		a->pass |= 1ULL << owner;
	else
		ask_twice(a, owner, hash(a->s, OBS_IPV6, o->key, 4), OBS_IPV6, span_of(o->key, o->n));
}

static inline void ask_one(struct asking *a, size_t owner, const struct observable *o)
{
	const struct sieve *s = a->s;
	struct table_key k = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	if (o->kind == OBS_DOMAIN)
		ask_name(a, owner, span_of(o->key, o->n));
	else if (table_key_rank(&k) >= 0)
		ask(a, owner, range_of(s, table_key_address(&k)));
	else if (o->kind == OBS_URL)
		ask_url(a, owner, o);
	else if (o->kind == OBS_EMAIL)
		ask_email(a, owner, o);
	else if (is_ip6(o->kind, o->n))
		ask_ip6(a, owner, o);
	else if (o->kind != OBS_NONE)
		ask(a, owner, trace_of(&s->coarse, hash(s, o->kind, o->key, o->n)));
}

uint64_t sieve_pass(const struct sieve *s, const struct observable *o, size_t n)
{
	struct asking a;
	a.s = s;
	a.pass = a.n = 0;
	for (size_t i = 0; i < n; i++)
		ask_one(&a, i, &o[i]);
	for (const struct question *q = a.q, *end = q + a.n; q < end; q++)
		if (UNLIKELY(is_there(q->trace)) && (!q->p || is_fine(s, q)))
			a.pass |= 1ULL << q->owner;
	return a.pass;
}
