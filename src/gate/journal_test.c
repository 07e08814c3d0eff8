#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate/journal.h"

enum { SERIALS = 3000 };

/* Keys of a serial: few, and of some so many that they fill more than one step of the marks. */
static unsigned keys_of(unsigned serial)
{
	return serial % 997 == 0 ? 5000 : serial % 5 + 1;
}

static void fill(struct journal *j)
{
	for (unsigned serial = 1; serial <= SERIALS; serial++) {
		for (unsigned i = 0; i < keys_of(serial); i++) {
			char name[40];
			struct table_key k = { .kind = OBS_DOMAIN, .n = (uint16_t)snprintf(name, sizeof(name), "%u.%u.example", i, serial),
					       .p = (const uint8_t *)name };
			journal_add(j, &k, (struct force_pair){ 0, 0 }, (struct force_pair){ 1, 1 });
		}
		assert_true(journal_end(j, serial));
	}
}

/* What is behind a serial: of the last ones, those around the large ones, and some of the others (each is a sort). */
static void since_each(const struct journal *j, unsigned oldest)
{
	size_t more = 0;
	for (unsigned serial = SERIALS; serial > oldest; more += keys_of(serial--)) {
		struct turns t;
		if (serial < SERIALS - 20 && (serial + 2) % 997 > 4 && serial % 41)
			continue;
		assert_int_equal(journal_since(j, serial, &t), OK);
		assert_int_equal(t.serial, SERIALS);
		turns_settle(&t);
		assert_int_equal(t.n, more);
		for (size_t i = 0; i < t.n; i++)
			assert_in_range(t.turn[i].serial, serial + 1, SERIALS);
		turns_release(&t);
	}
}

static void test_since(void **state)
{
	struct journal *j = journal_new(), *back;
	struct buf saved = { 0 };
	struct turns t;
	fill(j);
	since_each(j, 0);
	assert_int_equal(journal_since(j, SERIALS + 1, &t), ERR_NOTFOUND);
	journal_write(j, SIZE_MAX, &saved);
	assert_int_equal(journal_read(buf_span(&saved), &back), OK);
	since_each(back, 0);
	journal_free(back);
	saved.n = 0;
	journal_write(j, 300000, &saved); /* the last of it */
	assert_int_equal(journal_read(buf_span(&saved), &back), OK);
	unsigned oldest = SERIALS;
	while (journal_since(back, oldest, &t) == OK) {
		turns_release(&t);
		oldest--;
	}
	assert_in_range(oldest, 1, SERIALS - 1);
	since_each(back, oldest + 1);
	journal_free(back);
	for (size_t n = 0; n < 60; n++) /* cut inside the head or a record it is none */
		assert_int_equal(journal_read(span_of(saved.p, n < 32 ? n : saved.n - (n - 31)), &back), ERR_CORRUPT);
	buf_release(&saved);
	journal_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_since) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
