#include "codec/category.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_rows(void **state)
{
	bool seen[256] = { false };
	for (unsigned c = 0; c < CAT_COUNT; c++) {
		const struct category_row *row = category_row(c);
		assert_non_null(row->name);
		assert_true(row->dns_code >= 2 && row->dns_code < 128);
		if (seen[row->dns_code])
			fail_msg("code %u is used twice", row->dns_code);
		seen[row->dns_code] = true;
		assert_in_range(row->lifetime_d, 1, 3650);
		assert_true(row->speed_x10 == 3 || row->speed_x10 == 5 || row->speed_x10 == 10 || row->speed_x10 == 15 || row->speed_x10 == 20 ||
			    row->speed_x10 == 30);
		assert_int_equal(category_find(span_str(row->name)), c);
	}
	assert_int_equal(category_row(CAT_UNKNOWN)->dns_code, 2);
	assert_ptr_equal(category_row((enum category)200), category_row(CAT_UNKNOWN));
}

/* No spelling stands for two categories. */
static void test_aliases(void **state)
{
	for (unsigned c = 0; c < CAT_COUNT; c++) {
		for (const char *p = category_row(c)->aliases; *p;) {
			size_t n = strcspn(p, " ");
			assert_true(n > 0);
			if (category_find(span_of(p, n)) != c)
				fail_msg("\"%.*s\" is not of %s alone", (int)n, p, category_row(c)->name);
			p += n + (p[n] == ' ');
		}
	}
}

static void test_find(void **state)
{
	assert_int_equal(category_find(SPAN_LIT("c2-server")), CAT_C2);
	assert_int_equal(category_find(SPAN_LIT("C&C")), CAT_C2);
	assert_int_equal(category_find(SPAN_LIT("Command_And Control")), CAT_C2);
	assert_int_equal(category_find(SPAN_LIT("BRUTE_FORCE")), CAT_BRUTE_FORCE);
	assert_int_equal(category_find(SPAN_LIT("c2")), CAT_C2);
	assert_int_equal(category_find(SPAN_LIT("c")), CAT_COUNT);
	assert_int_equal(category_find(SPAN_LIT("c2 cc")), CAT_COUNT);
	assert_int_equal(category_find(SPAN_LIT("")), CAT_COUNT);
	assert_int_equal(category_find(SPAN_LIT("phishing\0")), CAT_COUNT);
	assert_int_equal(category_find(SPAN_LIT("nonsense")), CAT_COUNT);
}

static void test_guess(void **state)
{
	static const struct {
		const char *label;
		enum category want;
	} rows[] = {
		{ "botnet_cc", CAT_C2 },
		{ "payload_delivery", CAT_MALWARE },
		{ "Payload delivery", CAT_MALWARE },
		{ "Artifacts dropped", CAT_MALWARE },
		{ "Financial fraud", CAT_FRAUD },
		{ "Network activity", CAT_UNKNOWN },
		{ "malware_download", CAT_MALWARE },
		{ "cc_skimming", CAT_FRAUD },
		{ "malicious-activity", CAT_UNKNOWN },
		{ "anomalous-activity", CAT_UNKNOWN },
		{ "compromised", CAT_UNKNOWN },
		{ "attribution", CAT_UNKNOWN },
		{ "anonymization", CAT_PROXY },
		{ "remote-access-trojan", CAT_MALWARE },
		{ "Locky ransomware", CAT_MALWARE },
		{ "ransomware C2", CAT_C2 },
		{ "rsit:fraud=\"phishing\"", CAT_PHISHING },
		{ "circl:incident-classification=\"phishing\"", CAT_PHISHING },
		{ "ecsirt:malicious-code=\"ransomware\"", CAT_MALWARE },
		{ "veris:action:malware:variety=\"C2\"", CAT_C2 },
		{ "Pegasus domain", CAT_SPYWARE },
		{ "NSO Group spyware infrastructure", CAT_SPYWARE },
		{ "conficker DGA", CAT_DGA },
		{ "crowdsecurity/ssh-bf", CAT_BRUTE_FORCE },
		{ "crowdsecurity/http-cve-2021-41773", CAT_EXPLOIT },
		{ "crowdsecurity/http-probing", CAT_SCANNER },
		{ "mass scanner", CAT_SCANNER },
		{ "Tor exit nodes", CAT_TOR },
		{ "monitor", CAT_UNKNOWN },
		{ "operation", CAT_UNKNOWN },
		{ "event4_sinkhole_http", CAT_BOTNET },
		{ "ddos-amplifier", CAT_DDOS },
		{ "", CAT_UNKNOWN },
		{ "\xff\xfe", CAT_UNKNOWN },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum category got = category_guess(span_str(rows[i].label));
		if (got != rows[i].want)
			fail_msg("\"%s\" is taken for %s", rows[i].label, category_row(got)->name);
	}
	char *big = malloc(100000);
	memset(big, 'x', 100000);
	memcpy(big + 99992, "phishing", 8);
	assert_int_equal(category_guess(span_of(big, 100000)), CAT_UNKNOWN);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_guess),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
