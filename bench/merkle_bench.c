/* What the Merkle tree costs, beside OpenSSL's EVP hashing the same octets, in bulk (pieces of 1 MiB, one digest) and
 * entry by entry, in rounds that take turns.
 *
 *   merkle_bench
 *
 * 1. a leaf of 200 octets added to the edge of a log
 * 2. a node, 65 octets
 * 3. proofs in a log of 10 M entries whose tiles are in memory, each of another random place, beside one read of one
 *    tile from the cache of the file system */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/tile.h"
#include "sys/key.h"

enum { ROUNDS = 5, ENTRIES = 1000000, ENTRY = 200, NODE = 1 + 2 * HASH_OCTETS, PIECE = 1 << 20 };
enum { SIZE = 10000000, PROOFS = 20000, STORED_LEVELS = 3 };

static void or_exit(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "merkle_bench: %s\n", what);
		exit(1);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* @param part  0.5: the median.  Sorts. */
static double quantile(double *v, size_t n, double part)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[(size_t)((double)(n - 1) * part)];
}

static double seconds_since(uint64_t start_ns)
{
	return (double)(clock_mono_ns() - start_ns) / 1e9;
}

/* Of this thread alone: a proof waits for nothing, and the slices of others are not its time. */
static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double hash_bulk(uint64_t octets)
{
	static uint8_t piece[PIECE];
	uint8_t digest[HASH_OCTETS];
	uint64_t start = clock_mono_ns();
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	or_exit(c && EVP_DigestInit_ex(c, EVP_sha256(), NULL), "OpenSSL has no SHA-256");
	for (uint64_t at = 0; at < octets; at += PIECE)
		EVP_DigestUpdate(c, piece, octets - at < PIECE ? octets - at : PIECE);
	EVP_DigestFinal_ex(c, digest, NULL);
	EVP_MD_CTX_free(c);
	return seconds_since(start);
}

/* A digest of each `octets`, as `openssl speed -evp sha256 -bytes` does. */
static double hash_pieces(size_t octets)
{
	uint8_t piece[ENTRY] = { 0 };
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	or_exit(c && EVP_DigestInit_ex(c, EVP_sha256(), NULL), "OpenSSL has no SHA-256");
	uint64_t start = clock_mono_ns();
	for (unsigned i = 0; i < ENTRIES; i++) {
		EVP_DigestInit_ex(c, NULL, NULL);
		EVP_DigestUpdate(c, piece, octets);
		EVP_DigestFinal_ex(c, piece, NULL);
	}
	double s = seconds_since(start);
	EVP_MD_CTX_free(c);
	return s;
}

static double add_leaves(void)
{
	struct merkle_edge edge = { 0 };
	uint8_t entry[ENTRY] = { 0 }, hash[HASH_OCTETS];
	uint64_t start = clock_mono_ns();
	for (uint64_t i = 0; i < ENTRIES; i++) {
		memcpy(entry, &i, sizeof(i));
		merkle_leaf(span_of(entry, ENTRY), hash);
		merkle_edge_add(&edge, hash);
	}
	merkle_edge_root(&edge, hash);
	return seconds_since(start);
}

static double hash_nodes(void)
{
	uint8_t left[HASH_OCTETS] = { 0 }, right[HASH_OCTETS] = { 1 };
	uint64_t start = clock_mono_ns();
	for (unsigned i = 0; i < ENTRIES; i++)
		merkle_node(left, right, left);
	return seconds_since(start);
}

static void measure_hashing(const char *what, double (*work)(void), size_t octets)
{
	double mine[ROUNDS], bulk[ROUNDS], pieces[ROUNDS], of_bulk[ROUNDS], of_pieces[ROUNDS];
	for (unsigned i = 0; i < ROUNDS; i++) {
		mine[i] = work();
		bulk[i] = hash_bulk((uint64_t)ENTRIES * octets);
		pieces[i] = hash_pieces(octets);
		of_bulk[i] = mine[i] / bulk[i];
		of_pieces[i] = mine[i] / pieces[i];
	}
	double total = (double)ENTRIES * (double)octets / 1e6, s = quantile(mine, ROUNDS, 0.5);
	printf("%s: %.3f us, %.0f MB/s; %.2f times the time of SHA-256 of the same octets in bulk (%.0f MB/s), %.2f "
	       "times "
	       "that one by one (%.0f MB/s)\n",
	       what, s / ENTRIES * 1e6, total / s, quantile(of_bulk, ROUNDS, 0.5), total / quantile(bulk, ROUNDS, 0.5),
	       quantile(of_pieces, ROUNDS, 0.5), total / quantile(pieces, ROUNDS, 0.5));
}

