#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "view/protect.h"

enum { PLAIN = 3 };

static struct source_set *three_sources(void)
{
	struct source_set *s = source_set_new();
	for (int i = 0; i < 3; i++) {
		char name[2] = { (char)('a' + i), 0 };
		struct source_change c = { .op = SOURCE_ADD, .name = span_str(name) };
		assert_int_equal(source_apply(s, &c, NULL), OK);
	}
	return s;
}

static void add(struct rules *r, enum text_rule rule, const char *text, uint8_t stance, uint16_t source,
		uint64_t import)
{
	assert_int_equal(rules_add(r, rule, span_str(text), KINDS_ALL, stance, source, 0, import, NULL), OK);
}

/* Text of the rule that is met, or NULL. */
static const char *met(const struct rules *r, const struct source_set *s, uint8_t kind, const char *text)
{
	struct rule_hit h;
	rules_ready((struct rules *)r);
	return rules_match(r, s, CLEARANCE_ALL, kind, span_str(text), &h) ? h.text : NULL;
}

static void test_kinds_of_rules(void **state)
{
	struct source_set *s = three_sources();
	struct rules *r = rules_new();
	assert_int_equal(rules_kinds(r), 0);
	add(r, RULE_STRING, "Exact.Example", STANCE_PROTECTED, 0, 1);
	add(r, RULE_SUBSTRING, "Middle", STANCE_PROTECTED, 0, 1);
	add(r, RULE_REGEX, "/^reg[0-9]+\\.example$/", STANCE_PROTECTED, 0, 1);
	assert_int_equal(rules_count(r), 3);
	assert_string_equal(met(r, s, OBS_DOMAIN, "exact.EXAMPLE"), "exact.example");
	assert_null(met(r, s, OBS_DOMAIN, "www.exact.example"));
	assert_string_equal(met(r, s, OBS_URL, "http://evil.example/a-MIDDLE-b"), "middle");
	assert_string_equal(met(r, s, OBS_DOMAIN, "reg12.example"), "/^reg[0-9]+\\.example$/");
	assert_null(met(r, s, OBS_DOMAIN, "reg.example"));
	assert_null(met(r, s, OBS_DOMAIN, ""));
	rules_free(r);
	source_set_free(s);
}

static void test_refused(void **state)
{
	struct rules *r = rules_new();
	struct fault f = { 0 };
	assert_int_equal(rules_add(r, RULE_REGEX, SPAN_LIT("("), KINDS_ALL, STANCE_PROTECTED, 0, 0, 1, &f), ERR_SYNTAX);
	assert_int_equal(rules_add(r, RULE_STRING, SPAN_LIT(""), KINDS_ALL, STANCE_PROTECTED, 0, 0, 1, &f), ERR_SYNTAX);
	assert_int_equal(rules_add(r, RULE_NONE, SPAN_LIT("x"), KINDS_ALL, STANCE_PROTECTED, 0, 0, 1, &f), ERR_SYNTAX);
	assert_int_equal(rules_count(r), 0);
	rules_free(r);
	rules_free(NULL);
}

static void test_order_and_stance(void **state)
{
	struct source_set *s = three_sources();
	struct rules *r = rules_new();
	add(r, RULE_SUBSTRING, "cloud", STANCE_KNOWN, 0, 1);
	add(r, RULE_STRING, "a.cloud.example", STANCE_KNOWN, 1, 1);
	assert_string_equal(met(r, s, OBS_DOMAIN, "a.cloud.example"), "cloud");
	add(r, RULE_REGEX, "^a[.]", STANCE_PROTECTED, 2, 1);
	add(r, RULE_STRING, "a.cloud.example", STANCE_PROTECTED, 0, 1);
	assert_string_equal(met(r, s, OBS_DOMAIN, "a.cloud.example"), "^a[.]");
	assert_string_equal(met(r, s, OBS_DOMAIN, "b.cloud.example"), "cloud");
	rules_free(r);
	source_set_free(s);
}

