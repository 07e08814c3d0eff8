#include "codec/feed_probe.h"

static void test_names(void **state)
{
	(void)state;
	probe("csv", "value,type,notes\nevil.example,hostname,\"a, b\"\n192.0.2.1,ipaddress,\n,hostname,x\n-,x,y\nnothing here,x,y\n",
	      "2 domain evil.example\n3 ipv4 192.0.2.1\n4 skipped no value\n5 skipped no value\n6 rejected\n");
	probe("csv", "Timestamp,SHA256,Download URL\n2017-06-13 12:19:42,d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e,http://evil[.]example/a\n",
	      "2 sha256 d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e @1497356382, url http://evil.example/a @1497356382\n");
	probe("csv", "2/10/17 3:46;192.0.2.1\nx;192.0.2.2\n", "1 ipv4 192.0.2.1\n2 ipv4 192.0.2.2\n");
	probe("csv", "\"timestamp\",\"ip\",\"hostname\",\"infection\"\n\"2022-01-10 00:01:42\",\"192.0.2.1\",\"a.isp.example\",\"botnet\"\n",
	      "2 ipv4 192.0.2.1 infected-system @1641772902\n");
	probe("csv", "# made by x\n\"host\",\"path\",\"message\"\n\"evil.example\",\"\",\"m\"\n\"evil.example\",\"/a?b\",\"m\"\n",
	      "1 skipped comment\n3 domain evil.example\n4 url http://evil.example/a?b\n");
	probe("csv", "; ip, asn, lastseen\n192.0.2.1,AS64500,1441008970\n", "1 skipped comment\n2 ipv4 192.0.2.1 @1441008970\n");
	probe("csv", "indicator,confidence,tlp\nevil.example,75,TLP:AMBER\nb.example,175,green\nc.example,,strange\n",
	      "2 domain evil.example 75% tlp3\n3 domain b.example tlp2\n4 domain c.example tlp5\n");
}

static void test_rows(void **state)
{
	(void)state;
	probe("csv", "url,note\r\n\"http://evil.example/a\",\"two\nlines \"\"quoted\"\"\"\r\n\r\nhttp://evil.example/b\n\"http://evil.example/c\" , x,y,z",
	      "2 url http://evil.example/a\n4 skipped blank\n5 url http://evil.example/b\n6 url http://evil.example/c\n");
	probe("csv", "ip,realm\n192.0.2.1,\"Basic realm=\\\"\\\"x\\\"\\\"\"\n192.0.2.2,\"C:\\dir\\\"\n192.0.2.3,\"he said \"no\" to it\"\n",
	      "2 ipv4 192.0.2.1\n3 ipv4 192.0.2.2\n4 ipv4 192.0.2.3\n");
	/* an open quote costs its own line, not those behind it */
	probe("csv", "ip,note\n192.0.2.1,\"open\n192.0.2.2,\"x\"\n192.0.2.3,y\n", "2 rejected\n3 ipv4 192.0.2.2\n4 ipv4 192.0.2.3\n");
	probe("csv", "ip,note\n192.0.2.1,x\nip,note\n192.0.2.2,x\n", "2 ipv4 192.0.2.1\n3 skipped heading\n4 ipv4 192.0.2.2\n");
	probe("csv", "value,x\n\"d41d8cd98f00b204e9800998ecf8427e,da39a3ee5e6b4b0d3255bfef95601890afd80709\",file\n",
	      "2 md5 d41d8cd98f00b204e9800998ecf8427e, sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709\n");
}

static void test_content(void **state)
{
	(void)state;
	probe("csv", "hxxp://evil.example/,2016-05-09 07:44:41,d41d8cd98f00b204e9800998ecf8427e,http://ref.example/\n"
		     "hxxp://b.example/,2015-09-01 01:37:51,d41d8cd98f00b204e9800998ecf8427f,http://ref.example/\n",
	      "1 url http://evil.example/, md5 d41d8cd98f00b204e9800998ecf8427e\n2 url http://b.example/, md5 d41d8cd98f00b204e9800998ecf8427f\n");
	probe("csv", "174 | NAME | 192.0.2.1 | 2021-08-31\n175 | NAME | 192.0.2.2 | 2021-08-31\n", "1 ipv4 192.0.2.1\n2 ipv4 192.0.2.2\n");
}

