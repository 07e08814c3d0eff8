/* With the kernel's nftables, in a network namespace of this process' own.  Skipped where that is not allowed. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sys/nft.h"

static const struct nft_set sets[] = {
	{ "plain4", 4, false }, { "plain6", 16, false }, { "net4", 4, true }, { "net6", 16, true },
};
static const struct nft_rule rules[] = {
	{ NFT_INPUT, false, &sets[0] }, { NFT_INPUT, false, &sets[3] }, { NFT_FORWARD, true, &sets[2] }, { NFT_OUTPUT, true, &sets[1] },
};
static bool allowed;
static struct nft *n;

static int enter(void **state)
{
	struct fault f;
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return 0;
	allowed = nft_open("inet", "sipar_test", &n, &f) == OK;
	return 0;
}

static int leave(void **state)
{
	nft_close(n);
	return 0;
}

/* A table with the sets and nothing in them. */
static void begin(void)
{
	struct fault f;
	bool made = false;
	if (!allowed)
		skip();
	enum err e = nft_drop_table(n, &f);
	assert_true(e == OK || e == ERR_NOTFOUND);
	assert_int_equal(nft_ensure(n, sets, COUNT_OF(sets), rules, COUNT_OF(rules), -10, &made, &f), OK);
	assert_true(made);
}

static const uint8_t *address(const char *text)
{
	static uint8_t store[4][16];
	static unsigned i;
	uint8_t *p = store[i++ % 4];
	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, p), 1);
	return p;
}

static void add(const struct nft_set *s, const char *first, const char *last)
{
	nft_add(n, s, address(first), address(last));
}

static void take_away(const struct nft_set *s, const char *first, const char *last)
{
	nft_remove(n, s, address(first), address(last));
}

struct listing {
	const struct nft_set *set;
	struct buf text;
};

static void list_one(void *ctx, const uint8_t *first, const uint8_t *last)
{
	struct listing *l = ctx;
	char a[64], b[64];
	int family = l->set->octets == 4 ? AF_INET : AF_INET6;
	inet_ntop(family, first, a, sizeof(a));
	inet_ntop(family, last, b, sizeof(b));
	if (l->set->interval)
		buf_printf(&l->text, "%s-%s ", a, b);
	else
		buf_printf(&l->text, "%s ", a);
}

static void holds(const struct nft_set *s, const char *expected)
{
	struct listing l = { .set = s };
	struct fault f;
	assert_int_equal(nft_each(n, s, 1000, list_one, &l, &f), OK);
	assert_string_equal(buf_cstr(&l.text), expected);
	buf_release(&l.text);
}

static void commit(void)
{
	struct fault f = { .text = "" };
	enum err e = nft_commit(n, &f);
	if (e)
		print_error("%s\n", f.text);
	assert_int_equal(e, OK);
}

static void test_plain_sets(void **state)
{
	begin();
	add(&sets[0], "192.0.2.1", "192.0.2.1");
	add(&sets[1], "2001:db8::1", "2001:db8::1");
	commit();
	holds(&sets[0], "192.0.2.1 ");
	holds(&sets[1], "2001:db8::1 ");
	take_away(&sets[0], "192.0.2.1", "192.0.2.1");
	add(&sets[0], "192.0.2.2", "192.0.2.2");
	add(&sets[0], "192.0.2.2", "192.0.2.2"); /* twice is once */
	commit();
	holds(&sets[0], "192.0.2.2 ");
	commit(); /* nothing */
}

