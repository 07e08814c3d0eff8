#include "codec/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/json.h"

/* The normal form, or what is wrong. */
static const char *normal(struct span text, struct buf *out)
{
	struct pattern p = { 0 };
	struct fault f;
	out->n = 0;
	if (pattern_parse(text, &p, &f)) {
		buf_puts(out, f.text);
		return buf_cstr(out);
	}
	pattern_print(&p, out);
	pattern_release(&p);
	return buf_cstr(out);
}

static void test_normal_form(void **state)
{
	static const char *const cases[][2] = { /* second NULL: as it is */
		{ "[file:size = 1280]", NULL },
		{ " [ file:size==1280 ]\n// end", "[file:size = 1280]" },
		{ "[file:name<>'x' /* or */ OR file:size NOT >= +5]", "[file:name != 'x' OR file:size NOT >= 5]" },
		{ "[file:hashes.'SHA-256' = 'aa' AND file:hashes.'MD5' = 'bb']", "[file:hashes.'SHA-256' = 'aa' AND file:hashes.MD5 = 'bb']" },
		{ "[x-a:'true'.'9b'[0].c[*] IN ('a', 1, -2.5, true, h'0aFF', b'AQIDBA==', t'2024-02-29T12:00:00.5Z')]",
		  "[x-a:'true'.'9b'[0].c[*] IN ('a', 1, -2.5, true, h'0aff', b'AQIDBA==', t'2024-02-29T12:00:00.5Z')]" },
		{ "[a:b IN ()]", NULL },
		{ "[a:b = 'it\\'s C:\\\\x']", NULL },
		{ "[EXISTS a:b AND NOT EXISTS a:c]", NULL },
		{ "[a:b NOT LIKE 'x%' AND a:b MATCHES '^\\\\d+$' AND a:b ISSUBSET '192.0.2.0/24' AND a:b NOT ISSUPERSET '192.0.2.1']", NULL },
		{ "[(a:b = 1 OR a:c = 2) AND a:d = 3]", NULL },
		{ "[(a:b = 1 AND a:c = 2) OR a:d = 3]", "[a:b = 1 AND a:c = 2 OR a:d = 3]" },
		{ "[a:b = 1 AND (a:c = 2 AND a:d = 3) AND a:e = 4]", "[a:b = 1 AND a:c = 2 AND a:d = 3 AND a:e = 4]" },
		{ "(([a:b = 1]))", "[a:b = 1]" },
		{ "[a:b = 1] FOLLOWEDBY [a:b = 2] OR [a:b = 3] AND [a:b = 4]", NULL },
		{ "(([a:b = 1] FOLLOWEDBY [a:b = 2]) OR [a:b = 3]) AND [a:b = 4]", NULL },
		{ "([a:b = 1] AND [a:b = 2]) AND [a:b = 3]", "[a:b = 1] AND [a:b = 2] AND [a:b = 3]" },
		{ "([a:b = 1] FOLLOWEDBY [a:b = 2]) WITHIN 300 SECONDS", NULL },
		{ "[a:b = 1] REPEATS 5 TIMES WITHIN 0.5 SECONDS", NULL },
		{ "([a:b = 1]) WITHIN 5 SECONDS WITHIN 6 SECONDS", "([a:b = 1] WITHIN 5 SECONDS) WITHIN 6 SECONDS" },
		{ "[a:b = 1] START t'2024-01-01T00:00:00Z' STOP t'2024-12-31T23:59:59Z'", NULL },
	};
	struct buf out = { 0 }, again = { 0 };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_string_equal(normal(span_str(cases[i][0]), &out), cases[i][1] ? cases[i][1] : cases[i][0]);
		assert_string_equal(normal(buf_span(&out), &again), buf_cstr(&out));
	}
	buf_release(&out);
	buf_release(&again);
}

