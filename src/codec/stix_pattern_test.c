#include "codec/stix_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/json.h"

/* What is claimed, in order: "constant", with '*' in front when it is only part. */
static const char *claimed(const char *pattern, struct buf *out)
{
	struct stix_atom atoms[STIX_ATOMS_MAX];
	struct buf scratch = { 0 };
	struct fault f;
	unsigned n;
	out->n = 0;
	if (stix_pattern_parse(span_str(pattern), atoms, &n, &f)) {
		buf_puts(out, f.text);
		return buf_cstr(out);
	}
	for (unsigned i = 0; i < n; i++)
		if (stix_atom_asserts(&atoms[i])) {
			if (out->n)
				buf_putc(out, ' ');
			if (atoms[i].part)
				buf_putc(out, '*');
			buf_putspan(out, stix_atom_text(&atoms[i], &scratch));
		}
	buf_release(&scratch);
	return buf_cstr(out);
}

static void test_claims(void **state)
{
	static const char *const cases[][2] = {
		{ "[ipv4-addr:value = '198.51.100.7']", "198.51.100.7" },
		{ " [ domain-name:value='a.example' OR url:value == 'http://b.example/' ] ",
		  "a.example http://b.example/" },
		{ "[file:hashes.'SHA-256' = 'aa' AND file:name = 'x.exe']", "aa" },
		{ "[file:name = 'x' AND (file:hashes.MD5 = 'aa' OR file:hashes.sha1 = 'bb') AND file:size = 5]",
		  "aa bb" },
		{ "[file:hashes.md5 = 'aa' AND file:hashes.SHA256 = 'bb']", "aa bb" },
		{ "[file:hashes.MD5 = 'aa' AND process:name = 'x']", "*aa" },
		{ "[file:hashes.'SHA-224' = 'aa' OR x509-certificate:hashes.'SHA-1' = 'bb']", "" },
		{ "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '198.51.100.7']",
		  "198.51.100.7" },
		{ "[network-traffic:src_ref.value = '198.51.100.7' AND network-traffic:src_port = '443']",
		  "198.51.100.7" },
		{ "[domain-name:value = 'a.example' AND network-traffic:dst_port = '443']", "a.example" },
		{ "[domain-name:value = 'a.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']",
		  "*a.example *192.0.2.1" },
		{ "[(ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value = '192.0.2.2') AND network-traffic:dst_port = 80]",
		  "192.0.2.1 192.0.2.2" },
		{ "[ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value = '192.0.2.2' AND url:value = 'u' OR url:value = 'v']",
		  "192.0.2.1 *192.0.2.2 *u v" },
		{ "[url:value = 'u'] AND [url:value = 'v']", "*u *v" },
		{ "[url:value = 'u'] OR [url:value = 'v'] AND [url:value = 'w']", "u *v *w" },
		{ "[url:value = 'u'] OR [url:value = 'v'] FOLLOWEDBY [url:value = 'w']", "*u *v *w" },
		{ "([url:value = 'u'] FOLLOWEDBY [url:value = 'v']) OR [url:value = 'w']", "*u *v w" },
		{ "[url:value = 'u'] REPEATS 5 TIMES WITHIN 1800.5 SECONDS OR [url:value = 'v'] WITHIN 5 SECONDS",
		  "*u v" },
		{ "[url:value = 'u'] START t'2026-01-01T00:00:00Z' STOP t'2026-02-01T00:00:00.5Z'", "*u" },
		{ "[ipv4-addr:value IN ('192.0.2.1','192.0.2.2')]", "192.0.2.1 192.0.2.2" },
		{ "[ipv4-addr:value ISSUBSET '192.0.2.0/24']", "192.0.2.0/24" },
		{ "[ipv4-addr:value NOT ISSUBSET '192.0.2.0/24' OR ipv4-addr:value ISSUPERSET '192.0.2.0/24']", "" },
		{ "[url:value != 'u' OR url:value NOT = 'v' OR url:value NOT IN ('w') OR url:value LIKE 'x%' OR url:value MATCHES 'y']",
		  "" },
		{ "[url:value NOT != 'u' OR url:value <> 'v' OR url:value > 'w']", "u" },
		{ "[url:value = 5 OR url:value = t'2026-01-01T00:00:00Z' OR EXISTS url:value OR NOT EXISTS url:value]",
		  "" },
		{ "[url:value = 'http://a.example/\\'q\\\\']", "http://a.example/'q\\" },
		{ "[url : value /* why */ = 'u' // end\n]", "u" },
		{ "[email-message:from_ref.value = 'a@b.example' AND email-message:subject = 'x']", "*a@b.example" },
		{ "[artifact:hashes.'SHA-512' = 'aa']", "aa" },
		{ "[email-message:body_multipart[*].body_raw_ref.hashes.MD5 = 'aa']", "aa" },
		{ "[x:y IN ()]", "" },
	};
	struct buf out = { 0 };
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (strcmp(claimed(cases[i][0], &out), cases[i][1]) != 0)
			fail_msg("%s\n  gives %s\n  not   %s", cases[i][0], buf_cstr(&out), cases[i][1]);
	buf_release(&out);
}

