/* The configurations of resolvers as lists: dnsmasq, Unbound, BIND. */
#include "codec/feed_probe.h"

static void test_dnsmasq(void **state)
{
	(void)state;
	probe("dnsmasq",
	      "# c\naddress=/evil.example/0.0.0.0\naddress=/a.example/b.example/#\nserver=/evil.example/\nlocal=/x.example/\n"
	      "server=/corp.example/192.0.2.53\nserver=192.0.2.53\ncache-size=1000\naddress=/#/0.0.0.0\n--address=/.dot.example/::\n",
	      "1 skipped comment\n2 domain evil.example\n3 domain a.example, domain b.example\n4 domain evil.example\n5 domain x.example\n"
	      "6 skipped forwarding\n7 skipped option\n8 skipped option\n9 skipped option\n10 domain dot.example\n");
	probe("dnsmasq", "address=evil.example\naddress=/evil..example/0.0.0.0\naddress=/\nlocal=\n", "1 rejected\n2 rejected\n3 rejected\n4 rejected\n");
	assert_string_equal(probe_detect(SPAN_LIT("# c\naddress=/evil.example/0.0.0.0\n")), "dnsmasq");
}

static void test_unbound(void **state)
{
	(void)state;
	probe("unbound",
	      "server:\n  local-zone: \"evil.example\" always_nxdomain # c\nlocal-zone: b.example. refuse\nlocal-zone: \"corp.example\" transparent\n"
	      "local-data: \"c.example A 0.0.0.0\"\nlocal-data: 'd.example. 60 IN A 0.0.0.0'\nlocal-zone: \".\" static\n\n#x\n",
	      "1 skipped option\n2 domain evil.example\n3 domain b.example\n4 skipped transparent zone\n5 domain c.example\n6 domain d.example\n"
	      "7 skipped root\n8 skipped blank\n9 skipped comment\n");
	probe("unbound", "local-zone: \"evil.example\"\nlocal-zone:\nlocal-zone: \"evil..example\" deny\nevil.example\n",
	      "1 rejected\n2 rejected\n3 rejected\n4 rejected\n");
	assert_string_equal(probe_detect(SPAN_LIT("# c\nlocal-zone: \"evil.example\" always_nxdomain\n")), "unbound");
}

static void test_bind(void **state)
{
	(void)state;
	probe("bind-zones",
	      "# c\nzone \"evil.example\" { type master; notify no; file \"null.zone.file\"; };\nzone \"b.example\" IN {\n\ttype primary;\n};\n"
	      "zone \".\" { type hint; file \"x\"; };\nzone \"corp.example\" { type forward; };\n// c\n",
	      "1 skipped comment\n2 domain evil.example\n3 domain b.example\n4 skipped statement\n5 skipped statement\n6 skipped root\n"
	      "7 skipped forwarding\n8 skipped comment\n");
	probe("bind-zones", "zone \"evil..example\" { };\nzone\nevil.example\n", "1 rejected\n2 rejected\n3 rejected\n");
	assert_string_equal(probe_detect(SPAN_LIT("# c\nzone \"evil.example\" { type master; file \"null\"; };\n")), "bind-zones");
}

static void test_suricata(void **state)
{
	(void)state;
	probe("suricata",
	      "# c\nalert tls $HOME_NET any -> $EXTERNAL_NET any (msg:\"x\"; tls.sni; bsize:12; content:\"evil.example\"; sid:1;)\n"
	      "alert http any any -> any any (http.uri; content:\"/a.php\"; http.host; content:\"evil.example\"; sid:2;)\n"
	      "drop dns any any -> any any (dns.query; dotprefix; content:\".b.example\"; endswith; sid:3;)\n"
	      "alert ip [192.0.2.1,192.0.2.2] any -> $HOME_NET any (msg:\"y\"; sid:4;)\n"
	      "alert tcp any any -> any 80 (content:\"abc\"; sid:5;)\npass tcp any any -> any any (sid:6;)\n",
	      "1 skipped comment\n2 domain evil.example\n3 url http://evil.example/a.php\n4 domain b.example\n5 ipv4 192.0.2.1, ipv4 192.0.2.2\n"
	      "6 skipped other rule\n7 skipped exception\n");
	probe("suricata", "alert tls any any -> any any\nevil.example\nalert ip [192.0.2.300] any -> any any (sid:1;)\n"
			  "alert tls any any -> any any (tls.sni; content:\"evil\"; sid:1;)\nalert ( \n",
	      "1 rejected\n2 rejected\n3 rejected\n4 rejected\n5 rejected\n");
	assert_string_equal(probe_detect(SPAN_LIT("alert tls any any -> any any (tls.sni; content:\"evil.example\"; sid:1;)\n")), "suricata");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dnsmasq),
		cmocka_unit_test(test_unbound),
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_suricata),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
