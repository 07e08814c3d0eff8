/* The reputation table in one process: what a claim costs to add, what a key costs in memory and to look up.
 *
 * The limit stands in the same run: an open-addressing table of the hashes of the same keys, half full, probed once
 * for each query in groups of 32 with prefetch.  It knows no text, no claims, no prefixes and no parents, so that
 * nothing that answers the question can be as fast.  Beside names stands what rbldnsd does: a binary search over the names, the last octet
 * first, for the name and for each parent.  table_bench [KEYS] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "codec/observable.h"
#include "table/table.h"

enum { RUNS = 7, PREFIXES = 10000, GROUP = 32 };

static const struct siphash_seed seed = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

struct keys {
	struct table_key *key;
	size_t n;
	struct buf octets;
};

static uint64_t random_state = 1;

static uint64_t random64(void)
{
	random_state += 0x9e3779b97f4a7c15;
	uint64_t z = (random_state ^ random_state >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void add_key(struct keys *k, uint8_t kind, uint8_t prefix, const void *p, size_t n)
{
	k->key[k->n++] = (struct table_key){ kind, prefix, (uint16_t)n, (const uint8_t *)k->octets.n };
	buf_put(&k->octets, p, n);
}

/* The key number `i`, the same each time: two in five addresses, two domains, one SHA-256. */
static void make_key(struct keys *k, uint64_t i)
{
	uint64_t saved = random_state, r[4];
	char name[64];
	random_state = i * 0x2545f4914f6cdd1d;
	for (unsigned j = 0; j < 4; j++)
		r[j] = random64();
	switch (i % 5) {
	case 0:
	case 1:
		add_key(k, OBS_IPV4, 0, r, 4);
		break;
	case 2:
		add_key(k, OBS_DOMAIN, 0, name,
			(size_t)snprintf(name, sizeof(name), "%llx.example", (unsigned long long)r[0] >> 24));
		break;
	case 3:
		add_key(k, OBS_DOMAIN, 0, name,
			(size_t)snprintf(name, sizeof(name), "www.%llx.example", (unsigned long long)r[0] >> 28));
		break;
	default:
		add_key(k, OBS_SHA256, 0, r, 32);
	}
	random_state = saved;
}

static void settle(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		k->key[i].p = k->octets.p + (uintptr_t)k->key[i].p;
}

static void release(struct keys *k)
{
	free(k->key);
	buf_release(&k->octets);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *v)
{
	qsort(v, RUNS, sizeof(*v), by_value);
	return v[RUNS / 2];
}

static void must(enum err e, const struct fault *f)
{
	if (e) {
		fprintf(stderr, "table_bench: %s\n", f->text);
		exit(1);
	}
}

static struct image *image_of(const struct keys *k, double *ret_add_ns, double *ret_finish_ns)
{
	struct fault f;
	struct image *m;
	struct batch *b = batch_new(seed, "/tmp", (size_t)4 << 30);
	uint64_t start = clock_mono_ns();
	for (size_t i = 0; i < k->n; i++) {
		struct claim c = { .entry = 1, .source = (uint16_t)(i % 7), .seen = (uint32_t)i, .flags = CLAIM_FIRST };
		must(batch_add(b, &k->key[i], &c, &f), &f);
	}
	must(batch_stamp(b, 1, 0, &f), &f);
	uint64_t added = clock_mono_ns();
	must(batch_finish(b, NULL, &m, NULL, &f), &f);
	*ret_add_ns = (double)(added - start) / (double)k->n;
	*ret_finish_ns = (double)(clock_mono_ns() - added) / (double)k->n;
	batch_free(b);
	return m;
}

/* The limit. */
struct bare {
	uint64_t *slot;
	size_t mask;
};

static void bare_fill(struct bare *b, const struct keys *k)
{
	size_t size = 1;
	while (size < 2 * k->n)
		size *= 2;
	*b = (struct bare){ mem_zalloc(size * sizeof(uint64_t)), size - 1 };
	for (size_t i = 0; i < k->n; i++) {
		uint64_t h = table_hash(seed, &k->key[i]);
		size_t s = h & b->mask;
		while (b->slot[s] && b->slot[s] != h)
			s = (s + 1) & b->mask;
		b->slot[s] = h;
	}
}

static uint64_t bare_probe(const struct bare *b, const struct keys *q)
{
	uint64_t hits = 0, h[GROUP];
	for (size_t i = 0; i < q->n; i += GROUP) {
		size_t n = q->n - i < GROUP ? q->n - i : GROUP;
		for (size_t j = 0; j < n; j++) {
			h[j] = table_hash(seed, &q->key[i + j]);
			__builtin_prefetch(&b->slot[h[j] & b->mask]);
		}
		for (size_t j = 0; j < n; j++) {
			size_t s = h[j] & b->mask;
			while (b->slot[s] && b->slot[s] != h[j])
				s = (s + 1) & b->mask;
			hits += b->slot[s] == h[j];
		}
	}
	return hits;
}

/* The peer of names: pointers to the number of octets (one) and the octets from the last to the first, in order. */
struct reversed {
	const uint8_t **name;
	size_t n;
	struct buf octets;
};

