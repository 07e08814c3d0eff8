/* lib_bench [KEYS [MMDB_KEYS]]: libsipar on a snapshot of so many keys (10,000,000), two in five addresses, two domains, one SHA-256: to
 * open it, to look up one by one and in batches.
 *
 * Beside it, in the same rounds, libmaxminddb on a database of MMDB_KEYS (1,000,000) addresses and libsipar on a snapshot of the same
 * addresses.  Half of what is asked is there.  The database knows a number for each address and nothing else: no sources to add up, no
 * decay, no prefixes around it but those of its own tree. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <sipar.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "codec/observable.h"
#include "mmdb.h"
#include "sys/key.h"
#include "table/batch.h"
#include "view/snapshot_write.h"
#include "view/state.h"

enum { RUNS = 7, ASKED = 1000000, GROUP = 256, NAME_MAX_OCTETS = 24 };

static uint64_t random_state = 1, sink;

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t random64(void)
{
	return mix(random_state += 0x9e3779b97f4a7c15);
}

static void must(enum err e, const struct fault *f)
{
	if (e) {
		fprintf(stderr, "lib_bench: %s\n", f->text);
		exit(1);
	}
}

static void must_open(int status, const char *error)
{
	if (status) {
		fprintf(stderr, "lib_bench: %s\n", error);
		exit(1);
	}
}

/* Address number i, of 32.0.0.0/3: none there is of special purpose. */
static uint32_t address(uint64_t i)
{
	return (uint32_t)mix(i) >> 3 | 0x20000000u;
}

static size_t name(uint64_t i, char out[NAME_MAX_OCTETS])
{
	return (size_t)snprintf(out, NAME_MAX_OCTETS, "%llx.example", (unsigned long long)(mix(i + 7) >> 24));
}

/* ---- snapshots ---- */

static void add(struct batch *b, uint8_t kind, const void *p, size_t n, uint32_t now_s)
{
	struct fault f;
	struct claim c = { .seen = now_s, .category = CAT_C2, .confidence = 90 };
	must(batch_add(b, &(struct table_key){ .kind = kind, .n = (uint16_t)n, .p = p }, &c, &f), &f);
	must(batch_stamp(b, 1, 0, &f), &f);
}

static void add_keys(struct batch *b, uint64_t n, bool addresses)
{
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	for (uint64_t i = 0; i < n; i++) {
		uint32_t ip = htonl(address(i));
		char text[NAME_MAX_OCTETS];
		uint64_t hash[4] = { mix(i), mix(i + 1), mix(i + 2), mix(i + 3) };
		if (addresses || i % 5 < 2)
			add(b, OBS_IPV4, &ip, 4, now_s);
		else if (i % 5 < 4)
			add(b, OBS_DOMAIN, text, name(i, text), now_s);
		else
			add(b, OBS_SHA256, hash, 32, now_s);
	}
}

static enum err sign(void *ctx, struct span message, uint8_t ret_signature[64], struct fault *f)
{
	(void)f;
	key_sign(ctx, REALM_PRODUCTION, message, ret_signature);
	return OK;
}

static void write_snapshot(const char *dir, const char *path, uint64_t keys, bool addresses)
{
	struct fault f;
	struct siphash_seed seed;
	struct image *m;
	struct key *key;
	struct buf views = { 0 }, lanes = { 0 };
	struct source_set *sources = source_set_new();
	struct rules *rules = rules_new();
	uint64_t octets;
	random_octets(&seed, sizeof(seed));
	struct batch *b = batch_new(seed, dir, (size_t)512 << 20);
	add_keys(b, keys, addresses);
	must(batch_finish_mapped(b, &m, &f), &f);
	must(source_apply(sources, &(struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("bench") }, &f), &f);
	state_write(sources, rules, &views);
	snapshot_put_lanes(1, &lanes);
	snapshot_put_lane("public", 1, span_str("-"), &lanes);
	must(key_open(dir, &key, &f), &f);
	struct snapshot_parts p = { .node = "bench.example", .feed = "", .made_ms = clock_ms(), .keys = image_keys(m), .claims = image_claims(m),
				    .kinds = KINDS_ALL, .views = buf_span(&views), .lanes = buf_span(&lanes),
				    .image = span_of(image_mapped(m), (size_t)image_octets(m)) };
	memcpy(p.key, key_public(key, REALM_PRODUCTION), sizeof(p.key));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(snapshot_write(fd, &p, sign, NULL, key, &octets, &f), &f);
	close(fd);
	printf("snapshot of %llu keys: %.1f MB, %.1f octets a key\n", (unsigned long long)p.keys, (double)octets / 1e6, (double)octets / (double)p.keys);
	key_free(key);
	image_free(m);
	batch_free(b);
	source_set_free(sources);
	rules_free(rules);
	buf_release(&views);
	buf_release(&lanes);
}