static void test_who_may_see(void **state)
{
	struct source_set *s = three_sources();
	struct rules *r = rules_new();
	struct rule_hit h;
	assert_int_equal(rules_add(r, RULE_STRING, SPAN_LIT("x"), KINDS_DOMAIN, STANCE_PROTECTED, 0, PLAIN, 1, NULL), OK);
	assert_true(rules_match(r, s, 1ULL << PLAIN, OBS_DOMAIN, SPAN_LIT("x"), &h));
	assert_false(rules_match(r, s, ~(1ULL << PLAIN), OBS_DOMAIN, SPAN_LIT("x"), &h));
	assert_false(rules_match(r, s, CLEARANCE_ALL, OBS_URL, SPAN_LIT("x"), &h));
	assert_false(rules_match(r, s, CLEARANCE_ALL, OBS_NONE, SPAN_LIT("x"), &h));
	struct source_change distrust = { .op = SOURCE_SET, .name = SPAN_LIT("a"), .has_weight = true };
	assert_int_equal(source_apply(s, &distrust, NULL), OK);
	assert_false(rules_match(r, s, CLEARANCE_ALL, OBS_DOMAIN, SPAN_LIT("x"), &h));
	rules_free(r);
	source_set_free(s);
}

static void test_replace_and_copy(void **state)
{
	struct source_set *s = three_sources();
	struct rules *r = rules_new();
	for (int i = 0; i < 37; i++) {
		char text[16];
		snprintf(text, sizeof(text), "s%d", i);
		add(r, i % 3 ? RULE_STRING : RULE_SUBSTRING, text, STANCE_PROTECTED, (uint16_t)(i % 2), (uint64_t)i);
	}
	struct rules *copy = rules_copy(r);
	rules_replace(copy, 1, UINT64_MAX);
	rules_replace(copy, 0, 10);
	assert_int_equal(rules_count(r), 37);
	assert_int_equal(rules_count(copy), 14);
	assert_null(met(copy, s, OBS_DOMAIN, "s8"));
	assert_null(met(copy, s, OBS_DOMAIN, "s11"));
	assert_non_null(met(copy, s, OBS_DOMAIN, "s10"));
	assert_non_null(met(r, s, OBS_DOMAIN, "s8"));
	rules_free(r);
	for (int i = 0; i < 100; i++) {
		char text[16];
		snprintf(text, sizeof(text), "t%d", i);
		add(copy, i % 2 ? RULE_STRING : RULE_SUBSTRING, text, STANCE_PROTECTED, 2, 1);
	}
	assert_non_null(met(copy, s, OBS_DOMAIN, "s10"));
	assert_non_null(met(copy, s, OBS_DOMAIN, "t99"));
	rules_free(copy);
	source_set_free(s);
}

static void test_hundred_thousand(void **state)
{
	struct source_set *s = three_sources();
	struct rules *r = rules_new();
	char text[24];
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "no-observable %d", i);
		add(r, RULE_STRING, text, STANCE_PROTECTED, 0, 1);
		if (i < 10)
			add(r, RULE_STRING, text, STANCE_PROTECTED, 0, 1); /* the same again is no new one */
	}
	assert_int_equal(rules_count(r), 100000);
	assert_int_equal(rules_add(r, RULE_STRING, SPAN_LIT("one more"), KINDS_ALL, STANCE_PROTECTED, 0, 0, 1, NULL),
			 ERR_FULL);
	uint64_t start = clock_mono_ns();
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "no-observable %d", 2 * i);
		assert_true((met(r, s, OBS_DOMAIN, text) != NULL) == (i < 50000));
	}
	assert_true(clock_mono_ns() - start < 2000000000ULL);
	rules_free(r);
	source_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_of_rules), cmocka_unit_test(test_refused), cmocka_unit_test(test_order_and_stance),
		cmocka_unit_test(test_who_may_see), cmocka_unit_test(test_replace_and_copy), cmocka_unit_test(test_hundred_thousand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
