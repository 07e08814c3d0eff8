#include "face/http_lapi_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct lapi_filter filter;

static void read_fine(const char *query, bool stream)
{
	struct fault f = { .text = "" };
	if (lapi_filter_read(span_str(query), stream, &filter, &f))
		fail_msg("%s: %s", query, f.text);
}

static bool wants(const char *value, enum list_action action, enum reason reason)
{
	static uint8_t store[OBS_KEY_MAX];
	struct list_value v = { .self = true, .action = action, .reasons = 1U << reason };
	assert_int_equal(obs_parse(span_str(value), store, &v.o, NULL), OK);
	return lapi_filter_wants(&filter, &v);
}

static void test_what_is_let_through(void **state)
{
	read_fine("", true);
	assert_true(wants("198.51.100.7", LIST_BLOCK, REASON_C2) && wants("198.51.100.0/24", LIST_CHALLENGE, REASON_C2));
	assert_false(wants("evil.example", LIST_BLOCK, REASON_C2) || wants("198.51.100.7", LIST_PASS, REASON_C2));
	assert_false(filter.startup);
	/* as crowdsec-firewall-bouncer and its successors ask */
	read_fine("startup=true&scopes=ip%2Crange&additional_pull=false&community_pull=false&dedup=true", true);
	assert_true(filter.startup && wants("198.51.100.7", LIST_BLOCK, REASON_C2));
	read_fine("scopes=Domain,url", true);
	assert_true(wants("evil.example", LIST_BLOCK, REASON_C2) && wants("http://evil.example/", LIST_BLOCK, REASON_C2));
	assert_false(wants("198.51.100.7", LIST_BLOCK, REASON_C2));
	read_fine("scopes=range", true);
	assert_true(wants("198.51.100.0/24", LIST_BLOCK, REASON_C2));
	assert_false(wants("198.51.100.7", LIST_BLOCK, REASON_C2));
	read_fine("scopes=country", true);
	assert_false(wants("198.51.100.7", LIST_BLOCK, REASON_C2));
	read_fine("type=captcha", false);
	assert_true(wants("evil.example", LIST_CHALLENGE, REASON_C2));
	assert_false(wants("evil.example", LIST_BLOCK, REASON_C2));
	read_fine("origins=cscli,crowdsec", true);
	assert_false(wants("198.51.100.7", LIST_BLOCK, REASON_C2));
	read_fine("origins=cscli,sipar", true);
	assert_true(wants("198.51.100.7", LIST_BLOCK, REASON_C2));
	read_fine("scenarios_containing=ssh,PHISH", true);
	assert_true(wants("198.51.100.7", LIST_BLOCK, REASON_PHISHING));
	assert_false(wants("198.51.100.7", LIST_BLOCK, REASON_C2));
	read_fine("scenarios_not_containing=ssh,,phish", true);
	assert_false(wants("198.51.100.7", LIST_BLOCK, REASON_PHISHING));
	assert_true(wants("198.51.100.7", LIST_BLOCK, REASON_C2));
}

static void test_values(void **state)
{
	read_fine("ip=198.51.100.7&contains=false&limit=3", false);
	assert_string_equal(filter.value, "198.51.100.7");
	assert_true(filter.inside && !filter.exactly && filter.limit == 3);
	read_fine("scope=url&value=http%3A%2F%2Fevil.example%2F%3Fa%3Db", false);
	assert_string_equal(filter.value, "http://evil.example/?a=b");
	assert_true(filter.exactly);
	assert_int_equal(filter.kinds, KINDS_URL);
}

static void test_what_is_not_understood(void **state)
{
	static const struct { const char *query; bool stream; const char *says; } bad[] = {
		{ "scoops=ip", true, "\"scoops\"" }, { "ip=198.51.100.7", true, "\"ip\"" }, { "limit=3", true, "\"limit\"" }, { "startup=true", false, "\"startup\"" },
		{ "startup=yes", true, "\"startup\"" }, { "startup", true, "\"startup\"" }, { "contains=2", false, "\"contains\"" }, { "limit=-1", false, "\"limit\"" },
		{ "limit=many", false, "\"limit\"" }, { "ip=", false, "\"ip\"" }, { "dedup=x", true, "\"dedup\"" }, { "=x", true, "\"\"" }, { "ip=%4", false, "%" },
		{ "scopes=ip&IP=1", false, "\"IP\"" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct fault f = { .text = "" };
		if (lapi_filter_read(span_str(bad[i].query), bad[i].stream, &filter, &f) == OK || !strstr(f.text, bad[i].says))
			fail_msg("%s: \"%s\"", bad[i].query, f.text);
	}
	char words[LAPI_WORDS_MAX + 40] = "scenarios_containing=";
	memset(words + strlen(words), 'a', LAPI_WORDS_MAX + 1);
	assert_int_equal(lapi_filter_read(span_str(words), true, &filter, NULL), ERR_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_is_let_through), cmocka_unit_test(test_values), cmocka_unit_test(test_what_is_not_understood) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
