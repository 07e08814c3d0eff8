#include "ledger/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/tlp.h"

/* ---- retention ---- */

static void retention_read(void **state)
{
	static const struct {
		const char *text;
		enum err e;
		uint32_t seconds;
	} cases[] = {
		{ "forever", OK, 0 }, { "30s", OK, 30 }, { "45m", OK, 2700 }, { "36h", OK, 129600 }, { "90d", OK, 7776000 },
		{ "1w", OK, 604800 }, { "1mo", OK, 2629800 /* 30.4375 days */ }, { "12mo", OK, 31557600 }, { "2y", OK, 63115200 },
		{ "1y", OK, 31557600 }, { "100y", OK, 3155760000 }, { "3155760000s", OK, 3155760000 }, { "1s", OK, 1 },
		{ "101y", ERR_RANGE, 0 }, { "3155760001s", ERR_RANGE, 0 }, { "1201mo", ERR_RANGE, 0 },
		{ "99999999999999999999d", ERR_RANGE, 0 },
		{ "", ERR_SYNTAX, 0 }, { "12", ERR_SYNTAX, 0 }, { "d", ERR_SYNTAX, 0 }, { "0d", ERR_SYNTAX, 0 }, { "-1d", ERR_SYNTAX, 0 },
		{ "1 d", ERR_SYNTAX, 0 }, { " 1d", ERR_SYNTAX, 0 }, { "1d ", ERR_SYNTAX, 0 }, { "1D", ERR_SYNTAX, 0 }, { "1M", ERR_SYNTAX, 0 },
		{ "1.5d", ERR_SYNTAX, 0 }, { "1d12h", ERR_SYNTAX, 0 }, { "1days", ERR_SYNTAX, 0 }, { "Forever", ERR_SYNTAX, 0 },
		{ "+1d", ERR_SYNTAX, 0 }, { "1forever", ERR_SYNTAX, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint32_t seconds = 77;
		struct fault f = { .text = "" };
		enum err e = retention_parse(span_str(cases[i].text), &seconds, &f);
		if (e != cases[i].e || seconds != (e ? 77 : cases[i].seconds))
			fail_msg("\"%s\": %s, %u", cases[i].text, err_name(e), seconds);
		if (e)
			assert_true(f.code == e && f.text[0]);
	}
}

static void retention_written(void **state)
{
	static const struct {
		uint32_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "forever" }, { 1, "1s" }, { 60, "1m" }, { 61, "61s" }, { 3600, "1h" }, { 86400, "1d" }, { 604800, "1w" },
		{ 2629800, "1mo" }, { 31557600, "1y" }, { 63115200, "2y" }, { 7776000, "90d" }, { 129600, "36h" }, { 3155760000, "100y" },
		{ 31557600 / 2, "6mo" },
	};
	struct buf b = { 0 };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		b.n = 0;
		retention_put(cases[i].seconds, &b);
		assert_string_equal(buf_cstr(&b), cases[i].text);
	}
	for (uint32_t seconds = 1; seconds < 3155760000u - 99991; seconds += 99991) { /* exact: reads back as the same */
		uint32_t again = 0;
		b.n = 0;
		retention_put(seconds, &b);
		assert_int_equal(retention_parse(buf_span(&b), &again, NULL), OK);
		assert_true(again == seconds);
	}
	buf_release(&b);
}

/* ---- members ---- */

static void members(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" }, { "a", "a" }, { "b, a,b", "a,b" }, { "b,a", "a,b" }, { " a ", "a" }, { "a,a,a", "a" },
		{ "ab,a,abc,a-b,a.b,a_b,0", "0,a,a-b,a.b,a_b,ab,abc" }, { "cert.example,\tnoc-1", "cert.example,noc-1" },
		{ ",", NULL }, { "a,", NULL }, { ",a", NULL }, { "a,,b", NULL }, { "a b", NULL }, { "A", NULL }, { "a\"b", NULL },
		{ "a;b", NULL }, { "\xd8\xb3", NULL }, { " ", NULL }, { "a, ", NULL },
		{ "a123456789b123456789c123456789d123456789e123456789f123456789123", "a123456789b123456789c123456789d123456789e123456789f123456789123" },
		{ "a123456789b123456789c123456789d123456789e123456789f1234567891234", NULL },
	};
	char got[LANE_MEMBERS_MAX + 1];
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fault f = { .text = "" };
		memcpy(got, "before", 7);
		enum err e = members_parse(span_str(cases[i].text), got, &f);
		if (cases[i].want)
			assert_int_equal(e, OK);
		else if (e != ERR_SYNTAX || !f.text[0])
			fail_msg("\"%s\": %s", cases[i].text, err_name(e));
		assert_string_equal(got, cases[i].want ? cases[i].want : "before");
	}
	assert_int_equal(members_parse(span_of("a\0b", 3), got, NULL), ERR_SYNTAX);
}

