#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/num.h"
#include "ledger/merkle_testing.h"
#include "sys/digest.h"

enum { EVERY = 2000, LARGEST = (1 << 20) + 1 };

static struct rows rows;
static uint8_t root[EVERY + 1][HASH_OCTETS]; /* of the first i leaves, from the definition */

static int fill(void **state)
{
	rows_fill(&rows, LARGEST);
	sha256_two((struct span){ 0 }, (struct span){ 0 }, root[0]);
	for (uint64_t size = 1; size <= EVERY; size++)
		slow_root(&rows, 0, size, root[size]);
	return 0;
}

static int empty(void **state)
{
	rows_release(&rows);
	return 0;
}

static struct merkle_source source(void)
{
	rows.asked = 0;
	return (struct merkle_source){ rows_hash, &rows };
}

static void push(struct merkle_proof *p, const uint8_t hash[HASH_OCTETS])
{
	memcpy(p->hash[p->n++], hash, HASH_OCTETS);
}

static void push_root(struct merkle_proof *p, uint64_t from, uint64_t to)
{
	uint8_t hash[HASH_OCTETS];
	slow_root(&rows, from, to, hash);
	push(p, hash);
}

static uint64_t split(uint64_t n)
{
	uint64_t k = 1;
	while (2 * k < n)
		k *= 2;
	return k;
}

/* PATH(m, D[from:to]), RFC 6962 section 2.1.1. */
static void slow_path(uint64_t m, uint64_t from, uint64_t to, struct merkle_proof *p)
{
	if (to - from == 1)
		return;
	uint64_t k = split(to - from);
	if (m < k) {
		slow_path(m, from, from + k, p);
		push_root(p, from + k, to);
	} else {
		slow_path(m - k, from + k, to, p);
		push_root(p, from, from + k);
	}
}

/* SUBPROOF(m, D[from:to], whole), RFC 6962 section 2.1.2. */
static void slow_subproof(uint64_t m, uint64_t from, uint64_t to, bool whole, struct merkle_proof *p)
{
	if (m == to - from) {
		if (!whole)
			push_root(p, from, to);
		return;
	}
	uint64_t k = split(to - from);
	if (m <= k) {
		slow_subproof(m, from, from + k, whole, p);
		push_root(p, from + k, to);
	} else {
		slow_subproof(m - k, from + k, to, false, p);
		push_root(p, from, from + k);
	}
}

static void assert_same_proof(const struct merkle_proof *a, const struct merkle_proof *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->hash, b->hash, a->n * HASH_OCTETS);
}

static struct merkle_proof inclusion(uint64_t index, uint64_t size)
{
	struct merkle_source s = source();
	struct merkle_proof p;
	struct fault f = { .text = "" };
	if (merkle_inclusion(&s, index, size, &p, &f))
		fail_msg("%s", f.text);
	return p;
}

static struct merkle_proof consistency(uint64_t old, uint64_t size)
{
	struct merkle_source s = source();
	struct merkle_proof p;
	struct fault f = { .text = "" };
	if (merkle_consistency(&s, old, size, &p, &f))
		fail_msg("%s", f.text);
	return p;
}

static void check_inclusion(uint64_t index, uint64_t size, const uint8_t of[HASH_OCTETS])
{
	struct merkle_proof p = inclusion(index, size);
	struct fault f = { .text = "" };
	if (merkle_check_inclusion(rows.row[0][index], index, size, &p, of, &f))
		fail_msg("%s", f.text);
	if (size > 1 &&
	    merkle_check_inclusion(rows.row[0][index ? index - 1 : 1], index, size, &p, of, NULL) != ERR_CORRUPT)
		fail_msg("another leaf was accepted as %u of %u", (unsigned)index, (unsigned)size);
}

static void check_consistency(uint64_t old, const uint8_t of_old[HASH_OCTETS], uint64_t size,
			      const uint8_t of[HASH_OCTETS])
{
	struct merkle_proof p = consistency(old, size);
	struct fault f = { .text = "" };
	if (merkle_check_consistency(old, of_old, size, of, &p, &f))
		fail_msg("%s", f.text);
}

