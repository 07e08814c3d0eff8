#include "codec/feed_testing.h"
#include "codec/formats.h"
#include "codec/tlp.h"

#define A(type, value, rest) "{\"type\":\"" type "\",\"value\":\"" value "\",\"to_ids\":true" rest "}"
#define EVENT(rest) "{\"Event\":{\"info\":\"x\"," rest "}}"

static void test_wrappings(void **state)
{
	const struct feed_format *m = &feed_misp;
	says(m, EVENT("\"Attribute\":[" A("domain", "a.example", "") ",\n" A("ip-dst", "198.51.100.7", "") "]"),
	     "1 domain a.example\n2 ipv4 198.51.100.7\n");
	says(m,
	     "{\"response\":[" EVENT("\"Attribute\":[" A("domain", "a.example", "") "]") "," EVENT(
		     "\"Attribute\":[" A("domain", "b.example", "") "]") "]}",
	     "1 domain a.example\n1 domain b.example\n");
	says(m,
	     "[" EVENT("\"Attribute\":[" A("domain", "a.example", "") "]") ",{\"Attribute\":[" A("domain", "b.example",
												 "") "]}]",
	     "1 domain a.example\n1 domain b.example\n");
	says(m, "{\"info\":\"x\",\"Attribute\":[" A("domain", "a.example", "") "]}", "1 domain a.example\n");
	says(m, "{\"response\":{\"Attribute\":[" A("domain", "a.example", "") "]}}", "1 domain a.example\n");
	says(m,
	     "{\"response\":[{\"info\":\"x\",\"Object\":[{\"name\":\"file\",\"Attribute\":[" A("domain", "a.example",
											       "") "]}]}]}",
	     "1 domain a.example\n");
	says(m,
	     EVENT("\"Galaxy\":[{\"Attribute\":[{}]}],\"ShadowAttribute\":[" A(
		     "domain", "b.example",
		     "") "],\"Attribute\":[" A("domain", "a.example",
					       ",\"ShadowAttribute\":[" A("domain", "b.example",
									  "") "],\"data\":\"QUJD\"") "]"),
	     "1 domain a.example\n");
	says(m, EVENT("\"Attribute\":{}"), "");
	says(m, "{\"Event\":[]}{}[]", "");
}

/* An event that is marked more strictly than may be kept is one record, title and all; one that is cut off, or of which
 * the tags are not there, is none. */
static void test_events_that_may_not_be_kept(void **state)
{
	static const char text[] = "{\"response\":[" EVENT("\"Attribute\":[" A("domain", "a.example", "") "],\"Tag\":[{\"name\":\"tlp:amber\"}]") "," EVENT(
		"\"Attribute\":[" A("domain", "b.example", ",\"Tag\":[{\"name\":\"tlp:red\"}]") "],\"Tag\":[{\"name\":\"tlp:green\"}]") "]}";
	const struct feed_options o = { .stance = STANCE_INDICATOR, .tlp = TLP_GREEN };
	static const unsigned behind[] = { 0, 30 /* with its tags */, 1 /* without */ };
	for (unsigned i = 0; i < COUNT_OF(behind); i++) {
		unsigned cut = behind[i];
		struct told t = { .stop_after = 100 };
		struct feed_parser *p = feed_parser_new(&feed_misp, &o);
		struct span in = cut ? span_head(span_str(text), span_find(span_str(text), ']') + cut) : span_str(text);
		struct fault f;
		size_t used;
		assert_int_equal(feed_parse(p, in, true, tell, &t, &used, &f), cut ? ERR_SYNTAX : OK);
		buf_putc(&t.text, 0);
		assert_string_equal((const char *)t.text.p, cut ? "" : "1 tlp:amber rejected an event is marked tlp:amber\n1 tlp:red domain b.example\n");
		struct span place = span_head(span_from(in, t.place[0].off), t.place[0].len);
		if (cut)
			assert_true(used < strlen("{\"response\":[{\"Event\":{"));
		else
			assert_true(span_starts(place, SPAN_LIT("\"Event\":{\"info\"")) && place.p[place.n - 1] == '}' && !memmem(place.p, place.n, "b.example", 9));
		buf_release(&t.text);
		feed_parser_free(p);
	}
	(void)state;
}

