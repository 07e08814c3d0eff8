#include "view/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table/claim.h"

static void apply(struct source_set *s, const char *json, enum err expected)
{
	struct source_change c;
	struct fault f = { 0 };
	enum err e = source_change_read(span_str(json), &c, &f);
	if (e == OK)
		e = source_apply(s, &c, &f);
	if (e != expected)
		print_error("%s: %s\n", json, f.text);
	assert_int_equal(e, expected);
	assert_true(e == OK || f.text[0]);
}

static void test_defaults_and_changes(void **state)
{
	struct source_set *s = source_set_new();
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"add\"}", OK);
	const struct source *v = source_find(s, SPAN_LIT("a.b-c_1"));
	assert_non_null(v);
	assert_int_equal(v->number, 0);
	assert_string_equal(v->group, "a.b-c_1");
	assert_int_equal(v->weight_db, 20);
	assert_int_equal(v->confidence, 100);
	assert_int_equal(v->category, CAT_UNKNOWN);
	assert_false(v->snapshot);
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"add\"}", ERR_EXISTS);
	apply(s, "{\"name\":\"nobody\",\"op\":\"set\"}", ERR_NOTFOUND);
	apply(s, "{\"name\":\"nobody\",\"op\":\"remove\"}", ERR_NOTFOUND);
	apply(s,
	      "{\"category\":\"phishing\",\"confidence\":55,\"lifetime_d\":9,\"name\":\"a.b-c_1\",\"op\":\"set\","
	      "\"snapshot\":true,"
	      "\"speed_x10\":30,\"weight_db\":60}",
	      OK);
	v = source_get(s, 0);
	assert_int_equal(v->category, CAT_PHISHING);
	assert_int_equal(v->confidence, 55);
	assert_int_equal(v->lifetime_d, 9);
	assert_int_equal(v->speed_x10, 30);
	assert_int_equal(v->weight_db, 60);
	assert_true(v->snapshot);
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"set\",\"weight_db\":0}", OK);
	assert_int_equal(source_get(s, 0)->confidence, 55);
	assert_int_equal(source_get(s, 0)->weight_db, 0);
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"set\",\"weight_db\":7}", OK);
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"set\",\"pulled_from\":\"feeds.example\"}", OK);
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"set\",\"pulled_from\":\"\"}", OK);
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"set\",\"pulled_from\":\"user@feeds.example\"}", ERR_SYNTAX);
	apply(s, "{\"name\":\"a.b-c_1\",\"op\":\"set\",\"pulled_from\":\"feeds.example/x\"}", ERR_SYNTAX);
	source_imported(s, 0, true, 40, 41, 0, 1);
	struct source_set *copy = source_set_copy(s);
	for (unsigned i = 0; i < 2; i++) { /* the short form follows every change, and into copies */
		const struct source_worth *w = source_worths(i ? copy : s);
		assert_int_equal(w->weight_db, 7);
		assert_int_equal(w->floor, 40);
		assert_int_equal(w->confidence, 55);
		assert_int_equal(w->category, CAT_PHISHING);
		assert_int_equal(w->lifetime_d, 9);
		assert_int_equal(w->speed_x10, 30);
		assert_int_equal(w->group_number, v->group_number);
	}
	apply(copy, "{\"name\":\"a.b-c_1\",\"op\":\"remove\"}", OK);
	assert_int_equal(source_worths(copy)->weight_db, 0);
	source_set_free(copy);
	source_set_free(s);
}