/* The eight leaves, roots and proofs that the implementations of Certificate Transparency test each other with. */
static const char *const ct_leaf[8] = {
	"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
};
static const char *const ct_root[8] = {
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};
#define H2 "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
#define H34 "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
#define H5678 "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
#define H5 "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define H56 "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
#define H78 "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"

static struct merkle_proof proof_of(const char *const *hex)
{
	struct merkle_proof p = { .n = 0 };
	for (; p.n < 3 && hex[p.n]; p.n++)
		assert_int_equal(hex_decode(span_str(hex[p.n]), p.hash[p.n], HASH_OCTETS), OK);
	return p;
}

static void ct_rows(struct rows *r)
{
	*r = (struct rows){ .size = 8 };
	for (unsigned k = 0; k < 4; k++)
		r->row[k] = mem_alloc((8u >> k) * HASH_OCTETS);
	for (unsigned i = 0; i < 8; i++) {
		uint8_t octets[16];
		size_t n = strlen(ct_leaf[i]) / 2;
		assert_int_equal(hex_decode(span_str(ct_leaf[i]), octets, n), OK);
		merkle_leaf(span_of(octets, n), r->row[0][i]);
	}
	for (unsigned k = 1; k < 4; k++)
		for (unsigned i = 0; i < 8u >> k; i++)
			slow_root(r, (uint64_t)i << k, (uint64_t)(i + 1) << k, r->row[k][i]);
}

