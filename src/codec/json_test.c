#include "codec/json.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The tokens of a text as a line of text: kinds as letters, slices in <>. */
static bool trace(struct span text, size_t piece, struct buf *out)
{
	struct json_reader r;
	size_t have = piece < text.n ? piece : text.n, from = 0;
	out->n = 0;
	json_init(&r, span_head(text, have), have == text.n);
	for (;;) {
		enum json_token t = json_next(&r);
		if (t == JSON_MORE) {
			from += r.pos;
			assert_true(have < text.n);
			have = have + piece < text.n ? have + piece : text.n;
			json_refill(&r, span_of(text.p + from, have - from), have == text.n);
			continue;
		}
		buf_printf(out, "%d%d", (int)t, (int)r.depth);
		if (t == JSON_END || t == JSON_ERROR) {
			uint64_t line, column;
			json_place(&r, &line, &column);
			buf_printf(out, "@%llu:%llu %s", (unsigned long long)line, (unsigned long long)column,
				   r.error ? r.error : "");
			assert_int_equal(t == JSON_ERROR, r.error != NULL);
			return t == JSON_END;
		}
		assert_true(r.slice.p >= r.in.p && r.slice.p + r.slice.n <= r.in.p + r.in.n);
		assert_true(r.start < r.pos && r.pos <= r.in.n);
		buf_putc(out, '<');
		buf_putspan(out, r.slice);
		buf_puts(out, r.escaped && (t == JSON_KEY || t == JSON_STRING) ? ">e " : "> ");
	}
}

static bool valid(struct span text)
{
	struct buf b = { 0 };
	bool ok = trace(text, text.n ? text.n : 1, &b);
	buf_release(&b);
	return ok;
}

static void test_tokens(void **state)
{
	struct buf b = { 0 };
	struct span text = SPAN_LIT("\xef\xbb\xbf {\"a\":[1,-2.5e+3,\"x\\\"y\"],\"\":{},\"t\":[true,false,null,[]]}\n");
	assert_true(trace(text, text.n, &b));
	const char *want = "31<{> 71<a> 52<[> 92<1> 92<-2.5e+3> 82<x\\\"y>e 61<]> 71<> 32<{> 41<}> 71<t> 52<[> "
			   "102<true> 112<false> 122<null> 53<[> 62<]> 61<]> 40<}> 10@2:1 ";
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
}

/* However a text is cut, the tokens are the same. */
static void test_pieces(void **state)
{
	static const char *const texts[] = {
		"{\"a\":[1,-2.5e+3,\"x\\\"y\\u00e9\\ud83d\\ude00\"],\"b\":{\"c\":true,\"d\":null}}",
		"\xef\xbb\xbf[ \"\xc5\x9f\xc4\xb1\xf0\x9f\x98\x80\" , 0 , false ]",
		"12",
		"-0.0e1 ",
		"\"abcdefghijklmnopqrstuvwxyz0123456789\"",
		"[1,2",
		"{\"a\" 1}",
		"[tru]",
		"[1.]",
		"[\"\\x\"]",
		"\n\n [\n1,\n 2\n,]",
		"[\"\xff\"]",
		"{} {}",
		"",
		" ",
		"\xef\xbb",
		"[\"\\u12",
		"[01]",
		"[-]",
		"[1e]",
		"{\"a\":1,}",
		"{,}",
		"[]]",
		"{\"a\":}",
		"nul",
		"[\"a\tb\"]",
	};
	struct buf whole = { 0 }, cut = { 0 };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct span text = span_str(texts[i]);
		trace(text, text.n + 1, &whole);
		for (size_t piece = 1; piece <= text.n; piece++) {
			trace(text, piece, &cut);
			assert_string_equal(buf_cstr(&cut), buf_cstr(&whole));
		}
	}
	buf_release(&whole);
	buf_release(&cut);
}

