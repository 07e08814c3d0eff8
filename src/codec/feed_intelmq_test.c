/* IntelMQ events: which end of which is what the event is about. */
#include "codec/feed_testing.h"

#include "codec/formats.h"

static const struct feed_format *const fi = &feed_intelmq;

static void test_the_most_specific_leads(void **state)
{
	(void)state;
	says(fi,
	     "{\"__type\":\"Event\",\"source.url\":\"http://evil.example/a\",\"source.fqdn\":\"evil.example\",\"source.ip\":\"198.51.100.7\","
	     "\"source.network\":\"198.51.100.0/24\",\"classification.type\":\"phishing\",\"feed.accuracy\":80.5,\"time.source\":\"2026-08-22T03:00:29+00:00\","
	     "\"time.observation\":\"2026-08-23T00:00:00Z\",\"extra.status\":\"online\",\"raw\":\"eA==\"}\n"
	     "{\"source.fqdn\":\"evil.example\",\"source.ip\":\"198.51.100.7\",\"classification.type\":\"c2-server\",\"time.observation\":\"2026-08-23T00:00:00Z\"}\n"
	     "{\"source.network\":\"198.51.100.0/24\",\"classification.type\":\"blacklist\"}\n{\"source.ip\":\"2001:db8::7\"}\n",
	     "1 url http://evil.example/a phishing 80% seen 2026-08-22, domain evil.example phishing 80% seen 2026-08-22 part, "
	     "ipv4 198.51.100.7 phishing 80% seen 2026-08-22 part\n"
	     "2 domain evil.example c2-server seen 2026-08-23, ipv4 198.51.100.7 c2-server seen 2026-08-23 part\n"
	     "3 cidr 198.51.100.0/24\n4 ipv6 2001:db8::7\n");
}

static void test_addresses_lead(void **state)
{
	(void)state;
	static const char *const types[][2] = { { "scanner", "scanner" }, { "brute-force", "brute-force" }, { "infected-system", "infected-system" },
						{ "ddos", "ddos" }, { "ids-alert", "exploit" } };
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		char event[300], want[300];
		snprintf(event, sizeof(event), "{\"source.fqdn\":\"dsl-7.isp.example\",\"source.ip\":\"198.51.100.7\",\"source.network\":\"198.51.100.0/24\","
			 "\"classification.type\":\"%s\"}", types[i][0]);
		snprintf(want, sizeof(want), "1 ipv4 198.51.100.7 %s, domain dsl-7.isp.example %s part\n", types[i][1], types[i][1]);
		says(fi, event, want);
	}
	/* without an address the name must do */
	says(fi, "{\"source.fqdn\":\"scan.example\",\"classification.type\":\"scanner\"}", "1 domain scan.example scanner\n");
}

static void test_destinations(void **state)
{
	(void)state;
	says(fi,
	     "{\"source.ip\":\"198.51.100.7\",\"destination.ip\":\"203.0.113.9\",\"destination.fqdn\":\"sinkhole.example\",\"classification.type\":\"infected-system\"}\n"
	     "{\"destination.ip\":\"203.0.113.9\",\"destination.fqdn\":\"c2.example\",\"classification.type\":\"c2-server\"}\n"
	     "{\"source.ip\":\"198.51.100.7\",\"destination.ip\":\"203.0.113.9\",\"classification.type\":\"c2-server\"}\n"
	     "{\"destination.ip\":\"203.0.113.9\",\"classification.type\":\"scanner\"}",
	     "1 ipv4 198.51.100.7 infected-system\n2 domain c2.example c2-server, ipv4 203.0.113.9 c2-server part\n3 ipv4 198.51.100.7 c2-server\n"
	     "4 skipped event without an observable\n");
}

static void test_what_is_not_bad_is_passed(void **state)
{
	(void)state;
	says(fi,
	     "{\"source.ip\":\"198.51.100.7\",\"classification.type\":\"vulnerable-system\"}\n"
	     "{\"source.ip\":\"198.51.100.7\",\"classification.type\":\"potentially-unwanted-accessible\"}\n"
	     "{\"source.ip\":\"198.51.100.7\",\"classification.type\":\"vulnerable service\"}\n{\"source.ip\":\"198.51.100.7\",\"classification.type\":\"test\"}\n"
	     "{\"__type\":\"Report\",\"raw\":\"eA==\",\"feed.name\":\"x\"}\n{\"classification.type\":\"phishing\"}\n",
	     "1 skipped type:vulnerable-system\n2 skipped type:potentially-unwanted-accessible\n3 skipped type:vulnerable?service\n4 skipped type:test\n"
	     "5 skipped report\n6 skipped event without an observable\n");
}

