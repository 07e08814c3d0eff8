#include "codec/feed_probe.h"

static void test_plain(void **state)
{
	(void)state;
	probe("lines", "192.0.2.1\nevil.example\r\n\n  \t\n2001:db8::1\n198.51.100.0/24\nhttp://evil.example/a\nlast.example",
	      "1 ipv4 192.0.2.1\n2 domain evil.example\n3 skipped blank\n4 skipped blank\n5 ipv6 2001:db8::1\n6 cidr 198.51.100.0/24\n"
	      "7 url http://evil.example/a\n8 domain last.example\n");
	probe("lines", "", "");
	probe("lines", "\n", "1 skipped blank\n");
	probe("lines", "d41d8cd98f00b204e9800998ecf8427e\nDA39A3EE5E6B4B0D3255BFEF95601890AFD80709\nuser@evil.example\n*.evil.example\n.evil.example\n",
	      "1 md5 d41d8cd98f00b204e9800998ecf8427e\n2 sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709\n3 email user@evil.example\n"
	      "4 domain *.evil.example\n5 domain evil.example\n");
}

static void test_comments(void **state)
{
	(void)state;
	probe("lines", "# one\n; two\n// three\n! four\n\xef\xbb\xbf# five\n\xef\xbb\xbf" "192.0.2.1\n  # six\n# caf\xe9 \xff\n",
	      "1 skipped comment\n2 skipped comment\n3 skipped comment\n4 skipped comment\n5 skipped comment\n6 ipv4 192.0.2.1\n"
	      "7 skipped comment\n8 skipped comment\n");
	probe("lines", "192.0.2.1 # see 192.0.2.2\n192.0.2.3 ; SBL\n192.0.2.4\t10\nevil.example  // c\n198.51.100.7:8080 # C2\n",
	      "1 ipv4 192.0.2.1\n2 ipv4 192.0.2.3\n3 ipv4 192.0.2.4\n4 domain evil.example\n5 ipv4 198.51.100.7\n");
}

static void test_notes(void **state)
{
	(void)state;
	probe("lines",
	      "IOCs:\n2026-01-05 (MONDAY) - WORD DOCS PUSH MALWARE\n- evil[.]example - 192.0.2[.]1\n* hxxp://evil[.]example/a.exe\n"
	      "- d41d8cd98f00b204e9800998ecf8427e  invoice.doc\n- GET /update/x.php?a=1\n1. 192.0.2.5\nSHA256 - nothing\n"
	      "MD5: d41d8cd98f00b204e9800998ecf8427f\nThe loader fetched hxxps://evil[.]example/b, e.g. from www.example.com daily.\n"
	      "See www.example.com for more.\n-----\n==== Files\n",
	      "1 skipped heading\n2 skipped heading\n3 domain evil.example, ipv4 192.0.2.1\n4 url http://evil.example/a.exe\n"
	      "5 md5 d41d8cd98f00b204e9800998ecf8427e\n6 skipped path\n7 ipv4 192.0.2.5\n8 skipped heading\n"
	      "9 md5 d41d8cd98f00b204e9800998ecf8427f\n10 url https://evil.example/b\n11 skipped heading\n12 skipped rule\n13 skipped heading\n");
	probe("lines", "|===\n| SHA-1 | Filename | Detection\n| `DA39A3EE5E6B4B0D3255BFEF95601890AFD80709` | `a.dll` | Win32/X.Y\n"
		       "|`evil[.]example` |`192.0.2.9` |2026-01-01 | C&C server\n",
	      "1 skipped rule\n2 skipped heading\n3 sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709\n4 domain evil.example, ipv4 192.0.2.9\n");
}

static void test_references(void **state)
{
	(void)state;
	probe("lines", "The analysis of it is at\nhttps://blog.example/post\nhttps://evil.example/x\n",
	      "1 skipped heading\n2 skipped reference\n3 url https://evil.example/x\n");
	probe("lines", "It is described on\n\nhttps://blog.example/post\n", "1 skipped heading\n2 skipped blank\n3 skipped reference\n");
	probe("lines", "The servers are at\nhxxps://evil[.]example/x\n", "1 skipped heading\n2 url https://evil.example/x\n");
}

static void test_others(void **state)
{
	(void)state;
	probe("lines",
	      "/gate.php\nAS64500 # name\nC:\\Users\\Public\\a.exe\nHKEY_CURRENT_USER\\Software\\X\n%APPDATA%\\x\nWin32/Agent.ABC\nsetup.exe\n"
	      "setup.exe drops evil[.]example\nPhishing\ncom.example.Thing.plist\nSerial number: d41d8cd98f00b204e9800998ecf8427e\n",
	      "1 skipped path\n2 skipped asn\n3 skipped file path\n4 skipped file path\n5 skipped file path\n6 skipped other\n7 skipped file name\n"
	      "8 domain evil.example\n9 skipped heading\n10 skipped file name\n11 skipped other\n");
}

static void test_rejected(void **state)
{
	(void)state;
	probe("lines",
	      "192.0.2.300\n192.0.2\n192.0.2.1:70000\n198.51.100.0/33\n010.001.000.007\nevil..example\nhttp://\nd41d8cd98f00b204e9800998ecf8427\n"
	      "192.0.2.999 something\nnot a thing\nfe80:::1\n",
	      "1 rejected\n2 rejected\n3 rejected\n4 rejected\n5 rejected\n6 rejected\n7 rejected\n8 rejected\n9 rejected\n10 skipped heading\n"
	      "11 rejected\n");
	probe_with("lines", NULL, span_of("a\0b.example\n192.0.2.1\n", 22), "1 rejected\n2 ipv4 192.0.2.1\n");
}

static void test_ranges(void **state)
{
	(void)state;
	probe("lines", "198.51.100.0-198.51.100.255\n198.51.100.4 - 198.51.100.6 # c\n198.51.100.9-198.51.100.1\n",
	      "1 cidr 198.51.100.0/24\n2 cidr 198.51.100.4/31, ipv4 198.51.100.6\n3 rejected\n");
}

static void test_many_in_one_line(void **state)
{
	(void)state;
	struct buf text = { 0 };
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "evil%d[.]example ", i);
	probe_with("lines", NULL, buf_span(&text), "1 rejected\n");
	buf_release(&text);
}

static void test_stance(void **state)
{
	(void)state;
	struct feed_options o = { .stance = STANCE_PROTECTED };
	probe_with("lines", &o, SPAN_LIT("bank.example\n"), "1 domain bank.example protected\n");
}

static void test_detected(void **state)
{
	(void)state;
	assert_string_equal(probe_detect(SPAN_LIT("192.0.2.1\nevil.example\n")), "lines");
	assert_string_equal(probe_detect(SPAN_LIT("AS64500 # a\nAS64501 # b\n")), "lines");
	assert_string_equal(probe_detect(SPAN_LIT("com.example.a\ncom.example.b\norg.example.c\n")), "none");
	assert_string_equal(probe_detect(SPAN_LIT("192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\"\n")), "none");
	assert_string_equal(probe_detect(SPAN_LIT("# Title\n\nThis is what a text about example.org looks like.\nIt goes on.\n")), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),    cmocka_unit_test(test_comments), cmocka_unit_test(test_notes),
		cmocka_unit_test(test_references), cmocka_unit_test(test_others),   cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_ranges),   cmocka_unit_test(test_many_in_one_line), cmocka_unit_test(test_stance),
		cmocka_unit_test(test_detected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
