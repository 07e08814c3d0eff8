#include "view/blackhole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct fault fault;

static bool allowed(const struct own_prefixes *own, const char *text)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct buf why = { 0 };
	assert_int_equal(obs_parse(span_str(text), store, &o, &fault), OK);
	struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	bool yes = blackhole_allowed(own, &k, &why);
	assert_int_equal(yes, why.n == 0);
	buf_release(&why);
	return yes;
}

static void single_addresses_of_ones_own(void **state)
{
	(void)state;
	struct own_prefixes own = { 0 };
	assert_false(allowed(&own, "203.0.113.7")); /* nothing is anybody's by default */
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("203.0.113.0/25"), &fault), OK);
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("2001:db8:77::/48"), &fault), OK);
	assert_true(allowed(&own, "203.0.113.7"));
	assert_true(allowed(&own, "203.0.113.127"));
	assert_false(allowed(&own, "203.0.113.128"));
	assert_false(allowed(&own, "203.0.113.0/25")); /* the prefix itself, either */
	assert_true(allowed(&own, "2001:db8:77::1"));
	assert_false(allowed(&own, "2001:db8:78::1"));
	assert_false(allowed(&own, "evil.example"));
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("0.0.0.0/0"), &fault), ERR_USAGE);
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("::/0"), &fault), ERR_USAGE);
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("203.0.113.7"), &fault), ERR_USAGE);
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("evil.example"), &fault), ERR_USAGE);
}

/* 24 February 2008: a more specific of 208.65.152.0/22 went out to the world. */
static void not_again(void **state)
{
	(void)state;
	struct own_prefixes own = { 0 };
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("203.99.0.0/16"), &fault), OK);
	assert_false(allowed(&own, "208.65.153.0/24"));
	assert_false(allowed(&own, "208.65.153.238"));
	assert_int_equal(own_prefixes_add(&own, SPAN_LIT("208.65.153.0/24"), &fault), OK);
	assert_false(allowed(&own, "208.65.153.0/24")); /* not even when somebody says that it is his */
}

static void lines_for_exabgp(void **state)
{
	(void)state;
	struct buf out = { 0 };
	struct table_key k = { .kind = OBS_IPV4, .n = 4, .p = (const uint8_t *)"\xcb\x00\x71\x07" };
	blackhole_put(&k, true, "192.0.2.1", &out);
	blackhole_put(&k, false, "192.0.2.1", &out);
	assert_string_equal(buf_cstr(&out), "announce route 203.0.113.7/32 next-hop 192.0.2.1 community [65535:666 65535:65281]\n"
					    "withdraw route 203.0.113.7/32 next-hop 192.0.2.1\n");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(single_addresses_of_ones_own), cmocka_unit_test(not_again), cmocka_unit_test(lines_for_exabgp) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