/* Hashes of the levels of tiles: row[l][n] is the root of leaves n * 256^l on. */
struct stored {
	uint8_t (*row[STORED_LEVELS])[HASH_OCTETS];
};

static void fill(struct stored *s)
{
	for (unsigned l = 0; l < STORED_LEVELS; l++) {
		uint64_t n = (uint64_t)SIZE >> 8 * l;
		s->row[l] = mem_alloc(n * HASH_OCTETS);
		for (uint64_t i = 0; i < n; i++) {
			struct merkle_edge edge = { 0 };
			for (unsigned j = 0; l && j < TILE_WIDTH; j++)
				merkle_edge_add(&edge, s->row[l - 1][i * TILE_WIDTH + j]);
			if (l)
				merkle_edge_root(&edge, s->row[l][i]);
			else
				merkle_leaf(span_of(&i, sizeof(i)), s->row[l][i]);
		}
	}
}

static enum err get(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	const struct stored *s = ctx;
	buf_put(out, s->row[t->level][t->n * TILE_WIDTH], (size_t)t->width * HASH_OCTETS);
	return OK;
}

static uint64_t random_below(uint64_t n)
{
	uint64_t v;
	random_octets(&v, sizeof(v));
	return v % n;
}

/* Roots of what the edge has; every proof that was timed is checked as well. */
static void time_proofs(const struct merkle_source *m, const struct stored *s, double *ret_inclusion,
			double *ret_consistency)
{
	struct merkle_edge edge, old_edge;
	struct merkle_proof p;
	uint8_t root[HASH_OCTETS], old_root[HASH_OCTETS];
	or_exit(merkle_edge_load(m, SIZE, &edge, NULL) == OK, "edge");
	merkle_edge_root(&edge, root);
	for (unsigned i = 0; i < PROOFS; i++) {
		uint64_t index = random_below(SIZE), old = 1 + random_below(SIZE - 1);
		double start = cpu_seconds();
		or_exit(merkle_inclusion(m, index, SIZE, &p, NULL) == OK, "inclusion proof");
		ret_inclusion[i] = cpu_seconds() - start;
		or_exit(merkle_check_inclusion(s->row[0][index], index, SIZE, &p, root, NULL) == OK, "its check");
		start = cpu_seconds();
		or_exit(merkle_consistency(m, old, SIZE, &p, NULL) == OK, "consistency proof");
		ret_consistency[i] = cpu_seconds() - start;
		or_exit(merkle_edge_load(m, old, &old_edge, NULL) == OK, "old edge");
		merkle_edge_root(&old_edge, old_root);
		or_exit(merkle_check_consistency(old, old_root, SIZE, root, &p, NULL) == OK, "its check");
	}
}

static double read_tile(void)
{
	static uint8_t octets[TILE_OCTETS];
	static double s[PROOFS];
	int fd = memfd_create("tile", MFD_CLOEXEC);
	or_exit(fd >= 0 && write(fd, octets, TILE_OCTETS) == TILE_OCTETS, "no file in memory");
	for (unsigned i = 0; i < PROOFS; i++) {
		uint64_t start = clock_mono_ns();
		or_exit(pread(fd, octets, TILE_OCTETS, 0) == TILE_OCTETS, "read");
		s[i] = seconds_since(start);
	}
	close(fd);
	return quantile(s, PROOFS, 0.5);
}

static void say_proofs(const char *what, double *s, double tile_s)
{
	double p50 = quantile(s, PROOFS, 0.5), p99 = quantile(s, PROOFS, 0.99);
	printf("%s proof in %d M entries: p50 %.1f us, p99 %.1f us; %.0f times the read of one tile (%.2f us)\n", what,
	       SIZE / 1000000, p50 * 1e6, p99 * 1e6, p50 / tile_s, tile_s * 1e6);
}

static void measure_proofs(void)
{
	static double inclusion[PROOFS], consistency[PROOFS];
	struct stored s;
	fill(&s);
	struct tile_source tiles = { .get = get, .ctx = &s, .size = SIZE };
	struct merkle_source m = tile_source_hashes(&tiles);
	double tile_s = read_tile();
	time_proofs(&m, &s, inclusion, consistency);
	say_proofs("inclusion", inclusion, tile_s);
	say_proofs("consistency", consistency, tile_s);
	tile_source_release(&tiles);
	for (unsigned l = 0; l < STORED_LEVELS; l++)
		free(s.row[l]);
}

int main(void)
{
	sys_key_init(); /* for random places */
	measure_hashing("leaf of 200 octets and edge", add_leaves, ENTRY);
	measure_hashing("node of 65 octets", hash_nodes, NODE);
	measure_proofs();
	return 0;
}
