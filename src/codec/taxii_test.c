#include "codec/taxii.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void resources(void **state)
{
	static const struct { const char *text; enum err e; enum taxii_resource what; } rows[] = {
		{ "{\"title\":\"t\",\"api_roots\":[]}", OK, TAXII_DISCOVERY },
		{ "{\"title\":\"t\",\"versions\":[\"application/taxii+json;version=2.1\"],\"max_content_length\":1}", OK, TAXII_ROOT },
		{ "{\"title\":\"t\",\"max_content_length\":1}", OK, TAXII_ROOT },
		{ "{\"collections\":[]}", OK, TAXII_COLLECTIONS },
		{ "{}", OK, TAXII_COLLECTIONS },
		{ "{\"id\":\"a\",\"title\":\"t\",\"can_read\":true}", OK, TAXII_COLLECTION },
		{ "{\"objects\":[]}", OK, TAXII_OTHER },
		{ "[]", ERR_SYNTAX, TAXII_OTHER },
		{ "", ERR_SYNTAX, TAXII_OTHER },
		{ "<html>", ERR_SYNTAX, TAXII_OTHER },
		{ "{\"collections\":[]", ERR_SYNTAX, TAXII_OTHER },
		{ "{\"collections\":[]} x", ERR_SYNTAX, TAXII_OTHER },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum taxii_resource what = TAXII_OTHER;
		struct fault f = { .text = "" };
		assert_int_equal(taxii_resource(span_str(rows[i].text), &what, &f), rows[i].e);
		assert_int_equal(what, rows[i].what);
		assert_true(!rows[i].e || strstr(f.text, "line 1"));
	}
}

static bool add(void *ctx, struct span text)
{
	buf_putspan(ctx, text);
	buf_putc(ctx, '|');
	return true;
}