static void test_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"[",
		"]",
		"{",
		"[1,]",
		"{\"a\":1,}",
		"{a:1}",
		"{'a':1}",
		"[1 2]",
		"[,1]",
		"01",
		"+1",
		"1.",
		".5",
		"1e",
		"0x1",
		"--1",
		"-",
		"NaN",
		"Infinity",
		"[tru]",
		"TRUE",
		"\"\\a\"",
		"\"\\u12g4\"",
		"\"\\u12\"",
		"\"a",
		"\"\x1f\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xe2\x82\"",
		"1 2",
		"[] x",
		"/**/1",
		"{\"a\"}",
		"{\"a\":1 \"b\":2}",
		"[1}",
		"{\"a\":1]",
		"\f1",
		"\xef\xbb",
		"1a",
		"[\"\x7f\xff\"]",
		"{1:2}",
		"[1,,2]",
		"{\"a\"::1}",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (valid(span_str(bad[i])))
			fail_msg("accepted: %s", bad[i]);
	assert_true(valid(SPAN_LIT("\"\\u0000\x7f\"")));
	assert_true(valid(SPAN_LIT(" \t\r\n-0.0E-1 ")));
	assert_false(valid(SPAN_LIT("\"\0\"")));
	assert_false(valid(SPAN_LIT("1\0")));
}

static void test_depth(void **state)
{
	struct buf b = { 0 };
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_puts(&b, i % 3 ? "[" : "{\"k\":");
	buf_puts(&b, "1");
	for (int i = JSON_DEPTH_MAX - 1; i >= 0; i--)
		buf_putc(&b, i % 3 ? ']' : '}');
	assert_true(valid(buf_span(&b)));
	b.n = 0;
	for (int i = 0; i <= JSON_DEPTH_MAX; i++)
		buf_putc(&b, '[');
	struct json_reader r;
	json_init(&r, buf_span(&b), true);
	assert_int_equal(json_skip(&r), JSON_ERROR);
	assert_string_equal(r.error, "objects and arrays are nested more than 1024 deep");
	assert_int_equal(json_next(&r), JSON_ERROR);
	buf_release(&b);
}

static void test_skip(void **state)
{
	struct json_reader r;
	struct span text = SPAN_LIT("{\"a\": {\"x\":[1,{}]} ,\"b\":\"s\\n\",\"c\":7}");
	json_init(&r, text, true);
	assert_int_equal(json_next(&r), JSON_OBJECT);
	assert_int_equal(json_next(&r), JSON_KEY);
	assert_int_equal(json_skip(&r), JSON_OBJECT);
	assert_true(span_is(r.slice, "{\"x\":[1,{}]}"));
	assert_int_equal(json_next(&r), JSON_KEY);
	assert_int_equal(json_skip(&r), JSON_STRING);
	assert_true(span_is(r.slice, "\"s\\n\""));
	assert_true(r.escaped);
	assert_int_equal(json_skip(&r), JSON_KEY);
	assert_true(span_is(r.slice, "c"));
	assert_int_equal(json_skip(&r), JSON_NUMBER);
	assert_int_equal(json_skip(&r), JSON_OBJECT_END);
	assert_int_equal(json_skip(&r), JSON_END);
	/* nothing is consumed while the value is not whole */
	for (size_t n = 5; n < 18; n++) {
		json_init(&r, span_head(text, n), false);
		assert_int_equal(json_next(&r), JSON_OBJECT);
		assert_int_equal(json_next(&r), JSON_KEY);
		size_t pos = r.pos;
		if (json_skip(&r) != JSON_MORE)
			fail_msg("%zu octets are no whole value", n);
		assert_int_equal(r.pos, pos);
		json_refill(&r, span_from(text, r.pos), true);
		assert_int_equal(json_skip(&r), JSON_OBJECT);
		assert_true(span_is(r.slice, "{\"x\":[1,{}]}"));
	}
	json_init(&r, SPAN_LIT("{\"a\":[1,2}"), true);
	assert_int_equal(json_skip(&r), JSON_ERROR);
}