static void write_mmdb(const char *path, uint64_t keys)
{
	struct mmdb_net *nets = mem_alloc(keys * sizeof(*nets));
	for (uint64_t i = 0; i < keys; i++)
		nets[i] = (struct mmdb_net){ address(i), 32 };
	size_t octets = mmdb_write(path, nets, keys, 1);
	printf("MaxMind DB of %llu addresses: %.1f MB, %.1f octets a key\n", (unsigned long long)keys, (double)octets / 1e6, (double)octets / (double)keys);
	free(nets);
}

/* ---- measuring ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, RUNS, sizeof(*v), by_value);
	return v[RUNS / 2];
}

static double since(uint64_t start, double n)
{
	return (double)(clock_mono_ns() - start) / n;
}

struct questions {
	struct sipar_query *query;
	struct sipar_result *result;
	uint8_t *octets;
};

/* Numbers below `keys` are there (when they are of the kind), others not. */
static struct questions make_questions(uint64_t keys, uint32_t kind)
{
	struct questions q = { mem_zalloc(ASKED * sizeof(*q.query)), mem_zalloc(ASKED * sizeof(*q.result)), mem_zalloc(ASKED * NAME_MAX_OCTETS) };
	for (size_t i = 0; i < ASKED; i++) {
		uint8_t *p = q.octets + i * NAME_MAX_OCTETS;
		uint64_t r = random64(), number = r % keys / 5 * 5 + (kind == SIPAR_DOMAIN ? 2 : 0) + (r >> 63) * (keys / 5 * 5 + 5);
		uint32_t ip = htonl(address(number));
		memcpy(p, &ip, 4);
		q.query[i] = (struct sipar_query){ .kind = kind, .n = kind == SIPAR_DOMAIN ? (uint32_t)name(number, (char *)p) : 4, .p = p };
		q.result[i].size = sizeof(*q.result);
	}
	return q;
}

static void release(struct questions *q)
{
	free(q->query);
	free(q->result);
	free(q->octets);
}

static double batched(const struct sipar *s, const struct questions *q)
{
	uint64_t start = clock_mono_ns();
	for (size_t i = 0; i < ASKED; i += GROUP)
		sink += (uint64_t)sipar_lookup_batch(s, q->query + i, ASKED - i < GROUP ? ASKED - i : GROUP, q->result + i);
	return since(start, ASKED);
}

static double single(const struct sipar *s, const struct questions *q, uint64_t *ret_listed)
{
	struct sipar_result r = { .size = sizeof(r) };
	uint64_t listed = 0, start = clock_mono_ns();
	for (size_t i = 0; i < ASKED; i++) {
		if (q->query[i].kind == SIPAR_IPV4)
			sipar_lookup_ip(s, AF_INET, q->query[i].p, &r);
		else
			sipar_lookup_domain(s, q->query[i].p, q->query[i].n, &r);
		listed += r.score > 0;
	}
	*ret_listed = listed;
	return since(start, ASKED);
}

static double maxmind(MMDB_s *db, const struct questions *q, bool value, uint64_t *ret_listed)
{
	uint64_t listed = 0, start = clock_mono_ns();
	for (size_t i = 0; i < ASKED; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET };
		int error;
		memcpy(&a.sin_addr, q->query[i].p, 4);
		MMDB_lookup_result_s r = MMDB_lookup_sockaddr(db, (const struct sockaddr *)(const void *)&a, &error);
		MMDB_entry_data_s data = { .has_data = r.found_entry };
		if (value && r.found_entry)
			MMDB_get_value(&r.entry, &data, "score", (char *)NULL);
		listed += data.has_data;
	}
	*ret_listed = listed;
	return since(start, ASKED);
}

