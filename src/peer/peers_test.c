#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer/peers.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HUB "peer hub every=2000 https://hub.example/\nkey hub " KEY "\nlane hub public\n"

static void refused(const char *text, const char *why)
{
	struct peers p = { 0 };
	struct fault f = { .text = "" };
	assert_int_equal(peers_parse(span_str(text), "x", &p, &f), ERR_USAGE);
	if (!strstr(f.text, why))
		fail_msg("\"%s\" is not about \"%s\"", f.text, why);
}

static void bad_lines(void **state)
{
	refused("bogus hub\n", "x:1: the line begins with none of");
	refused("key hub " KEY "\n", "x:1: there is no peer \"hub\"");
	refused("peer hub https://hub.example/\n", "every=MS");
	refused("peer hub every=2000\n", "URL");
	refused(HUB HUB, "x:4: peer \"hub\" is there twice");
	refused("peer hub every=2000 https://hub.example/\nlane hub public\n", "no key");
	refused("peer hub every=2000 https://hub.example/\nkey hub " KEY "\n", "no lane");
	refused("peer hub every=2000 ftp://hub.example/\nkey hub " KEY "\nlane hub public\n", "http");
	refused("peer hub every=1 https://hub.example/\nkey hub " KEY "\nlane hub public\n", "every 1 ms");
	refused("peer Hub every=2000 https://hub.example/\nkey Hub " KEY "\nlane Hub public\n", "not the name of a peer");
	refused("peer hub every=2000 https://hub.example/\nkey hub 0123\n", "x:2: that is no key");
	refused(HUB "lane hub public\n", "twice");
	refused(HUB "lane hub node\n", "not for others");
	refused(HUB "lane hub ../x\n", "not the name of a lane");
	refused(HUB "token hub a\ntoken hub b\n", "x:5: that is no token");
}

static void there_and_back(void **state)
{
	struct peers p = { 0 };
	struct buf out = { 0 };
	struct fault f;
	assert_int_equal(peers_parse(SPAN_LIT("# x\n" HUB "lane hub sub.public # of another\ntoken hub abc\n\npeer two every=50 http://[::1]:1/x\nkey two " KEY
					      "\nkey two " KEY "\nlane two a\npeer field every=2000 -\nkey field " KEY "\n"), "x", &p, &f), OK);
	assert_int_equal(p.n, 3);
	assert_string_equal(peers_find(&p, "field")->url, ""); /* its lanes come in files */
	assert_int_equal(peers_find(&p, "field")->n_lanes, 0);
	assert_string_equal(peers_find(&p, "hub")->lane[1], "sub.public");
	assert_string_equal(peers_find(&p, "hub")->token, "abc");
	assert_int_equal(peers_find(&p, "two")->n_keys, 2);
	peers_put(&p, &out);
	peers_release(&p);
	assert_int_equal(peers_parse(buf_span(&out), "x", &p, &f), OK);
	struct buf again = { 0 };
	peers_put(&p, &again);
	assert_true(span_eq(buf_span(&out), buf_span(&again)));
	assert_true(peers_remove(&p, "hub"));
	assert_false(peers_remove(&p, "hub"));
	assert_null(peers_find(&p, "hub"));
	peers_release(&p);
	buf_release(&out);
	buf_release(&again);
}

static void the_file(void **state)
{
	char dir[] = "/tmp/sipar-peers-XXXXXX", path[64];
	struct peers p = { 0 }, again;
	struct fault f = { .text = "" };
	struct stat st;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/peers.conf", dir);
	assert_int_equal(peers_read(dir, &again, &f), OK);
	assert_int_equal(again.n, 0);
	assert_int_equal(peers_parse(SPAN_LIT(HUB), "x", &p, &f), OK);
	assert_int_equal(peers_write(dir, &p, &f), OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(peers_read(dir, &again, &f), OK);
	assert_int_equal(again.n, 1);
	peers_release(&again);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(peers_read(dir, &again, &f), ERR_FORBIDDEN);
	peers_release(&p);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bad_lines), cmocka_unit_test(there_and_back), cmocka_unit_test(the_file) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
