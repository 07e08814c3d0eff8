#include "codec/feed_probe.h"

static void test_forms(void **state)
{
	(void)state;
	probe("netset",
	      "; Spamhaus DROP List\n198.51.100.0/24 ; SBL1\n2001:db8::/32\n192.0.2.1\n198.51.100.0 - 198.51.100.127\n"
	      "Some company: x:203.0.113.0-203.0.113.3\n192.0.2.0\t192.0.2.255\t24\t3000\n# end\n\n",
	      "1 skipped comment\n2 cidr 198.51.100.0/24\n3 cidr 2001:db8::/32\n4 ipv4 192.0.2.1\n5 cidr 198.51.100.0/25\n"
	      "6 cidr 203.0.113.0/30\n7 cidr 192.0.2.0/24\n8 skipped comment\n9 skipped blank\n");
}

static void test_refuses(void **state)
{
	(void)state;
	probe("netset", "evil.example\n198.51.100.0/33\n198.51.100.2-198.51.100.1\n192.0.2.1-2001:db8::1\nhttp://evil.example/\n192.0.2.1-\n",
	      "1 rejected\n2 rejected\n3 rejected\n4 rejected\n5 rejected\n6 rejected\n");
}

static void test_longest_ranges(void **state)
{
	(void)state;
	const struct feed_format *f = feed_format_find(SPAN_LIT("netset"));
	static const struct {
		const char *text, *first, *last;
		unsigned n;
	} ranges[] = {
		{ "0.0.0.1-255.255.255.254\n", "0.0.0.1", "255.255.255.254", 62 },
		{ "0.0.0.0-255.255.255.255\n", "0.0.0.0/0", "0.0.0.0/0", 1 },
		{ "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n", "::/0", "::/0", 1 },
		{ "2001:db8::-2001:db8::ffff\n", "2001:db8::/112", "2001:db8::/112", 1 },
		{ "255.255.255.254-255.255.255.255\n", "255.255.255.254/31", "255.255.255.254/31", 1 },
		{ "192.0.2.7-192.0.2.7\n", "192.0.2.7", "192.0.2.7", 1 },
	};
	for (size_t i = 0; i < COUNT_OF(ranges); i++) {
		struct feed_parser *p = feed_parser_new(f, NULL);
		struct buf out = { 0 };
		size_t used;
		assert_int_equal(feed_parse(p, span_str(ranges[i].text), true, probe_sink, &out, &used, NULL), OK);
		unsigned n = 1;
		for (size_t k = 0; k < out.n; k++)
			n += out.p[k] == ',';
		assert_int_equal(n, ranges[i].n);
		assert_non_null(strstr(buf_cstr(&out), ranges[i].first));
		assert_non_null(strstr(buf_cstr(&out), ranges[i].last));
		buf_release(&out);
		feed_parser_free(p);
	}
	/* An IPv6 range may need 254 prefixes: more than one record holds. */
	probe("netset", "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n", "1 rejected\n");
}

/* The prefixes of every range of a small block are disjoint and cover it exactly. */
static bool cover(void *ctx, const struct feed_record *r)
{
	unsigned *hits = ctx;
	for (unsigned i = 0; i < r->n_claims; i++) {
		const struct observable *o = &r->claims[i].obs;
		unsigned bits = o->kind == OBS_CIDR4 ? 32 - o->prefix : 0;
		for (unsigned a = 0; a < 1u << bits; a++)
			hits[o->key[3] + a]++;
	}
	return true;
}

static void test_ranges_cover_exactly(void **state)
{
	(void)state;
	const struct feed_format *f = feed_format_find(SPAN_LIT("netset"));
	for (unsigned low = 0; low < 64; low++)
		for (unsigned high = low; high < 64; high++) {
			unsigned hits[256] = { 0 };
			char text[64];
			size_t used;
			snprintf(text, sizeof(text), "192.0.2.%u-192.0.2.%u\n", low, high);
			struct feed_parser *p = feed_parser_new(f, NULL);
			assert_int_equal(feed_parse(p, span_str(text), true, cover, hits, &used, NULL), OK);
			for (unsigned a = 0; a < 256; a++)
				assert_int_equal(hits[a], a >= low && a <= high);
			feed_parser_free(p);
		}
}

static void test_detected(void **state)
{
	(void)state;
	assert_string_equal(probe_detect(SPAN_LIT("# x\n198.51.100.0/24\n203.0.113.0/24 ; SBL2\n")), "netset");
	assert_string_equal(probe_detect(SPAN_LIT("192.0.2.1\n198.51.100.0/24\n")), "lines");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_longest_ranges),
		cmocka_unit_test(test_ranges_cover_exactly),
		cmocka_unit_test(test_detected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
