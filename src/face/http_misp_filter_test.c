/* What a search asks for, and whom it lets pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/num.h"
#include "codec/tlp.h"
#include "face/http_misp_filter.h"

#define NOW 1800000000u
#define U(n) "0f1c9a3e-0000-5000-8000-00000000000" n

static const struct misp_event event = {
	.uuid = U("1"), .id = 7, .info = { (const uint8_t *)"feodo, lane public", 18 }, .org = { { (const uint8_t *)"node.example", 12 }, U("2") },
	.time_s = NOW - 1000, .date_s = 1788220800, .tlp = TLP_CLEAR, /* 2026-09-01 */
};

static bool asks(const char *json, const char *value, bool deleted)
{
	struct misp_filter m;
	struct fault f = { .text = "" };
	uint8_t store[OBS_KEY_MAX];
	struct misp_attribute a = { .uuid = U("a"), .category = CAT_C2, .confidence = 75, .to_ids = true, .deleted = deleted, .time_s = NOW - 86400 };
	if (misp_filter_read(span_str(json), NOW, &m, &f))
		fail_msg("%s: %s", json, f.text);
	assert_int_equal(obs_parse(span_str(value), store, &a.obs, NULL), OK);
	bool passes = misp_filter_event(&m, &event) && misp_filter_attribute(&m, &event, &a, 0);
	misp_filter_release(&m);
	return passes;
}

static void passing(void **state)
{
	static const char *const good[] = {
		"", "{}", "{\"value\":\"192.0.2.1\"}", "{\"value\":[\"x\",\"192.0.2.%\"]}", "{\"value\":{\"NOT\":[\"x\"]}}", "{\"value\":\"!x\"}",
		"{\"type\":\"ip-src\"}", "{\"type\":[\"domain\",\"ip-dst\"]}", "{\"type\":{\"OR\":[\"ip-%\"]}}", "{\"type\":null,\"value\":false,\"tags\":\"\"}",
		"{\"category\":\"Network activity\"}", "{\"tags\":\"tlp:clear\"}", "{\"tags\":[\"tlp:white\",\"x\"]}", "{\"tags\":\"%c2-server%\"}",
		"{\"tags\":{\"AND\":[\"tlp:clear\",\"misp:confidence-level=\\\"usually-confident\\\"\"]}}", "{\"tags\":[\"!tlp:red\"]}",
		"{\"uuid\":\"" U("a") "\"}", "{\"uuid\":[\"" U("1") "\"]}", "{\"eventid\":7}", "{\"eventid\":[\"7\",9]}", "{\"eventid\":\"" U("1") "\"}",
		"{\"org\":\"node.%\"}", "{\"eventinfo\":\"%feodo%\"}", "{\"from\":\"2026-09-01\",\"to\":\"2026-09-02\"}", "{\"date\":\"2026-08-31\"}",
		"{\"timestamp\":\"2d\"}", "{\"timestamp\":[\"1h\",\"3d\"]}", "{\"timestamp\":1799913600}", "{\"last\":\"1h\"}", "{\"publish_timestamp\":\"20m\"}",
		"{\"event_timestamp\":1799999000}", "{\"to_ids\":1}", "{\"to_ids\":\"1\"}", "{\"to_ids\":true}", "{\"to_ids\":[1]}", "{\"deleted\":[0,1]}",
		"{\"deleted\":0}", "{\"request\":{\"type\":\"ip-dst\"}}", "{\"unheard\":{\"of\":[1]}}", "{\"published\":true}",
		"{\"value\":\"192.0.2.1\\u0025\"}",
	};
	static const char *const bad[] = {
		"{\"value\":\"192.0.2.2\"}", "{\"value\":\"192.0.2\"}", "{\"value\":\"!192.0.2.1\"}", "{\"value\":{\"AND\":[\"192.%\",\"193.%\"]}}",
		"{\"type\":\"domain\"}", "{\"type\":\"!ip-dst\"}", "{\"category\":\"Payload delivery\"}", "{\"tags\":\"tlp:green\"}", "{\"tags\":\"!tlp:clear\"}",
		"{\"tags\":{\"AND\":[\"tlp:clear\",\"x\"]}}", "{\"tags\":{\"OR\":[\"tlp:clear\"],\"NOT\":[\"%c2%\"]}}", "{\"uuid\":\"" U("3") "\"}",
		"{\"eventid\":8}", "{\"org\":\"node\"}", "{\"from\":\"2026-09-02\"}", "{\"to\":\"2026-08-31\"}", "{\"timestamp\":\"1h\"}", "{\"timestamp\":[\"2d\",\"3d\"]}",
		"{\"last\":\"10m\"}", "{\"to_ids\":0}", "{\"to_ids\":false}", "{\"deleted\":1}", "{\"deleted\":true}", "{\"deleted\":\"only\"}", "{\"published\":0}",
	};
	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (!asks(good[i], "192.0.2.1", false))
			fail_msg("%s lets it not pass", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (asks(bad[i], "192.0.2.1", false))
			fail_msg("%s lets it pass", bad[i]);
	assert_true(asks("{\"deleted\":1}", "192.0.2.1", true));
	assert_true(asks("{\"deleted\":[0,1]}", "192.0.2.1", true));
	assert_false(asks("{}", "192.0.2.1", true));
	assert_true(asks("{\"value\":\"http://EVIL.example/%\"}", "http://evil.example/a", false));
	(void)state;
}

static void refusals(void **state)
{
	static const struct { const char *json, *says; } bad[] = {
		{ "[]", "not a JSON object" }, { "\"a\"", "not a JSON object" }, { "{\"value\":", "not JSON" }, { "{}{", "not JSON" }, { "{'a':1}", "line 1, column" },
		{ "{\"timestamp\":\"soon\"}", "\"soon\" is not a time" }, { "{\"last\":[\"5d\",\"5y\"]}", "not a time" }, { "{\"from\":\"2026-13-01\"}", "not a time" },
		{ "{\"returnFormat\":\"stix2\"}", "stix2" }, { "{\"limit\":\"many\"}", "limit" }, { "{\"page\":-1}", "page" },
	};
	struct misp_filter m;
	struct fault f;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_not_equal(misp_filter_read(span_str(bad[i].json), NOW, &m, &f), OK);
		if (!strstr(f.text, bad[i].says))
			fail_msg("%s: %s", bad[i].json, f.text);
	}
	struct buf many = { 0 };
	buf_puts(&many, "{\"value\":[1");
	for (unsigned i = 1; i < MISP_TERMS_MAX; i++)
		buf_puts(&many, ",1");
	size_t n = many.n;
	buf_puts(&many, "]}");
	assert_int_equal(misp_filter_read(buf_span(&many), NOW, &m, &f), OK);
	assert_int_equal(m.value.n, MISP_TERMS_MAX);
	misp_filter_release(&m);
	many.n = n;
	buf_puts(&many, ",1]}");
	assert_int_equal(misp_filter_read(buf_span(&many), NOW, &m, &f), ERR_RANGE);
	buf_release(&many);
	(void)state;
}

