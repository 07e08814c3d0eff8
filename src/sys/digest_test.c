#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/num.h"
#include "sys/digest.h"

static void expect(struct span a, struct span b, const char *hex)
{
	uint8_t want[32], got[32];
	assert_int_equal(hex_decode(span_str(hex), want, 32), OK);
	sha256_two(a, b, got);
	assert_memory_equal(want, got, 32);
}

/* FIPS 180-4 examples; the split must not matter. */
static void known_answers(void **state)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char two[] = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
	struct span long_text = span_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), none = { 0 };
	expect(none, none, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect(SPAN_LIT("abc"), none, abc);
	expect(none, SPAN_LIT("abc"), abc);
	expect(SPAN_LIT("a"), SPAN_LIT("bc"), abc);
	for (size_t i = 0; i <= long_text.n; i++)
		expect(span_head(long_text, i), span_from(long_text, i), two);
}

static void evp_sha256(struct span s, uint8_t ret_digest[32])
{
	assert_int_equal(EVP_Digest(s.n ? s.p : (const uint8_t *)"", s.n, ret_digest, NULL, EVP_sha256(), NULL), 1);
}

/* At each length around those where one more block begins, and however it is split, the digest is that of OpenSSL's other
 * interface. */
static void three_pieces(void **state)
{
	uint8_t fill[130], whole[32], got[32];
	for (size_t i = 0; i < sizeof(fill); i++)
		fill[i] = (uint8_t)(i * 37);
	for (size_t n = 0; n <= sizeof(fill); n++) {
		evp_sha256(span_of(fill, n), whole);
		for (size_t i = 0; i <= n; i += 7)
			for (size_t j = i; j <= n; j += 5) {
				sha256_three(span_of(fill, i), span_of(fill + i, j - i), span_of(fill + j, n - j), got);
				assert_memory_equal(whole, got, 32);
			}
	}
}

/* RFC 4231, test cases 1, 2 and 6. */
static void macs(void **state)
{
	static const struct { size_t n; uint8_t octet; const char *key, *message, *mac; } cases[] = {
		{ 20, 0x0b, NULL, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ 0, 0, "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ 131, 0xaa, NULL, "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t key[131], got[32], want[32];
		memset(key, cases[i].octet, sizeof(key));
		hmac_sha256(cases[i].key ? span_str(cases[i].key) : span_of(key, cases[i].n), span_str(cases[i].message), got);
		assert_int_equal(hex_decode(span_str(cases[i].mac), want, 32), OK);
		assert_memory_equal(got, want, 32);
	}
}

static void *hash_often(void *arg)
{
	uint8_t *bad = arg;
	uint8_t first[32], again[32], fill[200];
	memset(fill, 7, sizeof(fill));
	sha256_two(span_of(fill, 100), span_of(fill, 100), first);
	for (int i = 0; i < 1000; i++) {
		sha256_two(span_of(fill, (size_t)i % 200), span_of(fill, 200 - (size_t)i % 200), again);
		*bad |= memcmp(first, again, 32) != 0;
	}
	return NULL;
}

/* Threads share nothing. */
static void threads(void **state)
{
	pthread_t t[4];
	uint8_t bad[4] = { 0 };
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hash_often, &bad[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(bad[i], 0);
	}
}

static void sha1(void **state)
{
	uint8_t want[20], got[20];
	assert_int_equal(hex_decode(SPAN_LIT("a9993e364706816aba3e25717850c26c9cd0d89d"), want, 20), OK);
	sha1_two(SPAN_LIT("a"), SPAN_LIT("bc"), got);
	assert_memory_equal(want, got, 20);
	sha1_two(SPAN_LIT("abc"), (struct span){ 0 }, got);
	assert_memory_equal(want, got, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers), cmocka_unit_test(three_pieces), cmocka_unit_test(sha1),
					    cmocka_unit_test(threads), cmocka_unit_test(macs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
