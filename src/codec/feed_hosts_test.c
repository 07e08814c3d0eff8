#include "codec/feed_probe.h"

static void test_forms(void **state)
{
	(void)state;
	probe("hosts",
	      "# hosts\n127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n0.0.0.0 evil.example\n127.0.0.1\tWWW.Evil.Example  # why\n"
	      ":: a.example b.example\n\n0.0.0.0 0.0.0.0\nff02::1 ip6-allnodes\n0.0.0.0 localhost c.example\n",
	      "1 skipped comment\n2 skipped localhost\n3 skipped localhost\n4 domain evil.example\n5 domain www.evil.example\n"
	      "6 domain a.example, domain b.example\n7 skipped blank\n8 skipped localhost\n9 skipped localhost\n10 domain c.example\n");
}

static void test_refuses(void **state)
{
	(void)state;
	probe("hosts", "192.0.2.1 evil.example\nevil.example\n0.0.0.0\n0.0.0.0 evil..example\n0.0.0.0 single\n",
	      "1 rejected\n2 rejected\n3 rejected\n4 rejected\n5 rejected\n");
	struct buf text = { 0 };
	buf_puts(&text, "0.0.0.0");
	for (int i = 0; i < 64; i++)
		buf_printf(&text, " h%d.example", i);
	size_t whole = text.n;
	buf_puts(&text, " more.example");
	const struct feed_format *f = feed_format_find(SPAN_LIT("hosts"));
	for (int i = 0; i < 2; i++) {
		struct buf out = { 0 };
		size_t used;
		struct feed_parser *p = feed_parser_new(f, NULL);
		assert_int_equal(feed_parse(p, span_head(buf_span(&text), i ? text.n : whole), true, probe_sink, &out, &used, NULL), OK);
		assert_int_equal(strstr(buf_cstr(&out), "rejected") != NULL, i);
		feed_parser_free(p);
		buf_release(&out);
	}
	buf_release(&text);
}

static void test_detected(void **state)
{
	(void)state;
	assert_string_equal(probe_detect(SPAN_LIT("# x\n127.0.0.1 localhost\n0.0.0.0 evil.example\n0.0.0.0 b.example\n")), "hosts");
	assert_string_equal(probe_detect(SPAN_LIT("127.0.0.1\n192.0.2.1\n")), "lines");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_detected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
