#include "codec/pattern_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEEN(id, first, last, number, rest)                                                                            \
	"{\"type\":\"observed-data\",\"id\":\"" id "\",\"first_observed\":\"2026-01-01T" first "Z\",\"last_observed\":\"2026-01-01T" last \
	"Z\",\"number_observed\":" number "," rest "}"
#define ONCE(id, time, rest) SEEN(id, time, time, "1", rest)
#define OWN(objects) "\"objects\":{" objects "}"

static const char story[] =
	"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":["
	/* 2.1: a download, then a connection, then a key */
	ONCE("file", "10:00:00", "\"object_refs\":[\"file--1\",\"directory--1\",\"ipv4-addr--gone\"]") ","
	ONCE("traffic", "10:01:00.5", "\"object_refs\":[\"network-traffic--1\",\"ipv4-addr--1\",\"domain-name--1\"]") ","
	"{\"type\":\"file\",\"id\":\"file--1\",\"name\":\"foo.dll\",\"size\":1280,\"ratio\":1.5,\"big\":9007199254740993,\"magic_number_hex\":\"FFD8\","
	"\"payload_bin\":\"AQIDBA==\",\"hashes\":{\"MD5\":\"aa\",\"SHA-256\":\"bb\"},\"created\":\"2026-01-01T00:00:00.50Z\",\"hidden\":true,"
	"\"parent_directory_ref\":\"directory--1\",\"extensions\":{\"pe-ext\":{\"sections\":[{\"entropy\":3.1},{\"entropy\":7.2}]}},"
	"\"note\":\"l\\u00edne \\\"1\\\"\",\"void\":null},"
	"{\"type\":\"directory\",\"id\":\"directory--1\",\"path\":\"C:\\\\Windows\"},"
	"{\"type\":\"network-traffic\",\"id\":\"network-traffic--1\",\"dst_port\":443,\"protocols\":[\"ipv4\",\"tcp\"],\"dst_ref\":\"ipv4-addr--1\"},"
	"{\"type\":\"ipv4-addr\",\"id\":\"ipv4-addr--1\",\"value\":\"192.0.2.129\"},"
	"{\"type\":\"domain-name\",\"id\":\"domain-name--1\",\"value\":\"evil.example\",\"resolves_to_refs\":[\"x--1\",\"ipv4-addr--1\"]}]}\n"
	/* 2.0: what lasted, and what was seen more than once */
	"[" SEEN("lasted", "11:00:00", "11:10:00", "1", OWN("\"0\":{\"type\":\"user\",\"name\":\"ann\",\"peer_ref\":\"1\"},\"1\":{\"type\":\"user\",\"name\":\"bob\"}")) ","
	SEEN("often", "11:05:00", "11:05:30", "7", OWN("\"0\":{\"type\":\"login\",\"user\":\"ann\",\"net\":\"198.51.100.0/25\",\"net6\":\"2001:db8::1\"}")) ","
	ONCE("l1", "12:00:00", OWN("\"0\":{\"type\":\"try\",\"n\":1}")) ","
	ONCE("l2", "12:00:10", OWN("\"0\":{\"type\":\"try\",\"n\":2}")) ","
	ONCE("l3", "12:00:20", OWN("\"0\":{\"type\":\"try\",\"n\":3}")) ","
	ONCE("l4", "12:10:00", OWN("\"0\":{\"type\":\"try\",\"n\":4}")) "]";

/* No regular expressions here: '^' in front means "begins with", anything else "contains". */
static bool found(void *ctx, uint32_t value, struct span s)
{
	const struct pattern *p = ctx;
	struct span r = pattern_value(p, value)->text;
	if (r.n && r.p[0] == '^')
		return span_starts(s, span_from(r, 1));
	return memmem(s.p, s.n, r.p, r.n) != NULL;
}

struct told {
	const struct observed *o;
	struct buf *out;
};

static bool tell(void *ctx, const uint32_t *observations, size_t n)
{
	struct told *t = ctx;
	if (t->out->n)
		buf_putc(t->out, '|');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(t->out, ' ');
		buf_putspan(t->out, observed_at(t->o, observations[i])->id);
	}
	return true;
}

