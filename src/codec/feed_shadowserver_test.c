/* Reports of Shadowserver: by its columns it is told what a report is, and what of it is bad. */
#include "codec/feed_testing.h"

#include "codec/formats.h"

static const struct feed_format *const fs = &feed_shadowserver;

#define EVENT "\"timestamp\",\"protocol\",\"src_ip\",\"src_asn\",\"src_geo\",\"dst_ip\",\"infection\",\"family\",\"tag\""

static void test_events(void **state)
{
	(void)state;
	says(fs,
	     EVENT ",\"a_new_column\"\n\"2026-08-22 00:00:01\",\"tcp\",\"198.51.100.7\",64496,\"ZZ\",\"203.0.113.9\",\"mirai\",,\"mirai\",1\n"
	     "\"2026-08-22 00:00:02\",\"tcp\",198.51.100.8,64496,\"ZZ\",\"203.0.113.9\",\"http-scan\",,,\n"
	     "\"2026-08-22 00:00:03\",tcp,\"198.51.100.9\",64496,ZZ,203.0.113.9,,,ddos-participant\n"
	     "\"2026-08-22 00:00:04\",tcp,\"198.51.100.10\",64496,ZZ,203.0.113.9,\"ssh-brute-force\"\n"
	     "\"2026-08-22 00:00:05\",tcp,\"198.51.100.11\",64496,ZZ,203.0.113.9,\"ddos-amplification\"\n"
	     "\"2026-08-22 00:00:06\",tcp,\"2001:db8::7\",64496,ZZ,203.0.113.9,\"boaxxe\",,\"a \"\"quoted\"\" word, and a comma\"\n"
	     "\"2026-08-22 00:00:07\",tcp,\"198.51.100.7.7\",64496,ZZ,203.0.113.9,\"mirai\"\n\"2026-08-22 00:00:08\",tcp,,64496\n",
	     "2 ipv4 198.51.100.7 infected-system seen 2026-08-22\n3 ipv4 198.51.100.8 scanner seen 2026-08-22\n4 ipv4 198.51.100.9 ddos seen 2026-08-22\n"
	     "5 ipv4 198.51.100.10 brute-force seen 2026-08-22\n6 skipped victim\n7 ipv6 2001:db8::7 infected-system seen 2026-08-22\n"
	     "8 rejected \"198.51.100.7.7\"\n9 skipped no value\n");
}

static void test_who_is_a_victim(void **state)
{
	(void)state;
	says(fs, EVENT ",\"avg_pps\",\"max_pps\"\n\"2026-08-22 00:00:01\",,\"198.51.100.7\",64496,\"ZZ\",,\"x\"\n", "2 skipped victim\n");
	says(fs, "\"timestamp\",\"protocol\",\"dst_ip\",\"dst_geo\",\"src_ip\",\"infection\"\n\"2026-08-22 00:00:01\",,\"203.0.113.9\",ZZ,\"198.51.100.7\",\"mirai\"\n",
	     "2 skipped victim\n");
	says(fs, "\"timestamp\",\"http_referer_ip\",\"http_referer_geo\",\"dst_ip\",\"infection\"\n\"2026-08-22 00:00:01\",\"198.51.100.7\",ZZ,\"203.0.113.9\",\"kovter\"\n",
	     "2 skipped referrer\n");
}

static void test_malware_and_samples(void **state)
{
	(void)state;
	says(fs,
	     "\"timestamp\",\"url\",\"host\",\"ip\",\"asn\",\"geo\",\"tag\",\"source\",\"sha256\"\n"
	     "\"2026-08-22 00:00:01\",\"http://198.51.100.7:50008/m\",\"198.51.100.7\",\"198.51.100.7\",64496,ZZ,,,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
	     "\"2026-08-22 00:00:01\",\"http://evil.example/m\",,,64496,ZZ,,,\n\"2026-08-22 00:00:01\",\"198.51.100.7\",,,64496,ZZ,,,\n",
	     "2 url http://198.51.100.7:50008/m malware-distribution seen 2026-08-22, "
	     "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 malware-distribution seen 2026-08-22\n"
	     "3 url http://evil.example/m malware-distribution seen 2026-08-22\n4 rejected \"198.51.100.7\" is a ipv4, which does not belong in its column\n");
	says(fs,
	     "\"timestamp\",\"md5hash\",\"request\",\"type\",\"response\"\n\"2026-08-22 00:00:01\",\"d41d8cd98f00b204e9800998ecf8427e\",\"time.example\",\"A\",\"198.51.100.7\"\n"
	     "\"timestamp\",\"ip\",\"asn\",\"geo\",\"md5\",\"url\",\"user_agent\",\"host\"\n"
	     "\"2026-08-22 00:00:01\",\"198.51.100.7\",64496,ZZ,\"d41d8cd98f00b204e9800998ecf8427f\",\"http://update.example/\",,update.example\n",
	     "2 md5 d41d8cd98f00b204e9800998ecf8427e malware-distribution seen 2026-08-22\n4 md5 d41d8cd98f00b204e9800998ecf8427f malware-distribution seen 2026-08-22\n");
}