static void test_option(void **state)
{
	(void)state;
	struct feed_options o = { .column = SPAN_LIT("Dst IP") };
	probe_with("csv", &o, SPAN_LIT("src_ip,dst ip\n192.0.2.1,192.0.2.2\n"), "2 ipv4 192.0.2.2\n");
	o.column = SPAN_LIT("3");
	probe_with("csv", &o, SPAN_LIT("a,192.0.2.1,evil.example\nb,192.0.2.2,b.example\n"), "1 domain evil.example\n2 domain b.example\n");
	o.column = SPAN_LIT("nope");
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("csv")), &o);
	struct buf out = { 0 };
	struct fault f;
	size_t used;
	assert_int_equal(feed_parse(p, SPAN_LIT("ip,x\n192.0.2.1,y\n"), true, probe_sink, &out, &used, &f), ERR_SYNTAX);
	assert_non_null(strstr(f.text, "no column \"nope\""));
	assert_int_equal(used, 0);
	feed_parser_free(p);
	p = feed_parser_new(feed_format_find(SPAN_LIT("csv")), NULL);
	assert_int_equal(feed_parse(p, SPAN_LIT("a,b\nc,d\n"), true, probe_sink, &out, &used, &f), ERR_SYNTAX);
	feed_parser_free(p);
	buf_release(&out);
}

static bool count(void *ctx, const struct feed_record *r)
{
	unsigned *n = ctx;
	n[r->fate]++;
	return true;
}

/* Columns are found in the first 64 KiB, whatever the pieces; each piece parses again from its token. */
static void test_large(void **state)
{
	(void)state;
	struct buf text = { 0 };
	buf_puts(&text, "id;url;note\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&text, "%u;http://h%u.example/;\"note %u\"\n", i, i, i);
	static const size_t pieces[] = { 1000, 70000, 1 << 20 };
	for (size_t k = 0; k < COUNT_OF(pieces); k++) {
		struct buf token = { 0 };
		unsigned n[3] = { 0 };
		for (size_t at = 0, more = pieces[k], used; at < text.n; at += used, more = used ? pieces[k] : more + pieces[k]) {
			struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("csv")), NULL);
			if (token.n)
				assert_int_equal(feed_parser_load(p, buf_span(&token)), OK);
			struct span in = span_head(span_from(buf_span(&text), at), more);
			assert_int_equal(feed_parse(p, in, at + more >= text.n, count, n, &used, NULL), OK);
			token.n = 0;
			feed_parser_save(p, &token);
			feed_parser_free(p);
		}
		assert_int_equal(n[FATE_CLAIMS], 20000);
		assert_int_equal(n[FATE_SKIPPED] + n[FATE_REJECTED], 0);
		buf_release(&token);
	}
	buf_release(&text);
}

static void test_long_row(void **state)
{
	(void)state;
	struct buf text = { 0 };
	buf_puts(&text, "ip,note\n192.0.2.1,");
	while (text.n < FEED_RECORD_MAX + 100000)
		buf_puts(&text, "x, \"y\" z ");
	buf_puts(&text, "\n192.0.2.2,a\n");
	probe_with("csv", NULL, span_head(buf_span(&text), 0), "");
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("csv")), NULL);
	struct buf out = { 0 };
	size_t used, more;
	more = FEED_RECORD_MAX + 50;
	assert_int_equal(feed_parse(p, span_head(buf_span(&text), more), false, probe_sink, &out, &used, NULL), OK);
	assert_string_equal(buf_cstr(&out), "2 rejected\n");
	assert_int_equal(used, more);
	assert_int_equal(feed_parse(p, span_from(buf_span(&text), more), true, probe_sink, &out, &used, NULL), OK);
	assert_string_equal(buf_cstr(&out), "2 rejected\n3 ipv4 192.0.2.2\n");
	feed_parser_free(p);
	buf_release(&out);
	buf_release(&text);
}

static void test_tokens(void **state)
{
	(void)state;
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("csv")), NULL);
	static const char *const bad[] = { "0:", "0:0000", "0:0000,", "0:0000,,", "0:0000,,00", "0:0000,0,00", "0:9000,,00", "0:0x00,,00" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_not_equal(feed_parser_load(p, span_str(bad[i])), OK);
	feed_parser_free(p);
}

static void test_detected(void **state)
{
	(void)state;
	assert_string_equal(probe_detect(SPAN_LIT("value,type\nevil.example,host\n")), "csv");
	assert_string_equal(probe_detect(SPAN_LIT("cveID,vendor,notes\nCVE-2026-1,x,http://a.example/\n")), "none");
	assert_string_equal(probe_detect(SPAN_LIT("name,age\nx,3\ny,4\n")), "none");
	assert_string_equal(probe_detect(SPAN_LIT("#separator \\x09\n#fields\tts\tip\n1\t192.0.2.1\n")), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_rows), cmocka_unit_test(test_content), cmocka_unit_test(test_option),
		cmocka_unit_test(test_large), cmocka_unit_test(test_long_row), cmocka_unit_test(test_tokens), cmocka_unit_test(test_detected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
