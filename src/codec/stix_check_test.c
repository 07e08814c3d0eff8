#include "codec/stix_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define U "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
#define TIMES "\"spec_version\":\"2.1\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00Z\""
#define O(type, rest) "{\"type\":\"" type "\",\"id\":\"" type "--" U "\"," TIMES "," rest "}"
#define S(type, rest) "{\"type\":\"" type "\",\"id\":\"" type "--" U "\"," rest "}"
#define REF "\"tool--" U "\""

static void good_ones(void **state)
{
	static const char *const good[] = {
		O("indicator", "\"pattern\":\"[url:value = 'http://a.example/']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\""),
		O("indicator", "\"pattern\":\"[url:value = '\\u0061']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\",\"valid_until\":\"2026-01-01T00:00:00.1Z\""),
		O("indicator", "\"pattern\":\"alert tcp\",\"pattern_type\":\"snort\",\"valid_from\":\"2026-01-01T00:00:00Z\",\"x_odd\":null,\"labels\":[]"),
		O("malware", "\"is_family\":false"), O("malware", "\"is_family\":true,\"name\":\"x\""), O("location", "\"country\":\"aq\""),
		O("location", "\"latitude\":1.5,\"longitude\":2"), O("observed-data", "\"first_observed\":\"2026-01-01T00:00:00Z\",\"last_observed\":\"2026-01-01T00:00:00Z\","
		  "\"number_observed\":1,\"object_refs\":[" REF "]"),
		O("relationship", "\"relationship_type\":\"uses\",\"source_ref\":" REF ",\"target_ref\":" REF), O("x-acme-thing", "\"anything\":{}"),
		S("x-acme-thing", "\"created\":\"2026-01-01T00:00:00.123456789Z\",\"modified\":\"2026-01-01T00:00:00.123456789Z\""),
		S("url", "\"value\":\"x\""), S("file", "\"hashes\":{\"MD5\":\"00\"}"), S("file", "\"name\":\"a\""), S("process", "\"pid\":7"),
		S("network-traffic", "\"protocols\":[\"tcp\"],\"dst_ref\":" REF), S("email-message", "\"is_multipart\":false"),
		S("marking-definition", "\"created\":\"2026-01-01T00:00:00Z\",\"definition_type\":\"statement\",\"definition\":{\"statement\":\"x\"}"),
		/* STIX 2.0 */
		S("indicator", "\"created\":\"2026-01-01T00:00:00Z\",\"modified\":\"2026-01-01T00:00:00Z\",\"labels\":[\"x\"],\"pattern\":\"[a:b = 1]\""),
	};
	struct stix_object o;
	struct fault f;
	uint8_t tlp;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		if (stix_check(span_str(good[i]), NULL, NULL, &o, &tlp, &f))
			fail_msg("%s: %s", good[i], f.text);
		assert_int_equal(tlp, TLP_UNSAID);
		assert_int_equal(o.octets.n, strlen(good[i]));
	}
}

static void bad_ones(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "7", "it is not a JSON object" },
		{ "{}", "the object has no id of the form TYPE--UUID" },
		{ "{\"type\":\"url\",\"id\":\"url--1\",\"value\":\"x\"}", "its id is not of the form TYPE--UUID" },
		{ "{\"type\":\"file\",\"id\":\"url--" U "\",\"value\":\"x\"}", "its type is not the one that its id begins with" },
		{ "{\"id\":\"url--" U "\",\"value\":\"x\"}", "it has no property \"type\"" },
		{ S("bundle", "\"objects\":[]"), "a bundle is not an object: send what is in it" },
		{ S("url", "\"x\":1"), "it has no property \"value\"" },
		{ S("url", "\"value\":\"\""), "\"value\" is not a text that is not empty" },
		{ S("url", "\"value\":7"), "\"value\" is not a text that is not empty" },
		{ S("url", "\"value\":\"x\",\"id\":\"url--" U "\""), "it has two properties \"id\"" },
		{ S("url", "\"value\":\"x\",\"t\\u0079pe\":\"file\""), "the name of a property has an escape in it" },
		{ S("file", "\"size\":1"), "it has neither \"hashes\" nor \"name\"" },
		{ S("file", "\"name\":null"), "it has neither \"hashes\" nor \"name\"" },
		{ S("autonomous-system", "\"number\":\"7\""), "\"number\" is not a number" },
		{ S("network-traffic", "\"protocols\":[ ],\"dst_ref\":" REF), "\"protocols\" is not a list that is not empty" },
		{ S("tool", "\"name\":\"x\""), "it has no property \"created\"" },
		{ S("tool", "\"name\":\"x\",\"created\":\"2026-01-01T00:00:00Z\""), "it has no property \"modified\"" },
		{ S("tool", "\"name\":\"x\",\"created\":\"2026-01-01T00:00:00Z\",\"modified\":\"2025-12-31T23:59:59.999Z\""), "\"modified\" is not behind \"created\"" },
		{ S("tool", "\"name\":\"x\",\"created\":\"2026-01-01T00:00:00Z\",\"modified\":\"2026-01-01T00:00:00+00:00\""),
		  "\"modified\" is not a time like 2026-08-22T03:00:29.123Z" },
		{ S("tool", "\"name\":\"x\",\"created\":\"2026-01-01T00:00:60Z\",\"modified\":\"2026-01-01T00:01:00Z\""), "\"created\" is not a time like 2026-08-22T03:00:29.123Z" },
		{ S("tool", "\"name\":\"x\",\"created\":\"2026-01-01T00:00:00.Z\",\"modified\":\"2026-01-01T00:01:00Z\""), "\"created\" is not a time like 2026-08-22T03:00:29.123Z" },
		{ O("tool", "\"x\":1"), "it has no property \"name\"" },
		{ O("tool", "\"name\":\"x\",\"revoked\":\"yes\""), "\"revoked\" is not true or false" },
		{ O("malware", "\"is_family\":true"), "it has no property \"name\"" },
		{ O("location", "\"latitude\":1"), "it has neither \"region\" nor \"country\" nor \"latitude\" and \"longitude\"" },
		{ O("relationship", "\"relationship_type\":\"uses\",\"source_ref\":\"x\",\"target_ref\":" REF), "\"source_ref\" is not an identifier" },
		{ O("indicator", "\"pattern\":\"[url:value = ]\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\""), NULL },
		{ O("indicator", "\"pattern\":\"[url:value = 'x']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\",\"valid_until\":\"2026-01-01T00:00:00Z\""),
		  "\"valid_until\" is not behind \"valid_from\"" },
		{ O("tool", "\"name\":\"x\",\"object_marking_refs\":7"), "\"object_marking_refs\" is not a list" },
		{ O("tool", "\"name\":\"x\",\"object_marking_refs\":[7]"), "\"object_marking_refs\" has something that is no identifier" },
		{ S("marking-definition", "\"spec_version\":\"2.1\",\"created\":\"2026-01-01T00:00:00Z\",\"definition\":{}"), "it has no property \"definition_type\"" },
	};
	struct stix_object o;
	struct fault f;
	uint8_t tlp;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		f.text[0] = 0;
		if (stix_check(span_str(bad[i].text), NULL, NULL, &o, &tlp, &f) == OK)
			fail_msg("%s is let in", bad[i].text);
		if (bad[i].says && strcmp(f.text, bad[i].says) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", bad[i].text, f.text, bad[i].says);
		assert_true(f.text[0] != 0);
	}
}