static void others(void **state)
{
	struct misp_filter m;
	assert_int_equal(misp_filter_read(SPAN_LIT("{\"returnFormat\":\"CSV\",\"limit\":\"10\",\"page\":2,\"headerless\":1,\"metadata\":\"1\","
						   "\"enforceWarninglist\":true,\"value\":[\"a\",\"b\"]}"), NOW, &m, NULL), OK);
	assert_int_equal(m.format, MISP_CSV);
	assert_int_equal(m.limit, 10);
	assert_int_equal(m.page, 2);
	assert_true(m.headerless && m.metadata && m.no_warninglist && misp_filter_is_exact(&m));
	misp_filter_release(&m);
	static const char *const inexact[] = { "{}", "{\"value\":\"a%\"}", "{\"value\":[\"a\",\"!b\"]}", "{\"value\":{\"AND\":[\"a\"]}}" };
	for (size_t i = 0; i < COUNT_OF(inexact); i++) {
		assert_int_equal(misp_filter_read(span_str(inexact[i]), NOW, &m, NULL), OK);
		assert_false(misp_filter_is_exact(&m));
		assert_int_equal(m.page, 1);
		misp_filter_release(&m);
	}
	(void)state;
}

static void like(void **state)
{
	static const struct { const char *text, *pattern; bool is; } rows[] = {
		{ "", "", true }, { "", "%", true }, { "a", "", false }, { "abc", "abc", true }, { "ABC", "abc", true }, { "abc", "a%", true },
		{ "abc", "%c", true }, { "abc", "%b%", true }, { "abc", "b", false }, { "abc", "%%", true }, { "aab", "%ab", true }, { "abab", "a%ab", true },
		{ "abac", "a%ab", false }, { "ab", "a%b%c", false }, { "mississippi", "m%iss%ip%i", true }, { "mississippi", "m%iss%is%is", false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (misp_like(span_str(rows[i].text), span_str(rows[i].pattern)) != rows[i].is)
			fail_msg("\"%s\" and \"%s\"", rows[i].text, rows[i].pattern);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(passing), cmocka_unit_test(refusals), cmocka_unit_test(others), cmocka_unit_test(like) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
