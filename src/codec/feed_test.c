#include "codec/feed_probe.h"

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; feed_formats[i]; i++) {
		const struct feed_format *f = feed_formats[i];
		assert_ptr_equal(feed_format_find(span_str(f->name)), f);
		assert_non_null(f->title);
		assert_non_null(f->sniff);
		assert_true(!f->save == !f->load);
		assert_int_equal(f->sniff(span_of("", 0), true, NULL), 0);
	}
	assert_null(feed_format_find(SPAN_LIT("nothing")));
}

static void test_not_recognised(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"", "\n\n", "# only\n# comments\n", "Some prose.\nAnd more of it, for which nobody asked.\n", "<?xml version=\"1.0\"?>\n<a/>\n",
		"<!DOCTYPE html>\n<p>192.0.2.1</p>\n", "---\nkey: value\nlist:\n  - a\n  - b\n", "key = value\n[section]\nx = y\n",
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_string_equal(probe_detect(span_str(texts[i])), "none");
	assert_string_equal(probe_detect(span_of("\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0", 16)), "none");
	assert_string_equal(probe_detect(span_of("\xff\xfe" "1\0" "9\0" "2\0", 8)), "none");
}

static void test_utf16_is_refused(void **state)
{
	(void)state;
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("lines")), NULL);
	struct buf out = { 0 };
	struct fault f;
	size_t used;
	assert_int_equal(feed_parse(p, span_of("\xff\xfe" "1\0\n\0", 6), true, probe_sink, &out, &used, &f), ERR_SYNTAX);
	assert_non_null(strstr(f.text, "UTF-16"));
	assert_int_equal(used, 0);
	feed_parser_free(p);
	buf_release(&out);
}

static bool stop_at_second(void *ctx, const struct feed_record *r)
{
	unsigned *n = ctx;
	return ++*n < 2;
}

static void test_cancel(void **state)
{
	(void)state;
	static const struct {
		const char *format, *text;
		size_t used;
	} cases[] = {
		{ "lines", "192.0.2.1\n192.0.2.2\n192.0.2.3\n", 10 },
		{ "csv", "ip,x\n192.0.2.1,a\n192.0.2.2,b\n", 17 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct feed_parser *p = feed_parser_new(feed_format_find(span_str(cases[i].format)), NULL);
		struct span text = span_str(cases[i].text);
		struct buf out = { 0 };
		unsigned n = 0;
		size_t used;
		assert_int_equal(feed_parse(p, text, true, stop_at_second, &n, &used, NULL), ERR_CANCELLED);
		assert_int_equal(used, cases[i].used);
		/* and on from there */
		assert_int_equal(feed_parse(p, span_from(text, used), true, probe_sink, &out, &used, NULL), OK);
		assert_int_equal(buf_cstr(&out)[0], i ? '3' : '2');
		feed_parser_free(p);
		buf_release(&out);
	}
}

struct places {
	struct span text;
	size_t at;
};

static bool check_place(void *ctx, const struct feed_record *r)
{
	struct places *c = ctx;
	assert_int_equal(r->off, c->at);
	assert_true(r->off + r->len <= c->text.n);
	c->at = r->off + r->len;
	while (c->at < c->text.n && c->text.p[c->at] == '\n' && c->at == r->off + r->len)
		c->at++;
	return true;
}

static void test_places_cover_the_stream(void **state)
{
	(void)state;
	struct places c = { SPAN_LIT("# a\r\n192.0.2.1\n\nevil.example # x\nlast"), 0 };
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("lines")), NULL);
	size_t used;
	assert_int_equal(feed_parse(p, c.text, true, check_place, &c, &used, NULL), OK);
	assert_int_equal(c.at, c.text.n);
	feed_parser_free(p);
}

/* A line of 100 MB costs one record and no memory. */
static void test_endless_line(void **state)
{
	(void)state;
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("lines")), NULL);
	struct buf piece = { 0 }, out = { 0 }, token = { 0 };
	size_t used;
	memset(buf_reserve(&piece, FEED_RECORD_MAX + 1), 'x', FEED_RECORD_MAX + 1);
	piece.n = FEED_RECORD_MAX;
	assert_int_equal(feed_parse(p, buf_span(&piece), false, probe_sink, &out, &used, NULL), OK);
	assert_int_equal(used, 0);
	piece.n++;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(feed_parse(p, buf_span(&piece), false, probe_sink, &out, &used, NULL), OK);
		assert_int_equal(used, piece.n);
		token.n = 0;
		feed_parser_save(p, &token);
		feed_parser_free(p);
		p = feed_parser_new(feed_format_find(SPAN_LIT("lines")), NULL);
		assert_int_equal(feed_parser_load(p, buf_span(&token)), OK);
	}
	assert_int_equal(feed_parse(p, SPAN_LIT("tail\n192.0.2.1\n"), true, probe_sink, &out, &used, NULL), OK);
	assert_string_equal(buf_cstr(&out), "1 rejected\n2 ipv4 192.0.2.1\n");
	feed_parser_free(p);
	buf_release(&piece), buf_release(&out), buf_release(&token);
}

static void test_tokens(void **state)
{
	(void)state;
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("lines")), NULL);
	static const char *const bad[] = { "", ":", "1", "x:00", "1:", "1:0", "1:20", "1:09", "1:00x", "1:000", "99999999999999999999:00" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_not_equal(feed_parser_load(p, span_str(bad[i])), OK);
	assert_int_equal(feed_parser_load(p, SPAN_LIT("41:00")), OK);
	struct buf out = { 0 };
	size_t used;
	assert_int_equal(feed_parse(p, SPAN_LIT("192.0.2.1"), true, probe_sink, &out, &used, NULL), OK);
	assert_string_equal(buf_cstr(&out), "42 ipv4 192.0.2.1\n");
	feed_parser_free(p);
	feed_parser_free(NULL);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	     cmocka_unit_test(test_not_recognised),	    cmocka_unit_test(test_utf16_is_refused),
		cmocka_unit_test(test_cancel),	     cmocka_unit_test(test_places_cover_the_stream), cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
