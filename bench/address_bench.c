/* IPv4 addresses in one process: the table and the whole verdict beside libmaxminddb and DIR-24-8, on the same networks.
 *
 *   address_bench [ADDRESSES [PREFIXES]]      default: 1,000,000 and 900,000
 *
 * 60 of 100 addresses lie in 4,000 networks of /16, as in real lists; prefixes have the lengths of a routing table.  Queries: random
 * addresses; listed ones; both, half and half.  DIR-24-8 gives a number for the longest prefix and nothing else; libmaxminddb
 * finds the record of the longest prefix and one value in it; the table finds every prefix with its claims; the verdict weighs
 * them for a clearance. */
#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "mmdb.h"
#include "table/writer.h"
#include "view/reputation.h"

enum { RUNS = 5, QUERIES = 1 << 20, GROUP = 512, SOURCES = 32 };

static const struct siphash_seed seed = { 1, 2 };

static uint64_t random_state = 1;

static uint32_t random32(void)
{
	random_state += 0x9e3779b97f4a7c15;
	uint64_t z = (random_state ^ random_state >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "address_bench: %s\n", what);
		exit(1);
	}
}

/* ---- the networks ---- */

/* In 1,000: how many prefixes of a routing table have the lengths 8, 9, ... 24. */
static const uint16_t in_thousand[] = { 0, 0, 0, 0, 1, 1, 1, 2, 14, 9, 15, 26, 47, 55, 121, 106, 602 };

static unsigned random_length(void)
{
	unsigned x = random32() % 1000, length = 8;
	for (; length < 24 && x >= in_thousand[length - 8]; length++)
		x -= in_thousand[length - 8];
	return length;
}

static struct mmdb_net *make_nets(size_t addresses, size_t prefixes)
{
	struct mmdb_net *n = mem_alloc((addresses + prefixes) * sizeof(*n));
	uint32_t cluster[4000];
	for (unsigned i = 0; i < COUNT_OF(cluster); i++)
		cluster[i] = random32() & 0xffff0000;
	for (size_t i = 0; i < addresses; i++) {
		uint32_t r = random32();
		n[i] = (struct mmdb_net){ random32() % 10 < 6 ? cluster[random32() % COUNT_OF(cluster)] | (r & 0xffff) : r, 32 };
	}
	for (size_t i = addresses; i < addresses + prefixes; i++) {
		unsigned length = random_length();
		n[i] = (struct mmdb_net){ random32() & ~0u << (32 - length), (uint8_t)length };
	}
	return n;
}

/* ---- DIR-24-8 ---- */

struct dir {
	uint32_t *first, *second; /* 2^24; groups of 256 */
	size_t groups;
};

static int by_length(const void *a, const void *b)
{
	return ((const struct mmdb_net *)a)->length - ((const struct mmdb_net *)b)->length;
}

static void *big(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(p != MAP_FAILED, "no memory");
	writer_huge(p, n);
	return p;
}

/* Shorter ones first, so that longer ones stand over them. */
static struct dir dir_of(const struct mmdb_net *nets, size_t n)
{
	struct dir d = { big((size_t)4 << 24), big((size_t)1024 << 20), 0 };
	for (size_t i = 0; i < n; i++) {
		uint32_t at = nets[i].addr >> 8, value = (uint32_t)i + 1;
		if (nets[i].length <= 24) {
			for (uint32_t k = 0; k < 1u << (24 - nets[i].length); k++)
				d.first[at + k] = value;
			continue;
		}
		if (!(d.first[at] >> 31)) {
			must(d.groups < 1 << 20, "too many groups");
			for (unsigned k = 0; k < 256; k++)
				d.second[d.groups * 256 + k] = d.first[at];
			d.first[at] = 1u << 31 | (uint32_t)d.groups++;
		}
		d.second[(d.first[at] & ~(1u << 31)) * 256ul + (nets[i].addr & 255)] = value;
	}
	return d;
}

static uint64_t dir_look(const struct dir *d, const uint32_t *addr, size_t n)
{
	enum { AHEAD = 16 };
	uint64_t sum = 0;
	uint32_t found[AHEAD];
	for (size_t i = 0; i < n; i += AHEAD) {
		for (unsigned k = 0; k < AHEAD; k++)
			__builtin_prefetch(&d->first[addr[i + k] >> 8]);
		for (unsigned k = 0; k < AHEAD; k++) {
			found[k] = d->first[addr[i + k] >> 8];
			if (found[k] >> 31)
				__builtin_prefetch(&d->second[(found[k] & ~(1u << 31)) * 256ul + (addr[i + k] & 255)]);
		}
		for (unsigned k = 0; k < AHEAD; k++)
			sum += (found[k] >> 31 ? d->second[(found[k] & ~(1u << 31)) * 256ul + (addr[i + k] & 255)] : found[k]) != 0;
	}
	return sum;
}

