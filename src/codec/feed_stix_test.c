#include "codec/feed_testing.h"
#include "codec/formats.h"

#define I(rest) "{\"type\":\"indicator\",\"id\":\"indicator--1\"," rest "}"
#define P(pattern) I("\"pattern\":\"" pattern "\"")
#define BUNDLE(objects) "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[" objects "]}"

static void test_shapes(void **state)
{
	const struct feed_format *s = &feed_stix;
	says(s, BUNDLE(P("[ipv4-addr:value = '198.51.100.7']") ",\n" P("[url:value = 'http://a.example/']")),
	     "1 ipv4 198.51.100.7\n2 url http://a.example/\n");
	says(s, P("[domain-name:value = 'A.example']"), "1 domain a.example\n");
	says(s, P("[domain-name:value = 'a.example']") "\n" P("[domain-name:value = 'b.example']") "\n",
	     "1 domain a.example\n2 domain b.example\n");
	says(s, "[" P("[domain-name:value = 'a.example']") "," P("[domain-name:value = 'b.example']") "]",
	     "1 domain a.example\n1 domain b.example\n");
	says(s, "{\"more\":false,\"objects\":[" P("[domain-name:value = 'a.example']") "]}", "1 domain a.example\n");
	says(s,
	     "{\"objects\":[" P("[domain-name:value = 'a.example']") "],\"id\":\"bundle--1\",\"type\":\"bundle\",\"x\":[{\"y\":1}]}\n" BUNDLE(
		     ""),
	     "1 domain a.example\n");
	says(s, "\xef\xbb\xbf" BUNDLE(",, {\"type\":\"malware\"} {\"type\":\"sighting\"},"),
	     "1 skipped malware\n1 skipped sighting\n");
	says(s,
	     BUNDLE("{\"type\":\"observed-data\",\"objects\":{\"0\":{\"type\":\"ipv4-addr\",\"value\":\"198.51.100.7\"}}}"),
	     "1 skipped observed-data\n");
	says(s, "{\"type\":\"observed-data\",\"objects\":{}}", "1 skipped observed-data\n");
	says(s,
	     BUNDLE("{\"type\":\"ipv4-addr\",\"value\":\"198.51.100.7\"},5,{\"id\":\"x\"},{\"type\":\"a\\u001bb \"}"),
	     "1 skipped ipv4-addr\n1 rejected there is something other than an object among the STIX objects\n"
	     "1 rejected a STIX object has no type\n1 skipped a\\u001bb?\n");
	says(s, "{}", "");
	says(s, "", "");
}

static void test_fields(void **state)
{
	const struct feed_format *s = &feed_stix;
	says(s,
	     I("\"pattern\":\"[url:value = 'http://a.example/']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-02T00:00:00Z\","
	       "\"valid_until\":\"2026-03-01T00:00:00.000Z\",\"modified\":\"2026-02-01T00:00:00.123456Z\",\"created\":\"2025-01-01T00:00:00Z\","
	       "\"confidence\":85,\"indicator_types\":[\"malicious-activity\",\"phishing\"]"),
	     "1 url http://a.example/ phishing 85% seen 2026-02-01 until 2026-03-01\n");
	says(s,
	     I("\"pattern\":\"[url:value = 'http://a.example/']\",\"valid_from\":\"2026-01-02T00:00:00Z\",\"labels\":[\"c2\"],\"confidence\":101"),
	     "1 url http://a.example/ c2-server seen 2026-01-02\n");
	says(s,
	     I("\"kill_chain_phases\":[{\"kill_chain_name\":\"x\",\"phase_name\":\"command-and-control\"}],\"created\":\"2026-01-02T00:00:00Z\","
	       "\"pattern\":\"[url:value = 'http://a.example/']\",\"modified\":\"yesterday\",\"revoked\":true"),
	     "1 retracted url http://a.example/ c2-server seen 2026-01-02\n");
	says(s,
	     I("\"pattern\":\"[url:value = 'x']\",\"pattern\":\"[file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E']\""),
	     "1 md5 d41d8cd98f00b204e9800998ecf8427e\n");
	says(s, P("[url:value = 'http://a.example/?q=\\\\'\\u0131\\\"']"), "1 url http://a.example/?q='%C4%B1%22\n");
}

