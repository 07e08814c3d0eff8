#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "sys/knot.h"

enum { ROOM = 1024 };

static const uint8_t secret[32] = "0123456789abcdef0123456789abcdef";

/* An IXFR request of "rpz.example" that has serial 7. */
static size_t make_request(uint8_t out[ROOM])
{
	static const uint8_t request[] = {
		0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 3, 'R', 'p', 'z', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 251, 0, 1,
		0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	memcpy(out, request, sizeof(request));
	return sizeof(request);
}

static struct tsig_key *make_key(const char *name, uint8_t change)
{
	uint8_t mine[sizeof(secret)];
	struct tsig_key *k;
	memcpy(mine, secret, sizeof(mine));
	mine[0] ^= change;
	assert_int_equal(tsig_key_new(name, span_of(mine, sizeof(mine)), &k, NULL), OK);
	return k;
}

static void test_fields(void **state)
{
	uint8_t octets[ROOM];
	struct message m;
	size_t n = make_request(octets);
	assert_true(message_read(span_of(octets, n), &m));
	assert_true(m.sound && !m.response && !m.edns && !m.is_signed && m.has_serial);
	assert_int_equal(m.id, 0x1234);
	assert_int_equal(m.type, 251);
	assert_int_equal(m.class, 1);
	assert_int_equal(m.serial, 7);
	assert_int_equal(m.question_n, 17);
	assert_int_equal(m.name_n, 13);
	assert_memory_equal(m.name, "\3rpz\7example", 13);
	message_release(&m);
}

static void test_bad_octets(void **state)
{
	uint8_t octets[ROOM];
	struct message m;
	size_t n = make_request(octets);
	for (size_t i = 0; i < n; i++) { /* cut anywhere it is no message */
		bool read = message_read(span_of(octets, i), &m);
		assert_true(read == (i >= 12) && !m.sound);
		message_release(&m);
	}
	octets[n] = 0;
	assert_true(message_read(span_of(octets, n + 1), &m)); /* an octet too many */
	assert_false(m.sound);
	message_release(&m);
	octets[5] = 2;
	assert_true(message_read(span_of(octets, n), &m)); /* two questions */
	assert_false(m.sound);
	message_release(&m);
	assert_false(message_read(span_of(octets, MESSAGE_MAX + 1), &m));
	message_release(&m);
}

/* The library takes a record without data, as UPDATE has them: nothing may be looked for in it. */
static void test_no_data(void **state)
{
	uint8_t octets[ROOM];
	struct message m;
	unsigned sound = 0;
	for (uint8_t class = 0; class < 255; class++) {
		size_t n = make_request(octets) - 22;
		octets[n - 7] = class;
		octets[n - 1] = 0;
		assert_true(message_read(span_of(octets, n), &m));
		assert_false(m.has_serial);
		sound += m.sound;
		message_release(&m);
	}
	assert_true(sound > 0);
}

/* Signed by one side, read by the other, and an answer of three messages back. */
static void test_conversation(void **state)
{
	struct tsig_key *k = make_key("nayatel.isp-rpz", 0), *other = make_key("nayatel.isp-rpz", 1);
	struct tsig asker = { .key = k }, answerer;
	uint8_t octets[ROOM];
	struct message m;
	size_t n = make_request(octets);
	assert_true(tsig_sign(&asker, octets, &n, sizeof(octets)));
	assert_true(message_read(span_of(octets, n), &m));
	assert_true(m.sound && m.is_signed);
	assert_string_equal(m.key_name, "nayatel.isp-rpz");
	assert_int_equal(message_check(&m, other, &answerer), TSIG_BADSIG);
	assert_int_equal(message_check(&m, k, &answerer), TSIG_FINE);
	message_release(&m);

	size_t answer_n = make_request(octets);
	octets[2] |= 0x80;
	assert_true(tsig_sign(&answerer, octets, &answer_n, sizeof(octets)));
	assert_true(message_read(span_of(octets, answer_n), &m));
	assert_true(message_answers(&m, &asker));
	message_release(&m);
	uint8_t first[TSIG_MAC_MAX];
	memcpy(first, answerer.mac, sizeof(first));
	answer_n = make_request(octets);
	assert_true(tsig_sign(&answerer, octets, &answer_n, sizeof(octets)));
	assert_true(message_read(span_of(octets, answer_n), &m));
	assert_false(message_answers(&m, &asker)); /* a later one is no first one */
	assert_memory_not_equal(first, answerer.mac, sizeof(first));
	message_release(&m);

	n = make_request(octets);
	assert_false(tsig_sign(&answerer, octets, &n, n + 20));
	tsig_key_free(k);
	tsig_key_free(other);
}

static void test_changed(void **state)
{
	struct tsig_key *k = make_key("a.b", 0), *wrong = make_key("c.b", 0);
	struct tsig asker = { .key = k }, answerer;
	uint8_t octets[ROOM], changed[ROOM];
	struct message m;
	size_t n = make_request(octets);
	assert_true(tsig_sign(&asker, octets, &n, sizeof(octets)));
	assert_true(message_read(span_of(octets, n), &m));
	assert_int_equal(message_check(&m, wrong, &answerer), TSIG_BADKEY);
	message_release(&m);
	for (size_t i = 2; i < n; i++) { /* the id alone is not signed */
		memcpy(changed, octets, n);
		changed[i] ^= 1;
		assert_true(message_read(span_of(changed, n), &m));
		if (m.sound && m.is_signed && message_check(&m, k, &answerer) == TSIG_FINE)
			fail_msg("octet %zu of %zu is not covered", i, n);
		message_release(&m);
	}
	tsig_key_free(k);
	tsig_key_free(wrong);
}

static void test_refuse(void **state)
{
	struct tsig_key *k = make_key("a.b", 0);
	struct tsig asker = { .key = k };
	uint8_t octets[ROOM], answer[ROOM];
	struct message m, a;
	size_t n = make_request(octets), answer_n = make_request(answer);
	assert_true(tsig_sign(&asker, octets, &n, sizeof(octets)));
	assert_true(message_read(span_of(octets, n), &m));
	answer[2] |= 0x80;
	assert_true(tsig_refuse(&m, TSIG_BADKEY, answer, &answer_n, sizeof(answer)));
	assert_true(message_read(span_of(answer, answer_n), &a));
	assert_true(a.sound && a.is_signed);
	assert_string_equal(a.key_name, "a.b");
	assert_false(message_answers(&a, &asker));
	message_release(&a);
	message_release(&m);
	tsig_key_free(k);
}

static void test_names(void **state)
{
	struct tsig_key *k;
	struct fault f;
	assert_int_equal(tsig_key_new("", span_of(secret, 32), &k, &f), ERR_SYNTAX);
	assert_int_equal(tsig_key_new("a..b", span_of(secret, 32), &k, &f), ERR_SYNTAX);
	tsig_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_bad_octets),
		cmocka_unit_test(test_no_data),
		cmocka_unit_test(test_conversation),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