static void reference_vectors(void **state)
{
	static const struct {
		uint64_t index, size;
		const char *hash[3];
	} path[] = {
		{ 0, 1, { NULL } },
		{ 0, 8, { H2, H34, H5678 } },
		{ 5, 8, { H5, H78, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
		{ 2, 3, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
		{ 1, 5, { "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", H34, H5 } },
	}, extension[] = {
		{ 1, 1, { NULL } },
		{ 1, 8, { H2, H34, H5678 } },
		{ 6, 8, { H56, H78, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
		{ 2, 5, { H34, H5 } },
	};
	uint8_t want[9][HASH_OCTETS], got[HASH_OCTETS];
	struct merkle_edge edge = { 0 };
	struct merkle_proof p, published;
	struct rows r;
	ct_rows(&r);
	struct merkle_source s = { rows_hash, &r };
	merkle_edge_root(&edge, got);
	assert_memory_equal(got, root[0], HASH_OCTETS);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(hex_decode(span_str(ct_root[i]), want[i + 1], HASH_OCTETS), OK);
		slow_root(&r, 0, i + 1, got);
		assert_memory_equal(got, want[i + 1], HASH_OCTETS);
		merkle_edge_add(&edge, r.row[0][i]);
		merkle_edge_root(&edge, got);
		assert_memory_equal(got, want[i + 1], HASH_OCTETS);
	}
	for (size_t i = 0; i < COUNT_OF(path); i++) {
		published = proof_of(path[i].hash);
		assert_int_equal(merkle_inclusion(&s, path[i].index, path[i].size, &p, NULL), OK);
		assert_same_proof(&p, &published);
		assert_int_equal(merkle_check_inclusion(r.row[0][path[i].index], path[i].index, path[i].size,
							&published, want[path[i].size], NULL),
				 OK);
	}
	for (size_t i = 0; i < COUNT_OF(extension); i++) {
		published = proof_of(extension[i].hash);
		assert_int_equal(merkle_consistency(&s, extension[i].index, extension[i].size, &p, NULL), OK);
		assert_same_proof(&p, &published);
		assert_int_equal(merkle_check_consistency(extension[i].index, want[extension[i].index],
							  extension[i].size, want[extension[i].size], &published, NULL),
				 OK);
	}
	rows_release(&r);
}

/* Growing leaf by leaf and loading what is stored come to the root of the definition, at every size. */
static void edges(void **state)
{
	struct merkle_edge grown = { 0 }, loaded;
	uint8_t got[HASH_OCTETS];
	for (uint64_t size = 0; size <= EVERY; size++) {
		struct merkle_source s = source();
		if (size)
			merkle_edge_add(&grown, rows.row[0][size - 1]);
		merkle_edge_root(&grown, got);
		assert_memory_equal(got, root[size], HASH_OCTETS);
		assert_int_equal(merkle_edge_load(&s, size, &loaded, NULL), OK);
		assert_int_equal(rows.asked, __builtin_popcountll(size));
		merkle_edge_root(&loaded, got);
		assert_memory_equal(got, root[size], HASH_OCTETS);
		assert_int_equal(loaded.size, size);
	}
}

static void proofs_of_the_definition(void **state)
{
	for (uint64_t size = 1; size <= 130; size++)
		for (uint64_t i = 0; i < size; i++) {
			struct merkle_proof path = { .n = 0 }, extension = { .n = 0 }, p;
			slow_path(i, 0, size, &path);
			p = inclusion(i, size);
			assert_same_proof(&p, &path);
			slow_subproof(i + 1, 0, size, true, &extension);
			p = consistency(i + 1, size);
			assert_same_proof(&p, &extension);
		}
}

/* Every size; every index and old size of the small ones, and a few dozen that move from size to size of the others. */
static void every_size(void **state)
{
	for (uint64_t size = 1; size <= EVERY; size++) {
		uint64_t step = size <= 200 ? 1 : size / 37;
		for (uint64_t i = size <= 200 ? 0 : size % step; i < size; i += step) {
			check_inclusion(i, size, root[size]);
			check_consistency(i, root[i], size, root[size]);
		}
		check_inclusion(0, size, root[size]);
		check_inclusion(size - 1, size, root[size]);
		check_consistency(1, root[1], size, root[size]);
		check_consistency(size - 1, root[size - 1], size, root[size]);
		check_consistency(size, root[size], size, root[size]);
	}
}

static void load_root(uint64_t size, uint8_t ret_root[HASH_OCTETS])
{
	struct merkle_source s = source();
	struct merkle_edge edge;
	assert_int_equal(merkle_edge_load(&s, size, &edge, NULL), OK);
	merkle_edge_root(&edge, ret_root);
}

static void powers_of_two(void **state)
{
	uint8_t of[3 * 20][HASH_OCTETS], slow[HASH_OCTETS];
	uint64_t size[3 * 20];
	unsigned n = 0;
	for (unsigned k = 1; k <= 20; k++)
		for (int d = -1; d <= 1; d++) {
			size[n] = (UINT64_C(1) << k) + (uint64_t)d;
			load_root(size[n], of[n]);
			n++;
		}
	slow_root(&rows, 0, LARGEST, slow);
	assert_memory_equal(of[n - 1], slow, HASH_OCTETS);
	for (unsigned i = 0; i < n; i++) {
		const uint64_t index[] = { 0,		size[i] - 1,	size[i] / 2, size[i] / 2 - (size[i] > 1),
					   size[i] / 3, size[i] / 5 * 4 };
		for (unsigned j = 0; j < COUNT_OF(index); j++)
			check_inclusion(index[j], size[i], of[i]);
		for (unsigned j = 0; j < n && size[j] <= size[i]; j++)
			check_consistency(size[j], of[j], size[i], of[i]);
	}
}

typedef enum err check(const struct merkle_proof *p, uint64_t a, uint64_t size);

static enum err check_in(const struct merkle_proof *p, uint64_t index, uint64_t size)
{
	return merkle_check_inclusion(rows.row[0][index], index, size, p, root[size], NULL);
}

static enum err check_on(const struct merkle_proof *p, uint64_t old, uint64_t size)
{
	return merkle_check_consistency(old, root[old], size, root[size], p, NULL);
}

/* Each hash flipped, left out, doubled, exchanged with another; one more at the end. */
static void mutate(const struct merkle_proof *good, check *ask, uint64_t a, uint64_t size)
{
	for (unsigned i = 0; i < good->n; i++) {
		struct merkle_proof p = *good;
		p.hash[i][(a + i) % HASH_OCTETS] ^= (uint8_t)(1 << (size + i) % 8);
		assert_int_equal(ask(&p, a, size), ERR_CORRUPT);
		p = *good;
		memmove(p.hash[i], p.hash[i + 1], (--p.n - i) * (size_t)HASH_OCTETS);
		assert_int_equal(ask(&p, a, size), ERR_SYNTAX);
		for (unsigned j = 0; j < i; j++) {
			p = *good;
			memcpy(p.hash[i], good->hash[j], HASH_OCTETS);
			memcpy(p.hash[j], good->hash[i], HASH_OCTETS);
			assert_int_equal(ask(&p, a, size), ERR_CORRUPT);
		}
	}
	struct merkle_proof p = *good;
	push(&p, good->n ? good->hash[good->n - 1] : root[0]);
	assert_int_equal(ask(&p, a, size), ERR_SYNTAX);
}

/* A proof is of its own index and its own sizes only. */
static void misuse(const struct merkle_proof *good, check *ask, uint64_t a, uint64_t size, uint64_t end)
{
	for (uint64_t other = a & 1; other < end; other += 1 + size / 9) {
		enum err e = other == a ? OK : ask(good, other, size);
		if (other != a && e != ERR_CORRUPT && e != ERR_SYNTAX)
			fail_msg("the proof of %u was taken for one of %u of %u", (unsigned)a, (unsigned)other,
				 (unsigned)size);
	}
	for (uint64_t other = a + 1; other <= size + 9; other++) {
		enum err e = other == size ? ERR_CORRUPT : ask(good, a, other);
		if (e != ERR_CORRUPT && e != ERR_SYNTAX)
			fail_msg("the proof of %u of %u was taken for one of %u", (unsigned)a, (unsigned)size,
				 (unsigned)other);
	}
}

static void mutated_proofs(void **state)
{
	for (uint64_t size = 2; size <= EVERY; size += size < 40 ? 1 : size / 3)
		for (uint64_t i = 0; i < size; i += 1 + size / 41) {
			struct merkle_proof p = inclusion(i, size);
			mutate(&p, check_in, i, size);
			misuse(&p, check_in, i, size, size);
			if (i) {
				p = consistency(i, size);
				mutate(&p, check_on, i, size);
				for (uint64_t old = 1; old < size; old += 1 + size / 9)
					if (old != i)
						assert_int_not_equal(check_on(&p, old, size), OK);
			}
		}
}

static void assert_says(enum err got, enum err want, const struct fault *f, const char *part)
{
	assert_int_equal(got, want);
	assert_int_equal(f->code, want);
	if (!strstr(f->text, part))
		fail_msg("\"%s\" does not say \"%s\"", f->text, part);
}

static void faults_name_it(void **state)
{
	struct merkle_source s = source();
	struct merkle_proof p = inclusion(5, 11), q = consistency(5, 11), none = { .n = 0 };
	struct fault f = { .text = "" };
	assert_says(merkle_inclusion(&s, 11, 11, &p, &f), ERR_RANGE, &f, "index 11 is outside a log of 11 entries");
	assert_says(merkle_inclusion(&s, 0, 0, &p, &f), ERR_RANGE, &f, "index 0 is outside a log of 0 entries");
	assert_says(merkle_consistency(&s, 12, 11, &p, &f), ERR_RANGE, &f,
		    "a log of 11 entries is no continuation of one of 12");
	assert_says(merkle_check_inclusion(root[0], 11, 11, &p, root[11], &f), ERR_RANGE, &f, "index 11 is outside");
	assert_says(merkle_check_inclusion(root[0], 5, 11, &none, root[11], &f), ERR_SYNTAX, &f, "has 0 hashes");
	assert_says(merkle_check_inclusion(root[0], 5, 11, &p, root[11], &f), ERR_CORRUPT, &f,
		    "proof of entry 5 leads to another root");
	assert_says(merkle_check_consistency(12, root[12], 11, root[11], &q, &f), ERR_RANGE, &f, "no continuation");
	assert_says(merkle_check_consistency(5, root[5], 11, root[11], &none, &f), ERR_SYNTAX, &f, "has 0 hashes");
	assert_says(merkle_check_consistency(5, root[6], 11, root[11], &q, &f), ERR_CORRUPT, &f,
		    "of the old log of 5 entries");
	assert_says(merkle_check_consistency(5, root[5], 11, root[10], &q, &f), ERR_CORRUPT, &f,
		    "of the new log of 11 entries");
	assert_says(merkle_check_consistency(11, root[10], 11, root[11], &none, &f), ERR_CORRUPT, &f,
		    "two logs of 11 entries");
	assert_says(merkle_check_consistency(11, root[11], 11, root[11], &q, &f), ERR_SYNTAX, &f, "hashes");
	assert_says(merkle_check_consistency(0, root[0], 11, root[11], &q, &f), ERR_SYNTAX, &f, "hashes");
	assert_int_equal(merkle_check_consistency(0, root[0], 11, root[11], &none, &f), OK);
	assert_int_equal(merkle_check_consistency(0, root[0], 0, root[0], &none, &f), OK);
}

/* The largest log has proofs that fit; one more is none. */
static void extremes(void **state)
{
	const uint64_t most = (UINT64_C(1) << MERKLE_LEVELS) - 1;
	struct merkle_source s = source();
	struct merkle_edge edge;
	struct merkle_proof p = { .n = MERKLE_PROOF_MAX };
	struct fault f;
	assert_int_equal(merkle_check_consistency(most - 2, root[1], most, root[1], &p, &f), ERR_CORRUPT);
	p.n = 63;
	assert_int_equal(merkle_check_consistency(UINT64_C(1) << 62, root[1], most, root[1], &p, &f), ERR_SYNTAX);
	assert_says(merkle_check_consistency(most, root[1], most + 1, root[1], &p, &f), ERR_RANGE, &f,
		    "larger than a log can be");
	assert_int_equal(merkle_check_inclusion(root[1], UINT64_MAX - 1, UINT64_MAX, &p, root[1], &f), ERR_RANGE);
	assert_int_equal(merkle_edge_load(&s, most + 1, &edge, &f), ERR_RANGE);
	p.n = UINT32_MAX;
	assert_int_equal(merkle_check_inclusion(root[1], 1, most, &p, root[1], &f), ERR_SYNTAX);
	p.n = 63;
	assert_int_equal(merkle_check_inclusion(root[1], 1, most, &p, root[1], &f), ERR_CORRUPT);
}

/* An error of the source is passed on, and nothing has been written. */
static void failing_source(void **state)
{
	const uint64_t size = 1000 + 511;
	struct merkle_edge edge = { .size = 77 };
	struct merkle_proof p = { .n = 77 };
	struct fault f;
	for (rows.fail_at = 1; rows.fail_at < 8; rows.fail_at++) {
		struct merkle_source s = source();
		assert_says(merkle_inclusion(&s, 3, size, &p, &f), ERR_IO, &f, "told to fail");
		s = source();
		assert_int_equal(merkle_consistency(&s, 1001, size, &p, &f), ERR_IO);
		s = source();
		assert_int_equal(merkle_edge_load(&s, size, &edge, &f), ERR_IO);
	}
	rows.fail_at = 0;
	assert_int_equal(p.n, 77);
	assert_int_equal(edge.size, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_vectors),
		cmocka_unit_test(edges),
		cmocka_unit_test(proofs_of_the_definition),
		cmocka_unit_test(every_size),
		cmocka_unit_test(powers_of_two),
		cmocka_unit_test(mutated_proofs),
		cmocka_unit_test(faults_name_it),
		cmocka_unit_test(extremes),
		cmocka_unit_test(failing_source),
	};
	return cmocka_run_group_tests(tests, fill, empty);
}