static void test_patterns(void **state)
{
	const struct feed_format *s = &feed_stix;
	says(s,
	     P("[ipv4-addr:value = '198.51.100.7/32' OR ipv4-addr:value = '203.0.113.0/24' OR domain-name:value = '198.51.100.8']"),
	     "1 ipv4 198.51.100.7, cidr 203.0.113.0/24, ipv4 198.51.100.8\n");
	says(s, P("[domain-name:value = 'a.example' AND domain-name:resolves_to_refs[*].value = '198.51.100.7']"),
	     "1 domain a.example part, ipv4 198.51.100.7 part\n");
	says(s,
	     P("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:dst_port = '443']"),
	     "1 ipv4 198.51.100.7\n");
	says(s, P("[file:name = 'x.exe']"), "1 skipped indicator:file:name\n");
	says(s, P("[domain-name:value LIKE '%x.example']"), "1 skipped indicator:domain-name:value\n");
	says(s, I("\"pattern\":\"rule x {}\",\"pattern_type\":\"yara\""), "1 skipped indicator:yara\n");
	says(s, I("\"pattern\":\"[url:value = 'http://a.example/']\",\"indicator_types\":[\"benign\"]"),
	     "1 skipped indicator:benign\n");
	says(s, I("\"name\":\"x\""), "1 rejected an indicator has no pattern\n");
	says(s, P("[url:value = "), "1 rejected pattern column 14: a constant is missing\n");
	says(s, P("[ipv4-addr:value = 'a.example']"),
	     "1 rejected \"a.example\" is a domain, which does not belong here\n");
	says(s, P("[ipv4-addr:value = 'nowhere' OR url:value = 'http://a.example/']"), "1 url http://a.example/\n");
}

static void test_markings(void **state)
{
	const struct feed_format *s = &feed_stix;
	says(s,
	     BUNDLE("{\"type\":\"tool\",\"object_marking_refs\":[\"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9\"]},"
		    "{\"type\":\"tool\",\"object_marking_refs\":[\"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da\","
		    "\"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421\",\"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb\"]},"
		    "{\"type\":\"tool\",\"object_marking_refs\":[\"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003\"]},"
		    "{\"type\":\"tool\",\"granular_markings\":[{\"marking_ref\":\"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed\","
		    "\"selectors\":[\"name\"]}]},"
		    "{\"type\":\"tool\",\"object_marking_refs\":[\"marking-definition--00000000-0000-4000-8000-000000000000\"]}"),
	     "1 tlp:clear skipped tool\n1 tlp:amber skipped tool\n1 tlp:amber+strict skipped tool\n1 tlp:red skipped tool\n1 skipped tool\n");
}

static void test_broken(void **state)
{
	const struct feed_format *s = &feed_stix;
	says(s, BUNDLE("{\"type\":\"tool\"},{\"type\":}"), "1 skipped tool\na value is missing\n");
	says(s, "{\"type\":\"bundle\",\"objects\":[{\"type\":\"tool\"}",
	     "1 skipped tool\nthe text ends inside an array\n");
	says(s, "{\"type\":\"bundle\",\"objects\":[{\"type\":\"tool\"},{\"type",
	     "1 skipped tool\nthe text ends inside a value\n");
	says(s, "{\"type\":\"bundle\",\"objects\":[{\"type\":\"tool\"}]",
	     "1 skipped tool\nthe text ends inside an object\n");
	says(s, BUNDLE("{\"type\":\"tool\"}]"), "1 skipped tool\na key in quotes is missing\n");
	struct told t = { .stop_after = UINT32_MAX };
	struct buf token = { 0 };
	struct feed_options o = { .stance = STANCE_INDICATOR };
	struct fault f;
	size_t used;
	struct span text = SPAN_LIT("{\"type\":\"bundle\",\n\"objects\":[\n{\"type\":\"tool\"},\n {\"type\":tool}]}");
	assert_int_equal(tell_piece(s, &o, &token, text, true, &t, &used, &f), ERR_SYNTAX);
	assert_string_equal(f.text, "line 4 column 10: a word is none of true, false and null");
	buf_release(&t.text);
	buf_release(&token);
}