static void test_bad_bodies(void **state)
{
	static const char *const syntax[] = {
		"",
		"[]",
		"{",
		"{}",
		"null",
		"{\"name\":\"x\"}",
		"{\"op\":\"add\"}",
		"{\"name\":\"x\",\"op\":\"fly\"}",
		"{\"name\":\"X\",\"op\":\"add\"}",
		"{\"name\":\"\",\"op\":\"add\"}",
		"{\"name\":\"a b\",\"op\":\"add\"}",
		"{\"name\":\"x\\n\",\"op\":\"add\"}",
		"{\"name\":\"x\",\"op\":\"add\",\"colour\":1}",
		"{\"name\":\"x\",\"op\":\"add\",\"op\":\"add\"}",
		"{\"name\":\"x\",\"op\":\"add\"} x",
		"{\"name\":\"x\",\"op\":\"add\"}{}",
		"{\"name\":7,\"op\":\"add\"}",
		"{\"name\":\"x\",\"op\":\"add\",\"weight_db\":\"9\"}",
		"{\"name\":\"x\",\"op\":\"add\",\"weight_db\":1.5}",
		"{\"name\":\"x\",\"op\":\"add\",\"weight_db\":-1}",
		"{\"name\":\"x\",\"op\":\"add\",\"snapshot\":1}",
		"{\"name\":\"x\",\"op\":\"add\",\"category\":\"nonsense\"}",
		"{\"name\":\"x\",\"op\":\"add\",\"group\":\"\"}",
		"{\"name\":\"x\",\"op\":\"add\",\"group\":{\"a\":1}}",
		"{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"op\":\"add\"}",
	};
	static const char *const range[] = {
		"{\"name\":\"x\",\"op\":\"add\",\"weight_db\":61}", "{\"name\":\"x\",\"op\":\"add\",\"confidence\":101}",
		"{\"name\":\"x\",\"op\":\"add\",\"lifetime_d\":3651}", "{\"name\":\"x\",\"op\":\"add\",\"speed_x10\":4}",
		"{\"name\":\"x\",\"op\":\"add\",\"weight_db\":99999999999999999999999}",
	};
	struct source_set *s = source_set_new();
	for (size_t i = 0; i < COUNT_OF(syntax); i++)
		apply(s, syntax[i], ERR_SYNTAX);
	for (size_t i = 0; i < COUNT_OF(range); i++)
		apply(s, range[i], ERR_RANGE);
	assert_int_equal(source_count(s), 0);
	source_set_free(s);
}

static void test_canonical_body(void **state)
{
	struct source_change c = {
		.op = SOURCE_SET,
		.name = SPAN_LIT("x"),
		.has_group = true,
		.group = SPAN_LIT("g"),
		.has_weight = true,
		.weight_db = 7,
		.has_category = true,
		.category = CAT_C2,
		.has_confidence = true,
		.confidence = 0,
		.has_snapshot = true,
		.has_lifetime = true,
		.lifetime_d = 3,
		.has_from = true,
		.from = SPAN_LIT("feeds.example"),
		.has_speed = true,
		.speed_x10 = 10,
	};
	struct buf b = { 0 }, again = { 0 };
	source_change_write(&c, &b);
	assert_string_equal(
		buf_cstr(&b),
		"{\"category\":\"c2-server\",\"confidence\":0,\"group\":\"g\",\"lifetime_d\":3,\"name\":\"x\","
		"\"op\":\"set\",\"pulled_from\":\"feeds.example\",\"snapshot\":false,\"speed_x10\":10,\"weight_db\":7}");
	struct source_change back;
	assert_int_equal(source_change_read(buf_span(&b), &back, NULL), OK);
	source_change_write(&back, &again);
	assert_true(span_eq(buf_span(&b), buf_span(&again)));
	b.n = 0;
	source_change_write(&(struct source_change){ .op = SOURCE_REMOVE, .name = SPAN_LIT("x") }, &b);
	assert_string_equal(buf_cstr(&b), "{\"name\":\"x\",\"op\":\"remove\"}");
	buf_release(&b);
	buf_release(&again);
}

