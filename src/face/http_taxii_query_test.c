#include "face/http_taxii_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ALL = TAXII_MAY_ID | TAXII_MAY_TYPE | TAXII_MAY_VERSION | TAXII_MAY_SPEC | TAXII_MAY_PAGE };

static struct taxii_query q;
static struct fault f;

static enum err parse(const char *target, unsigned may)
{
	f.text[0] = 0;
	return taxii_query_parse(span_str(target), may, SPAN_LIT("owner"), &q, &f);
}

static void nothing_asked(void **state)
{
	static const char *const targets[] = { "/o/", "/o/?", "/o/?&&", "/o/?other=1&limit=1000", "/o/?limit=99999999999999999999999" };
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		assert_int_equal(parse(targets[i], ALL), OK);
		assert_int_equal(q.limit, TAXII_PAGE);
		assert_true(q.after_us == INT64_MIN && q.from_us == INT64_MIN && !q.n_ids && !q.n_types && !q.n_versions && !q.specs);
		assert_false(q.all || q.first || q.last);
		taxii_query_release(&q);
	}
}

static void everything_asked(void **state)
{
	assert_int_equal(parse("/o/?match%5Bid%5D=a--1,b--2&match[type]=a%2Cb&match[version]=first,last,2026-01-01T00:00:00.5Z,1970-01-01T00:00:01.500000Z&"
			       "match[spec_version]=2.1,2.0&added_after=1970-01-01T00:00:00.000007Z&limit=3", ALL), OK);
	assert_int_equal(q.n_ids, 2);
	assert_true(span_is(q.ids[1], "b--2"));
	assert_int_equal(q.n_types, 2);
	assert_true(span_is(q.types[0], "a"));
	assert_true(q.first && q.last && !q.all);
	assert_int_equal(q.n_versions, 2);
	assert_int_equal(q.versions_us[1], 1500000);
	assert_int_equal(q.specs, 3);
	assert_int_equal(q.after_us, 7);
	assert_int_equal(q.from_us, 7);
	assert_int_equal(q.limit, 3);
	taxii_query_release(&q);
}

/* With a zone, whose '+' may be there, encoded, or gone. */
static void times(void **state)
{
	static const struct { const char *text; int64_t us; } good[] = {
		{ "1970-01-01T00:00:01Z", 1000000 }, { "1970-01-01T01:00:01+01:00", 1000000 }, { "1970-01-01T01:00:01%2B01:00", 1000000 },
		{ "1970-01-01T01:00:01%2001:00", 1000000 }, { "1969-12-31T23:00:01.25-01:00", 1250000 }, { "1970-01-01T00:00:01.123456789Z", 1123456 },
	};
	static const char *const bad[] = {
		"", "yesterday", "1970-01-01", "1970-01-01T00:00:01", "1970-13-01T00:00:01Z", "1970-01-01 00:00:01Z", "1970-01-01T00:00:01.5", "0", "12345678901234567890",
	};
	char target[200];
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		snprintf(target, sizeof(target), "/o/?added_after=%s", good[i].text);
		assert_int_equal(parse(target, ALL), OK);
		assert_int_equal(q.after_us, good[i].us);
		taxii_query_release(&q);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(target, sizeof(target), "/o/?added_after=%s", bad[i]);
		assert_int_equal(parse(target, ALL), ERR_SYNTAX);
		snprintf(target, sizeof(target), "/o/?match[version]=%s", bad[i]);
		assert_int_equal(parse(target, ALL), ERR_SYNTAX);
	}
}