static void reverse(const struct table_key *k, uint8_t *to)
{
	*to++ = (uint8_t)k->n;
	for (unsigned i = k->n; i-- > 0;)
		*to++ = k->p[i];
}

static int by_octets(const uint8_t *a, const uint8_t *b)
{
	int order = memcmp(a + 1, b + 1, *a < *b ? *a : *b);
	return order ? order : *a - *b;
}

static int by_name(const void *a, const void *b)
{
	return by_octets(*(const uint8_t *const *)a, *(const uint8_t *const *)b);
}

static struct reversed reversed_of(const struct keys *k)
{
	struct reversed r = { .name = mem_alloc(k->n * sizeof(*r.name)) };
	uint8_t *to = buf_reserve(&r.octets, k->octets.n + k->n);
	for (size_t i = 0; i < k->n; i++)
		if (k->key[i].kind == OBS_DOMAIN) {
			reverse(&k->key[i], to);
			r.name[r.n++] = to;
			to += 1 + *to;
		}
	qsort(r.name, r.n, sizeof(*r.name), by_name);
	return r;
}

static bool reversed_has(const struct reversed *r, const uint8_t *name)
{
	size_t low = 0, n = r->n; /* the first that is not before `name` */
	while (n) {
		size_t half = n / 2;
		bool before = by_octets(r->name[low + half], name) < 0;
		low = before ? low + half + 1 : low;
		n = before ? n - half - 1 : half;
	}
	return low < r->n && by_octets(r->name[low], name) == 0;
}

static uint64_t reversed_look(const struct reversed *r, const struct keys *q)
{
	uint64_t hits = 0;
	for (size_t i = 0; i < q->n; i++) {
		uint8_t name[256];
		bool found = false;
		unsigned labels = 0;
		reverse(&q->key[i], name);
		for (unsigned k = 1, end = *name; k <= end; k++)
			if ((k == end || name[k + 1] == '.') && ++labels >= 2) {
				*name = (uint8_t)k;
				found |= reversed_has(r, name);
			}
		hits += found;
	}
	return hits;
}

/* What a steady stream costs: claims on new keys, `each` in an image of their own, merges and waiting for readers included. */
static void stream(struct table *t, uint64_t from, size_t n, size_t each)
{
	struct fault f;
	struct timespec begin, end;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (size_t i = 0; i < n; i += each) {
		struct batch *b = batch_new(seed, "/tmp", (size_t)1 << 30);
		struct keys k = { .key = mem_alloc(each * sizeof(*k.key)) };
		struct image *m;
		for (size_t j = 0; j < each; j++)
			make_key(&k, from + i + j);
		settle(&k);
		for (size_t j = 0; j < each; j++) {
			struct claim c = { .entry = 2, .source = 1, .seen = 1, .flags = CLAIM_FIRST };
			must(batch_add(b, &k.key[j], &c, &f), &f);
		}
		must(batch_stamp(b, 2, 0, &f), &f);
		must(batch_finish(b, NULL, &m, NULL, &f), &f);
		must(table_push(t, m, NULL, NULL, NULL, NULL, &f), &f);
		batch_free(b);
		release(&k);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	printf("a stream of %zu claims, %zu at a time: %.2f us of processor time a claim\n", n, each,
	       ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / (double)n / 1e3);
}

struct sum {
	uint64_t hits, seen;
};

static void touch(void *ctx, size_t i, const struct table_hits *hits)
{
	struct sum *s = ctx;
	(void)i;
	s->hits += hits->n > 0;
	for (unsigned j = 0; j < hits->n; j++)
		s->seen += hits->hit[j].claims[0].seen;
}

static double rate(size_t n, uint64_t start)
{
	return (double)n / (double)(clock_mono_ns() - start) * 1e3;
}

/* @param names  NULL, or the peer to ask too */
static void lookups(const char *what, struct table *t, const struct bare *bare, const struct reversed *names, const struct keys *q)
{
	double batched[RUNS], single[RUNS], limit[RUNS], searched[RUNS];
	struct sum sum = { 0 };
	struct table_hits hits;
	for (unsigned run = 0; run < RUNS; run++) {
		const struct table_view *v = table_enter(t);
		uint64_t start = clock_mono_ns();
		sum.hits = 0;
		table_lookup_batch(v, q->key, q->n, touch, &sum);
		batched[run] = rate(q->n, start);
		start = clock_mono_ns();
		for (size_t i = 0; i < q->n; i++) {
			table_lookup(v, &q->key[i], &hits);
			touch(&sum, i, &hits);
		}
		single[run] = rate(q->n, start);
		start = clock_mono_ns();
		sum.seen += bare_probe(bare, q);
		limit[run] = rate(q->n, start);
		start = clock_mono_ns();
		if (names && reversed_look(names, q) * 2 != sum.hits) {
			fprintf(stderr, "table_bench: table and binary search do not agree\n");
			exit(1);
		}
		searched[run] = rate(q->n, start);
		table_leave(t);
	}
	double b = median(batched), s = median(single), l = median(limit);
	printf("%-28s batched %6.2f M/s   single %6.2f M/s   limit %6.2f M/s   batched/limit %.2f   hits %.0f %%%s\n",
	       what, b, s, l, b / l, 50.0 * (double)sum.hits / (double)q->n, sum.seen == 0 ? " " : "");
	if (names)
		printf("%28s binary search %.2f M/s: batched %.1f, single %.1f times as fast\n", "", median(searched), b / median(searched),
		       s / median(searched));
}

/* Queries: key number i of every second place is in the table. */
static void queries(struct keys *q, size_t n, uint64_t stored, int only)
{
	*q = (struct keys){ .key = mem_alloc(n * sizeof(*q->key)) };
	while (q->n < n) {
		uint64_t i = random64() % stored;
		if (only >= 0)
			i = i / 5 * 5 + (uint64_t)only;
		make_key(q, random64() & 1 ? i : i + 10 * (stored / 5 * 5));
	}
	settle(q);
}

static struct table *table_of(const char *dir, struct image *m)
{
	struct fault f;
	struct table *t;
	uint64_t folded;
	must(table_open(dir, seed, true, &t, &folded, &f), &f);
	must(table_push(t, m, NULL, NULL, NULL, NULL, &f), &f);
	return t;
}

static void add_prefixes(struct keys *k, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned l = 16 + (unsigned)(random64() % 9);
		uint32_t net = __builtin_bswap32((uint32_t)random64() & ~0u << (32 - l));
		add_key(k, OBS_CIDR4, (uint8_t)l, &net, 4);
	}
}

