/* SPDX-License-Identifier: Apache-2.0 */
/* Against OpenSSL, at every length around the blocks, in every way to cut a message in two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/sha2.h"
#include "sys/digest.h"
#include "sys/key.h"

static void hex(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void known_answers(void **state)
{
	uint8_t digest[64];
	char text[129];
	(void)state;
	sha2_256(&(struct sha2_part){ "abc", 3 }, 1, digest); /* FIPS 180-4 */
	hex(digest, 32, text);
	assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha2_512(&(struct sha2_part){ "abc", 3 }, 1, digest);
	hex(digest, 64, text);
	assert_string_equal(text, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
				  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	sha2_512(NULL, 0, digest);
	hex(digest, 64, text);
	assert_string_equal(text, "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
				  "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
}

static void as_openssl(void **state)
{
	uint8_t message[1000], mine[32], theirs[32];
	(void)state;
	random_octets(message, sizeof(message));
	for (int instructions = 0; instructions < 2; instructions++) {
		if (!sha2_use_instructions(instructions) && instructions)
			break;
		for (size_t n = 0; n < 300; n++)
			for (size_t cut = 0; cut <= n; cut += 1 + n / 7) {
				const struct sha2_part parts[] = { { message, cut }, { message + cut, n - cut } };
				sha2_256(parts, 2, mine);
				sha256_two(span_of(message, n), span_of(NULL, 0), theirs);
				assert_memory_equal(mine, theirs, 32);
			}
		for (size_t n = 900; n <= sizeof(message); n++) {
			sha2_256(&(struct sha2_part){ message, n }, 1, mine);
			sha256_two(span_of(message, n), span_of(NULL, 0), theirs);
			assert_memory_equal(mine, theirs, 32);
		}
	}
	sha2_use_instructions(1);
}

/* Of a length that does not fit in 32 bits of bits. */
static void long_message(void **state)
{
	size_t n = (size_t)600 << 20;
	uint8_t *p = calloc(n, 1), mine[32], theirs[32];
	(void)state;
	if (!p)
		skip();
	p[n - 1] = 1;
	sha2_256(&(struct sha2_part){ p, n }, 1, mine);
	sha256_two(span_of(p, n), span_of(NULL, 0), theirs);
	assert_memory_equal(mine, theirs, 32);
	free(p);
}

int main(void)
{
	sys_key_init();
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers), cmocka_unit_test(as_openssl), cmocka_unit_test(long_message) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