static void test_errors(void **state)
{
	static const char *const cases[][2] = {
		{ "", "pattern column 1: '[' is missing" },
		{ "file:size = 1", "pattern column 1: '[' is missing" },
		{ "[file:size = ]", "pattern column 14: a constant is missing" },
		{ "[file:hashes.MD5 = cead]", "pattern column 20: a constant is missing" },
		{ "[file.size = 1]", "pattern column 6: ':' is missing behind an object type" },
		{ "[some-type:needs-quotes = 1]", "pattern column 12: a name with a hyphen needs quotes in an object path" },
		{ "[a:b.[0] = 1]", "pattern column 6: a name is missing in an object path" },
		{ "[a:b[-1] = 1]", "pattern column 6: an index is neither a whole number nor '*'" },
		{ "[a:b[0 = 1]", "pattern column 8: ']' is missing behind an index" },
		{ "[a:b =? 1]", "pattern column 7: a character has no meaning here" },
		{ "[a:b 1]", "pattern column 6: a comparison operator is missing" },
		{ "[NOT a:b = 1]", "pattern column 6: NOT must stand behind the object path" },
		{ "[a:b < true]", "pattern column 8: true and false have no order" },
		{ "[a:b MATCHES 5]", "pattern column 14: a string in quotes is missing" },
		{ "[a:b IN 5]", "pattern column 9: '(' is missing behind IN" },
		{ "[a:b IN (5 6)]", "pattern column 12: ',' or ')' is missing in a set" },
		{ "[a:b = null]", "pattern column 8: a constant is missing" },
		{ "[a:b = 007]", "pattern column 8: a number begins with 0" },
		{ "[a:b = 'x]", "pattern column 8: a quote is not closed" },
		{ "[a:b = 'x\\d']", "pattern column 10: a backslash stands before other than a quote or a backslash" },
		{ "[a:b = t'2023-02-29T12:00:00Z']", "pattern column 8: a timestamp names a day or time that does not exist" },
		{ "[a:b = t'2023-02-20']", "pattern column 8: a timestamp is not of the form t'2026-08-22T03:00:29Z'" },
		{ "[a:b = b'====']", "pattern column 8: a constant is not base64" },
		{ "[a:b = h'123']", "pattern column 8: a hexadecimal constant has other than pairs of digits" },
		{ "[a:b = 1", "pattern column 9: AND, OR or ']' is missing" },
		{ "([a:b = 1]", "pattern column 11: an operator or ')' is missing" },
		{ "[a:b = 1] within 2 SECONDS", "pattern column 11: an operator or the end of the pattern is missing" },
		{ "[a:b = 1] WITHIN -5 SECONDS", "pattern column 18: a number above 0 is missing" },
		{ "[a:b = 1] WITHIN 0.0 SECONDS", "pattern column 18: a number above 0 is missing" },
		{ "[a:b = 1] WITHIN 5 HOURS", "pattern column 20: SECONDS is missing" },
		{ "[a:b = 1] REPEATS 1.5 TIMES", "pattern column 19: a number above 0 is missing" },
		{ "[a:b = 1] REPEATS 2 TIMES REPEATS 3 TIMES", "pattern column 27: a qualifier is given twice" },
		{ "[a:b = 1] START t'2024-01-01T00:00:00Z'", "pattern column 40: START needs a timestamp, STOP and a timestamp" },
		{ "[a:b = '\xff']", "pattern column 9: this is not UTF-8" },
	};
	struct buf out = { 0 };
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(normal(span_str(cases[i][0]), &out), cases[i][1]);
	buf_release(&out);
}

static void test_caps(void **state)
{
	struct buf text = { 0 }, out = { 0 };
	for (int i = 0; i < 64; i++)
		buf_putc(&text, '(');
	buf_puts(&text, "[a:b = 1]");
	assert_string_equal(normal(buf_span(&text), &out), "pattern column 66: brackets or qualifiers are nested more than 64 deep");
	text.n = 0;
	buf_puts(&text, "([a:b = 1])");
	for (int i = 0; i < 65; i++)
		buf_puts(&text, " WITHIN 1 SECONDS");
	assert_non_null(strstr(normal(buf_span(&text), &out), "nested more than 64 deep"));
	text.n = 0;
	buf_puts(&text, "[a:b");
	for (int i = 0; i < 200; i++)
		buf_puts(&text, "[*]");
	assert_non_null(strstr(normal(buf_span(&text), &out), "more than 128 steps"));
	text.n = 0; /* flat ones may be long */
	buf_puts(&text, "[a:b = 0");
	for (int i = 1; i < 20000; i++)
		buf_printf(&text, " OR a:b = %d", i);
	buf_putc(&text, ']');
	normal(buf_span(&text), &out);
	assert_true(span_eq(buf_span(&text), buf_span(&out)));
	memset(buf_reserve(&text, PATTERN_OCTETS_MAX), ' ', PATTERN_OCTETS_MAX);
	text.n += PATTERN_OCTETS_MAX;
	assert_string_equal(normal(buf_span(&text), &out), "the pattern has more than 1048576 octets");
	buf_release(&text);
	buf_release(&out);
}

/* Patterns of the standard and of the OASIS validator, where they are at hand.  It also checks that hashes have their length,
 * and takes days that do not exist. */
static void test_vectors(void **state)
{
	const char *data = getenv("SIPAR_DATA");
	char path[600], line[4096];
	struct buf pattern = { 0 }, expect = { 0 }, out = { 0 }, again = { 0 };
	unsigned seen = 0;
	snprintf(path, sizeof(path), "%s/intel/stix-patterns/validator-v21.ndjson", data ? data : SOURCE_ROOT "/../shared/data");
	FILE *file = fopen(path, "r");
	if (!file)
		skip();
	while (fgets(line, sizeof(line), file)) {
		struct json_reader r;
		struct buf *to = NULL;
		pattern.n = expect.n = 0;
		json_init(&r, span_str(line), true);
		for (enum json_token t; (t = json_next(&r)) > JSON_ERROR;) {
			if (t == JSON_KEY)
				to = span_is(r.slice, "pattern") ? &pattern : span_is(r.slice, "expect") ? &expect : NULL;
			else if (t == JSON_STRING && to)
				assert_int_equal(json_unescape(r.slice, to), OK);
		}
		const char *text = buf_cstr(&pattern), *got = normal(buf_span(&pattern), &out);
		bool ok = strncmp(got, "pattern column", 14) != 0;
		if (strstr(text, "'f00'") || strstr(text, "-02-30T") || strstr(text, "-04-31T") || strstr(text, "2023-02-29T"))
			continue;
		if (ok != span_is(buf_span(&expect), "valid"))
			fail_msg("%s: %s", text, got);
		if (ok)
			assert_string_equal(normal(buf_span(&out), &again), buf_cstr(&out));
		seen++;
	}
	fclose(file);
	assert_true(seen > 50);
	buf_release(&pattern);
	buf_release(&expect);
	buf_release(&out);
	buf_release(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal_form),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