static void test_lists_and_exposed(void **state)
{
	(void)state;
	says(fs,
	     "\"timestamp\",\"ip\",\"hostname\",\"source\",\"reason\",\"asn\",\"geo\"\n\"2026-08-22 00:00:01\",\"198.51.100.0/24\",x.example,\"L\",\"Malicious Host\",64496,ZZ\n"
	     "\"2026-08-22 00:00:01\",\"198.51.100.7\",,\"L\",\"spam source\",64496,ZZ\n",
	     "2 cidr 198.51.100.0/24 seen 2026-08-22\n3 ipv4 198.51.100.7 spam seen 2026-08-22\n");
	says(fs,
	     "\"timestamp\",\"ip\",\"protocol\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\"\n\"2026-08-22 00:00:01\",\"198.51.100.7\",tcp,443,,ssl,64496,ZZ\n"
	     "\"timestamp\",\"ip\",\"asn\",\"geo\",\"device_type\"\n\"2026-08-22 00:00:01\",\"198.51.100.7\",64496,ZZ,firewall\n"
	     "\"timestamp\",\"something\"\n\"2026-08-22 00:00:01\",\"198.51.100.7\"\n",
	     "2 skipped exposed\n4 skipped exposed\n6 skipped unknown report\n");
	says(fs,
	     "\"timestamp\",\"ip\",\"port\",\"asn\",\"geo\",\"tag\",\"public_source\",\"status\"\n\"2026-08-22 00:00:01\",198.51.100.7,,64496,ZZ,cyclops-blink,,\"likely compromised\"\n"
	     "\"2026-08-22 00:00:01\",198.51.100.8,,64496,ZZ,x,,vulnerable\n",
	     "2 ipv4 198.51.100.7 infected-system seen 2026-08-22\n3 skipped exposed\n");
	says(fs, "2026-08-22,198.51.100.7\n\n# a comment\n" EVENT "\n\"unclosed,198.51.100.7\n", "1 rejected there is no heading before the row\n2 skipped blank\n"
	     "3 skipped comment\n5 rejected a quote of the row is not closed\n");
}

static void test_tokens(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "00", "0x0000000000", "990000000000", "00ff00000000", "000000000000000" };
	refuses_tokens(fs);
	void *s = mem_zalloc(fs->state_size);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(fs->load(s, span_str(bad[i])), ERR_SYNTAX);
	free(s);
}

static void test_detection(void **state)
{
	(void)state;
	int how;
	assert_string_equal(feed_detect(SPAN_LIT(EVENT "\n\"2026-08-22 00:00:01\",\"tcp\",\"198.51.100.7\",64496,\"ZZ\",\"203.0.113.9\",\"mirai\",,\n"), true, NULL, &how)->name, fs->name);
	/* a table of somebody else's that begins with a time, and one without rows */
	assert_string_equal(feed_detect(SPAN_LIT("timestamp,ip,score\n2026-08-22,198.51.100.7,5\n"), true, NULL, &how)->name, "csv");
	assert_string_equal(feed_detect(SPAN_LIT(EVENT "\n"), true, NULL, &how)->name, fs->name);
	assert_int_equal(sure(fs, ""), 0);
	assert_int_equal(sure(fs, "timestamp\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events), cmocka_unit_test(test_who_is_a_victim), cmocka_unit_test(test_malware_and_samples),
		cmocka_unit_test(test_lists_and_exposed), cmocka_unit_test(test_tokens), cmocka_unit_test(test_detection),
	};
	return cmocka_run_group_tests_name("codec/feed_shadowserver", tests, NULL, NULL);
}
