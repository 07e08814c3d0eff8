#include "ledger/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct record example(void)
{
	struct record r = {
		.kind = 1, .flags = 5, .time_ms = 0x0102030405060708, .import = 0x1112131415161718, .count = 0x21222324,
		.party = SPAN_LIT("cert.example"), .source = SPAN_LIT("s"), .media = SPAN_LIT("list"), .token = SPAN_LIT("t\0k"),
	};
	for (unsigned i = 0; i < sizeof(r.digest); i++)
		r.digest[i] = (uint8_t)(0xa0 + i);
	return r;
}

static const char golden[] =
	"SPR1" "\x01" "\x05" "\x00\x03"                                      /* magic, kind, flags, octets of the token */
	"\x01\x02\x03\x04\x05\x06\x07\x08" "\x11\x12\x13\x14\x15\x16\x17\x18" /* time, import */
	"\x21\x22\x23\x24" "\x0c" "\x01" "\x04" "\x00"                       /* count; party, source, media, zero */
	"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
	"\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf"
	"cert.example" "s" "list" "t\0k";

static void assert_record(const struct record *a, const struct record *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->flags, b->flags);
	assert_true(a->time_ms == b->time_ms && a->import == b->import && a->count == b->count);
	assert_true(span_eq(a->party, b->party));
	assert_true(span_eq(a->source, b->source));
	assert_true(span_eq(a->media, b->media));
	assert_true(span_eq(a->token, b->token));
	assert_memory_equal(a->digest, b->digest, sizeof(a->digest));
}

static void golden_octets(void **state)
{
	struct record r = example(), back;
	struct buf b = { 0 };
	record_put(&r, &b);
	assert_int_equal(b.n, sizeof(golden) - 1);
	assert_memory_equal(b.p, golden, sizeof(golden) - 1);
	assert_int_equal(record_parse(buf_span(&b), &back, NULL), OK);
	assert_record(&r, &back);
	buf_release(&b);
}

/* ---- round trip ---- */

static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252;
	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* All octets are allowed in a token; in a name, here, those of one octet and a letter of two. */
static struct span random_text(uint8_t *to, size_t max, bool name)
{
	size_t n = next_random() % (max + 1);
	if (next_random() % 8 == 0)
		n = max;
	for (size_t i = 0; i < n; i++)
		to[i] = name ? (uint8_t)(1 + next_random() % 127) : (uint8_t)next_random();
	if (name && n >= 2 && next_random() % 2)
		memcpy(to, "\xd8\xb3", 2);
	return span_of(to, n);
}

static void round_trip(void **state)
{
	static uint8_t party[63], source[63], media[31], token[TOKEN_MAX];
	struct buf b = { 0 };
	size_t longest = 0;
	for (int i = 0; i < 2000; i++) {
		struct record back, r = {
			.kind = (uint8_t)next_random(), .flags = (uint8_t)next_random(), .time_ms = (int64_t)next_random(),
			.import = next_random(), .count = (uint32_t)next_random(),
			.party = random_text(party, sizeof(party), true), .source = random_text(source, sizeof(source), true),
			.media = random_text(media, sizeof(media), true), .token = random_text(token, i % 50 ? 40 : TOKEN_MAX, false),
		};
		for (unsigned k = 0; k < sizeof(r.digest); k++)
			r.digest[k] = (uint8_t)next_random();
		b.n = 0;
		record_put(&r, &b);
		longest = b.n > longest ? b.n : longest;
		assert_int_equal(record_parse(buf_span(&b), &back, NULL), OK);
		assert_record(&r, &back);
	}
	assert_true(longest <= RECORD_MAX);
	buf_release(&b);
}

static void the_largest(void **state)
{
	static uint8_t fill[TOKEN_MAX];
	struct record back, r = example();
	struct buf b = { 0 };
	memset(fill, 'x', sizeof(fill));
	r.party = r.source = span_of(fill, 63);
	r.media = span_of(fill, 31);
	r.token = span_of(fill, TOKEN_MAX);
	record_put(&r, &b);
	assert_int_equal(b.n, RECORD_MAX);
	assert_int_equal(record_parse(buf_span(&b), &back, NULL), OK);
	assert_record(&r, &back);
	buf_release(&b);
}

/* ---- damage ---- */

/* Octets of their own, so that a read beyond them is seen. */
static enum err parse_copy(struct span octets, struct record *ret_record, uint8_t **ret_copy, struct fault *f)
{
	*ret_copy = mem_alloc(octets.n ? octets.n : 1);
	if (octets.n)
		memcpy(*ret_copy, octets.p, octets.n);
	return record_parse(span_of(*ret_copy, octets.n), ret_record, f);
}