static void test_errors(void **state)
{
	static const char *const cases[][2] = {
		{ "", "pattern column 1: '[' is missing" },
		{ "file:size = 1280", "pattern column 1: '[' is missing" },
		{ "[]", "pattern column 2: an object path is missing" },
		{ "[file:size = ]", "pattern column 14: a constant is missing" },
		{ "[file:size 5]", "pattern column 12: a comparison operator is missing" },
		{ "[file:size =? 5]", "pattern column 13: a character has no meaning here" },
		{ "[file.size = 1]", "pattern column 6: ':' is missing behind an object type" },
		{ "[a:b = 'x", "pattern column 8: a quote is not closed" },
		{ "[a:b = 'x\\'", "pattern column 8: a quote is not closed" },
		{ "[a:b = 'x'", "pattern column 11: AND, OR or ']' is missing" },
		{ "([a:b = 'x']", "pattern column 13: an operator or ')' is missing" },
		{ "[a:b = 'x'] and [a:b = 'y']",
		  "pattern column 13: an operator or the end of the pattern is missing" },
		{ "[a:b = 'x' FOLLOWEDBY a:c = 'y']", "pattern column 12: AND, OR or ']' is missing" },
		{ "[a:b = 'x'] WITHIN 0 SECONDS", "pattern column 20: a number above 0 is missing" },
		{ "[a:b = 'x'] REPEATS 1.5 TIMES", "pattern column 21: a number above 0 is missing" },
		{ "[a:b = 'x'] WITHIN 5 SECONDS WITHIN 6 SECONDS", "pattern column 30: a qualifier is given twice" },
		{ "[NOT a:b = 'x']", "pattern column 6: NOT must stand behind the object path" },
		{ "[a:b[x] = 'x']", "pattern column 6: an index is missing in an object path" },
		{ "[a:b = t'2026-13-01T00:00:00Z']",
		  "pattern column 8: a timestamp is not of the form t'2026-08-22T03:00:29Z'" },
		{ "[a:b = h'abc']", "pattern column 8: a hexadecimal constant has other than pairs of digits" },
		{ "[a:b = b'====']", "pattern column 8: a constant is not base64" },
		{ "[a:b = 5x]", "pattern column 8: a number is not of the form that patterns have" },
		{ "[a:b = 5] /* x", "pattern column 10: a comment is not closed" },
		{ "[a:b IN (1,)]", "pattern column 12: a constant is missing" },
		{ "[a:b MATCHES 5]", "pattern column 14: a string in quotes is missing" },
		{ "[a:b = 1)]", "pattern column 9: AND, OR or ']' is missing" },
		{ "[(a:b = 1]", "pattern column 10: an operator or ')' is missing" },
	};
	struct buf out = { 0 };
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (strcmp(claimed(cases[i][0], &out), cases[i][1]) != 0)
			fail_msg("%s\n  gives %s\n  not   %s", cases[i][0], buf_cstr(&out), cases[i][1]);
	buf_release(&out);
}

static void test_caps(void **state)
{
	struct stix_atom atoms[STIX_ATOMS_MAX];
	struct buf b = { 0 };
	struct fault f;
	unsigned n;
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, i % 2 ? '(' : ' ');
	assert_int_equal(stix_pattern_parse(buf_span(&b), atoms, &n, &f), ERR_RANGE);
	b.n = 0;
	buf_puts(&b, "[a:b = 1");
	for (int i = 1; i < STIX_ATOMS_MAX; i++)
		buf_puts(&b, " AND a:b = 1");
	size_t full = b.n;
	buf_putc(&b, ']');
	assert_int_equal(stix_pattern_parse(buf_span(&b), atoms, &n, &f), OK);
	assert_int_equal(n, STIX_ATOMS_MAX);
	b.n = full;
	buf_puts(&b, " OR a:b = 1]");
	assert_int_equal(stix_pattern_parse(buf_span(&b), atoms, &n, &f), ERR_RANGE);
	buf_release(&b);
}

/* A line of the vectors: {"expect": "valid", "pattern": "..."}. */
static void one_vector(struct span line, struct buf *pattern, struct buf *expect)
{
	struct json_reader r;
	struct buf *to = NULL;
	pattern->n = expect->n = 0;
	json_init(&r, line, true);
	for (enum json_token t; (t = json_next(&r)) > JSON_ERROR;) {
		if (t == JSON_KEY)
			to = span_is(r.slice, "pattern") ? pattern : span_is(r.slice, "expect") ? expect : NULL;
		else if (t == JSON_STRING && to)
			assert_int_equal(json_unescape(r.slice, to), OK);
	}
}

/* The vectors of the OASIS validator, where they are at hand.  It also checks that hashes have their length; here the
 * observable does that. */
static void test_vectors(void **state)
{
	const char *data = getenv("SIPAR_DATA");
	char path[600], line[4096];
	struct buf pattern = { 0 }, expect = { 0 };
	struct stix_atom atoms[STIX_ATOMS_MAX];
	struct fault f;
	unsigned n, seen = 0;
	snprintf(path, sizeof(path), "%s/intel/stix-patterns/validator-v21.ndjson",
		 data ? data : SOURCE_ROOT "/../shared/data");
	FILE *file = fopen(path, "r");
	if (!file)
		skip();
	while (fgets(line, sizeof(line), file)) {
		one_vector(span_str(line), &pattern, &expect);
		if (strcmp(buf_cstr(&pattern), "[file:hashes.'SHA-256' = 'f00']") == 0)
			continue;
		bool ok = stix_pattern_parse(buf_span(&pattern), atoms, &n, &f) == OK;
		if (ok != span_is(buf_span(&expect), "valid"))
			fail_msg("%s: %s", buf_cstr(&pattern), ok ? "accepted" : f.text);
		seen++;
	}
	fclose(file);
	assert_true(seen > 50);
	snprintf(path, sizeof(path), "%s/intel/stix-patterns/spec_examples-v21.txt",
		 data ? data : SOURCE_ROOT "/../shared/data");
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (line[0] == '[' || line[0] == '(')
			if (stix_pattern_parse(span_trim(span_str(line)), atoms, &n, &f))
				fail_msg("%s: %s", line, f.text);
	fclose(file);
	buf_release(&pattern);
	buf_release(&expect);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
