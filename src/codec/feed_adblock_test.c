#include "codec/feed_probe.h"

static void test_rules(void **state)
{
	(void)state;
	probe("adblock",
	      "[Adblock Plus]\n! Title: x\n||evil.example^\n||evil.example/a.exe^$all\n||b.example^$document,popup\n|http://c.example/x|\n"
	      "d.example\n192.0.2.1\n||192.0.2.2:8080^\n||*.e.example^\n",
	      "1 skipped heading\n2 skipped comment\n3 domain evil.example\n4 url http://evil.example/a.exe\n5 domain b.example\n"
	      "6 url http://c.example/x\n7 domain d.example\n8 ipv4 192.0.2.1\n9 ipv4 192.0.2.2\n10 domain *.e.example\n");
	probe("adblock",
	      "@@||good.example^\n##.ad\nexample.org##.ad\nexample.org#@#.ad\n||ads.example^$script,domain=x.example\n||a*b.example^\n/ads[0-9]/\n"
	      "||evil..example^\n||single^\n",
	      "1 skipped exception\n2 skipped cosmetic rule\n3 skipped cosmetic rule\n4 skipped cosmetic rule\n5 skipped restricted rule\n"
	      "6 skipped pattern\n7 skipped pattern\n8 rejected\n9 rejected\n");
}

static void test_tpl(void **state)
{
	(void)state;
	probe("adblock", "msFilterList\n# Title\n: Expires=1\n-d evil.example\n-d 192.0.2.1\n+d good.example\n- /ads/\n",
	      "1 skipped heading\n2 skipped comment\n3 skipped heading\n4 domain evil.example\n5 ipv4 192.0.2.1\n6 skipped exception\n7 skipped pattern\n");
}

static void test_detected(void **state)
{
	(void)state;
	assert_string_equal(probe_detect(SPAN_LIT("! Title\n||evil.example^\n")), "adblock");
	assert_string_equal(probe_detect(SPAN_LIT("msFilterList\n-d evil.example\n")), "adblock");
	assert_string_equal(probe_detect(SPAN_LIT("evil.example\n")), "lines");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_tpl),
		cmocka_unit_test(test_detected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