/* Ids of each match, '|' between matches. */
static const char *matches(const struct observed *o, const char *text, struct buf *out)
{
	struct pattern p = { 0 };
	struct fault f;
	out->n = 0;
	if (pattern_parse(span_str(text), &p, &f) || pattern_match(&p, o, &(struct pattern_regex){ found, &p }, tell, &(struct told){ o, out }, &f))
		fail_msg("%s: %s", text, f.text);
	pattern_release(&p);
	return buf_cstr(out);
}

static void test_story(void **state)
{
	static const char *const cases[][2] = {
		/* types and operators */
		{ "[file:size = 1280]", "file" },
		{ "[file:size = 1280.0]", "file" },
		{ "[file:size = '1280']", "" },
		{ "[file:size != '1280']", "file" },
		{ "[file:size NOT = 1280]", "" },
		{ "[file:size > 1279.5 AND file:size <= 1280 AND file:size < 1281 AND file:size >= 1280]", "file" },
		{ "[file:size > h'00']", "" },
		{ "[file:ratio = 1.50]", "file" },
		{ "[file:big > 9007199254740992]", "file" },
		{ "[file:hidden = true]", "file" },
		{ "[file:hidden != true]", "" },
		{ "[file:hidden = 1]", "" },
		{ "[file:name > 'foo' AND file:name < 'goo']", "file" },
		{ "[file:name = 'FOO.dll']", "" },
		{ "[file:name IN ('a', 'foo.dll')]", "file" },
		{ "[file:name NOT IN ('a', 'foo.dll')]", "" },
		{ "[file:name IN ()]", "" },
		{ "[file:size IN ('x', 1280)]", "file" },
		{ "[file:name LIKE 'f__.%l']", "file" },
		{ "[file:name LIKE 'oo%']", "" },
		{ "[file:note LIKE 'l_ne %1%']", "file" },
		{ "[file:note = 'l\xc3\xadne \"1\"']", "file" },
		{ "[file:name MATCHES 'oo']", "file" },
		{ "[file:name MATCHES '^oo']", "" },
		{ "[file:size NOT MATCHES 'x']", "file" },
		{ "[file:magic_number_hex = h'ffd8']", "file" },
		{ "[file:magic_number_hex = h'ffd9']", "" },
		{ "[file:payload_bin = b'AQIDBA==']", "file" },
		{ "[file:payload_bin = h'01020304']", "file" },
		{ "[file:created = t'2026-01-01T00:00:00.5Z']", "file" },
		{ "[file:created > t'2026-01-01T00:00:00.499999999Z']", "file" },
		{ "[file:name = t'2026-01-01T00:00:00Z']", "" },
		{ "[file:void != 'x']", "file" },
		{ "[file:void = 'x']", "" },
		/* addresses */
		{ "[ipv4-addr:value ISSUBSET '192.0.2.200/24']", "traffic" },
		{ "[ipv4-addr:value ISSUBSET '192.0.2.0/25']", "" },
		{ "[ipv4-addr:value NOT ISSUBSET '192.0.2.0/25']", "traffic" },
		{ "[ipv4-addr:value ISSUBSET '192.0.2.129']", "traffic" },
		{ "[ipv4-addr:value ISSUBSET '0.0.0.0/0']", "traffic" },
		{ "[ipv4-addr:value ISSUBSET '::/0']", "" },
		{ "[login:net ISSUPERSET '198.51.100.7']", "often" },
		{ "[login:net ISSUPERSET '198.51.100.0/24']", "" },
		{ "[login:net6 ISSUBSET '2001:db8::/32']", "often" },
		/* paths */
		{ "[file:hashes.'SHA-256' = 'bb']", "file" },
		{ "[file:hashes[*] = 'bb']", "file" },
		{ "[file:extensions.'pe-ext'.sections[*].entropy > 7.0]", "file" },
		{ "[file:extensions.'pe-ext'.sections[0].entropy > 7.0]", "" },
		{ "[file:extensions.'pe-ext'.sections[1].entropy > 7.0]", "file" },
		{ "[file:extensions.'pe-ext'.sections[2].entropy > 7.0]", "" },
		{ "[file:parent_directory_ref.path = 'C:\\\\Windows']", "file" },
		{ "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.129']", "traffic" },
		{ "[domain-name:resolves_to_refs[*].value = '192.0.2.129']", "traffic" },
		{ "[domain-name:resolves_to_refs[0].value = '192.0.2.129']", "" },
		{ "[user:peer_ref.name = 'bob']", "lasted" },
		{ "[network-traffic:protocols[*] = 'tcp']", "traffic" },
		{ "[network-traffic:protocols = 'tcp']", "" },
		{ "[file:nothing = 'x' OR file:nothing != 'x']", "" },
		{ "[file:nothing NOT = 'x']", "" },
		{ "[EXISTS file:hashes]", "file" },
		{ "[NOT EXISTS file:nothing]", "file" },
		{ "[NOT EXISTS file:hashes]", "" },
		/* one object */
		{ "[user:name = 'ann' AND user:name = 'bob']", "" },
		{ "[user:name = 'ann' OR user:name = 'zoe']", "lasted" },
		{ "[network-traffic:dst_port = 443 AND domain-name:value = 'evil.example']", "" },
		/* several observations */
		{ "[file:size = 1280] AND [network-traffic:dst_port = 443]", "file traffic" },
		{ "[file:size = 1280] AND [file:name = 'foo.dll']", "" },
		{ "[user:name = 'ann'] AND [user:name = 'bob']", "" },
		{ "[file:size = 1280] OR [network-traffic:dst_port = 443]", "file|traffic" },
		{ "[file:size = 1] OR [network-traffic:dst_port = 443] AND [login:user = 'ann']", "traffic often" },
		{ "[file:size = 1280] FOLLOWEDBY [network-traffic:dst_port = 443]", "file traffic" },
		{ "[network-traffic:dst_port = 443] FOLLOWEDBY [file:size = 1280]", "" },
		{ "[login:user = 'ann'] FOLLOWEDBY [user:name = 'ann']", "lasted often" },
		{ "[try:n = 1] FOLLOWEDBY ([try:n = 3] FOLLOWEDBY [try:n = 2])", "" },
		{ "[try:n = 1] FOLLOWEDBY [try:n = 2] FOLLOWEDBY [try:n = 3]", "l1 l2 l3" },
		{ "[try:n = 2] FOLLOWEDBY [try:n = 4] AND [try:n = 1]", "" },
		/* qualifiers */
		{ "([file:size = 1280] AND [network-traffic:dst_port = 443]) WITHIN 60.5 SECONDS", "file traffic" },
		{ "([file:size = 1280] AND [network-traffic:dst_port = 443]) WITHIN 60.4 SECONDS", "" },
		{ "[try:n > 0] REPEATS 2 TIMES", "l1 l2|l3 l4" },
		{ "[try:n > 0] REPEATS 4 TIMES", "l1 l2 l3 l4" },
		{ "[try:n > 0] REPEATS 5 TIMES", "" },
		{ "[try:n > 0] REPEATS 3 TIMES WITHIN 20 SECONDS", "l1 l2 l3" },
		{ "[try:n > 0] REPEATS 3 TIMES WITHIN 19 SECONDS", "" },
		{ "[try:n > 1] REPEATS 2 TIMES WITHIN 10 SECONDS", "l2 l3" },
		{ "([try:n < 3] FOLLOWEDBY [try:n > 2]) REPEATS 2 TIMES", "l1 l2 l3 l4" },
		{ "([try:n < 2] FOLLOWEDBY [try:n > 2]) REPEATS 2 TIMES", "" },
		{ "[login:user = 'ann'] REPEATS 7 TIMES", "often" },
		{ "[login:user = 'ann'] REPEATS 8 TIMES", "" },
		{ "[try:n > 0] START t'2026-01-01T12:00:10Z' STOP t'2026-01-01T12:10:00Z'", "l2|l3" },
		{ "[user:name = 'ann'] START t'2026-01-01T11:09:00Z' STOP t'2026-01-01T12:00:00Z'", "lasted" },
		{ "[user:name = 'ann'] START t'2026-01-01T10:00:00Z' STOP t'2026-01-01T11:00:00Z'", "" },
	};
	struct observed o = { 0 };
	struct buf out = { 0 };
	struct fault f;
	assert_int_equal(observed_add(&o, span_str(story), &f), OK);
	observed_finish(&o);
	assert_int_equal(o.dangling, 1);
	assert_int_equal(observed_count(&o), 8);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *got = matches(&o, cases[i][0], &out);
		if (strcmp(got, cases[i][1]))
			fail_msg("%s: \"%s\" is not \"%s\"", cases[i][0], got, cases[i][1]);
	}
	observed_release(&o);
	buf_release(&out);
}

