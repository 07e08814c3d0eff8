#include "view/protect.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *special(const char *text, int prefix)
{
	uint8_t p[16];
	bool six = strchr(text, ':') != NULL;
	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, text, p), 1);
	struct table_key k = { .n = six ? 16 : 4, .p = p, .prefix = (uint8_t)(prefix < 0 ? 0 : prefix) };
	k.kind = prefix < 0 ? (six ? OBS_IPV6 : OBS_IPV4) : (six ? OBS_CIDR6 : OBS_CIDR4);
	return protect_special(&k);
}

static void test_addresses(void **state)
{
	static const char *const inside[] = {
		"0.0.0.0", "10.0.0.0", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.0.1",
		"172.16.0.0", "172.31.255.255", "192.0.0.9", "192.31.196.1", "192.52.193.1", "192.88.99.1",
		"192.168.0.1", "192.175.48.6", "198.18.0.0", "198.19.255.255", "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:1.2.3.4", "64:ff9b::1", "64:ff9b:1::1",
		"100::1", "100:0:0:1::5", "2001::1", "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1",
		"2001:1ff:ffff::", "2001:10::1", "2001:20::1", "2001:30::1", "2002::1", "2620:4f:8000::1", "5f00::1",
		"fc00::1", "fdff::1", "fe80::1", "febf::1", "ff02::1",
	};
	static const char *const outside[] = {
		"1.0.0.0",      "9.255.255.255", "11.0.0.0",       "100.63.255.255",  "100.128.0.0", "126.255.255.255",
		"128.0.0.0",    "169.253.0.0",   "172.15.255.255", "172.32.0.0",      "192.0.1.0",   "192.167.0.0",
		"192.169.0.0",  "198.17.0.0",    "198.20.0.0",     "223.255.255.255", "8.8.8.8",     "192.0.2.1",
		"198.51.100.1", "203.0.113.1", /* documentation: left out on purpose */
		"2001:db8::1",  "3fff::1",       "2001:200::1",    "2001:4860::8888", "2003::1",     "2620:4f:8001::1",
		"2a00::1",      "64:ff9c::1",    "101::1",         "100:0:0:2::1",    "fec0::1",     "fbff::1",
		"5f01::1",      "::2",
	};
	for (size_t i = 0; i < COUNT_OF(inside); i++)
		if (!special(inside[i], -1))
			fail_msg("%s is not special", inside[i]);
	for (size_t i = 0; i < COUNT_OF(outside); i++)
		if (special(outside[i], -1))
			fail_msg("%s is %s", outside[i], special(outside[i], -1));
	assert_string_equal(special("10.1.2.3", -1), "10.0.0.0/8 private use (RFC 1918)");
	assert_string_equal(special("255.255.255.255", -1), "255.255.255.255/32 limited broadcast (RFC 919)");
	assert_string_equal(special("2001:2::1", -1), "2001:2::/48 benchmarking (RFC 5180)");
}

static void test_prefixes(void **state)
{
	assert_non_null(special("10.1.0.0", 16));
	assert_non_null(special("8.0.0.0", 6)); /* overlaps 10.0.0.0/8 */
	assert_non_null(special("0.0.0.0", 0));
	assert_non_null(special("192.0.0.0", 8));
	assert_non_null(special("::", 0));
	assert_non_null(special("2001::", 16));
	assert_non_null(special("2000::", 3));
	assert_non_null(special("fe80::", 64));
	assert_null(special("8.0.0.0", 7));
	assert_null(special("192.0.2.0", 24));
	assert_null(special("2001:db8::", 32));
	assert_null(special("2a00::", 16));
}

/* The quick "no" for addresses says the same as the ranges, which prefixes of full length always go through. */
static void test_quick_path_agrees(void **state)
{
	uint8_t p[16] = { 0 };
	for (uint32_t i = 0; i < 1u << 16; i++)
		for (unsigned third = 0; third < 256; third += 51) {
			p[0] = (uint8_t)(i >> 8), p[1] = (uint8_t)i, p[2] = (uint8_t)third;
			struct table_key a = { OBS_IPV4, 0, 4, p }, b = { OBS_CIDR4, 32, 4, p };
			struct table_key c = { OBS_IPV6, 0, 16, p }, d = { OBS_CIDR6, 128, 16, p };
			assert_ptr_equal(protect_special(&a), protect_special(&b));
			assert_ptr_equal(protect_special(&c), protect_special(&d));
		}
}

static void test_other_kinds(void **state)
{
	struct table_key k = { .kind = OBS_DOMAIN, .n = 9, .p = (const uint8_t *)"localhost" };
	assert_null(protect_special(&k));
	k = (struct table_key){ 0 };
	assert_null(protect_special(&k));
	assert_int_equal(protect_kinds(OBS_NONE), 0);
	assert_int_equal(protect_kinds(OBS_CIDR6), KINDS_IP);
	assert_int_equal(protect_kinds(255), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_quick_path_agrees),
		cmocka_unit_test(test_other_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
