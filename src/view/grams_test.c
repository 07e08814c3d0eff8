#include "view/grams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { STRINGS = 500 };

static void mark(void *ctx, uint32_t id)
{
	((bool *)ctx)[id] = true;
}

static unsigned rnd(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % n;
}

/* Nothing that a plain search finds is missed, and what is named does begin as the string does. */
static void agrees_with_a_plain_search(void **state)
{
	struct grams g = { 0 };
	char strings[STRINGS][16];
	size_t n[STRINGS];
	unsigned seed = 1, hits = 0;
	(void)state;
	for (unsigned i = 0; i < STRINGS; i++) {
		n[i] = GRAM_MIN + rnd(&seed, 9);
		for (size_t k = 0; k < n[i]; k++)
			strings[i][k] = (char)('a' + rnd(&seed, 3));
		grams_add(&g, span_of(strings[i], n[i]), i);
	}
	grams_ready(&g);
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t text[40];
		bool seen[STRINGS] = { false };
		size_t length = rnd(&seed, sizeof(text));
		for (size_t k = 0; k < length; k++)
			text[k] = (uint8_t)('a' + rnd(&seed, 3));
		grams_each(&g, span_of(text, length), mark, seen);
		for (unsigned i = 0; i < STRINGS; i++) {
			bool there = memmem(text, length, strings[i], n[i]) != NULL;
			size_t first = n[i] < 8 ? 4 : 8;
			hits += there;
			if (there)
				assert_true(seen[i]);
			if (seen[i])
				assert_non_null(memmem(text, length, strings[i], first));
		}
	}
	assert_true(hits > 1000);
	grams_release(&g);
}

static void empty_sets_and_texts(void **state)
{
	struct grams g = { 0 };
	bool seen[1] = { false };
	(void)state;
	grams_ready(&g);
	grams_each(&g, SPAN_LIT("anything at all"), mark, seen);
	grams_add(&g, SPAN_LIT("mail.example"), 0);
	grams_ready(&g);
	grams_each(&g, SPAN_LIT(""), mark, seen);
	grams_each(&g, SPAN_LIT("mail.ex"), mark, seen);
	assert_false(seen[0]);
	grams_each(&g, SPAN_LIT("xmail.example"), mark, seen);
	assert_true(seen[0]);
	grams_release(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_plain_search),
		cmocka_unit_test(empty_sets_and_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
