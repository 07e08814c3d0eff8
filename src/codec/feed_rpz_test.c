#include "codec/feed_probe.h"

static void test_zone(void **state)
{
	(void)state;
	probe("rpz",
	      "; Title\n$TTL 30\n@ IN SOA localhost. root.localhost. (\n 1 ; serial\n 86400 3600 604800 30 )\n NS localhost.\n\n"
	      "evil.example CNAME .\n*.evil.example 60 IN CNAME .\nb.example IN 1h CNAME *.\nc.example CNAME rpz-drop.\n"
	      "good.example CNAME rpz-passthru.\nold.example CNAME old.example.\nd.example A 192.0.2.1\n\tAAAA 2001:db8::1\ne.example CNAME walled.example. ; x\n",
	      "1 skipped comment\n2 skipped directive\n3 skipped SOA\n4 skipped continued\n5 skipped continued\n6 skipped same owner\n7 skipped blank\n"
	      "8 domain evil.example\n9 domain *.evil.example\n10 domain b.example\n11 domain c.example\n12 domain good.example false-positive\n"
	      "13 domain old.example false-positive\n14 domain d.example\n15 skipped same owner\n16 domain e.example\n");
}

static void test_addresses(void **state)
{
	(void)state;
	probe("rpz",
	      "24.0.100.51.198.rpz-ip CNAME .\n32.1.2.0.192.rpz-ip CNAME .\n48.zz.1.db8.2001.rpz-ip CNAME .\n128.1.zz.db8.2001.rpz-ip CNAME .\n"
	      "128.zz.rpz-ip CNAME .\n32.1.2.0.192.rpz-client-ip CNAME .\nns.evil.example.rpz-nsdname CNAME .\n32.1.2.0.192.rpz-nsip CNAME .\n",
	      "1 cidr 198.51.100.0/24\n2 ipv4 192.0.2.1\n3 cidr 2001:db8:1::/48\n4 ipv6 2001:db8::1\n5 ipv6 ::\n6 skipped other trigger\n"
	      "7 skipped other trigger\n8 skipped other trigger\n");
	probe("rpz", "33.1.2.0.192.rpz-ip CNAME .\nx.rpz-ip CNAME .\n1.2.3.rpz-ip CNAME .\n48.zz.zz.2001.rpz-ip CNAME .\n"
		     "1.2.3.4.5.6.7.8.9.10.11.12.rpz-ip CNAME .\n",
	      "1 rejected\n2 rejected\n3 rejected\n4 rejected\n5 rejected\n");
}

static void test_origin(void **state)
{
	(void)state;
	probe("rpz",
	      "$ORIGIN RPZ.example.\n@ NS localhost.\nevil.example.rpz.example. CNAME .\nevil.example.rpz.EXAMPLE. 60 IN CNAME .\nrpz.example. NS x.\n"
	      "32.1.2.0.192.rpz-ip.rpz.example. CNAME .\nb.example CNAME .\n",
	      "1 skipped directive\n2 skipped zone data\n3 domain evil.example\n4 domain evil.example\n5 skipped zone data\n6 ipv4 192.0.2.1\n"
	      "7 domain b.example\n");
	/* a zone transfer: the SOA's owner is the origin */
	probe("rpz", "rpz.example.\t60\tIN\tSOA\tns. root. 1 2 3 4 5\nevil.example.rpz.example.\t60\tIN\tCNAME\t.\n", "1 skipped SOA\n2 domain evil.example\n");
}

static void test_refuses(void **state)
{
	(void)state;
	probe("rpz", "evil.example\nevil.example FOO .\nevil.example CNAME\n$ORIGIN relative\nevil..example CNAME .\nsingle CNAME .\n",
	      "1 rejected\n2 rejected\n3 rejected\n4 rejected\n5 rejected\n6 rejected\n");
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("rpz")), NULL);
	static const char *const bad[] = { "", "1", "1:", "1:0", "1:0,2,", "1:0,0", "1:0,0,relative", "1:9,0,", "x:0,0,", "1:0,0,sp ace." };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_not_equal(feed_parser_load(p, span_str(bad[i])), OK);
	assert_int_equal(feed_parser_load(p, SPAN_LIT("1:0,1,rpz.example.")), OK);
	feed_parser_free(p);
}

static void test_detected(void **state)
{
	(void)state;
	assert_string_equal(probe_detect(SPAN_LIT("$TTL 30\n@ IN SOA a. b. 1 2 3 4 5\n NS a.\nevil.example CNAME .\n")), "rpz");
	assert_string_equal(probe_detect(SPAN_LIT("$TTL 30\n@ IN SOA a. b. 1 2 3 4 5\n NS a.\nwww A 192.0.2.1\n")), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zone), cmocka_unit_test(test_addresses), cmocka_unit_test(test_origin),
		cmocka_unit_test(test_refuses), cmocka_unit_test(test_detected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
