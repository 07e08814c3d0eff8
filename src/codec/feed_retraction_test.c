/* What a source takes back. */
#include "codec/feed_testing.h"

#include "codec/formats.h"

static const struct feed_format *const fr = &feed_retraction;

static void test_lines(void **state)
{
	(void)state;
	says(fr,
	     "{\"type\":\"domain\",\"value\":\"*.Evil.example\",\"category\":\"phishing\",\"stance\":\"sighting\",\"part\":true,\"retracts\":\"public/1\"}\n"
	     "{\"type\":\"domain\",\"value\":\"evil.example\",\"category\":\"unknown\",\"retracts\":\"public/1\"}\n"
	     "{\"type\":\"cidr\",\"value\":\"2001:db8::/32\",\"why\":\"it is \\\"ours\\\"\",\"retracts\":\"public/2\",\"more\":[1,{}]}\n"
	     "{\"type\":\"ipv4\",\"value\":\"198.51.100.7\",\"category\":\"c2-server\",\"stance\":\"false-positive\",\"retracts\":\"\"}\n",
	     "1 unsaid-sighting domain *.evil.example phishing part\n2 unsaid domain evil.example\n3 retracted cidr 2001:db8::/32\n"
	     "4 unsaid-false-positive ipv4 198.51.100.7 c2-server\n");
	says(fr, "[{\"type\":\"url\",\"value\":\"http://evil.example/a\"},\n{\"type\":\"email\",\"value\":\"a@evil.example\"}]",
	     "1 retracted url http://evil.example/a\n2 retracted email a@evil.example\n");
}

static void test_bad(void **state)
{
	(void)state;
	says(fr,
	     "{\"type\":\"thing\",\"value\":\"evil.example\"}\n{\"type\":\"domain\"}\n{\"type\":\"ipv4\",\"value\":\"evil.example\"}\n"
	     "{\"type\":\"domain\",\"value\":\"evil.example\",\"category\":\"no such\"}\n{\"type\":\"domain\",\"value\":\"evil.example\",\"stance\":\"indicator\"}\n"
	     "{\"type\":\"domain\",\"value\":\"evil.example\",\"category\":\"c2-server\",\"stance\":\"met\"}\n7\n",
	     "1 rejected a retraction has no type that is known\n2 rejected a retraction has no value\n3 rejected \"evil.example\"\n"
	     "4 rejected a retraction of one category names none that is known\n5 rejected a retraction of one category names none that is known\n"
	     "6 rejected a retraction has a stance that is none of indicator, sighting and false-positive\n"
	     "7 rejected there is something other than an object among the retractions\n");
	refuses_tokens(fr);
}

/* Every category that a claim may have is named so that it is found again. */
static void test_categories(void **state)
{
	(void)state;
	for (unsigned c = 0; c < CAT_COUNT; c++) {
		char line[200], want[200];
		snprintf(line, sizeof(line), "{\"type\":\"domain\",\"value\":\"a.example\",\"category\":\"%s\"}", category_row(c)->name);
		snprintf(want, sizeof(want), "1 unsaid domain a.example%s%s\n", c ? " " : "", c ? category_row(c)->name : "");
		says(fr, line, want);
	}
}

static void test_detection(void **state)
{
	(void)state;
	int how;
	struct span line = SPAN_LIT("{\"type\":\"domain\",\"value\":\"evil.example\",\"retracts\":\"public/1\"}\n");
	assert_ptr_equal(feed_detect(line, true, NULL, &how), fr);
	assert_int_equal(sure(fr, "{\"type\":\"domain\",\"value\":\"evil.example\"}\n"), 0);
	assert_int_equal(sure(fr, "{\"type\":\"indicator\",\"value\":\"evil.example\",\"retracts\":\"public/1\"}\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_bad), cmocka_unit_test(test_categories), cmocka_unit_test(test_detection),
	};
	return cmocka_run_group_tests_name("codec/feed_retraction", tests, NULL, NULL);
}
