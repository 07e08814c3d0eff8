#include "view/hits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void goes_round(void **state)
{
	(void)state;
	static const struct { const char *text; uint64_t n, of; } said[] = {
		{ "evil.example", 120, 12 }, { "198.51.100.7", 9, HITS_NO_DECISION }, { "http://h.example/a\"b", 5, 0 }, { "2001:db8::/32", 1000000000, 7 },
	};
	struct buf list = { 0 }, body = { 0 };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct fault f;
	uint64_t n, of;
	for (size_t i = 0; i < COUNT_OF(said); i++) {
		assert_int_equal(obs_parse(span_str(said[i].text), store, &o, &f), OK);
		hits_put(&list, &o, said[i].n, said[i].of);
	}
	struct hits_report r = { .from_s = 1767225600, .seconds = 300, .hits = buf_span(&list), .merged_values = 3, .merged_hits = 7 }, again;
	hits_report_write(&r, &body);
	if (hits_report_read(buf_span(&body), &again, &f))
		fail_msg("%s", f.text);
	assert_int_equal(again.from_s, 1767225600);
	assert_int_equal(again.seconds, 300);
	assert_int_equal(again.merged_values, 3);
	assert_int_equal(again.merged_hits, 7);
	for (size_t i = 0; i < COUNT_OF(said); i++) {
		uint8_t wanted_store[OBS_KEY_MAX];
		struct observable wanted;
		assert_int_equal(obs_parse(span_str(said[i].text), wanted_store, &wanted, &f), OK);
		assert_true(hits_next(&again.hits, store, &o, &n, &of));
		assert_true(obs_eq(&o, &wanted) && n == said[i].n && of == said[i].of);
	}
	assert_false(hits_next(&again.hits, store, &o, &n, &of));
	buf_release(&list);
	buf_release(&body);
}

static void bad_ones_are_refused(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"", "{}", "[]", "{\"from\":1,\"seconds\":300}", "{\"from\":1,\"seconds\":0,\"hits\":[]}", "{\"from\":-1,\"seconds\":300,\"hits\":[]}",
		"{\"from\":1,\"seconds\":300,\"hits\":[[\"a.example\"]]}", "{\"from\":1,\"seconds\":300,\"hits\":[[\"a.example\",1,2,3]]}",
		"{\"from\":1,\"seconds\":300,\"hits\":[\"a.example\"]}", "{\"from\":1,\"seconds\":300,\"hits\":[],\"client\":\"192.0.2.1\"}",
		"{\"from\":1,\"seconds\":300,\"hits\":[]} x", "{\"from\":1,\"from\":1,\"seconds\":300,\"hits\":[]}", "{\"from\":1,\"seconds\":300,\"hits\":[],\"merged\":[1]}",
		"{\"from\":1,\"seconds\":300,\"hits\":[[\"a.example\",99999999999]]}",
	};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct hits_report r;
		struct fault f = { .text = "" };
		if (hits_report_read(span_str(bodies[i]), &r, &f) == OK || !f.text[0])
			fail_msg("\"%s\" was taken", bodies[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(goes_round), cmocka_unit_test(bad_ones_are_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
