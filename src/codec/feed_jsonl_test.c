#include "codec/feed_testing.h"
#include "codec/formats.h"

static void test_lines(void **state)
{
	const struct feed_format *j = &feed_jsonl;
	says(j, "{\"cidr\":\"198.51.100.0/24\",\"sblid\":\"SBL1\",\"rir\":\"x\"}\n{\"cidr\":\"203.0.113.0/24\"}\n"
		"{\"type\":\"metadata\",\"timestamp\":1767571200,\"records\":2}\n",
	     "1 cidr 198.51.100.0/24\n2 cidr 203.0.113.0/24\n3 skipped metadata\n");
	says(j,
	     "{\"asn\":64496,\"rir\":\"x\",\"domain\":\"owner.example\",\"cc\":\"ZZ\",\"asname\":\"OWNER\"}\n"
	     "{\"asn\":64496,\"asname\":\"OWNER\",\"ip\":\"198.51.100.7\"}\n{\"asn\":64496,\"domain\":\"a.example\"}",
	     "1 skipped asn\n2 ipv4 198.51.100.7\n3 domain a.example\n");
	says(j,
	     "{\"ip\":\"198.51.100.7\",\"confidence\":\"80\",\"last_seen\":\"2026-01-05 10:00:00\",\"first_seen\":\"2025-01-01\","
	     "\"tags\":[\"x\",\"phishing\"],\"tlp\":\"Amber\"}",
	     "1 tlp:amber ipv4 198.51.100.7 phishing 80% seen 2026-01-05\n");
	says(j, "{\"src_ip\":\"198.51.100.7\",\"dest_ip\":\"198.51.100.8\"}\n{\"src_ip\":\"198.51.100.7\"}",
	     "1 rejected an object names both ends of a connection, as a log does; choose one with --column\n2 ipv4 198.51.100.7\n");
	/* the most specific that does least harm; a field that does not parse gives way to the next */
	says(j,
	     "{\"ip\":\"198.51.100.7\",\"url\":\"http://a.example/x\"}\n{\"host\":\"n/a\",\"md5\":\"d41d8cd98f00b204e9800998ecf8427e\"}\n"
	     "{\"ip\":\"\",\"domain\":\"a.example\"}\n{\"ip\":null,\"name\":\"x\"}\n{\"ip\":\"x y\"}\n\"198.51.100.7\"\n5\n{}",
	     "1 url http://a.example/x\n2 md5 d41d8cd98f00b204e9800998ecf8427e\n3 domain a.example\n"
	     "4 rejected an object has no field of a name that is known; name it with --column\n"
	     "5 rejected \"x y\"\n6 ipv4 198.51.100.7\n"
	     "7 rejected there is neither an object nor a string where a record should be\n"
	     "8 rejected an object has no field of a name that is known; name it with --column\n");
}

static void test_broken_lines(void **state)
{
	const struct feed_format *j = &feed_jsonl;
	says(j,
	     "{\"ip\":\"198.51.100.7\"}\n{\"ip\":\"198.51.100.8}\n{\"ip\":nope}\nprose\n{\"ip\":\"198.51.100.9\"}\n{\"ip\":\"198.51",
	     "1 ipv4 198.51.100.7\n2 rejected the line is not JSON: a control character in a string is not escaped\n"
	     "3 rejected the line is not JSON: a word is none of true, false and null\n4 rejected the line is not JSON: a word is none of true, false and null\n"
	     "5 ipv4 198.51.100.9\n6 rejected the line is not JSON: the text ends inside a value\n");
	says(j, "[\n\"198.51.100.7\",\nnope]", "2 ipv4 198.51.100.7\na word is none of true, false and null\n");
}

static void test_arrays(void **state)
{
	const struct feed_format *j = &feed_jsonl;
	says(j, "[{\"ip\":\"198.51.100.7\"},\n{\"ip\":\"198.51.100.8\"}]",
	     "1 ipv4 198.51.100.7\n2 ipv4 198.51.100.8\n");
	says(j, "[\"198.51.100.7\",\"a.example\",\"x y\",5]",
	     "1 ipv4 198.51.100.7\n1 domain a.example\n1 rejected \"x y\"\n"
	     "1 rejected there is neither an object nor a string where a record should be\n");
	says(j,
	     "{\"123\":[{\"ioc_value\":\"198.51.100.7:443\",\"ioc_type\":\"ip:port\",\"threat_type\":\"botnet_cc\",\"confidence_level\":75,"
	     "\"first_seen_utc\":\"2026-01-05 10:00:00\"}],\"124\":[{\"ioc_value\":\"a.example\"}]}",
	     "1 ipv4 198.51.100.7 c2-server 75% seen 2026-01-05\n1 domain a.example\n");
	says(j, "{\"query_status\":\"ok\",\"data\":[{\"ip\":\"198.51.100.7\"}],\"more\":[{\"ip\":\"198.51.100.8\"}]}",
	     "1 ipv4 198.51.100.7\n");
}

static void test_column(void **state)
{
	const struct feed_options o = { .stance = STANCE_FALSE_POSITIVE, .column = SPAN_LIT("ip") };
	const struct feed_options other = { .stance = STANCE_INDICATOR, .column = SPAN_LIT("bad") };
	says_with(&feed_jsonl, &o, "{\"url\":\"http://a.example/\",\"ip\":\"198.51.100.7\"}",
		  "1 false-positive ipv4 198.51.100.7\n");
	says_with(&feed_jsonl, &other, "{\"bad\":\"a.example\",\"ip\":\"198.51.100.7\"}\n{\"ip\":\"198.51.100.7\"}",
		  "1 domain a.example\n2 rejected an object has no text in the column \"bad\"\n");
	refuses_tokens(&feed_jsonl);
}

static void test_sniff(void **state)
{
	static const char *const some[] = { "{\"ip\":\"198.51.100.7\"}\n{", "[{\"domain\":\"a.example\"}",
					    "[\"198.51.100.7\",", "{\"1\":[{\"ioc_value\":\"a.example\"}]}",
					    "{\"query_status\":\"ok\",\"data\":[{\"url\":\"http://a.example/\"" };
	static const char *const none[] = { "",
					    "{}",
					    "[]",
					    "[5]",
					    "{\"name\":\"x\",\"version\":\"1\"}",
					    "\"198.51.100.7\"",
					    "198.51.100.7",
					    "{\"ip\":5}",
					    "{\"data\":[[\"198.51.100.7\"]]}",
					    "{\"document\":{\"url\":\"http://a.example/\"}}" };
	static const char *const logs[] = { "{\"src_ip\":\"198.51.100.7\"}\n{",
					    "{\"ip\":\"198.51.100.7\",\"event_type\":\"alert\"}\n",
					    "{\n\"title\":\"x\",\"url\":\"http://a.example/\"}",
					    "{\"value\":\"a.example\"}\n" };
	for (size_t i = 0; i < COUNT_OF(logs); i++)
		assert_int_equal(sure(&feed_jsonl, logs[i]), 0);
	for (size_t i = 0; i < COUNT_OF(some); i++)
		if (sure(&feed_jsonl, some[i]) < 20)
			fail_msg("not recognised: %s", some[i]);
	for (size_t i = 0; i < COUNT_OF(none); i++)
		if (sure(&feed_jsonl, none[i]) != 0)
			fail_msg("recognised: %s", none[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_broken_lines), cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_column), cmocka_unit_test(test_sniff),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
