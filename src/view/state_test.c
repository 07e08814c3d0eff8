#include "view/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void change(struct source_set *s, struct source_change c)
{
	struct fault f;
	if (source_apply(s, &c, &f))
		fail_msg("%s", f.text);
}

static void rule(struct rules *r, enum text_rule kind, const char *text, uint16_t source)
{
	assert_int_equal(rules_add(r, kind, span_str(text), KINDS_DOMAIN, STANCE_PROTECTED, source, 1, 80 + source, NULL), OK);
}

/* Sources with every field set, a removed one whose name came back, shared groups; rules of each kind. */
static void make(struct source_set **ret_sources, struct rules **ret_rules)
{
	struct source_set *s = source_set_new();
	struct rules *r = rules_new();
	change(s, (struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("one"), .has_snapshot = true, .snapshot = true });
	change(s, (struct source_change){ .op = SOURCE_REMOVE, .name = SPAN_LIT("one") });
	change(s, (struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("one"), .has_weight = true, .weight_db = 60,
					  .has_category = true, .category = CAT_COUNT - 1, .has_confidence = true, .confidence = 7,
					  .has_lifetime = true, .lifetime_d = 3650, .has_speed = true, .speed_x10 = 30 });
	change(s, (struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("two"), .has_group = true, .group = SPAN_LIT("one") });
	change(s, (struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("three") });
	source_imported(s, 1, true, 77, 0x0102030405060708, -5, 1ULL << 40);
	rule(r, RULE_STRING, "Some Words", 1);
	rule(r, RULE_SUBSTRING, "portal", 1);
	rule(r, RULE_REGEX, "^A+b$", 2);
	rule(r, RULE_STRING, "some words", 3);
	rules_ready(r);
	*ret_sources = s;
	*ret_rules = r;
}

static void test_round_trip(void **state)
{
	struct source_set *s, *s2;
	struct rules *r, *r2;
	struct buf octets = { 0 }, again = { 0 };
	struct rule_hit hit;
	struct fault f = { .text = "" };
	make(&s, &r);
	state_write(s, r, &octets);
	if (state_read(buf_span(&octets), &s2, &r2, &f))
		fail_msg("%s", f.text);
	state_write(s2, r2, &again);
	assert_true(span_eq(buf_span(&octets), buf_span(&again)));
	assert_int_equal(source_count(s2), 4);
	const struct source *one = source_find(s2, SPAN_LIT("one"));
	assert_int_equal(one->number, 1);
	assert_memory_equal(one, source_get(s, 1), sizeof(*one));
	assert_true(source_get(s2, 0)->removed);
	assert_int_equal(one->last_import_ms, -5);
	assert_true(rules_match(r2, s2, CLEARANCE_ALL, OBS_DOMAIN, SPAN_LIT("www.portal.example"), &hit));
	assert_false(rules_match(r2, s2, 1, OBS_DOMAIN, SPAN_LIT("www.portal.example"), &hit)); /* another lane */
	/* The restored set goes on as the first would have. */
	change(s2, (struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("four") });
	change(s, (struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("four") });
	assert_memory_equal(source_get(s2, 4), source_get(s, 4), sizeof(*one));
	source_set_free(s);
	source_set_free(s2);
	rules_free(r);
	rules_free(r2);
	buf_release(&octets);
	buf_release(&again);
}

static void test_nothing(void **state)
{
	struct source_set *s = source_set_new(), *s2;
	struct rules *r = rules_new(), *r2;
	struct buf octets = { 0 };
	state_write(s, r, &octets);
	assert_int_equal(octets.n, 16);
	assert_int_equal(state_read(buf_span(&octets), &s2, &r2, NULL), OK);
	assert_int_equal(source_count(s2), 0);
	source_set_free(s);
	source_set_free(s2);
	rules_free(r);
	rules_free(r2);
	buf_release(&octets);
}

/* Cut anywhere, it is refused; changed anywhere, it is refused or says something else, and then exactly that. */
static void test_damage(void **state)
{
	struct source_set *s, *s2;
	struct rules *r, *r2;
	struct buf octets = { 0 }, again = { 0 };
	make(&s, &r);
	state_write(s, r, &octets);
	for (size_t n = 0; n < octets.n; n++) {
		uint8_t *cut = mem_alloc(n + 1); /* of its own, so that a sanitizer sees a read behind it */
		memcpy(cut, octets.p, n);
		assert_int_equal(state_read(span_of(cut, n), &s2, &r2, NULL), ERR_CORRUPT);
		free(cut);
	}
	for (size_t at = 0; at < octets.n; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			octets.p[at] ^= (uint8_t)(1 << bit);
			if (state_read(buf_span(&octets), &s2, &r2, NULL) == OK) {
				again.n = 0;
				state_write(s2, r2, &again);
				assert_true(span_eq(buf_span(&octets), buf_span(&again)));
				source_set_free(s2);
				rules_free(r2);
			}
			octets.p[at] ^= (uint8_t)(1 << bit);
		}
	buf_putc(&octets, 0);
	assert_int_equal(state_read(buf_span(&octets), &s2, &r2, NULL), ERR_CORRUPT);
	source_set_free(s);
	rules_free(r);
	buf_release(&octets);
	buf_release(&again);
}

/* What no series of changes leads to. */
static void test_sets_that_cannot_be(void **state)
{
	struct source v[2] = { { .number = 0, .name = "a", .group = "a", .group_number = 0 },
			       { .number = 1, .name = "b", .group = "b", .group_number = 1 } };
	struct source_set *s;
	assert_int_equal(source_set_restore(v, 2, &s, NULL), OK);
	source_set_free(s);
	v[1].group_number = 0;
	assert_int_equal(source_set_restore(v, 2, &s, NULL), ERR_CORRUPT); /* two groups of one number */
	v[1].group[0] = 'a';
	assert_int_equal(source_set_restore(v, 2, &s, NULL), OK);
	source_set_free(s);
	v[1].group_number = 1;
	assert_int_equal(source_set_restore(v, 2, &s, NULL), ERR_CORRUPT); /* one group of two numbers */
	v[1].group_number = 0;
	v[1].name[0] = 'a';
	assert_int_equal(source_set_restore(v, 2, &s, NULL), ERR_CORRUPT); /* two active of one name */
	v[0].removed = true;
	assert_int_equal(source_set_restore(v, 2, &s, NULL), OK);
	source_set_free(s);
	v[1].name[0] = 'A';
	assert_int_equal(source_set_restore(v, 2, &s, NULL), ERR_CORRUPT);
	v[1].name[0] = 'b';
	v[1].speed_x10 = 4;
	assert_int_equal(source_set_restore(v, 2, &s, NULL), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_nothing), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_sets_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