/* It fails, or says what encodes to the same octets.  @return did it fail? */
static bool refused_or_same(struct span octets)
{
	struct record r;
	uint8_t *copy;
	struct buf again = { 0 };
	struct fault f = { .text = "" };
	enum err e = parse_copy(octets, &r, &copy, &f);
	if (e == OK) {
		record_put(&r, &again);
		assert_true(span_eq(buf_span(&again), octets));
	} else {
		assert_true(e == ERR_CORRUPT || e == ERR_UNSUPPORTED);
		assert_true(f.code == e && f.text[0]);
	}
	buf_release(&again);
	free(copy);
	return e != OK;
}

static void every_truncation(void **state)
{
	for (size_t n = 0; n < sizeof(golden) - 1; n++)
		assert_true(refused_or_same(span_of(golden, n)));
	assert_true(refused_or_same(span_of(golden, sizeof(golden)))); /* one too many: the NUL */
	assert_false(refused_or_same(span_of(golden, sizeof(golden) - 1)));
}

/* Must every change of the octet at this offset be refused?  (The rest are values of which each is a record.) */
static bool is_structure(size_t at)
{
	return at < 4 || at == 6 || at == 7 || (at >= 28 && at < 32);
}

static void every_damaged_octet(void **state)
{
	uint8_t octets[sizeof(golden) - 1];
	memcpy(octets, golden, sizeof(octets));
	for (size_t at = 0; at < sizeof(octets); at++) {
		for (unsigned c = 0; c < 256; c++) {
			octets[at] = (uint8_t)c;
			bool refused = refused_or_same(span_of(octets, sizeof(octets)));
			if (c == (uint8_t)golden[at])
				assert_false(refused);
			else if (is_structure(at))
				assert_true(refused);
		}
		octets[at] = (uint8_t)golden[at];
	}
}

/* The lengths still add up. */
static void lengths_out_of_bounds(void **state)
{
	static const struct {
		size_t party, source, media, token;
		enum err e;
	} cases[] = {
		{ 63, 63, 31, TOKEN_MAX, OK }, { 64, 0, 0, 0, ERR_CORRUPT }, { 0, 64, 0, 0, ERR_CORRUPT }, { 0, 0, 32, 0, ERR_CORRUPT },
		{ 0, 0, 0, TOKEN_MAX + 1, ERR_CORRUPT }, { 255, 255, 255, 65535, ERR_CORRUPT }, { 0, 0, 0, 0, OK },
	};
	static uint8_t fill[65535];
	memset(fill, 'x', sizeof(fill));
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct record back, r = example();
		struct buf b = { 0 };
		r.party = span_of(fill, cases[i].party);
		r.source = span_of(fill, cases[i].source);
		r.media = span_of(fill, cases[i].media);
		r.token = span_of(fill, cases[i].token);
		record_put(&r, &b);
		assert_int_equal(record_parse(buf_span(&b), &back, NULL), cases[i].e);
		buf_release(&b);
	}
}

static void names_that_are_no_text(void **state)
{
	static const char *const names[] = { "\xff", "a\xc0\x80", "\xed\xa0\x80", "ab\xe2\x82" };
	for (size_t i = 0; i <= COUNT_OF(names); i++)
		for (unsigned which = 0; which < 4; which++) {
			struct record back, r = example();
			struct buf b = { 0 };
			struct span *text[] = { &r.party, &r.source, &r.media, &r.token };
			*text[which] = i < COUNT_OF(names) ? span_str(names[i]) : span_of("a\0b", 3);
			record_put(&r, &b);
			assert_int_equal(record_parse(buf_span(&b), &back, NULL), which < 3 ? ERR_CORRUPT : OK);
			buf_release(&b);
		}
	/* A letter cut in two by a length is none, though the octets are the same. */
	uint8_t octets[RECORD_HEAD + 2];
	struct record r;
	memcpy(octets, golden, RECORD_HEAD);
	memcpy(octets + RECORD_HEAD, "\xd8\xb3", 2);
	memcpy(octets + 6, "\0\0", 2);
	memcpy(octets + 28, "\2\0\0", 3);
	assert_int_equal(record_parse(span_of(octets, sizeof(octets)), &r, NULL), OK);
	memcpy(octets + 28, "\1\1\0", 3);
	assert_int_equal(record_parse(span_of(octets, sizeof(octets)), &r, NULL), ERR_CORRUPT);
}

static void other_versions(void **state)
{
	uint8_t octets[sizeof(golden) - 1];
	struct record r = { .count = 77 };
	struct fault f;
	memcpy(octets, golden, sizeof(octets));
	octets[3] = '2';
	assert_int_equal(record_parse(span_of(octets, sizeof(octets)), &r, &f), ERR_UNSUPPORTED);
	assert_non_null(strstr(f.text, "\"2\""));
	octets[0] = 's';
	assert_int_equal(record_parse(span_of(octets, sizeof(octets)), &r, &f), ERR_CORRUPT);
	assert_int_equal(r.count, 77); /* only written on success */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_octets),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(the_largest),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_damaged_octet),
		cmocka_unit_test(lengths_out_of_bounds),
		cmocka_unit_test(names_that_are_no_text),
		cmocka_unit_test(other_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