/* ---- libmaxminddb ---- */

static uint64_t mmdb_look(MMDB_s *m, const uint32_t *addr, size_t n)
{
	uint64_t sum = 0;
	struct sockaddr_in a = { .sin_family = AF_INET };
	for (size_t i = 0; i < n; i++) {
		int error;
		a.sin_addr.s_addr = htonl(addr[i]);
		MMDB_lookup_result_s r = MMDB_lookup_sockaddr(m, (struct sockaddr *)&a, &error);
		MMDB_entry_data_s data;
		if (r.found_entry && MMDB_get_value(&r.entry, &data, "score", NULL) == MMDB_SUCCESS)
			sum += data.uint32 != 0;
	}
	return sum;
}

/* ---- the table ---- */

static struct image *image_of(const struct mmdb_net *nets, size_t n, uint32_t now_s)
{
	struct batch *b = batch_new(seed, "/tmp", (size_t)4 << 30);
	struct image *m;
	for (size_t i = 0; i < n; i++) {
		uint32_t addr = htonl(nets[i].addr);
		bool prefix = nets[i].length < 32;
		struct table_key k = { prefix ? OBS_CIDR4 : OBS_IPV4, prefix ? nets[i].length : 0, 4, (const uint8_t *)&addr };
		struct claim c = { .entry = 1, .source = (uint16_t)(i % SOURCES), .seen = now_s - (uint32_t)(i % 1000) * 3600,
				   .category = CAT_SCANNER, .confidence = 80, .flags = CLAIM_FIRST };
		must(batch_add(b, &k, &c, NULL) == OK, "batch");
	}
	must(batch_stamp(b, 1, 0, NULL) == OK && batch_finish(b, NULL, &m, NULL, NULL) == OK, "image");
	batch_free(b);
	return m;
}

static struct source_set *make_sources(void)
{
	struct source_set *set = source_set_new();
	for (unsigned i = 0; i < SOURCES; i++) {
		char name[8] = { "abcdefghijklmnopqrstuvwxyz012345"[i] };
		struct source_change c = { .op = SOURCE_ADD, .name = span_str(name) };
		must(source_apply(set, &c, NULL) == OK, "source");
	}
	return set;
}

static void count_hits(void *ctx, size_t i, const struct table_hits *h)
{
	(void)i;
	*(uint64_t *)ctx += h->n > 0 && h->hit[0].claims[0].seen;
}

static void count_listed(void *ctx, size_t i, const struct reputation *r)
{
	(void)i;
	*(uint64_t *)ctx += r->verdict.listed;
}

