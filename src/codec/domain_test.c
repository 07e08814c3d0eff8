#include "codec/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_names(void **state)
{
	static const char *const rows[][2] = {
		{ "evil.example", "evil.example" },
		{ "EVIL.EXAMPLE.", "evil.example" },
		{ "example", "example" },
		{ "a_b.-c", NULL },
		{ "a--b.example", "a--b.example" },
		{ "_sip._tcp.example", "_sip._tcp.example" },
		{ "XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example" },
		{ "B\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
		{ "stra\xc3\x9f" "e.example", "xn--strae-oqa.example" }, /* not "strasse": the mapping is the non-transitional one */
		{ "evil\xef\xbc\x8e" "example\xe3\x80\x82", "evil.example" },
		{ "\xd9\x86\xd8\xa7\xd9\x85\xd9\x87\xe2\x80\x8c\xd8\xa7\xdb\x8c.example", "xn--mgba3gch31f060k.example" }, /* ZWNJ */
		{ "a\xe2\x80\x8c" "b.example", NULL },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ "a..b", NULL },
		{ ".a", NULL },
		{ "a-.b", NULL },
		{ "a.b-", NULL },
		{ "a b.example", NULL },
		{ "a\xc3.example", NULL },
		{ "a\xed\xa0\x80.example", NULL },
		{ "<\xc3\xbc>.example", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t name[DOMAIN_MAX];
		size_t n = 0;
		struct fault f = { .text = "" };
		enum err e = domain_parse(span_str(rows[i][0]), name, &n, &f);
		if ((e == OK) != (rows[i][1] != NULL) || (rows[i][1] && !span_is(span_of(name, n), rows[i][1])))
			fail_msg("\"%s\" gave \"%.*s\" %s", rows[i][0], (int)n, (char *)name, f.text);
		assert_true(e == OK || strlen(f.text) > 10);
	}
}

/* 63 octets to a label, 253 to a name, in ASCII and in what comes of Unicode. */
static void test_lengths(void **state)
{
	uint8_t text[400], name[DOMAIN_MAX];
	size_t n;
	memset(text, 'a', sizeof(text));
	assert_int_equal(domain_parse(span_of(text, 63), name, &n, NULL), OK);
	assert_int_equal(domain_parse(span_of(text, 64), name, &n, NULL), ERR_RANGE);
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '.';
	assert_int_equal(domain_parse(span_of(text, 253), name, &n, NULL), OK);
	assert_int_equal(n, 253);
	assert_int_equal(domain_parse(span_of(text, 254), name, &n, NULL), OK); /* a final dot */
	assert_int_equal(n, 253);
	assert_int_equal(domain_parse(span_of(text, 255), name, &n, NULL), ERR_RANGE);
	memcpy(text, "\xc3\xbc", 2);
	assert_true(domain_parse(span_of(text, 253), name, &n, NULL) != OK);
	uint8_t *big = malloc(1 << 20);
	memset(big, 0xc3, 1 << 20);
	assert_int_equal(domain_parse(span_of(big, 1 << 20), name, &n, NULL), ERR_SYNTAX);
	free(big);
}

/* The fast path answers as the careful one does for every pair of octets that matters at every place. */
static void test_plain(void **state)
{
	static const char odd[] = "-._aZ0/:\x80 ";
	for (size_t n = 4; n <= 20; n++) {
		for (size_t k = 0; k + 1 < n; k++) {
			for (size_t c = 0; c < (sizeof(odd) - 1) * (sizeof(odd) - 1); c++) {
				uint8_t *text = malloc(n), name[DOMAIN_MAX];
				size_t m;
				memcpy(text, &"abcde.fghij.klmno.pqrst"[23 - n], n);
				text[k] = (uint8_t)odd[c / (sizeof(odd) - 1)];
				text[k + 1] = (uint8_t)odd[c % (sizeof(odd) - 1)];
				struct span s = { text, n };
				bool careful = domain_parse(s, name, &m, NULL) == OK && span_eq(s, span_of(name, m)) && span_find(s, '.') < n;
				for (m = n; m > 0 && text[m - 1] != '.'; m--)
					;
				careful = careful && m < n && text[m] >= 'a' && text[m] <= 'z';
				if (domain_plain(s) != careful)
					fail_msg("\"%.*s\" is %splain", (int)n, (char *)text, careful ? "not taken as " : "");
				free(text);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
