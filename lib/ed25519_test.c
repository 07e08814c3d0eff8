/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of RFC 8032, section 7.1; then every judgement must be libsodium's, over signatures that hold, that were changed, and
 * that were made to be doubtful. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "lib/ed25519.h"
#include "sys/key.h"

static const struct {
	const char *key, *message, *signature;
} vectors[] = {
	{ "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	{ "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
	  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	  "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

/* Encodings of small order, and ones that are not canonical (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", 2020). */
static const char *const doubtful[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"0200000000000000000000000000000000000000000000000000000000000000",
	"0300000000000000000000000000000000000000000000000000000000000000",
};

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;
	assert_int_equal(hex_decode(span_str(text), out, n), OK);
	return n;
}

static bool agree(const uint8_t key[32], const uint8_t *message, size_t n, const uint8_t signature[64])
{
	bool theirs = signature_holds(key, span_of(message, n), signature);
	assert_int_equal(ed25519_verify(key, message, n, signature), theirs);
	return theirs;
}

static void vectors_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		uint8_t key[32], message[64], signature[64];
		unhex(vectors[i].key, key);
		size_t n = unhex(vectors[i].message, message);
		unhex(vectors[i].signature, signature);
		assert_true(agree(key, message, n, signature));
		for (unsigned bit = 0; bit < 512; bit += 5) {
			signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(agree(key, message, n, signature));
			signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (unsigned bit = 0; bit < 256; bit += 5) {
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(agree(key, message, n, signature));
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void add_order(uint8_t s[32])
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	unsigned carry = 0;
	for (unsigned i = 0; i < 32; i++) {
		carry += (unsigned)s[i] + order[i];
		s[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

static struct key *new_key(void)
{
	char dir[] = "/tmp/ed25519_test-XXXXXX", path[64];
	struct key *key;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(key_create(dir, span_of(NULL, 0), NULL), OK);
	assert_int_equal(key_open(dir, &key, NULL), OK);
	snprintf(path, sizeof(path), "%s/node.key", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/node.pub", dir);
	unlink(path);
	rmdir(dir);
	return key;
}

static void as_libsodium(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct key *key = new_key();
		const uint8_t *public = key_public(key, REALM_PRODUCTION);
		uint8_t message[200], signature[64];
		random_octets(message, sizeof(message));
		for (size_t n = 0; n < sizeof(message); n += 13) {
			key_sign(key, REALM_PRODUCTION, span_of(message, n), signature);
			assert_true(agree(public, message, n, signature));
			assert_false(agree(public, message, n + 1, signature));
			for (unsigned i = 0; i < 8; i++) { /* S + L, S + 2 L ... are the same number: only the least may pass */
				add_order(signature + 32);
				assert_false(agree(public, message, n, signature));
			}
		}
		key_free(key);
	}
}

static void doubtful_points(void **state)
{
	unsigned held = 0;
	(void)state;
	for (size_t k = 0; k < COUNT_OF(doubtful); k++)
		for (size_t r = 0; r < COUNT_OF(doubtful); r++)
			for (unsigned s = 0; s < 3; s++) {
				uint8_t key[32], signature[64] = { 0 };
				unhex(doubtful[k], key);
				unhex(doubtful[r], signature);
				if (s == 2)
					memset(signature + 32, 0xff, 32);
				else
					signature[32] = (uint8_t)s;
				for (uint8_t m = 0; m < 8; m++)
					held += agree(key, &m, 1, signature);
			}
	assert_int_equal(held, 0);
}

/* A key that holds with R of small order or another encoding, and random octets for everything. */
static void nonsense(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		uint8_t key[32], signature[64], message[10];
		random_octets(key, sizeof(key));
		random_octets(signature, sizeof(signature));
		random_octets(message, sizeof(message));
		signature[63] &= 0x0f;
		agree(key, message, sizeof(message), signature);
		unhex(vectors[i % COUNT_OF(vectors)].key, key);
		unhex(doubtful[i % COUNT_OF(doubtful)], signature);
		agree(key, message, sizeof(message), signature);
	}
}

int main(void)
{
	sys_key_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_hold), cmocka_unit_test(as_libsodium), cmocka_unit_test(doubtful_points), cmocka_unit_test(nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