static void test_hashes_and_markings(void **state)
{
	(void)state;
	says(fi,
	     "{\"malware.hash.md5\":\"d41d8cd98f00b204e9800998ecf8427e\",\"source.ip\":\"198.51.100.7\",\"classification.type\":\"infected-system\",\"tlp\":\"AMBER\"}\n"
	     "{\"malware.hash.sha1\":\"da39a3ee5e6b4b0d3255bfef95601890afd80709\",\"classification.type\":\"malware-distribution\",\"extra.tlp\":\"TLP:GREEN\"}\n",
	     "1 tlp:amber ipv4 198.51.100.7 infected-system, md5 d41d8cd98f00b204e9800998ecf8427e malware-distribution\n"
	     "2 tlp:green sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709 malware-distribution\n");
}

static void test_nested(void **state)
{
	(void)state;
	says(fi,
	     "[{\"classification\":{\"type\":\"c2-server\"},\"source\":{\"ip\":\"198.51.100.7\",\"geolocation\":{\"cc\":\"ZZ\"}},\"time\":{\"source\":\"2026-08-22T00:00:00Z\"},"
	     "\"feed\":{\"accuracy\":\"90\"},\"malware\":{\"hash\":{\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}},\n"
	     "{\"source\":{\"url\":\"http://evil.example/\\u00e4\"}}]",
	     "1 ipv4 198.51.100.7 c2-server 90% seen 2026-08-22, sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 malware-distribution 90% seen 2026-08-22\n"
	     "2 url http://evil.example/%C3%A4\n");
}

static void test_documents_and_damage(void **state)
{
	(void)state;
	says(fi, "{\"status\":\"OK\",\"data\":[{\"source.ip\":\"198.51.100.7\",\"classification.type\":\"spam\"},7],\"more\":{}}",
	     "1 ipv4 198.51.100.7 spam\n1 rejected there is something other than an object among the events\n");
	says(fi, "{\"source.ip\":\"198.51.100.7\"}\n{\"source.ip\":\"198.51\n{\"source.ip\":\"300.1.1.1\"}\n{\"source.ip\":\"198.51.100.8\"}\n",
	     "1 ipv4 198.51.100.7\n2 rejected the line is not JSON: a control character in a string is not escaped\n3 rejected \"300.1.1.1\"\n4 ipv4 198.51.100.8\n");
	refuses_tokens(fi);
}

static void test_detection(void **state)
{
	(void)state;
	static const char *const events[] = {
		"{\"__type\": \"Event\", \"source.ip\": \"127.0.0.1\", \"classification.type\": \"c2-server\"}\n",
		"{\"source.ip\": \"127.0.0.2\", \"classification.type\": \"c2-server\"}",
		"[{\"classification\":{\"type\":\"spam\"},\"source\":{\"ip\":\"198.51.100.7\"}}]",
		"{\"status\":\"OK\",\"data\":[{\"source.ip\":\"198.51.100.7\",\"classification.type\":\"spam\"}]}",
	};
	static const char *const others[] = { "{\"source\":\"x\",\"ip\":\"198.51.100.7\"}", "{\"data\":[{\"ip\":\"198.51.100.7\"}]}", "{\"classification\":\"spam\",\"ip\":\"198.51.100.7\"}", "[]", "" };
	for (size_t i = 0; i < COUNT_OF(events); i++) {
		int how;
		assert_ptr_equal(feed_detect(span_str(events[i]), true, "x.json", &how), fi);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_int_equal(sure(fi, others[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_most_specific_leads), cmocka_unit_test(test_addresses_lead), cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_what_is_not_bad_is_passed), cmocka_unit_test(test_hashes_and_markings), cmocka_unit_test(test_nested),
		cmocka_unit_test(test_documents_and_damage), cmocka_unit_test(test_detection),
	};
	return cmocka_run_group_tests_name("codec/feed_intelmq", tests, NULL, NULL);
}