static void roots(void **state)
{
	static const struct { const char *text; enum err e; const char *roots; } rows[] = {
		{ "{\"api_roots\":[\"/a/\",\"https://x/b/\",\"/a/\"],\"default\":\"https://x/b/\"}", OK, "https://x/b/|/a/|" },
		{ "{\"default\":\"/b/\",\"api_roots\":[\"/a/\",\"/b/\"]}", OK, "/b/|/a/|" },
		{ "{\"default\":null,\"api_roots\":[\"https:\\/\\/x\\/a\\/\"]}", OK, "https://x/a/|" },
		{ "{\"title\":\"t\",\"api_roots\":null}", OK, "" },
		{ "{\"api_roots\":[1]}", ERR_SYNTAX, "" },
		{ "{\"api_roots\":{}}", ERR_SYNTAX, "" },
		{ "{\"default\":[],\"api_roots\":[]}", ERR_SYNTAX, "" },
		{ "{\"api_roots\":[\"/a/\"", ERR_SYNTAX, "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = { 0 };
		assert_int_equal(taxii_roots(span_str(rows[i].text), add, &out, NULL), rows[i].e);
		assert_string_equal(buf_cstr(&out), rows[i].roots);
		buf_release(&out);
	}
}

static bool add_collection(void *ctx, const struct taxii_collection *c)
{
	buf_printf(ctx, SPAN_FMT "," SPAN_FMT "," SPAN_FMT ",%d|", SPAN_ARG(c->id), SPAN_ARG(c->alias), SPAN_ARG(c->title), c->can_read);
	return true;
}

static void collections(void **state)
{
	static const struct { const char *text; enum err e; const char *all; } rows[] = {
		{ "{\"collections\":[{\"id\":\"1\",\"title\":\"A \\u0026 B\",\"alias\":\"x\\ty\",\"can_read\":true,\"more\":{\"id\":\"no\"}},"
		  "{\"id\":\"2\",\"can_read\":false},{\"title\":\"no id\"},{\"id\":\"3\"}]}", OK, "1,x\ty,A & B,1|2,,,0|3,,,1|" },
		{ "{\"id\":\"7\",\"title\":\"one\",\"can_read\":true,\"can_write\":false}", OK, "7,,one,1|" },
		{ "{}", OK, "" },
		{ "{\"collections\":{}}", ERR_SYNTAX, "" },
		{ "{\"collections\":[1]}", ERR_SYNTAX, "" },
		{ "{\"collections\":[{\"id\":\"1\"}", ERR_SYNTAX, "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = { 0 };
		assert_int_equal(taxii_each_collection(span_str(rows[i].text), add_collection, &out, NULL), rows[i].e);
		assert_string_equal(buf_cstr(&out), rows[i].all);
		buf_release(&out);
	}
}

static void envelopes(void **state)
{
	static const struct { const char *text; enum err e; bool has_more, more; const char *next, *objects; size_t n; } rows[] = {
		{ "{}", OK, false, false, "", "", 0 },
		{ "{\"more\":true,\"next\":\"a b\",\"objects\":[{\"a\":[{}]}, {\"b\":\"]\"}]}", OK, true, true, "a b", "{\"a\":[{}]}, {\"b\":\"]\"}", 2 },
		{ "{\"objects\":[ {} ],\"next\":17,\"more\":false,\"other\":{\"next\":\"x\"}}", OK, true, false, "17", " {} ", 1 },
		{ "{\"objects\":null,\"next\":null,\"more\":null}", OK, false, false, "", "", 0 },
		{ "{\"objects\":[],\"next\":\"q\\u002bz\"}", OK, false, false, "q+z", "", 0 },
		{ "{\"objects\":[1]}", ERR_SYNTAX, false, false, "", "", 0 },
		{ "{\"objects\":[{}", ERR_SYNTAX, false, false, "", "", 0 },
		{ "{\"objects\":{}}", ERR_SYNTAX, false, false, "", "", 0 },
		{ "{\"next\":{}}", ERR_SYNTAX, false, false, "", "", 0 },
		{ "[{}]", ERR_SYNTAX, false, false, "", "", 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf scratch = { 0 };
		struct taxii_envelope v = { 0 };
		struct fault f = { .text = "" };
		if (taxii_envelope(span_str(rows[i].text), &scratch, &v, &f) != rows[i].e)
			fail_msg("%s: %s", rows[i].text, f.text);
		assert_int_equal(v.has_more, rows[i].has_more);
		assert_int_equal(v.more, rows[i].more);
		assert_true(span_is(v.next, rows[i].next));
		assert_true(span_is(v.objects, rows[i].objects));
		assert_int_equal(v.n_objects, rows[i].n);
		buf_release(&scratch);
	}
	struct buf text = { 0 }, scratch = { 0 };
	struct taxii_envelope v;
	buf_puts(&text, "{\"next\":\"");
	for (unsigned i = 0; i <= TAXII_NEXT_MAX; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, "\"}");
	assert_int_equal(taxii_envelope(buf_span(&text), &scratch, &v, NULL), ERR_RANGE);
	buf_release(&text);
	buf_release(&scratch);
}

static void times(void **state)
{
	static const struct { const char *text; enum err e; uint64_t ns; } rows[] = {
		{ "1970-01-01T00:00:01Z", OK, 1000000000 }, { "1970-01-01T00:00:01.5Z", OK, 1500000000 }, { "1970-01-01T00:00:01.000001Z", OK, 1000001000 },
		{ "1970-01-01T00:00:01.0000000019Z", OK, 1000000001 }, { "1970-01-01T01:00:01.25+01:00", OK, 1250000000 },
		{ "Tue Jan 05 2026 10:00:00 GMT+0100 (CET)", ERR_SYNTAX, 0 }, { "2026-01-05", ERR_SYNTAX, 0 }, { "2026-01-05 10:00:00Z", ERR_SYNTAX, 0 },
		{ "1969-12-31T23:59:59Z", ERR_SYNTAX, 0 }, { "9999-01-01T00:00:00Z", ERR_SYNTAX, 0 }, { "", ERR_SYNTAX, 0 }, { "1767606000", ERR_SYNTAX, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t ns = 0;
		assert_int_equal(taxii_time(span_str(rows[i].text), &ns), rows[i].e);
		assert_true(ns == rows[i].ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources), cmocka_unit_test(roots), cmocka_unit_test(collections), cmocka_unit_test(envelopes), cmocka_unit_test(times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