static void test_types(void **state)
{
	const struct feed_format *m = &feed_misp;
	says(m,
	     EVENT("\"Attribute\":[" A("ip-src|port", "198.51.100.7|443", "") A("ip-dst", "2001:db8::/32", "")
			   A("domain|ip", "a.example|198.51.100.7", "") A("hostname|port", "b.example|80", "")
				   A("url", "http://a.example/x", "") A("email-src", "a@b.example", "")
					   A("filename|md5", "x|y.exe|d41d8cd98f00b204e9800998ecf8427e",
					     "") A("malware-sample", "x|D41D8CD98F00B204E9800998ECF8427E", "")
						   A("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "") "]"),
	     "1 ipv4 198.51.100.7\n1 cidr 2001:db8::/32\n1 domain a.example, ipv4 198.51.100.7\n1 domain b.example\n"
	     "1 url http://a.example/x\n1 email a@b.example\n1 md5 d41d8cd98f00b204e9800998ecf8427e malware-distribution\n"
	     "1 md5 d41d8cd98f00b204e9800998ecf8427e malware-distribution\n"
	     "1 sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709 malware-distribution\n");
	says(m,
	     EVENT("\"Attribute\":[" A("yara", "rule", "") A(
		     "x509-fingerprint-sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		     "") "{\"type\":\"domain\",\"value\":\"a.example\",\"to_ids\":false},{\"type\":\"domain\",\"value\":\"a.example\"},"
			 "{\"type\":\"domain\",\"value\":\"a.example\",\"to_ids\":\"1\"},{\"type\":\"domain\",\"to_ids\":1},{\"value\":5},7," A(
				 "domain|ip", "a.example", "") A("ip-dst", "a.example", "") A("md5", "abc", "") "]"),
	     "1 skipped yara\n1 skipped x509-fingerprint-sha1\n1 skipped to_ids false\n1 skipped to_ids false\n1 domain a.example\n"
	     "1 rejected an attribute has no value\n1 rejected an attribute has no type\n"
	     "1 rejected there is something other than an object among the attributes\n"
	     "1 rejected a value of type \"domain|ip\" has no '|' in it\n"
	     "1 rejected \"a.example\" is a domain, which does not belong here\n"
	     "1 rejected \"abc\"\n");
}

static void test_fields(void **state)
{
	const struct feed_format *m = &feed_misp;
	says(m,
	     EVENT("\"date\":\"2026-01-05\",\"Attribute\":[" A("domain", "a.example", "") A(
		     "domain", "b.example", ",\"timestamp\":\"1767916800\"")
			   A("domain", "c.example",
			     ",\"timestamp\":1767916800,\"last_seen\":\"2026-02-01T00:00:00.000000+00:00\",\"first_seen\":null")
				   A("domain", "d.example", ",\"category\":\"Payload delivery\"")
					   A("domain", "e.example", ",\"deleted\":true") "]"),
	     "1 domain a.example seen 2026-01-05\n1 domain b.example seen 2026-01-09\n1 domain c.example seen 2026-02-01\n"
	     "1 domain d.example malware-distribution seen 2026-01-05\n1 retracted domain e.example seen 2026-01-05\n");
	/* an event's tags hold for the attributes before them, an attribute's own come first */
	says(m,
	     EVENT("\"timestamp\":\"1767571200\",\"Attribute\":[" A("domain", "a.example", "") A(
		     "domain", "b.example",
		     ",\"Tag\":[{\"name\":\"tlp:red\"},{\"x\":{\"name\":\"tlp:red\"},"
		     "\"name\":\"misp:confidence-level=\\\"rarely-confident\\\"\"},{\"name\":\"kill-chain:Command and Control\"}]") "],\"Tag\":[{\"name\":\"tlp:green\"},{\"name\":\"TLP:AMBER\"},{\"name\":\"admiralty-scale:information-credibility=\\\"2\\\"\"},"
																    "{\"name\":\"rsit:fraud=\\\"phishing\\\"\"}]"),
	     "1 tlp:amber domain a.example phishing 70% seen 2026-01-05\n1 tlp:red domain b.example c2-server 25% seen 2026-01-05\n");
	says(m,
	     EVENT("\"Attribute\":[" A(
		     "domain|ip", "a.example|198.51.100.7",
		     ",\"timestamp\":1767571200,\"Sighting\":["
		     "{\"type\":\"0\",\"date_sighting\":\"1767916800\"},{\"type\":0,\"date_sighting\":1767744000},"
		     "{\"type\":\"1\",\"date_sighting\":\"1768003200\"},{\"type\":2,\"date_sighting\":1770000000},{\"type\":9}]") "]"),
	     "1 domain a.example seen 2026-01-05 until 2026-02-02, ipv4 198.51.100.7 seen 2026-01-05 until 2026-02-02, "
	     "sighting domain a.example seen 2026-01-09 until 2026-02-02, sighting ipv4 198.51.100.7 seen 2026-01-09 until 2026-02-02, "
	     "false-positive domain a.example seen 2026-01-10 until 2026-02-02, false-positive ipv4 198.51.100.7 seen 2026-01-10 until 2026-02-02\n");
}

static void test_broken(void **state)
{
	const struct feed_format *m = &feed_misp;
	says(m, "{\"Event\":{\"Attribute\":[" A("domain", "a.example", ""),
	     "1 domain a.example\nthe text ends inside an array\n");
	says(m, EVENT("\"Attribute\":[{\"type\":domain}]"), "a word is none of true, false and null\n");
	refuses_tokens(m);
}

static void test_sniff(void **state)
{
	const struct feed_format *m = &feed_misp;
	assert_true(sure(m, EVENT("\"Attribute\":[]")) >= 90);
	assert_true(sure(m, "{\"response\":[{\"Event\":{\"info\":\"") >= 90);
	assert_true(sure(m, "[{\"Event\":{\"info\":\"x\"") >= 90);
	assert_true(sure(m, "{\"info\":\"x\",\"threat_level_id\":\"1\",\"Attribute\":[") >= 80);
	assert_true(sure(m, "{\"response\":{\"Attribute\":[{\"type\":\"domain\"") >= 60);
	static const char *const none[] = { "", "{", "{\"response\":{\"docs\":[]}}", "{\"info\":\"x\"}",
					    "{\"list\":[],\"type\":\"cidr\"}" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_int_equal(sure(m, none[i]), 0);
}

#define UUID1 "\"11111111-2222-4333-8444-555555555555\""
#define UUID2 "\"11111111-2222-4333-8444-666666666666\""

static void test_manifest(void **state)
{
	const struct feed_format *m = &feed_misp_manifest;
	const char *text = "{" UUID1 ": {\"info\":\"x\",\"timestamp\":\"1\"},\n" UUID2
			   ": {\"info\":\"y\",\"Orgc\":{}}}";
	says(m, text, "1 skipped manifest\n2 skipped manifest\n");
	assert_int_equal(sure(m, text), 95);
	assert_int_equal(sure(m, "{\"11111111-2222-4333-8444-55555555555g\":{\"info\":\"x\",\"date\":\"\"}}"), 0);
	assert_int_equal(sure(m, "{" UUID1 ":{\"name\":\"x\"}}"), 0);
	assert_int_equal(sure(m, "{" UUID1 ":5}"), 0);
	refuses_tokens(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrappings), cmocka_unit_test(test_events_that_may_not_be_kept), cmocka_unit_test(test_types), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_broken), cmocka_unit_test(test_sniff), cmocka_unit_test(test_manifest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
