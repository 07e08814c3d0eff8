#include "hook/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* What openssl(1) says: printf 'msg_0.1700000000.{}' | openssl dgst -sha256 -hmac 012345678901234567890123 -binary | base64 */
static void known_signature(void **state)
{
	struct hook h = { .name = "a" };
	struct fault f;
	char field[3][DELIVERY_FIELD_MAX];
	struct delivery d = { .id = "msg_0" };
	assert_int_equal(hook_secret_parse(SPAN_LIT("012345678901234567890123"), &h, &f), OK);
	buf_puts(&d.body, "{}");
	delivery_sign(&d, &h, 1700000000, field);
	assert_string_equal(field[0], "webhook-id: msg_0");
	assert_string_equal(field[1], "webhook-timestamp: 1700000000");
	assert_string_equal(field[2], "webhook-signature: v1,MvSM4tmki2JxgM51PuzmP9yKDzk/E2FHEjjztOV0LgY=");
	delivery_release(&d);
}

/* A second, doubled up to ten minutes, give or take a quarter; never sooner than the receiver wants, up to an hour. */
static void pauses(void **state)
{
	assert_int_equal(delivery_wait_ms(1, 0, 0), 750);
	assert_int_equal(delivery_wait_ms(1, 0, UINT32_MAX), 1250);
	assert_int_equal(delivery_wait_ms(2, 0, 0), 1500);
	assert_int_equal(delivery_wait_ms(10, 0, 0), 512000 * 3 / 4);
	assert_int_equal(delivery_wait_ms(11, 0, 0), 450000);
	assert_int_equal(delivery_wait_ms(UINT32_MAX, 0, UINT32_MAX), 750000);
	assert_int_equal(delivery_wait_ms(1, 30, 0), 30000);
	assert_int_equal(delivery_wait_ms(1, 1000000, 0), 3600000);
	for (unsigned n = 1; n < 40; n++)
		for (uint32_t chance = 0; chance < UINT32_MAX - 99999999; chance += 99999999) {
			uint64_t ms = delivery_wait_ms(n, 0, chance);
			assert_true(ms >= 750 && ms <= 750000);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_signature), cmocka_unit_test(pauses) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