/* An object beyond the cap is rejected and passed over without being held; the next one is read. */
static void test_large(void **state)
{
	struct told t = { .stop_after = UINT32_MAX };
	struct buf token = { 0 }, text = { 0 };
	struct feed_options o = { .stance = STANCE_INDICATOR };
	struct fault f;
	size_t used;
	buf_puts(&text, "{\"type\":\"bundle\",\"objects\":[{\"type\":\"artifact\",\"payload_bin\":\"");
	memset(buf_reserve(&text, FEED_OBJECT_MAX), 'A', FEED_OBJECT_MAX);
	text.n += FEED_OBJECT_MAX;
	assert_int_equal(tell_piece(&feed_stix, &o, &token, buf_span(&text), false, &t, &used, &f), OK);
	assert_int_equal(used, text.n);
	assert_string_equal(buf_cstr(&t.text), "1 rejected an object is larger than 16 MiB\n");
	assert_string_equal(buf_cstr(&token), "Bo!1s:");
	struct span rest = SPAN_LIT("AA\\\"}]\"},{\"type\":\"tool\"}]}");
	assert_int_equal(tell_piece(&feed_stix, &o, &token, rest, true, &t, &used, &f), OK);
	assert_string_equal(buf_cstr(&t.text), "1 rejected an object is larger than 16 MiB\n1 skipped tool\n");
	/* all of it at once says the same */
	buf_putspan(&text, rest);
	token.n = t.text.n = 0;
	assert_int_equal(tell_piece(&feed_stix, &o, &token, buf_span(&text), true, &t, &used, &f), OK);
	assert_int_equal(used, text.n);
	assert_string_equal(buf_cstr(&t.text), "1 rejected an object is larger than 16 MiB\n1 skipped tool\n");
	buf_release(&t.text);
	buf_release(&token);
	buf_release(&text);
}

static void test_sniff(void **state)
{
	assert_int_equal(sure(&feed_stix, BUNDLE("")), 100);
	assert_int_equal(sure(&feed_stix, "\xef\xbb\xbf \n{\"type\":\"bundle\",\"id\":\"bundle--4"), 100);
	assert_int_equal(sure(&feed_stix, "{\"objects\":[{\"type\":\"tool\",\"id\":\"tool--1"), 95);
	assert_int_equal(sure(&feed_stix, "[{\"type\":\"tool\",\"id\":\"tool--1\"}]"), 90);
	assert_int_equal(sure(&feed_stix, "{\"id\":\"tool--1\",\"type\":\"tool\"}\n{"), 90);
	static const char *const none[] = { "",
					    "[",
					    "{",
					    "{\"objects\":[{\"name\":\"x\"}]}",
					    "{\"type\":\"tool\",\"id\":\"5\"}",
					    "{\"Event\":{}}",
					    "198.51.100.7\n",
					    "{\"ip\":\"198.51.100.7\"}",
					    "[\"bundle\"]" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_int_equal(sure(&feed_stix, none[i]), 0);
}

static void test_tokens(void **state)
{
	refuses_tokens(&feed_stix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_fields), cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_markings), cmocka_unit_test(test_broken), cmocka_unit_test(test_large),
		cmocka_unit_test(test_sniff), cmocka_unit_test(test_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
