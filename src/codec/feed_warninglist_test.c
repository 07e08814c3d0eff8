#include "codec/feed_testing.h"
#include "codec/formats.h"

#define LIST(type, matching, list)                                                                                     \
	"{\"name\":\"x\",\"list\":[" list "],\"type\":\"" type "\",\"matching_attributes\":[" matching                 \
	"],\"version\":5}"

static void test_types(void **state)
{
	const struct feed_format *w = &feed_warninglist;
	says(w,
	     LIST("cidr", "\"ip-src\",\"ip-dst\",\"domain|ip\"",
		  "\"198.51.100.0/24\",\n\"2001:db8::\",\"a.example\",\"\""),
	     "1 protected cidr 198.51.100.0/24 kinds 3\n2 protected ipv6 2001:db8:: kinds 3\n"
	     "2 rejected a domain stands in a list of type cidr\n2 skipped blank\n");
	says(w,
	     LIST("hostname", "\"domain\",\"url\"", "\"a.example\",\".b.Example\",\"local\",\"198.51.100.7\",\"a b\""),
	     "1 protected domain a.example kinds 6\n1 protected domain b.example kinds 6\n1 protected regex (?:^|\\.)local$ kinds 2\n"
	     "1 protected ipv4 198.51.100.7 kinds 6\n1 rejected \"a b\"\n");
	says(w,
	     LIST("string", "\"domain\",\"md5\",\"filename|sha1\"",
		  "\"a.example\",\"d41d8cd98f00b204e9800998ecf8427e\",\"198.51.100.7\",\"COM\""),
	     "1 protected domain a.example kinds 10 exact\n1 protected md5 d41d8cd98f00b204e9800998ecf8427e kinds 10 exact\n"
	     "1 protected string 198.51.100.7 kinds 10\n1 protected string COM kinds 10\n");
	says(w, LIST("substring", "\"url\"", "\"a.example\",\"/x\\\"\""),
	     "1 protected substring a.example kinds 4\n1 protected substring /x\" kinds 4\n");
	says(w, LIST("regex", "\"email-src\"", "\"/^noc@.*\\\\.example$/i\""),
	     "1 protected regex /^noc@.*\\.example$/i kinds 16\n");
}

static void test_heads(void **state)
{
	const struct feed_format *w = &feed_warninglist;
	says(w, LIST("cidr", "\"ALL\"", "\"198.51.100.7\""), "1 protected ipv4 198.51.100.7\n");
	says(w, "{\"list\":[\"198.51.100.7\"],\"type\":\"cidr\",\"category\":\"known\"}",
	     "1 known ipv4 198.51.100.7\n");
	says(w, "{\"list\":[\"198.51.100.7\",\"x y\"],\"category\":\"false_positive\"}",
	     "1 protected ipv4 198.51.100.7 exact\n1 protected string x y kinds 31\n");
	says(w, LIST("string", "\"phone-number\"", "\"5\",\"6\""),
	     "1 skipped entry for other attribute types\n1 skipped entry for other attribute types\n");
	says(w, "[" LIST("cidr", "", "\"198.51.100.7\"") "," LIST("regex", "", "\"x\",{\"value\":\"y\"},[],5") "]",
	     "1 protected ipv4 198.51.100.7\n1 protected regex x kinds 31\n1 protected regex y kinds 31\n"
	     "1 rejected an entry of a warning list is no text\n1 protected regex 5 kinds 31\n");
	says(w, "{\"list\":{},\"type\":\"cidr\"}", "");
	says(w, "{\"list\":[\"198.51.100.7\",", "1 protected ipv4 198.51.100.7 exact\nthe text ends inside an array\n");
	refuses_tokens(w);
}

static void test_sniff(void **state)
{
	const struct feed_format *w = &feed_warninglist;
	assert_true(sure(w, LIST("cidr", "\"ip-src\"", "\"198.51.100.7\"")) >= 90);
	assert_true(sure(w, "{\"description\":\"x\",\"list\":[\"198.51.100.7\",\"1") >= 60);
	static const char *const none[] = { "", "{\"list\":[\"x\"]}", "{\"type\":\"cidr\"}",
					    "{\"list\":{},\"type\":\"cidr\",\"name\":\"x\"}", "[\"x\"]" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_int_equal(sure(w, none[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_types), cmocka_unit_test(test_heads),
					    cmocka_unit_test(test_sniff) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