static void unescapes(const char *in, const char *want)
{
	struct buf b = { 0 };
	assert_int_equal(json_unescape(span_str(in), &b), OK);
	assert_string_equal(buf_cstr(&b), want);
	assert_true(b.n <= strlen(in));
	buf_release(&b);
}

static void test_unescape(void **state)
{
	struct buf b = { 0 };
	unescapes("plain", "plain");
	unescapes("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t");
	unescapes("\\u0131\\u015F", "\xc4\xb1\xc5\x9f");
	unescapes("\\ud83d\\ude00!", "\xf0\x9f\x98\x80!");
	unescapes("\\ud83d", "\xef\xbf\xbd");
	unescapes("\\ude00x", "\xef\xbf\xbdx");
	unescapes("\\ud83d\\u0041", "\xef\xbf\xbd" "A");
	unescapes("\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80");
	static const char *const bad[] = { "\\u0000", "a\\", "\\x", "\\u12", "\\uzzzz" };
	buf_puts(&b, "kept");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(json_unescape(span_str(bad[i]), &b), ERR_SYNTAX);
		assert_string_equal(buf_cstr(&b), "kept");
	}
	struct json_reader r;
	json_init(&r, SPAN_LIT("[\"a\\u0000\",\"\\u0062\"]"), true);
	assert_int_equal(json_next(&r), JSON_ARRAY);
	assert_int_equal(json_next(&r), JSON_STRING);
	assert_true(span_is(json_text(&r, &b), "a\\u0000"));
	assert_int_equal(json_next(&r), JSON_STRING);
	assert_true(span_is(json_text(&r, &b), "b"));
	buf_release(&b);
}

static void test_write(void **state)
{
	struct buf out = { 0 }, back = { 0 };
	struct span s = SPAN_LIT("a\"\\\n\x01\x1f\0\xc5\x9f\xff\xed\xa0\x80z");
	json_put_string(&out, s);
	assert_string_equal(
		buf_cstr(&out),
		"\"a\\\"\\\\\\n\\u0001\\u001f\\u0000\xc5\x9f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
	assert_true(valid(buf_span(&out)));
	out.n = 0;
	json_put_string(&out, span_of(NULL, 0));
	assert_string_equal(buf_cstr(&out), "\"\"");
	/* every octet, written and read back */
	for (unsigned c = 1; c < 128; c++) {
		uint8_t octet = (uint8_t)c;
		out.n = back.n = 0;
		json_put_string(&out, span_of(&octet, 1));
		assert_true(valid(buf_span(&out)));
		assert_int_equal(json_unescape(span_of(out.p + 1, out.n - 2), &back), OK);
		assert_true(back.n == 1 && back.p[0] == octet);
	}
	buf_release(&out);
	buf_release(&back);
}

/* The public JSONTestSuite, where it is at hand. */
static void test_suite(void **state)
{
	const char *data = getenv("SIPAR_DATA");
	char dir[600], path[1200];
	unsigned n = 0;
	snprintf(dir, sizeof(dir), "%s/robustness/json", data ? data : SOURCE_ROOT "/../shared/data");
	DIR *d = opendir(dir);
	if (!d)
		skip();
	struct buf b = { 0 };
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[1] != '_' || !strchr("yn", e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		FILE *f = fopen(path, "rb");
		assert_non_null(f);
		b.n = 0;
		for (size_t got; (got = fread(buf_reserve(&b, 65536), 1, 65536, f)) > 0;)
			b.n += got;
		fclose(f);
		if (valid(buf_span(&b)) != (e->d_name[0] == 'y'))
			fail_msg("%s", e->d_name);
		n++;
	}
	closedir(d);
	buf_release(&b);
	assert_true(n > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens), cmocka_unit_test(test_pieces), cmocka_unit_test(test_strict),
		cmocka_unit_test(test_depth),  cmocka_unit_test(test_skip),   cmocka_unit_test(test_unescape),
		cmocka_unit_test(test_write),  cmocka_unit_test(test_suite),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