static void test_ranges(void **state)
{
	begin();
	add(&sets[2], "10.0.0.0", "10.255.255.255");
	add(&sets[2], "192.0.2.7", "192.0.2.7");
	add(&sets[2], "192.0.2.8", "192.0.2.9"); /* beside it */
	add(&sets[2], "240.0.0.0", "255.255.255.255");
	add(&sets[3], "::", "::ffff");
	add(&sets[3], "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	commit();
	holds(&sets[2], "10.0.0.0-10.255.255.255 192.0.2.7-192.0.2.7 192.0.2.8-192.0.2.9 240.0.0.0-255.255.255.255 ");
	holds(&sets[3], "::-::ffff ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ");
	take_away(&sets[2], "192.0.2.7", "192.0.2.7"); /* two become one, one becomes two, in one transaction */
	take_away(&sets[2], "192.0.2.8", "192.0.2.9");
	take_away(&sets[2], "10.0.0.0", "10.255.255.255");
	add(&sets[2], "10.0.0.0", "10.0.0.255");
	add(&sets[2], "10.128.0.0", "10.255.255.255");
	add(&sets[2], "192.0.2.7", "192.0.2.9");
	commit();
	holds(&sets[2], "10.0.0.0-10.0.0.255 10.128.0.0-10.255.255.255 192.0.2.7-192.0.2.9 240.0.0.0-255.255.255.255 ");
}

static void test_all_or_nothing(void **state)
{
	struct fault f;
	begin();
	add(&sets[0], "192.0.2.1", "192.0.2.1");
	commit();
	take_away(&sets[0], "192.0.2.1", "192.0.2.1");
	take_away(&sets[0], "192.0.2.77", "192.0.2.77");
	add(&sets[0], "192.0.2.3", "192.0.2.3");
	assert_int_equal(nft_commit(n, &f), ERR_NOTFOUND);
	assert_non_null(strstr(f.text, "192.0.2.77 out of set \"plain4\" of table inet sipar_test"));
	holds(&sets[0], "192.0.2.1 ");
	add(&sets[2], "10.0.0.0", "10.255.255.255");
	commit();
	add(&sets[2], "10.1.0.0", "10.1.255.255");
	assert_int_equal(nft_commit(n, &f), ERR_EXISTS);
	assert_non_null(strstr(f.text, "into set \"net4\""));
	holds(&sets[2], "10.0.0.0-10.255.255.255 ");
}

static void test_many(void **state)
{
	struct listing l = { .set = &sets[0] };
	struct fault f;
	uint32_t a, b;
	begin();
	assert_int_equal(nft_generation(n, &a, &f), OK);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t key = htonl(0x0b000000 + i * 7);
		nft_add(n, &sets[0], (uint8_t *)&key, (uint8_t *)&key);
		nft_add(n, &sets[2], (uint8_t *)&key, (uint8_t *)&key);
	}
	commit();
	assert_int_equal(nft_generation(n, &b, &f), OK);
	assert_int_equal(b, a + 1);
	size_t lines = 0;
	for (int tries = 0; lines != 100000 && tries < 1000; tries++) { /* until the kernel's hash table has grown */
		l.text.n = lines = 0;
		enum err e = nft_each(n, &sets[0], 100000, list_one, &l, &f);
		assert_true(e == OK || e == ERR_FULL); /* some may be told twice till then */
		for (size_t i = 0; i < l.text.n; i++)
			lines += l.text.p[i] == ' ';
	}
	assert_int_equal(lines, 100000);
	buf_release(&l.text);
	assert_int_equal(nft_each(n, &sets[0], 99999, list_one, &l, &f), ERR_FULL);
	assert_int_equal(nft_each(n, &sets[2], 10, list_one, &l, &f), ERR_FULL);
	assert_int_equal(l.text.n, 0);
	nft_flush(n, &sets[0]); /* and filled again: one transaction */
	nft_flush(n, &sets[2]);
	add(&sets[0], "192.0.2.1", "192.0.2.1");
	add(&sets[2], "10.0.0.0", "10.255.255.255");
	commit();
	holds(&sets[0], "192.0.2.1 ");
	holds(&sets[2], "10.0.0.0-10.255.255.255 ");
}

static void test_what_is_there_stays(void **state)
{
	struct fault f;
	bool made = true;
	uint32_t a, b;
	begin();
	add(&sets[0], "192.0.2.1", "192.0.2.1");
	commit();
	assert_int_equal(nft_generation(n, &a, &f), OK);
	assert_int_equal(nft_ensure(n, sets, COUNT_OF(sets), rules, COUNT_OF(rules), -10, &made, &f), OK);
	assert_false(made);
	assert_int_equal(nft_generation(n, &b, &f), OK);
	assert_int_equal(a, b);
	assert_int_equal(nft_ensure(n, sets, COUNT_OF(sets), rules, 2, -10, &made, &f), OK); /* rules that are not wanted go */
	assert_true(made);
	assert_int_equal(nft_ensure(n, sets, COUNT_OF(sets), rules, 2, -10, &made, &f), OK);
	assert_false(made);
	holds(&sets[0], "192.0.2.1 ");
	const struct nft_set other[] = { { "plain4", 4, true } };
	assert_int_equal(nft_ensure(n, other, 1, NULL, 0, -10, &made, &f), ERR_EXISTS);
	assert_non_null(strstr(f.text, "\"plain4\""));
}

static void test_not_there(void **state)
{
	struct fault f;
	begin();
	const struct nft_set none = { "none", 4, false };
	assert_int_equal(nft_each(n, &none, 10, list_one, NULL, &f), ERR_NOTFOUND);
	assert_int_equal(nft_drop_table(n, &f), OK);
	assert_int_equal(nft_drop_table(n, &f), ERR_NOTFOUND);
	assert_int_equal(nft_each(n, &sets[0], 100000, list_one, NULL, &f), ERR_NOTFOUND);
	add(&sets[0], "192.0.2.1", "192.0.2.1");
	assert_int_equal(nft_commit(n, &f), ERR_NOTFOUND);
}

static void test_one_family(void **state)
{
	struct nft *v4;
	struct fault f;
	bool made;
	begin();
	assert_int_equal(nft_open("ip", "sipar_four", &v4, &f), OK);
	assert_true(nft_has(v4, &sets[0]) && !nft_has(v4, &sets[1]));
	assert_int_equal(nft_ensure(v4, sets, COUNT_OF(sets), rules, COUNT_OF(rules), -10, &made, &f), OK);
	nft_add(v4, &sets[0], address("192.0.2.1"), address("192.0.2.1"));
	assert_int_equal(nft_commit(v4, &f), OK);
	assert_int_equal(nft_drop_table(v4, &f), OK);
	nft_close(v4);
}

static void test_names(void **state)
{
	struct nft *other;
	struct fault f;
	assert_int_equal(nft_open("bridge", "sipar", &other, &f), ERR_USAGE);
	assert_int_equal(nft_open("inet", "", &other, &f), ERR_USAGE);
	assert_int_equal(nft_open("inet", "a b", &other, &f), ERR_USAGE);
	assert_int_equal(nft_open("inet", "9a", &other, &f), ERR_USAGE);
	assert_int_equal(nft_open("inet", "a23456789012345678901234567890123", &other, &f), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_sets), cmocka_unit_test(test_ranges),    cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_many),       cmocka_unit_test(test_not_there), cmocka_unit_test(test_what_is_there_stays),
		cmocka_unit_test(test_one_family), cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