static void octets_of(const char *what, unsigned kind, uint64_t n)
{
	struct keys k = { .key = mem_alloc(n * sizeof(*k.key)) };
	double ignored;
	for (uint64_t i = 0; i < n; i++)
		make_key(&k, i * 5 + kind);
	settle(&k);
	struct image *m = image_of(&k, &ignored, &ignored);
	printf("%llu %s: %.1f octets a key\n", (unsigned long long)image_keys(m), what, (double)image_octets(m) / (double)image_keys(m));
	image_free(m);
	release(&k);
}

/* [KEYS [base]]: base stops when the base is made. */
int main(int argc, char **argv)
{
	uint64_t n = 1000000;
	char dir[] = "/tmp/table_bench-XXXXXX";
	if ((argc > 1 && num_parse_u64(span_str(argv[1]), 1u << 30, &n)) || !mkdtemp(dir))
		return 2;
	struct keys k = { .key = mem_alloc((n + PREFIXES) * sizeof(*k.key)) }, q;
	for (uint64_t i = 0; i < n; i++)
		make_key(&k, i);
	add_prefixes(&k, PREFIXES);
	settle(&k);

	double add[RUNS], finish[RUNS];
	struct image *m = NULL;
	for (unsigned run = 0; run < RUNS; run++) {
		image_free(m);
		m = image_of(&k, &add[run], &finish[run]);
	}
	printf("%zu keys: batch_add %.0f ns, batch_finish %.0f ns a claim; %.1f octets a key\n", k.n, median(add),
	       median(finish), (double)image_octets(m) / (double)image_keys(m));
	octets_of("IPv4 addresses", 0, n);
	octets_of("SHA-256", 4, n);
	if (argc > 2 && strcmp(argv[2], "base") == 0) {
		image_free(m);
		release(&k);
		return rmdir(dir);
	}
	struct bare bare;
	bare_fill(&bare, &k);
	struct reversed names = reversed_of(&k);
	table_reader_init();
	struct table *t = table_of(dir, m);
	static const struct { const char *name; int only; } kinds[] = {
		{ "mixed", -1 }, { "IPv4", 0 }, { "name.example", 2 }, { "www.name.example", 3 }, { "SHA-256", 4 },
	};
	struct fault f;
	for (unsigned file = 0; file < 2; file++) {
		for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
			char what[64];
			queries(&q, n, n, kinds[i].only);
			snprintf(what, sizeof(what), "%s, %s", kinds[i].name, file ? "mapped" : "in memory");
			lookups(what, t, &bare, kinds[i].only == 2 || kinds[i].only == 3 ? &names : NULL, &q);
			release(&q);
		}
		uint64_t start = clock_mono_ns();
		must(table_save(t, 1, span_of(NULL, 0), &f), &f);
		if (!file)
			printf("save %.0f ms\n", (double)(clock_mono_ns() - start) / 1e6);
	}
	stream(t, 20 * n, 20000, 1);
	stream(t, 30 * n, 200000, 1000);
	table_close(t);
	uint64_t start = clock_mono_ns(), folded;
	must(table_open(dir, seed, false, &t, &folded, &f), &f);
	printf("open %.0f us\n", (double)(clock_mono_ns() - start) / 1e3);
	table_close(t);
	table_reader_exit();
	must(table_drop(dir, &f), &f);
	release(&k);
	free(bare.slot);
	free(names.name);
	buf_release(&names.octets);
	char sub[64];
	snprintf(sub, sizeof(sub), "%s/table", dir);
	return rmdir(sub) || rmdir(dir);
}