static void test_removed_numbers_stay(void **state)
{
	struct source_set *s = source_set_new();
	apply(s, "{\"name\":\"a\",\"op\":\"add\"}", OK);
	apply(s, "{\"name\":\"a\",\"op\":\"remove\"}", OK);
	assert_true(source_find(s, SPAN_LIT("a"))->removed);
	apply(s, "{\"name\":\"a\",\"op\":\"set\"}", ERR_NOTFOUND);
	apply(s, "{\"name\":\"a\",\"op\":\"add\",\"weight_db\":9}", OK);
	assert_int_equal(source_count(s), 2);
	assert_int_equal(source_find(s, SPAN_LIT("a"))->number, 1);
	assert_false(source_get(s, 1)->removed);
	assert_true(source_get(s, 0)->removed);
	assert_null(source_find(s, SPAN_LIT("b")));
	source_set_free(s);
}

static void test_groups(void **state)
{
	struct source_set *s = source_set_new();
	apply(s, "{\"group\":\"g\",\"name\":\"a\",\"op\":\"add\"}", OK);
	apply(s, "{\"name\":\"b\",\"op\":\"add\"}", OK);
	apply(s, "{\"group\":\"g\",\"name\":\"c\",\"op\":\"add\"}", OK);
	assert_int_equal(source_get(s, 0)->group_number, source_get(s, 2)->group_number);
	assert_int_not_equal(source_get(s, 0)->group_number, source_get(s, 1)->group_number);
	struct source_set *copy = source_set_copy(s);
	for (int i = 0; i < 10000; i++) { /* numbers of groups that nobody is in are used again */
		char json[80];
		snprintf(json, sizeof(json), "{\"group\":\"x%d\",\"name\":\"b\",\"op\":\"set\"}", i);
		apply(s, json, OK);
	}
	assert_true(source_get(s, 1)->group_number < 3);
	apply(s, "{\"group\":\"g\",\"name\":\"b\",\"op\":\"set\"}", OK);
	assert_int_equal(source_get(s, 1)->group_number, source_get(s, 0)->group_number);
	assert_string_equal(source_get(copy, 1)->group, "b");
	source_set_free(copy);
	source_set_free(s);
}

static void test_full(void **state)
{
	struct source_set *s = source_set_new();
	for (int i = 0; i < SOURCES_MAX; i++) {
		char name[16];
		snprintf(name, sizeof(name), "s%d", i);
		struct source_change c = { .op = SOURCE_ADD, .name = span_str(name) };
		assert_int_equal(source_apply(s, &c, NULL), OK);
		assert_int_equal(source_get(s, (uint16_t)i)->group_number, i);
	}
	apply(s, "{\"name\":\"x\",\"op\":\"add\"}", ERR_FULL);
	source_set_free(s);
}

static void test_claims_count(void **state)
{
	struct source_set *s = source_set_new();
	apply(s, "{\"name\":\"a\",\"op\":\"add\"}", OK);
	struct claim c = { .source = 0, .entry = 12, .back = 2 };
	assert_true(source_claim_counts(s, &c));
	source_imported(s, 0, true, 10, 12, 1000, 5);
	assert_true(source_claim_counts(s, &c));
	assert_int_equal(source_get(s, 0)->last_import, 12);
	source_imported(s, 0, false, 20, 20, 1000, 5);
	assert_true(source_claim_counts(s, &c));
	source_imported(s, 0, true, 21, 22, 1000, 5);
	assert_false(source_claim_counts(s, &c));
	c = (struct claim){ .source = 0, .entry = 21 };
	assert_true(source_claim_counts(s, &c));
	c.source = 1;
	assert_false(source_claim_counts(s, &c));
	c.source = 0;
	apply(s, "{\"name\":\"a\",\"op\":\"remove\"}", OK);
	assert_false(source_claim_counts(s, &c));
	source_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_and_changes), cmocka_unit_test(test_bad_bodies), cmocka_unit_test(test_canonical_body),
		cmocka_unit_test(test_removed_numbers_stay), cmocka_unit_test(test_groups), cmocka_unit_test(test_full),
		cmocka_unit_test(test_claims_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