static uint8_t known(void *ctx, struct span id)
{
	return span_is(id, "marking-definition--" U) ? TLP_UNSAID : TLP_RED;
}

static void markings(void **state)
{
#define M(id) "\"marking-definition--" id "\""
	static const struct { const char *marks; uint8_t tlp; } rows[] = {
		{ "\"object_marking_refs\":[]", TLP_UNSAID },
		{ "\"object_marking_refs\":[" M("613f2e26-407d-48c7-9eca-b8e91df99dc9") "]", TLP_CLEAR },
		{ "\"object_marking_refs\":[" M("f88d31f6-486f-44da-b317-01333bde0b82") "," M("bab4a63c-aed9-4cf5-a766-dfca5abac2bb") "]", TLP_AMBER },
		{ "\"object_marking_refs\":[" M("939a9414-2ddd-4d32-a0cd-375ea402b003") "]", TLP_AMBER_STRICT },
		{ "\"object_marking_refs\":[" M("613f2e26-407d-48c7-9eca-b8e91df99dc8") "]", TLP_RED },
		{ "\"object_marking_refs\":[\"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc\\u0039\"]", TLP_RED },
		{ "\"object_marking_refs\":[" M(U) "]", TLP_UNSAID },
		{ "\"object_marking_refs\":[" M(U) "," M("34098fce-860f-48ae-8e50-ebd3cc5e41da") "]", TLP_GREEN },
		{ "\"granular_markings\":[{\"selectors\":[\"name\"],\"marking_ref\":" M("e828b379-4e03-4974-9ac4-e53a884c97c1") "}]", TLP_RED },
		{ "\"granular_markings\":[{\"selectors\":[\"name\"],\"lang\":\"fa\"}]", TLP_UNSAID },
		{ "\"granular_markings\":[{\"marking_ref\":7}]", TLP_RED },
	};
	struct stix_object o;
	struct fault f;
	uint8_t tlp;
	char text[800];
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(text, sizeof(text), O("tool", "\"name\":\"x\",%s"), rows[i].marks);
		assert_int_equal(stix_check(span_str(text), known, NULL, &o, &tlp, &f), OK);
		if (tlp != rows[i].tlp)
			fail_msg("%s is %s", rows[i].marks, tlp_name(tlp));
	}
	snprintf(text, sizeof(text), O("tool", "\"name\":\"x\",%s"), rows[6].marks);
	assert_int_equal(stix_check(span_str(text), NULL, NULL, &o, &tlp, &f), OK);
	assert_int_equal(tlp, TLP_RED);
}

static void definitions(void **state)
{
	static const struct { const char *text; uint8_t tlp; } rows[] = {
		{ "{\"definition_type\":\"statement\",\"definition\":{\"statement\":\"x\"}}", TLP_UNSAID },
		{ "{\"definition_type\":\"tlp\",\"definition\":{\"tlp\":\"amber\"}}", TLP_AMBER },
		{ "{\"definition_type\":\"tlp\",\"definition\":{\"tlp\":\"purple\"}}", TLP_RED },
		{ "{\"name\":\"TLP:AMBER+STRICT\",\"extensions\":{\"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d\":{\"extension_type\":\"property-extension\","
		  "\"tlp_2_0\":\"amber+strict\"}}}", TLP_AMBER_STRICT },
		{ "{\"definition_type\":\"pap\",\"definition\":{}}", TLP_RED }, { "{}", TLP_RED }, { "7", TLP_RED },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(stix_marking_read(span_str(rows[i].text)), rows[i].tlp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones), cmocka_unit_test(bad_ones), cmocka_unit_test(markings), cmocka_unit_test(definitions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
