#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/attr.h"
#include "face/dns_keys.h"

static void count_fresh(void *ctx, unsigned place)
{
	assert_true(place < DNS_KEY_PLACES);
	*(unsigned *)ctx += 1;
}

static void set_and_find(void **state)
{
	struct dns_keys *k = dns_keys_new((struct siphash_seed){ 1, 2 });
	unsigned fresh = 0;
	const struct dns_key two[] = { { "nayatel.isp", SPAN_LIT("0123456789abcdef0123456789abcdef01234567") },
				       { "ptcl.isp", SPAN_LIT("secret") } };
	(void)state;
	assert_int_equal(dns_keys_find(k, two[0].label), -1);
	dns_keys_set(k, two, 2, count_fresh, &fresh);
	int first = dns_keys_find(k, two[0].label), second = dns_keys_find(k, two[1].label);
	assert_true(first >= 0 && second >= 0 && first != second);
	assert_string_equal(dns_keys_name(k, (unsigned)first), "nayatel.isp");
	assert_string_equal(dns_keys_name(k, (unsigned)second), "ptcl.isp");
	assert_int_equal(dns_keys_find(k, SPAN_LIT("secre")), -1);
	assert_int_equal(dns_keys_find(k, SPAN_LIT("")), -1);
	/* one goes, the other stays where it is */
	dns_keys_set(k, two + 1, 1, count_fresh, &fresh);
	assert_int_equal(dns_keys_find(k, two[0].label), -1);
	assert_int_equal(dns_keys_find(k, two[1].label), second);
	dns_keys_set(k, two, 2, count_fresh, &fresh);
	assert_true(dns_keys_find(k, two[0].label) >= 0);
	assert_int_equal(fresh, 0);
	dns_keys_free(k);
}

/* As many keys as there may be, all of them changed many times: none is lost, and none of before is found. */
static void many_changes(void **state)
{
	struct dns_keys *k = dns_keys_new((struct siphash_seed){ 3, 4 });
	static char label[2][DNS_KEYS_MAX][24];
	struct dns_key key[DNS_KEYS_MAX];
	unsigned fresh = 0;
	(void)state;
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < DNS_KEYS_MAX; i++) {
			char *text = label[round % 2][i];
			key[i].label = span_of(text, (size_t)snprintf(text, sizeof(label[0][0]), "key-%d-%d", round, i));
			snprintf(key[i].consumer, sizeof(key[i].consumer), "c%d-%d", round, i);
		}
		dns_keys_set(k, key, DNS_KEYS_MAX, count_fresh, &fresh);
		for (int i = 0; i < DNS_KEYS_MAX; i++) {
			int p = dns_keys_find(k, key[i].label);
			assert_true(p >= 0);
			assert_string_equal(dns_keys_name(k, (unsigned)p), key[i].consumer);
			if (round)
				assert_int_equal(dns_keys_find(k, span_str(label[1 - round % 2][i])), -1);
		}
	}
	assert_int_equal(fresh, 40 * DNS_KEYS_MAX - DNS_KEY_PLACES);
	dns_keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(set_and_find), cmocka_unit_test(many_changes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