/* As many as fit, in the wrong order; and an octet more. */
static void many_members(void **state)
{
	char text[LANE_MEMBERS_MAX + 2], got[LANE_MEMBERS_MAX + 1];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? ',' : (char)('z' - i / 2 % 26);
	text[LANE_MEMBERS_MAX + 1] = 0;
	assert_int_equal(members_parse(span_of(text, LANE_MEMBERS_MAX), got, NULL), OK);
	assert_string_equal(got, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z");
	assert_int_equal(members_parse(span_of(text, LANE_MEMBERS_MAX + 1), got, NULL), ERR_RANGE);
}

/* ---- lanes ---- */

static struct lane example(void)
{
	return (struct lane){ .name = "name", .tlp = TLP_GREEN, .realm = "production", .members = "a,b",
			      .origin = "node.example/lanes/name", .retention_s = 31536000 };
}

static void assert_body(const struct lane *l, const char *want)
{
	struct buf b = { 0 };
	lane_body(l, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_release(&b);
}

static void bodies(void **state)
{
	struct lane l = example();
	assert_body(&l, "{\"audience\":\"tlp:green\",\"lane\":\"name\",\"members\":[\"a\",\"b\"],\"origin\":\"node.example/lanes/name\","
			"\"realm\":\"production\",\"retention\":31536000}");
	memcpy(l.members, "cert.example", 13);
	l.retention_s = 3155760000;
	assert_body(&l, "{\"audience\":\"tlp:green\",\"lane\":\"name\",\"members\":[\"cert.example\"],\"origin\":\"node.example/lanes/name\","
			"\"realm\":\"production\",\"retention\":3155760000}");
	l = (struct lane){ .name = "x-1", .tlp = TLP_AMBER_STRICT, .realm = "exercise" };
	assert_body(&l, "{\"audience\":\"tlp:amber+strict\",\"lane\":\"x-1\",\"realm\":\"exercise\"}");
}

static enum err check_with(const char *name, unsigned tlp, const char *realm, const char *names, uint32_t retention)
{
	struct lane l = { .tlp = (uint8_t)tlp, .retention_s = retention };
	struct fault f = { .text = "" };
	memcpy(l.name, name, strlen(name) + 1);
	memcpy(l.realm, realm, strlen(realm) + 1);
	memcpy(l.members, names, strlen(names) + 1);
	enum err e = lane_check(&l, &f);
	assert_true(e == OK || (f.code == e && f.text[0]));
	return e;
}

static void lanes_that_can_be_made(void **state)
{
	struct lane l = example();
	assert_int_equal(lane_check(&l, NULL), OK);
	for (unsigned tlp = 0; tlp < 256; tlp++)
		assert_int_equal(check_with("a", tlp, "exercise", "", 0), tlp >= TLP_CLEAR && tlp <= TLP_RED ? OK : ERR_RANGE);
	assert_int_equal(check_with("a-9", TLP_RED, "production", "a.b,c_d", 3155760000), OK);
	assert_int_equal(check_with("a123456789b123456789c123456789d", TLP_RED, "production", "", 0), OK);
	assert_int_equal(check_with("a", TLP_RED, "production", "", 3155760001), ERR_RANGE);
	assert_int_equal(check_with("", TLP_RED, "production", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("A", TLP_RED, "production", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a.b", TLP_RED, "production", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a/b", TLP_RED, "production", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a\"", TLP_RED, "production", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a", TLP_RED, "", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a", TLP_RED, "test", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a", TLP_RED, "Production", "", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a", TLP_RED, "production", "b,a", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a", TLP_RED, "production", "a,a", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a", TLP_RED, "production", "a, b", 0), ERR_SYNTAX);
	assert_int_equal(check_with("a", TLP_RED, "production", "B", 0), ERR_SYNTAX);
}

/* ---- names of nodes ---- */

static void node_names(void **state)
{
	static const char *const good[] = { "node.example", "a", "cert.example:8443", "cert.example/sipar/a-1", "0123456789abcdef.sipar.invalid" };
	static const char *const bad[] = {
		"", "/", "/a", "a/", "https://node.example", "a//b", "Node.example", "a b", "a+b", "a_b", "a\n", "a@b", "a?b", "a#b", "a%20b", "\xd8\xb3.example",
	};
	char longest[NODE_NAME_MAX + 1];
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(node_name_ok(span_str(good[i])));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(node_name_ok(span_str(bad[i])));
	memset(longest, 'a', sizeof(longest));
	assert_true(node_name_ok(span_of(longest, NODE_NAME_MAX)));
	assert_false(node_name_ok(span_of(longest, NODE_NAME_MAX + 1)));
	assert_false(node_name_ok(span_of("a\0b", 3)));
}

static void names_of_keys(void **state)
{
	uint8_t public[32] = { 1, 2, 3 };
	char one[NODE_NAME_MAX + 1], again[NODE_NAME_MAX + 1], other[NODE_NAME_MAX + 1];
	node_name_made(public, one);
	node_name_made(public, again);
	public[31] ^= 1;
	node_name_made(public, other);
	assert_string_equal(one, again);
	assert_string_not_equal(one, other);
	assert_int_equal(strlen(one), 16 + strlen(".sipar.invalid"));
	assert_string_equal(one + 16, ".sipar.invalid");
	assert_true(node_name_ok(span_str(one)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retention_read),
		cmocka_unit_test(retention_written),
		cmocka_unit_test(members),
		cmocka_unit_test(many_members),
		cmocka_unit_test(bodies),
		cmocka_unit_test(lanes_that_can_be_made),
		cmocka_unit_test(node_names),
		cmocka_unit_test(names_of_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
