#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/dns_message.h"

/* Header of a query with RD, one question, `additional` records behind it. */
#define HEAD(additional) "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00" additional
#define NAME "\x04" "EvIl" "\x07" "example" "\x02" "bl" "\x04" "test" "\x00"
#define QUESTION NAME "\x00\x01\x00\x01"
#define OPT(size, version, flags) "\x00\x00\x29" size "\x00" version flags

static struct span query(const void *p, size_t n)
{
	return span_of(p, n);
}
#define Q(literal) query(literal, sizeof(literal) - 1)

static void reads_a_question(void **state)
{
	(void)state;
	struct dns_query q;
	assert_true(dns_query_read(Q(HEAD("\x00") QUESTION), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.type, DNS_A);
	assert_int_equal(q.class, DNS_IN);
	assert_false(q.edns);
	assert_int_equal(q.name.labels, 4);
	assert_int_equal(q.name.size, 22);
	assert_true(span_is(dns_label(&q.name, 0), "evil"));
	assert_true(span_is(dns_label(&q.name, 3), "test"));
	assert_int_equal(q.question.n, 26);
	assert_memory_equal(q.question.p, QUESTION, 26);
}

/* Of a response, too, whatever follows. */
static void reads_what_it_is_about(void **state)
{
	(void)state;
	struct dns_name name;
	char text[DNS_NAME_MAX];
	assert_true(dns_question_read(Q("\x12\x34\x81\x83\x00\x01\x00\x07\x00\x00\x00\x00" QUESTION "\xff"), &name));
	assert_true(span_is(span_of((const uint8_t *)text, dns_name_text(&name, text)), "evil.example.bl.test"));
	assert_true(dns_question_read(Q(HEAD("\x00") "\x03" "a.b" "\x00\x00\x01\x00\x01"), &name));
	assert_int_equal(dns_name_text(&name, text), 0);
	assert_true(dns_question_read(Q(HEAD("\x00") "\x00\x00\x01\x00\x01"), &name));
	assert_int_equal(dns_name_text(&name, text), 0);
	assert_false(dns_question_read(Q(HEAD("\x00") NAME "\x00\x01\x00\x03"), &name));                                        /* CHAOS */
	assert_false(dns_question_read(Q("\x12\x34\x28\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION), &name));            /* UPDATE */
	assert_false(dns_question_read(Q("\x12\x34\x80\x00\x00\x02\x00\x00\x00\x00\x00\x00" QUESTION QUESTION), &name));
	assert_false(dns_question_read(Q(HEAD("\x00") NAME "\x00\x01\x00"), &name));
	assert_false(dns_question_read(Q("\x12\x34\x01"), &name));
}

static void reads_the_root(void **state)
{
	(void)state;
	struct dns_query q;
	assert_true(dns_query_read(Q(HEAD("\x00") "\x00\x00\x02\x00\x01"), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.name.labels, 0);
	assert_int_equal(q.name.size, 1);
}

static void reads_edns(void **state)
{
	(void)state;
	struct dns_query q;
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x80\x00") "\x00\x05\x00\x0b\x00\x01!"), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_true(q.edns);
	assert_true(q.dnssec_ok);
	assert_int_equal(q.edns_size, 4096);
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION OPT("\x10\x00", "\x01", "\x00\x00") "\x00\x00"), &q));
	assert_int_equal(q.rcode, DNS_BADVERS);
	assert_int_equal(q.question.n, 26);
}

static void not_answered(void **state)
{
	(void)state;
	struct dns_query q;
	assert_false(dns_query_read(Q(""), &q));
	assert_false(dns_query_read(Q("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00"), &q));
	assert_false(dns_query_read(Q("\x12\x34\x81\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION), &q));
}

static void refused(void **state)
{
	(void)state;
	static const struct { struct span in; enum dns_rcode rcode; } bad[] = {
		/* no question, two questions, a header alone */
		{ { (const uint8_t *)"\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", 12 }, DNS_FORMERR },
		{ { (const uint8_t *)"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12 }, DNS_FORMERR },
		{ SPAN_LIT("\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00" QUESTION QUESTION), DNS_FORMERR },
		/* operations: STATUS, NOTIFY, UPDATE with any body */
		{ SPAN_LIT("\x12\x34\x10\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION), DNS_NOTIMP },
		{ SPAN_LIT("\x12\x34\x20\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION), DNS_NOTIMP },
		{ SPAN_LIT("\x12\x34\x28\x00\xff\xff\xff\xff\xff\xff\xff\xff"), DNS_NOTIMP },
		/* truncated: inside a label, before the root, inside type and class */
		{ SPAN_LIT(HEAD("\x00") "\x04" "evi"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x00") "\x04" "evil"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x00") "\x04" "evil" "\x00\x00\x01\x00"), DNS_FORMERR },
		/* label types 0x40, 0x80; pointers to itself, forward, to the header */
		{ SPAN_LIT(HEAD("\x00") "\x41" "evil" "\x00\x00\x01\x00\x01"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x00") "\x81" "evil" "\x00\x00\x01\x00\x01"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x00") "\xc0\x0c\x00\x01\x00\x01"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x00") "\x04" "evil" "\xc0\x0c\x00\x01\x00\x01"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x00") "\xc0\x12\x00\x01\x00\x01\x00\x00"), DNS_FORMERR },
		/* two OPTs, one that is not the root's, one cut short, one in the answer section, options beyond its data */
		{ SPAN_LIT(HEAD("\x02") QUESTION OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x00" OPT("\x10\x00", "\x00", "\x00\x00")
			   "\x00\x00"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x01") QUESTION "\x01" "a" OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x00"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x00\x00") "\x00"), DNS_FORMERR },
		{ SPAN_LIT("\x12\x34\x01\x00\x00\x01\x00\x01\x00\x00\x00\x00" QUESTION OPT("\x10\x00", "\x00", "\x00\x00")
			   "\x00\x00"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x05\x00\x0a\x00\x02!"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x03\x00\x0a\x00"), DNS_FORMERR },
		/* a record counted that is not there; octets behind the last */
		{ SPAN_LIT(HEAD("\x01") QUESTION), DNS_FORMERR },
		{ SPAN_LIT("\x12\x34\x01\x00\x00\x01\xff\xff\xff\xff\xff\xff" QUESTION), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x00") QUESTION "!"), DNS_FORMERR },
		{ SPAN_LIT(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x00!"), DNS_FORMERR },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct dns_query q;
		assert_true(dns_query_read(bad[i].in, &q));
		if (q.rcode != bad[i].rcode)
			fail_msg("case %zu: rcode %d, not %d", i, q.rcode, bad[i].rcode);
		uint8_t out[DNS_PLAIN_MAX];
		struct dns_answer a;
		dns_answer_begin(&a, &q, sizeof(out), out);
		size_t n = dns_answer_end(&a, &q, q.rcode, false, DNS_EDE_NONE, (struct span){ 0 });
		assert_true(n >= DNS_HEADER_SIZE && n <= sizeof(out));
		assert_int_equal(out[3] & 15, bad[i].rcode);
	}
}

/* Records of other kinds, with compressed owners, are stepped over. */
static void other_records(void **state)
{
	(void)state;
	struct dns_query q;
	assert_true(dns_query_read(Q("\x12\x34\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01" NAME "\x00\xfb\x00\x01"
				     "\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x02" "ab"
				     "\x03" "key" "\xc0\x0c\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00"), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.type, DNS_IXFR);
}

static void name_lengths(void **state)
{
	(void)state;
	/* 127 labels of one octet: 255 octets with the root, the longest name that there is. */
	uint8_t in[600] = { 0x12, 0x34, 0, 0, 0, 1 };
	size_t at = DNS_HEADER_SIZE;
	for (int i = 0; i < 127; i++)
		in[at++] = 1, in[at++] = 'X';
	in[at++] = 0;
	in[at + 1] = 1, in[at + 3] = 1;
	struct dns_query q;
	assert_true(dns_query_read(span_of(in, at + 4), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.name.labels, 127);
	assert_int_equal(q.name.size, 255);
	assert_true(span_is(dns_label(&q.name, 126), "x"));
	/* One octet more. */
	memmove(in + DNS_HEADER_SIZE + 3, in + DNS_HEADER_SIZE + 2, at + 4 - DNS_HEADER_SIZE - 2);
	in[DNS_HEADER_SIZE] = 2, in[DNS_HEADER_SIZE + 2] = 'y';
	assert_true(dns_query_read(span_of(in, at + 5), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
	/* All labels, no end: must stop at the limit. */
	memset(in + DNS_HEADER_SIZE, 1, sizeof(in) - DNS_HEADER_SIZE);
	assert_true(dns_query_read(span_of(in, sizeof(in)), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
}

static void names_from_text(void **state)
{
	(void)state;
	struct dns_name zone, name;
	unsigned labels = 99;
	assert_int_equal(dns_name_parse(SPAN_LIT("BL.test."), &zone), OK);
	assert_int_equal(zone.labels, 2);
	assert_memory_equal(zone.lower, "\x02" "bl" "\x04" "test", 9);
	assert_int_equal(dns_name_parse(SPAN_LIT("_a.evil.bl.test"), &name), OK);
	assert_true(dns_name_under(&name, &zone, &labels));
	assert_int_equal(labels, 2);
	assert_true(dns_name_under(&zone, &zone, &labels));
	assert_int_equal(labels, 0);
	assert_false(dns_name_under(&zone, &name, &labels));
	assert_int_equal(dns_name_parse(SPAN_LIT("evilbl.test"), &name), OK);
	assert_false(dns_name_under(&name, &zone, &labels));
	assert_int_equal(dns_name_parse(SPAN_LIT(""), &name), ERR_SYNTAX);
	assert_int_equal(dns_name_parse(SPAN_LIT("."), &name), ERR_SYNTAX);
	assert_int_equal(dns_name_parse(SPAN_LIT("a..b"), &name), ERR_SYNTAX);
	assert_int_equal(dns_name_parse(SPAN_LIT(".a"), &name), ERR_SYNTAX);
	assert_int_equal(dns_name_parse(SPAN_LIT("a b"), &name), ERR_SYNTAX);
	char text[400];
	memset(text, 'a', sizeof(text));
	assert_int_equal(dns_name_parse(span_of(text, 63), &name), OK);
	assert_int_equal(dns_name_parse(span_of(text, 64), &name), ERR_SYNTAX);
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '.';
	assert_int_equal(dns_name_parse(span_of(text, 253), &name), OK);
	assert_int_equal(name.size, 255);
	assert_int_equal(dns_name_parse(span_of(text, 255), &name), ERR_RANGE);
}

/* The zone's octets inside a label are not the zone. */
static void labels_not_octets(void **state)
{
	(void)state;
	struct dns_query q;
	struct dns_name zone;
	unsigned labels;
	assert_int_equal(dns_name_parse(SPAN_LIT("bl.test"), &zone), OK);
	assert_true(dns_query_read(Q(HEAD("\x00") "\x09" "x" "\x02" "bl" "\x04" "test" "\x00\x00\x01\x00\x01"), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.name.labels, 1);
	assert_false(dns_name_under(&q.name, &zone, &labels));
}

static void writes_an_answer(void **state)
{
	(void)state;
	struct dns_query q;
	struct dns_answer a;
	uint8_t out[DNS_UDP_MAX];
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x80\x00") "\x00\x00"), &q));
	dns_answer_begin(&a, &q, sizeof(out), out);
	dns_answer_record(&a, DNS_ANSWER, 0, DNS_A, 300, "\x7f\x00\x00\x02", 4);
	dns_answer_open(&a, DNS_AUTHORITY, 13, DNS_NS, 60);
	uint8_t pointer[2];
	dns_pointer(pointer, 13);
	dns_answer_octets(&a, pointer, 2);
	dns_answer_close(&a);
	size_t n = dns_answer_end(&a, &q, DNS_NOERROR, true, DNS_EDE_NOT_SUPPORTED, (struct span){ 0 });
	static const uint8_t expected[] =
		"\x12\x34\x85\x00\x00\x01\x00\x01\x00\x01\x00\x01" QUESTION
		"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\x7f\x00\x00\x02"
		"\xc0\x19\x00\x02\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x19"
		"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x06\x00\x0f\x00\x02\x00\x15";
	assert_int_equal(n, sizeof(expected) - 1);
	assert_memory_equal(out, expected, n);
}

/* What does not fit is left out whole and TC is set; the limit holds, the OPT too. */
static void truncates(void **state)
{
	(void)state;
	struct dns_query q;
	struct dns_answer a;
	static uint8_t big[1000];
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x00"), &q));
	for (size_t size = 400; size < sizeof(big); size++) {
		uint8_t out[DNS_PLAIN_MAX + 1];
		out[DNS_PLAIN_MAX] = 0x77;
		dns_answer_begin(&a, &q, DNS_PLAIN_MAX, out);
		dns_answer_open(&a, DNS_ANSWER, 0, DNS_A, 300);
		dns_answer_octets(&a, "\x7f\x00\x00\x02", 4);
		dns_answer_close(&a);
		dns_answer_open(&a, DNS_ANSWER, 0, DNS_TXT, 300);
		dns_answer_octets(&a, big, size);
		dns_answer_close(&a);
		dns_answer_record(&a, DNS_ANSWER, 0, DNS_A, 300, "\x7f\x00\x00\x03", 4);
		size_t n = dns_answer_end(&a, &q, DNS_NOERROR, true, DNS_EDE_NOT_SUPPORTED, (struct span){ 0 });
		assert_true(n <= DNS_PLAIN_MAX);
		assert_int_equal(out[DNS_PLAIN_MAX], 0x77);
		bool fits = 12 + 26 + 16 + 12 + size + 16 + 17 <= DNS_PLAIN_MAX;
		bool both = 12 + 26 + 16 + 12 + size + 17 <= DNS_PLAIN_MAX;
		assert_int_equal(!!(out[2] & 2), !fits);
		assert_int_equal(out[7], fits ? 3 : both ? 2 : 1);
		assert_int_equal(out[11], 1);
	}
}

#define CLIENT "\x24\x64\xc4\xab\xcf\x10\xc9\x57"
#define COOKIE_OPT(length, cookie) OPT("\x10\x00", "\x00", "\x00\x00") "\x00" length "\x00\x0a\x00" cookie

static void reads_cookies(void **state)
{
	(void)state;
	struct dns_query q;
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x0c", "\x08" CLIENT)), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.cookie.n, 8);
	assert_memory_equal(q.cookie.p, CLIENT, 8);
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x14", "\x10" CLIENT CLIENT)), &q));
	assert_int_equal(q.cookie.n, 16);
	/* of two the first; behind another option */
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x25\x00\x03\x00\x01!\x00\x0a\x00\x08" CLIENT
					"\x00\x0a\x00\x10" CLIENT CLIENT), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.cookie.n, 8);
	/* lengths that no cookie has (RFC 7873 section 5.2.2) */
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x04", "\x00")), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x0b", "\x07" "1234567")), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x13", "\x0f" CLIENT "1234567")), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x2d", "\x29" CLIENT CLIENT CLIENT CLIENT CLIENT "x")), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
	/* a good one in front of what is no option */
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x0e", "\x08" CLIENT "\x00\x03")), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
	assert_int_equal(q.cookie.n, 0);
	/* a cookie and no question */
	assert_true(dns_query_read(Q("\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01" COOKIE_OPT("\x0c", "\x08" CLIENT)), &q));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.question.n, 0);
	assert_true(dns_query_read(Q("\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01" OPT("\x10\x00", "\x00", "\x00\x00") "\x00\x00"), &q));
	assert_int_equal(q.rcode, DNS_FORMERR);
}

static void writes_a_cookie(void **state)
{
	(void)state;
	struct dns_query q;
	struct dns_answer a;
	uint8_t out[DNS_PLAIN_MAX];
	assert_true(dns_query_read(Q(HEAD("\x01") QUESTION COOKIE_OPT("\x0c", "\x08" CLIENT)), &q));
	dns_answer_begin(&a, &q, sizeof(out), out);
	size_t n = dns_answer_end(&a, &q, DNS_BADCOOKIE, false, DNS_EDE_NONE, SPAN_LIT(CLIENT "server's"));
	static const uint8_t expected[] = "\x12\x34\x81\x07\x00\x01\x00\x00\x00\x00\x00\x01" QUESTION
					  "\x00\x00\x29\x04\xd0\x01\x00\x00\x00\x00\x14\x00\x0a\x00\x10" CLIENT "server's";
	assert_int_equal(n, sizeof(expected) - 1);
	assert_memory_equal(out, expected, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_question), cmocka_unit_test(reads_what_it_is_about), cmocka_unit_test(reads_the_root), cmocka_unit_test(reads_edns),
		cmocka_unit_test(not_answered), cmocka_unit_test(refused), cmocka_unit_test(other_records),
		cmocka_unit_test(name_lengths), cmocka_unit_test(names_from_text), cmocka_unit_test(labels_not_octets),
		cmocka_unit_test(writes_an_answer), cmocka_unit_test(truncates), cmocka_unit_test(reads_cookies),
		cmocka_unit_test(writes_a_cookie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