static void refused(void **state)
{
	static const struct { const char *query, *says; } bad[] = {
		{ "limit=0", "limit is a number from 1 on" }, { "limit=-1", "limit is a number from 1 on" }, { "limit=x", "limit is a number from 1 on" },
		{ "limit=", "limit is a number from 1 on" }, { "match[id]=a&match[id]=b", "\"match[id]\" is there twice" }, { "limit=1&limit=1", "\"limit\" is there twice" },
		{ "match[x]=1", "\"match[x]\" is not a parameter here" }, { "match[id]=", "a match parameter has no value" },
		{ "match[version]=all,first", "\"all\" stands alone in match[version]" }, { "match[version]=none", NULL }, { "match[spec_version]=3", NULL },
		{ "next=", NULL }, { "next=abc", NULL }, { "next=%00", NULL }, { "match[id]=%zz", NULL }, { "match[id]=a%0Ab", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char target[200];
		snprintf(target, sizeof(target), "/o/?%s", bad[i].query);
		assert_int_equal(parse(target, ALL), ERR_SYNTAX);
		if (bad[i].says)
			assert_string_equal(f.text, bad[i].says);
		assert_true(f.text[0] != 0);
	}
	assert_int_equal(parse("/o/?match[type]=a", ALL & ~TAXII_MAY_TYPE), ERR_SYNTAX);
	assert_int_equal(parse("/o/?limit=1", ALL & ~TAXII_MAY_PAGE), ERR_SYNTAX);
}

static void page_on(struct buf *target, const char *first, int64_t place_us, const char *with)
{
	assert_int_equal(parse(first, ALL), OK);
	target->n = 0;
	buf_printf(target, "/o/?%s&next=", with);
	taxii_query_next(&q, SPAN_LIT("owner"), place_us, target);
	taxii_query_release(&q);
}

static void cursors(void **state)
{
	struct buf t = { 0 };
	page_on(&t, "/o/?match[type]=a,b&match[id]=c--1&added_after=1970-01-01T00:00:00.000007Z", 99, "limit=2");
	for (size_t i = span_find(buf_span(&t), '&') + 6; i < t.n; i++)
		assert_true(ascii_digit(t.p[i]) || (ascii_lower(t.p[i]) >= 'a' && ascii_lower(t.p[i]) <= 'z') || t.p[i] == '-' || t.p[i] == '_');
	assert_int_equal(parse(buf_cstr(&t), ALL), OK); /* the filters were dropped */
	assert_true(q.after_us == 7 && q.from_us == 99 && q.n_types == 2 && q.n_ids == 1 && span_is(q.ids[0], "c--1"));
	taxii_query_release(&q);
	page_on(&t, "/o/?match[type]=a,b&match[id]=c--1", 99, "match[id]=c--1&match[type]=a,b");
	assert_int_equal(parse(buf_cstr(&t), ALL), OK); /* in another order */
	assert_true(q.after_us == INT64_MIN && q.from_us == 99 && q.n_types == 2);
	taxii_query_release(&q);
	page_on(&t, "/o/?match[type]=a", 99, "match[type]=b");
	assert_int_equal(parse(buf_cstr(&t), ALL), ERR_SYNTAX);
	assert_string_equal(f.text, "next belongs to other match parameters");
	page_on(&t, "/o/?added_after=1970-01-01T00:00:00.000007Z", 99, "added_after=1970-01-01T00:00:00.000200Z");
	assert_int_equal(parse(buf_cstr(&t), ALL), OK); /* moved on */
	assert_true(q.after_us == 7 && q.from_us == 200);
	taxii_query_release(&q);
	page_on(&t, "/o/", 99, "limit=1");
	assert_int_equal(taxii_query_parse(buf_span(&t), ALL, SPAN_LIT("somebody else"), &q, &f), ERR_SYNTAX);
	for (size_t i = span_find(buf_span(&t), '&') + 6; i < t.n; i++) {
		uint8_t was = t.p[i];
		t.p[i] = was == 'A' ? 'B' : 'A';
		if (taxii_query_parse(buf_span(&t), ALL, SPAN_LIT("owner"), &q, &f) == OK)
			fail_msg("octet %zu of a cursor may be another one", i);
		t.p[i] = was;
	}
	buf_release(&t);
}

/* More filters than a cursor has room for must be said again. */
static void many(void **state)
{
	struct buf first = { 0 }, t = { 0 };
	buf_puts(&first, "/o/?match[id]=");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&first, "%sindicator--%u", i ? "," : "", i);
	page_on(&t, buf_cstr(&first), 99, "limit=1");
	assert_int_equal(parse(buf_cstr(&t), ALL), ERR_SYNTAX);
	page_on(&t, buf_cstr(&first), 99, buf_cstr(&first) + 4);
	assert_int_equal(parse(buf_cstr(&t), ALL), OK);
	assert_true(q.n_ids == 100 && q.from_us == 99);
	taxii_query_release(&q);
	for (unsigned i = 0; i < 200; i++)
		buf_printf(&first, ",x");
	assert_int_equal(parse(buf_cstr(&first), ALL), ERR_SYNTAX);
	buf_release(&first);
	buf_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked), cmocka_unit_test(everything_asked), cmocka_unit_test(times), cmocka_unit_test(refused),
		cmocka_unit_test(cursors), cmocka_unit_test(many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
