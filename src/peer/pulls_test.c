#include "peer/pulls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char text[] = "# a comment\n"
			   "[vendor]\nurl = https://feeds.example:8443/l.csv?key=a=b#c\nevery = 600\nlane = members\nmax_size = 1000\ninsecure_http = 1\n"
			   "header = Authorization: Bearer x=y\nheader = X-Other: 1\n\n"
			   "[other.one]\n  url=misp+https://misp.example/\n every=60  \n";

static void there_and_back(void **state)
{
	struct pulls p = { 0 }, again = { 0 };
	struct buf one = { 0 }, two = { 0 };
	struct fault f = { 0 };
	if (pulls_parse(span_str(text), "t", &p, &f))
		fail_msg("%s", f.text);
	assert_int_equal(p.n, 2);
	const struct pull *v = pulls_find(&p, SPAN_LIT("vendor"));
	assert_string_equal(v->url, "https://feeds.example:8443/l.csv?key=a=b#c");
	assert_string_equal(v->header[0], "Authorization: Bearer x=y");
	assert_string_equal(v->header[1], "X-Other: 1");
	assert_string_equal(v->lane, "members");
	assert_true(v->insecure && v->every_s == 600 && v->max_octets == 1000 && v->timeout_s == 0);
	assert_int_equal(pull_kind(pulls_find(&p, SPAN_LIT("other.one"))), PULL_MISP);
	assert_string_equal(pull_address(pulls_find(&p, SPAN_LIT("other.one"))), "https://misp.example/");
	pulls_format(&p, &one);
	assert_int_equal(pulls_parse(buf_span(&one), "t", &again, NULL), OK);
	pulls_format(&again, &two);
	assert_true(span_eq(buf_span(&one), buf_span(&two)));
	assert_true(pulls_remove(&p, SPAN_LIT("vendor")));
	assert_false(pulls_remove(&p, SPAN_LIT("vendor")));
	assert_string_equal(p.v[0].source, "other.one");
	pulls_release(&p);
	pulls_release(&again);
	buf_release(&one);
	buf_release(&two);
}

