#include "codec/feed_probe.h"

#define BANNER "################\n# abuse.ch dump  #\n################\n#\n"
#define SKIPPED "1 skipped comment\n2 skipped comment\n3 skipped comment\n4 skipped comment\n"

static void test_urlhaus(void **state)
{
	(void)state;
	probe("abuse.ch",
	      BANNER "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n"
		     "\"1\",\"2024-01-02 03:04:05\",\"http://evil.example/a\",\"online\",\"2024-01-03 03:04:05\",\"malware_download\",\"elf\",\"https://r.example/1/\",\"x\"\n"
		     "\"2\",\"2024-01-02 03:04:05\",\"http://evil.example/b\",\"offline\",\"\",\"malware_download\",\"elf\",\"https://r.example/2/\",\"x\"\n",
	      SKIPPED "5 skipped comment\n6 url http://evil.example/a malware-distribution @1704251045\n"
		      "7 url http://evil.example/b malware-distribution @1704164645\n");
}

static void test_threatfox(void **state)
{
	(void)state;
	probe("abuse.ch",
	      BANNER "# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"malware\",\"confidence_level\",\"reference\"\n"
		     "\"2024-01-02 03:04:05\", \"9\", \"192.0.2.1:8080\", \"ip:port\", \"botnet_cc\", \"win.x\", \"75\", \"https://r.example/\"\n"
		     "# Number of entries: 1\n",
	      SKIPPED "5 skipped comment\n6 ipv4 192.0.2.1 c2-server @1704164645 75%\n7 skipped comment\n");
}

static void test_others(void **state)
{
	(void)state;
	probe("abuse.ch",
	      BANNER "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n"
		     "\"2024-01-02 03:04:05\",\"192.0.2.1\",\"443\",\"online\",\"2024-01-03\",\"Dridex\"\n",
	      SKIPPED "6 ipv4 192.0.2.1 c2-server @1704240000\n");
	probe("abuse.ch", BANNER "# Listingdate,SHA1,Listingreason\n2024-01-02 03:04:05,da39a3ee5e6b4b0d3255bfef95601890afd80709,Something\n",
	      SKIPPED "5 skipped comment\n6 sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709 malware-distribution @1704164645\n");
	probe("abuse.ch", BANNER "# Firstseen,DstIP,DstPort\n2024-01-02 03:04:05,192.0.2.1,443\n",
	      SKIPPED "5 skipped comment\n6 ipv4 192.0.2.1 c2-server @1704164645\n");
	probe("abuse.ch",
	      BANNER "# \"first_seen_utc\",\"sha256_hash\",\"md5_hash\",\"imphash\",\"signature\"\n"
		     "\"2024-01-02 03:04:05\", \"d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e\", \"d41d8cd98f00b204e9800998ecf8427e\", "
		     "\"d41d8cd98f00b204e9800998ecf84200\", \"n/a\"\n",
	      SKIPPED "5 skipped comment\n6 sha256 d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e malware-distribution @1704164645, "
		      "md5 d41d8cd98f00b204e9800998ecf8427e malware-distribution @1704164645\n");
}

static void test_detected(void **state)
{
	(void)state;
	assert_string_equal(probe_detect(SPAN_LIT(BANNER "# Firstseen,DstIP,DstPort\n2024-01-02 03:04:05,192.0.2.1,443\n")), "abuse.ch");
	assert_string_equal(probe_detect(SPAN_LIT("# from abuse.ch\nhost,path\nevil.example,/\n")), "csv");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urlhaus),
		cmocka_unit_test(test_threatfox),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_detected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
