#include "peer/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void uuid_of(int i, char ret[MISP_UUID + 1])
{
	snprintf(ret, MISP_UUID + 1, "%08x-2222-4333-8444-555555555551", (unsigned)(i * 2654435761U));
}

static void say(struct kept_event *e, const char *value)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	assert_int_equal(obs_parse(span_str(value), store, &o, NULL), OK);
	kept_say(&e->says, &o);
}

static bool is_unmarked(const struct kept_event *e)
{
	return !e->marked;
}

static void finds(void **state)
{
	struct kept k = { 0 };
	char uuid[MISP_UUID + 1], value[40];
	for (int i = 0; i < 1000; i++) {
		uuid_of(i, uuid);
		assert_null(kept_find(&k, span_str(uuid)));
		struct kept_event *e = kept_add(&k, span_str(uuid));
		e->timestamp = (uint64_t)i;
		e->marked = i % 3;
		snprintf(value, sizeof(value), "198.51.100.%d", i % 250);
		say(e, value);
	}
	for (int i = 0; i < 1000; i++) {
		uuid_of(i, uuid);
		assert_int_equal(kept_find(&k, span_str(uuid))->timestamp, i);
	}
	kept_remove(&k, is_unmarked);
	assert_int_equal(k.n, 666);
	for (int i = 0; i < 1000; i++) {
		uuid_of(i, uuid);
		struct kept_event *e = kept_find(&k, span_str(uuid));
		assert_true(i % 3 ? e && e->timestamp == (uint64_t)i : !e);
	}
	assert_null(kept_find(&k, SPAN_LIT("short")));
	kept_release(&k);
}

static void says(void **state)
{
	struct kept k = { 0 };
	char uuid[MISP_UUID + 1];
	uuid_of(1, uuid);
	struct kept_event *e = kept_add(&k, span_str(uuid));
	say(e, "http://evil.example/a");
	say(e, "evil.example");
	say(e, "EVIL.example");
	say(e, "2001:db8::/32");
	kept_sort(&e->says);
	assert_string_equal(buf_cstr(&e->says), "cidr 2001:db8::/32\ndomain evil.example\nurl http://evil.example/a\n");
	struct kept_said *s = kept_said_new(&k);
	assert_true(kept_said(s, SPAN_LIT("domain evil.example")));
	assert_false(kept_said(s, SPAN_LIT("domain evil.exampl")));
	kept_said_free(s);
	kept_said_free(NULL);
	kept_release(&k);
	s = kept_said_new(&k);
	assert_false(kept_said(s, SPAN_LIT("domain evil.example")));
	kept_said_free(s);
}

static void there_and_back(void **state)
{
	static const char text[] = "cursor 17\nevent 11111111-2222-4333-8444-555555555551 5\ndomain a.example\nurl http://a.example/x y\n"
				   "event 11111111-2222-4333-8444-555555555552 6\n";
	static const char *const bad[] = {
		"domain a.example\n", "event 11111111 5\n", "event 11111111-2222-4333-8444-555555555551 x\n", "cursor\n",
		"event 11111111-2222-4333-8444-555555555551 5\ndomain\n", "event 11111111-2222-4333-8444-555555555551 5\ndomain cut.exam",
	};
	struct kept k = { 0 };
	struct buf out = { 0 };
	assert_int_equal(kept_parse(span_str(text), &k, NULL), OK);
	assert_int_equal(k.n, 2);
	kept_format(&k, &out);
	assert_string_equal(buf_cstr(&out), text);
	kept_release(&k);
	buf_release(&out);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct fault f = { .text = "" };
		assert_int_equal(kept_parse(span_str(bad[i]), &k, &f), ERR_SYNTAX);
		assert_non_null(strstr(f.text, "line "));
		kept_release(&k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds), cmocka_unit_test(says), cmocka_unit_test(there_and_back) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