static void refuses(void **state)
{
	static const struct { const char *text, *says; } rows[] = {
		{ "url = https://a.example/\n", "t:1: the line is of no source" },
		{ "[a]\nurl = https://a.example/\nevery = 0\n", "how often" },
		{ "[a]\nurl = https://a.example/\n\n[b]\n", "t:4: it is not said how often" },
		{ "[a]\nurl = https://a.example/\nevery = 60\nnonsense = 1\n", "t:4: there is no setting \"nonsense\"" },
		{ "[a]\nevery\n", "t:2: the line is no" },
		{ "[a]\nurl = https://a.example/\nevery = 60\n[a]\nurl = https://a.example/\nevery = 60\n", "t:4: source \"a\" is there twice" },
		{ "[a\n", "no name of a source" },
		{ "[]\n", "no name of a source" },
		{ "[", "no name of a source" },
		{ "[A]\n", "no name of a source" },
		{ "[a]\nurl = http://a.example/\nevery = 60\n", "not protected" },
		{ "[a]\nurl = https://a.example/\nevery = 60\nheader = nocolon\n", "header 1 of source \"a\"" },
		{ "[a]\nurl = https://a.example/\nevery = 60\nheader =\n", "a header is empty" },
		{ "[a]\nurl = https://a.example/\nevery = 60\nheader = a: 1\nheader = a: 1\nheader = a: 1\nheader = a: 1\nheader = a: 1\n", "more than 4" },
		{ "[a]\nurl = https://a.example/\nevery = 60\ninsecure_http = 2\n", "no number that it can be" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pulls p = { 0 };
		struct fault f = { 0 };
		assert_int_equal(pulls_parse(span_str(rows[i].text), "t", &p, &f), ERR_USAGE);
		if (!strstr(f.text, rows[i].says))
			fail_msg("%zu: \"%s\" does not say \"%s\"", i, f.text, rows[i].says);
		pulls_release(&p);
	}
}

static void urls(void **state)
{
	static const struct { const char *url; bool ok, insecure_ok; const char *host, *shown; } rows[] = {
		{ "https://Feeds.Example/a?k=1", true, true, "feeds.example", "https://Feeds.Example/a?..." },
		{ "https://feeds.example:8443", true, true, "feeds.example", "https://feeds.example:8443" },
		{ "http://127.0.0.1:80/a#b", true, true, "127.0.0.1", "http://127.0.0.1:80/a?..." },
		{ "http://[::1]:80/a", true, true, "::1", "http://[::1]:80/a" },
		{ "http://localhost/", true, true, "localhost", "http://localhost/" },
		{ "http://127.evil.example/", false, true, "127.evil.example", "http://127.evil.example/" },
		{ "http://localhost.example/", false, true, "localhost.example", "http://localhost.example/" },
		{ "http://feeds.example/", false, true, "feeds.example", "http://feeds.example/" },
		{ "https://u:p@feeds.example/", false, false, "feeds.example", "https://feeds.example/" },
		{ "http://127.0.0.1@feeds.example/", false, false, "feeds.example", "http://feeds.example/" },
		{ "http://feeds.example\\@127.0.0.1/", false, true, "feeds.example", "http://feeds.example\\@127.0.0.1/" },
		{ "https://", false, false, "", "https://" },
		{ "file:///etc/passwd", false, false, "", "file:///etc/passwd" },
		{ "https://a.example/x y", false, false, "a.example", "https://a.example/x y" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char host[PULL_HOST_MAX + 1];
		struct buf shown = { 0 };
		assert_int_equal(pull_url_check(rows[i].url, false, NULL), rows[i].ok ? OK : ERR_USAGE);
		assert_int_equal(pull_url_check(rows[i].url, true, NULL), rows[i].insecure_ok ? OK : ERR_USAGE);
		pull_host(rows[i].url, host);
		assert_string_equal(host, rows[i].host);
		pull_url_shown(rows[i].url, &shown);
		assert_string_equal(buf_cstr(&shown), rows[i].shown);
		buf_release(&shown);
	}
	assert_true(pull_same_server("https://a.example/x", "https://A.example:443/y"));
	assert_false(pull_same_server("https://a.example/x", "http://a.example/x"));
	assert_false(pull_same_server("https://a.example/x", "https://a.example:8443/x"));
	assert_false(pull_same_server("https://a.example/x", "https://b.a.example/x"));
	assert_false(pull_same_server("https://a.example", "https://a.example@b.example"));
}

static void the_file(void **state)
{
	char dir[] = "/tmp/pulls-test-XXXXXX", path[64];
	struct pulls p = { 0 };
	struct pull v = { .source = "vendor", .url = "https://a.example/", .every_s = 60 };
	struct stat st;
	struct fault f = { 0 };
	assert_non_null(mkdtemp(dir));
	assert_int_equal(pulls_read(dir, &p, &f), OK);
	assert_int_equal(p.n, 0);
	assert_int_equal(pulls_change(dir, SPAN_LIT("vendor"), &v, &f), OK);
	snprintf(v.source, sizeof(v.source), "second");
	assert_int_equal(pulls_change(dir, SPAN_LIT("second"), &v, &f), OK);
	assert_int_equal(pulls_change(dir, SPAN_LIT("vendor"), NULL, &f), OK);
	assert_int_equal(pulls_change(dir, SPAN_LIT("vendor"), NULL, &f), OK);
	assert_int_equal(pulls_read(dir, &p, &f), OK);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.v[0].source, "second");
	pulls_release(&p);
	snprintf(path, sizeof(path), "%s/pulls.conf", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	chmod(path, 0640);
	assert_int_equal(pulls_read(dir, &p, &f), ERR_FORBIDDEN);
	unlink(path);
	snprintf(path, sizeof(path), "%s/pulls.lock", dir);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(refuses), cmocka_unit_test(urls), cmocka_unit_test(the_file) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