static void test_bad_observations(void **state)
{
	static const char *const cases[][2] = {
		{ "", "line 1, column 1: " },
		{ "[\n{\"a\":}]", "line 2, column 6: " },
		{ "5", "there is something else than objects in it" },
		{ SEEN("x", "10:00:00", "09:00:00", "1", OWN("")), "\"x\": last_observed is before first_observed" },
		{ SEEN("x", "10:00", "10:00:00", "1", OWN("")), "\"x\": first_observed is not a time" },
		{ SEEN("x", "10:00:00", "10:00:00", "0", OWN("")), "\"x\": number_observed is not between 1 and 999999999" },
		{ SEEN("x", "10:00:00", "10:00:00", "1", "\"a\":1"), "\"x\": there must be either objects or object_refs" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct observed o = { 0 };
		struct fault f;
		assert_int_equal(observed_add(&o, span_str(cases[i][0]), &f), ERR_SYNTAX);
		if (strncmp(f.text, cases[i][1], strlen(cases[i][1])))
			fail_msg("%s: %s", cases[i][0], f.text);
		observed_release(&o);
	}
}

/* Many observations: what needs no search takes no time, what does is given up with a word. */
static void test_many(void **state)
{
	struct observed o = { 0 };
	struct buf text = { 0 }, out = { 0 };
	struct pattern p = { 0 };
	struct fault f;
	buf_puts(&text, "[");
	for (int i = 0; i < 3000; i++)
		buf_printf(&text, "%s{\"type\":\"observed-data\",\"id\":\"o%d\",\"first_observed\":\"2026-01-01T%02d:%02d:%02dZ\",\"last_observed\":\"2026-01-01T%02d:%02d:%02dZ\",\"number_observed\":1,\"objects\":{\"0\":{\"type\":\"try\",\"n\":%d}}}",
			   i ? "," : "", i, i / 3600, i / 60 % 60, i % 60, i / 3600, i / 60 % 60, i % 60, i);
	buf_puts(&text, "]");
	assert_int_equal(observed_add(&o, buf_span(&text), &f), OK);
	observed_finish(&o);
	assert_string_equal(matches(&o, "[try:n >= 0] REPEATS 12 TIMES WITHIN 10 SECONDS", &out), "");
	assert_int_equal(strlen(matches(&o, "[try:n < 500] REPEATS 500 TIMES", &out)), 500 + 10 + 90 * 2 + 400 * 3 + 499);
	assert_int_equal(pattern_parse(SPAN_LIT("[try:n >= 0] REPEATS 2000 TIMES"), &p, &f), OK);
	assert_int_equal(pattern_match(&p, &o, &(struct pattern_regex){ found, &p }, tell, &(struct told){ &o, &out }, &f), ERR_FULL);
	assert_string_equal(f.text, "the search was given up: a match would have more than 1024 observations");
	pattern_release(&p);
	assert_int_equal(pattern_parse(SPAN_LIT("([try:n >= 0] AND [try:n >= 0] AND [try:n >= 0] AND [try:n = 0]) START t'2026-01-01T00:00:01Z' STOP t'2026-01-02T00:00:00Z'"), &p, &f), OK);
	out.n = 0;
	assert_int_equal(pattern_match(&p, &o, &(struct pattern_regex){ found, &p }, tell, &(struct told){ &o, &out }, &f), ERR_FULL);
	assert_string_equal(f.text, "the search was given up: the search takes too long");
	assert_int_equal(out.n, 0);
	pattern_release(&p);
	observed_release(&o);
	buf_release(&text);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_story),
		cmocka_unit_test(test_bad_observations),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
