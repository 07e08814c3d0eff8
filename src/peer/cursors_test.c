#include "peer/cursors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void there_and_back(void **state)
{
	struct cursors c = { 0 }, back = { 0 };
	struct buf one = { 0 }, two = { 0 };
	for (int i = 0; i < 20; i++) {
		char url[40];
		snprintf(url, sizeof(url), "https://x.example/c%d/", i);
		struct cursor *v = cursors_of(&c, url);
		snprintf(v->after, sizeof(v->after), "2026-01-01T00:00:%02dZ", i);
		snprintf(v->next, sizeof(v->next), i % 2 ? "tok en%d" : "", i);
	}
	assert_ptr_equal(cursors_of(&c, "https://x.example/c3/"), &c.v[3]);
	cursors_format(&c, &one);
	cursors_parse(buf_span(&one), &back);
	assert_int_equal(back.n, 20);
	assert_string_equal(back.v[19].next, "tok en19");
	cursors_format(&back, &two);
	assert_true(span_eq(buf_span(&one), buf_span(&two)));
	cursors_release(&c);
	cursors_release(&back);
	buf_release(&one);
	buf_release(&two);
}

static void damaged(void **state)
{
	struct cursors c = { 0 };
	struct buf out = { 0 };
	cursors_parse(SPAN_LIT("a\tb\tc\td\te\nshort\t1\nb\t\t\t\tn\nmany\t\t\t\t\t\t\nc\tcut off"), &c);
	assert_int_equal(c.n, 2);
	assert_string_equal(c.v[0].next, "e");
	assert_string_equal(c.v[1].url, "b");
	snprintf(c.v[1].next, sizeof(c.v[1].next), "x\ny\t"); /* cannot be kept, and makes no line of its own */
	cursors_format(&c, &out);
	assert_string_equal(buf_cstr(&out), "a\tb\tc\td\te\nb\t\t\t\t\n");
	cursors_release(&c);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(damaged) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
