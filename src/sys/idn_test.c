#include "sys/idn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_names(void **state)
{
	static const char *const rows[][2] = {
		{ "m\xc3\xbcnchen.example", "xn--mnchen-3ya.example" },
		{ "M\xc3\x9cNCHEN.example", "xn--mnchen-3ya.example" },
		{ "mu\xcc\x88nchen.example", "xn--mnchen-3ya.example" }, /* u and a combining diaeresis: NFC */
		{ "fa\xc3\x9f.example", "xn--fa-hia.example" },		  /* non-transitional: sharp s stays */
		{ "\xd9\x85\xd8\xab\xd8\xa7\xd9\x84.example", "xn--mgbh0fb.example" },
		{ "\xef\xbc\x91.example", "1.example" },
		{ "\xf0\x9f\x92\xa9.example", NULL },	 /* a symbol */
		{ "a\xe2\x80\x8d" "b.example", NULL },	 /* ZWJ out of context */
		{ "\xd7\x90" "a.example", NULL },	 /* two directions in a label */
		{ "\xcc\x88" "a.example", NULL },	 /* begins with a combining mark */
		{ "xn--\xc3\xbc.example", NULL },
		{ "\xff.example", NULL },
		{ "\xc3", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char name[256] = "";
		struct fault f = { .text = "" };
		enum err e = idn_to_ascii(span_str(rows[i][0]), name, &f);
		if ((e == OK) != (rows[i][1] != NULL) || (rows[i][1] && strcmp(name, rows[i][1])))
			fail_msg("\"%s\" gave \"%s\" %s", rows[i][0], name, f.text);
		assert_true(e == OK || (e == ERR_SYNTAX && strlen(f.text) > 20));
	}
}

static void test_hostile(void **state)
{
	char name[256];
	struct fault f;
	uint8_t *big = malloc(1 << 20);
	for (size_t i = 0; i < 1 << 20; i++)
		big[i] = i % 2 ? 0xbc : 0xc3;
	assert_int_equal(idn_to_ascii(span_of(big, 1 << 20), name, &f), ERR_SYNTAX);
	assert_int_equal(idn_to_ascii(span_of(big, 1024), name, &f), ERR_SYNTAX);
	assert_int_equal(idn_to_ascii(span_of(big, 100), name, &f), OK); /* fifty times u with diaeresis */
	assert_int_equal(idn_to_ascii(SPAN_LIT("\xc3\xbc\0.example"), name, &f), ERR_SYNTAX);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_hostile) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