/* ---- all of them ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

enum { DIR, MMDB, TABLE, VERDICT, SINGLE, VERDICT_SINGLE, KINDS };
static const char *const names[KINDS] = { "DIR-24-8, batched", "libmaxminddb", "table, batched", "verdict, batched", "table, one at a time",
					    "verdict, one at a time" };

static uint64_t look(int what, const struct dir *d, MMDB_s *m, const struct table_view *v, const uint32_t *addr, const struct table_key *key,
		     const struct observable *obs, uint32_t now_s)
{
	uint64_t sum = 0;
	struct table_hits hits;
	switch (what) {
	case DIR:
		return dir_look(d, addr, QUERIES);
	case MMDB:
		return mmdb_look(m, addr, QUERIES);
	case TABLE:
		table_lookup_batch(v, key, QUERIES, count_hits, &sum);
		return sum;
	case VERDICT:
		for (size_t i = 0; i < QUERIES; i += GROUP)
			reputation_batch(v, obs + i, GROUP, 1, now_s, count_listed, &sum);
		return sum;
	case VERDICT_SINGLE:
		for (size_t i = 0; i < QUERIES; i++) {
			struct reputation r;
			reputation_of(v, &obs[i], 1, now_s, &r, NULL, NULL);
			sum += r.verdict.listed;
		}
		return sum;
	default:
		for (size_t i = 0; i < QUERIES; i++) {
			table_lookup(v, &key[i], &hits);
			count_hits(&sum, i, &hits);
		}
		return sum;
	}
}

int main(int argc, char **argv)
{
	uint64_t addresses = 1000000, prefixes = 900000;
	char path[] = "/tmp/address_bench-XXXXXX";
	if ((argc > 1 && num_parse_u64(span_str(argv[1]), 1u << 26, &addresses)) || (argc > 2 && num_parse_u64(span_str(argv[2]), 1u << 26, &prefixes)))
		return 64;
	size_t n = addresses + prefixes;
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	struct mmdb_net *nets = make_nets(addresses, prefixes);
	struct mmdb_net *sorted = mem_alloc(n * sizeof(*sorted));
	memcpy(sorted, nets, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_length);
	struct dir d = dir_of(sorted, n);
	must(close(mkstemp(path)) == 0, "temporary file");
	size_t mmdb_octets = mmdb_write(path, sorted, n, (uint32_t)n);
	MMDB_s mmdb;
	must(MMDB_open(path, MMDB_MODE_MMAP, &mmdb) == MMDB_SUCCESS, "the mmdb cannot be opened");
	unlink(path);
	uint64_t start = clock_mono_ns();
	struct image *m = image_of(nets, n, now_s);
	double build_s = (double)(clock_mono_ns() - start) / 1e9;
	struct source_set *sources = make_sources();
	struct rules *rules = rules_new();
	rules_ready(rules);
	struct meaning meaning = { .sources = sources, .rules = rules };
	struct table_view view = { .n = 1, .level = { m }, .context = &meaning, .seed = seed };
	printf("%zu networks: table %.1f octets each (%.1f MB, made in %.2f s), mmdb %.1f, DIR-24-8 %.0f MB\n", n,
	       (double)image_octets(m) / (double)image_keys(m), (double)image_octets(m) / 1e6, build_s, (double)mmdb_octets / (double)n,
	       (4.0 * (1 << 24) + 1024.0 * (double)d.groups) / 1e6);

	uint32_t *addr = mem_alloc(QUERIES * sizeof(*addr)), *octets = mem_alloc(QUERIES * sizeof(*octets));
	struct table_key *key = mem_alloc(QUERIES * sizeof(*key));
	struct observable *obs = mem_alloc(QUERIES * sizeof(*obs));
	static const char *const mixes[] = { "random", "listed", "half and half" };
	for (unsigned mix = 0; mix < COUNT_OF(mixes); mix++) {
		for (size_t i = 0; i < QUERIES; i++) {
			bool listed = mix == 1 || (mix == 2 && random32() & 1);
			addr[i] = listed ? nets[random32() % addresses].addr : random32();
			octets[i] = htonl(addr[i]);
			key[i] = (struct table_key){ OBS_IPV4, 0, 4, (const uint8_t *)&octets[i] };
			obs[i] = (struct observable){ .kind = OBS_IPV4, .n = 4, .key = key[i].p };
		}
		double ns[KINDS][RUNS];
		uint64_t found[KINDS];
		for (unsigned run = 0; run < RUNS; run++)
			for (int what = 0; what < KINDS; what++) {
				start = clock_mono_ns();
				found[what] = look(what, &d, &mmdb, &view, addr, key, obs, now_s);
				ns[what][run] = (double)(clock_mono_ns() - start) / QUERIES;
			}
		must(found[DIR] == found[MMDB] && found[DIR] == found[TABLE] && found[TABLE] == found[SINGLE] && found[VERDICT] == found[VERDICT_SINGLE],
		     "they do not agree");
		for (int what = 0; what < KINDS; what++)
			qsort(ns[what], RUNS, sizeof(double), by_value);
		printf("%s (%.0f %% found):\n", mixes[mix], 100.0 * (double)found[DIR] / QUERIES);
		for (int what = 0; what < KINDS; what++)
			printf("  %-22s %7.1f ns   %5.2f x DIR-24-8   libmaxminddb/this %5.1f\n", names[what], ns[what][RUNS / 2],
			       ns[what][RUNS / 2] / ns[DIR][RUNS / 2], ns[MMDB][RUNS / 2] / ns[what][RUNS / 2]);
	}
	MMDB_close(&mmdb);
	image_free(m);
	source_set_free(sources);
	rules_free(rules);
	free(nets), free(sorted), free(addr), free(octets), free(key), free(obs);
	return 0;
}