static void opening(const char *path, const uint8_t key[32])
{
	double open_ms[RUNS], first_us[RUNS], verify_ms[RUNS];
	char error[SIPAR_ERROR_MAX];
	for (unsigned run = 0; run < RUNS; run++) {
		struct sipar *s;
		struct sipar_result r = { .size = sizeof(r) };
		uint64_t start = clock_mono_ns();
		must_open(sipar_open(path, key, &s, error, sizeof(error)), error);
		open_ms[run] = since(start, 1e6);
		uint32_t ip = htonl(address(5 * run));
		start = clock_mono_ns();
		must_open(sipar_lookup_ip(s, AF_INET, &ip, &r), "damaged");
		first_us[run] = since(start, 1e3);
		start = clock_mono_ns();
		must_open(sipar_verify(s), "damaged");
		verify_ms[run] = since(start, 1e6);
		sipar_close(s);
	}
	printf("open %.2f ms; first lookup, which verifies its chunks, %.0f us; verifying all %.0f ms\n", median(open_ms), median(first_us), median(verify_ms));
}

static void ask(const char *what, const char *path, uint64_t keys, uint32_t kind, MMDB_s *db)
{
	double one[RUNS], many[RUNS], theirs[RUNS], theirs_value[RUNS];
	uint64_t listed = 0, also = 0;
	struct sipar *s;
	char error[SIPAR_ERROR_MAX];
	must_open(sipar_open(path, NULL, &s, error, sizeof(error)), error);
	must_open(sipar_verify(s), "damaged");
	struct questions q = make_questions(keys, kind);
	for (unsigned run = 0; run < RUNS; run++) {
		many[run] = batched(s, &q);
		one[run] = single(s, &q, &listed);
		if (!db)
			continue;
		theirs[run] = maxmind(db, &q, false, &also);
		theirs_value[run] = maxmind(db, &q, true, &also);
		if (listed != also)
			exit(3);
	}
	double m = median(many), o = median(one);
	printf("%-26s batched %6.1f ns   single %6.1f ns   listed %.0f %%", what, m, o, 100.0 * (double)listed / ASKED);
	if (db) {
		double l = median(theirs), v = median(theirs_value);
		printf("   libmaxminddb: lookup %6.1f ns, with the value %6.1f ns; ratio %.2f batched, %.2f single", l, v, v / m, v / o);
	}
	printf("\n");
	release(&q);
	sipar_close(s);
}

int main(int argc, char **argv)
{
	uint64_t keys = 10000000, mmdb_keys = 1000000;
	char dir[] = "/tmp/lib_bench-XXXXXX", path[64], few[64], other[64];
	struct fault f;
	MMDB_s db;
	uint8_t key[32];
	if ((argc > 1 && num_parse_u64(span_str(argv[1]), 1u << 30, &keys)) || (argc > 2 && num_parse_u64(span_str(argv[2]), 1u << 26, &mmdb_keys)) ||
	    keys < 5 || mmdb_keys < 5 || !mkdtemp(dir))
		return 64;
	sys_key_init();
	must(key_create(dir, span_of(NULL, 0), &f), &f);
	must(key_read_public(dir, key, &f), &f);
	snprintf(path, sizeof(path), "%s/pk.sipar", dir);
	snprintf(few, sizeof(few), "%s/few.sipar", dir);
	snprintf(other, sizeof(other), "%s/db.mmdb", dir);
	write_snapshot(dir, path, keys, false);
	opening(path, key);
	ask("mixed, addresses", path, keys, SIPAR_IPV4, NULL);
	ask("mixed, names", path, keys, SIPAR_DOMAIN, NULL);
	unlink(path);
	write_snapshot(dir, few, mmdb_keys, true);
	write_mmdb(other, mmdb_keys);
	if (MMDB_open(other, MMDB_MODE_MMAP, &db) != MMDB_SUCCESS)
		return 1;
	opening(few, key);
	ask("addresses only", few, mmdb_keys, SIPAR_IPV4, &db);
	MMDB_close(&db);
	unlink(few);
	unlink(other);
	snprintf(path, sizeof(path), "%s/node.key", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/node.pub", dir);
	unlink(path);
	rmdir(dir);
	return sink != 0;
}
