#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/base64.h"

/* RFC 4648 section 10. */
static void known_answers(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct buf text = { 0 }, back = { 0 };
		base64_put(&text, span_str(pairs[i][0]));
		assert_true(span_is(buf_span(&text), pairs[i][1]));
		assert_int_equal(base64_decode(span_str(pairs[i][1]), &back), OK);
		assert_true(span_is(buf_span(&back), pairs[i][0]));
		buf_release(&text);
		buf_release(&back);
	}
}

static void every_length(void **state)
{
	uint8_t octets[200];
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 151 + 7);
	for (size_t n = 0; n <= sizeof(octets); n++) {
		struct buf text = { 0 }, back = { 0 };
		buf_puts(&text, "before ");
		buf_puts(&back, "before ");
		base64_put(&text, span_of(octets, n));
		assert_int_equal(base64_decode(span_from(buf_span(&text), 7), &back), OK);
		assert_int_equal(back.n, 7 + n);
		assert_true(span_eq(span_from(buf_span(&back), 7), span_of(octets, n)));
		buf_release(&text);
		buf_release(&back);
	}
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"Z",	"Zg",	    "Zg=",  "Zg===",	"=",	   "====",    "Z===", "Zh==",
		"Zm9=", "Zg==Zg==", "Zm=v", "=m9v",	"Zm9v\n",  "Zm 9",    " Zm9", "Zm9v Zm9",
		"Zm-_", "Zm9v=",    "Zg=v", "Zm9v====", "Zm9\x80", "Zm9\xff",
	};
	struct buf out = { 0 };
	buf_puts(&out, "kept");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (base64_decode(span_str(bad[i]), &out) != ERR_SYNTAX)
			fail_msg("accepted: %s", bad[i]);
		assert_true(span_is(buf_span(&out), "kept"));
	}
	buf_release(&out);
}

/* What is accepted is what would be written: all texts of four characters from a telling alphabet. */
static void one_spelling(void **state)
{
	static const char some[] = "AQgw7/+=-\n";
	unsigned accepted = 0;
	for (unsigned i = 0; i < 10000; i++) {
		const char text[] = { some[i % 10], some[i / 10 % 10], some[i / 100 % 10], some[i / 1000], 0 };
		struct buf octets = { 0 }, again = { 0 };
		if (base64_decode(span_str(text), &octets) == OK) {
			base64_put(&again, buf_span(&octets));
			assert_true(span_is(buf_span(&again), text));
			accepted++;
		}
		buf_release(&octets);
		buf_release(&again);
	}
	/* 7^4 of four digits; before "=" the third of A Q g w, all with low bits 00; before "==" the second of A Q g w
	 */
	assert_int_equal(accepted, 7 * 7 * 7 * 7 + 7 * 7 * 4 + 7 * 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(every_length),
		cmocka_unit_test(refused),
		cmocka_unit_test(one_spelling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
