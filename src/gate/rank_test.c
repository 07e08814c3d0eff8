#include "gate/rank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

struct thing {
	const char *name;
	struct standing standing;
};

static struct feed_item item_of(const struct thing *t)
{
	return (struct feed_item){ .key = { OBS_DOMAIN, 0, (uint16_t)strlen(t->name), (const uint8_t *)t->name }, .self = 1 };
}

/* What is kept of them with that cap, the best first. */
static void check(const struct thing *things, size_t n, size_t cap, const char *want)
{
	struct buf got = { 0 };
	size_t kept;
	uint64_t beyond;
	for (unsigned turn = 0; turn < 2; turn++) { /* in both directions */
		struct rank *r = rank_new(cap);
		for (size_t i = 0; i < n; i++) {
			const struct thing *t = &things[turn ? n - 1 - i : i];
			struct feed_item item = item_of(t);
			rank_show(r, &item, &t->standing);
		}
		struct feed_item *items = rank_end(r, &kept, &beyond);
		got.n = 0;
		for (size_t i = 0; i < kept; i++) {
			buf_puts(&got, i ? " " : "");
			buf_put(&got, items[i].key.p, items[i].key.n);
		}
		assert_string_equal(buf_cstr(&got), want);
		assert_int_equal(kept + beyond, n);
		free(items);
	}
	buf_release(&got);
}

static void test_score_times_hits(void **state)
{
	static const struct thing things[] = {
		{ "sure", { 100, 0, 5 } }, { "surer", { 100, 0, 9 } }, { "met", { 40, 10, 1 } }, { "often", { 30, 20, 1 } }, { "unsaid", { 0, 300, 1 } },
		{ "seldom", { 90, 5, 1 } }, { "b", { 0, 0, 1 } }, { "a", { 0, 0, 1 } },
	};
	check(things, 8, 1, "often");
	check(things, 8, 4, "often seldom met unsaid");
	check(things, 8, 7, "often seldom met unsaid surer sure a");
	check(things, 8, 20, "often seldom met unsaid surer sure a b");
	check(things, 8, 0, "");
	check(things, 0, 3, "");
}

static void test_no_product_overflows(void **state)
{
	static const struct thing things[] = { { "most", { 100, UINT32_MAX, 1 } }, { "more", { 99, UINT32_MAX, 2 } }, { "much", { 0, UINT32_MAX, 3 } } };
	check(things, 3, 3, "most more much");
}

/* The heap keeps what sorting all of them keeps. */
static void test_as_sorted(void **state)
{
	enum { N = 500 };
	static char names[N][8];
	static struct thing things[N];
	uint32_t seed = 1;
	for (unsigned i = 0; i < N; i++) {
		seed = seed * 1664525 + 1013904223;
		snprintf(names[i], sizeof(names[i]), "n%u", i);
		things[i] = (struct thing){ names[i], { (uint8_t)(seed >> 8) % 4, (seed >> 16) % 4, (seed >> 24) % 3 } };
	}
	size_t n, kept;
	uint64_t beyond;
	struct rank *all = rank_new(N), *some = rank_new(40);
	for (unsigned i = 0; i < N; i++) {
		struct feed_item item = item_of(&things[i]);
		rank_show(all, &item, &things[i].standing);
		rank_show(some, &item, &things[i].standing);
	}
	struct feed_item *a = rank_end(all, &n, &beyond), *s = rank_end(some, &kept, &beyond);
	assert_true(n == N && kept == 40 && beyond == N - 40);
	for (unsigned i = 0; i < 40; i++)
		assert_ptr_equal(a[i].key.p, s[i].key.p);
	for (unsigned i = 1; i < N; i++) {
		const struct thing *x = NULL, *y = NULL;
		for (unsigned k = 0; k < N; k++) {
			x = a[i - 1].key.p == (const uint8_t *)things[k].name ? &things[k] : x;
			y = a[i].key.p == (const uint8_t *)things[k].name ? &things[k] : y;
		}
		assert_true(rank_order(&x->standing, &a[i - 1].key, &y->standing, &a[i].key) > 0);
	}
	free(a);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_score_times_hits), cmocka_unit_test(test_no_product_overflows), cmocka_unit_test(test_as_sorted) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
