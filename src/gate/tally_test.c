#include "gate/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void counts_by_name(void **state)
{
	struct tally t = { 0 };
	char name[100];
	(void)state;
	tally_add(&t, "comment");
	tally_add(&t, "blank");
	tally_add(&t, "comment");
	tally_add(&t, NULL);
	assert_int_equal(t.n, 3);
	assert_string_equal(t.row[0].what, "comment");
	assert_int_equal(t.row[0].n, 2);
	assert_string_equal(t.row[2].what, "other");
	for (int i = 0; i < 2 * TALLY_NAMES; i++) {
		snprintf(name, sizeof(name), "%d and a long tail that goes on beyond what is kept of a name", i);
		tally_add(&t, name);
		tally_add(&t, name);
	}
	assert_int_equal(t.n, TALLY_NAMES);
	uint64_t sum = 0;
	for (unsigned i = 0; i < t.n; i++)
		sum += t.row[i].n;
	assert_int_equal(sum, 4 + 4 * TALLY_NAMES);
	assert_int_equal(t.row[3].n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(counts_by_name) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
