#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/num.h"
#include "ledger/note.h"
#include "ledger/note_testing.h"
#include "sys/key.h"

#define DASH "\xe2\x80\x94 "

/* The example in the documentation of Go's package sumdb/note. */
#define NEUMANN_VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define NEUMANN_TEXT                                                                                                   \
	"If you think cryptography is the answer to your problem,\n"                                                   \
	"then you don't know what your problem is.\n"
#define NEUMANN_LINE                                                                                                   \
	DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBw"    \
	     "JnAM=\n"

static struct verifier verifier(const char *text)
{
	struct verifier v;
	struct fault f = { .text = "" };
	if (verifier_parse(span_str(text), &v, &f))
		fail_msg("%s", f.text);
	return v;
}

static struct note parsed(const char *text)
{
	struct note n;
	struct fault f = { .text = "" };
	if (note_parse(span_str(text), &n, &f))
		fail_msg("%s", f.text);
	return n;
}

static void assert_check(const char *note, const char *key, enum err want, const char *says)
{
	struct verifier v = verifier(key);
	struct note n = parsed(note);
	struct fault f = { .text = "" };
	enum err e = note_check(&n, &v, NULL, &f);
	if (e != want || (e && (f.code != e || !strstr(f.text, says))))
		fail_msg("%s: \"%s\" does not say \"%s\"", err_name(e), f.text, says);
}

static void published_example(void **state)
{
	struct note n = parsed(NEUMANN_TEXT "\n" NEUMANN_LINE);
	assert_true(span_is(n.text, NEUMANN_TEXT));
	assert_int_equal(n.n, 1);
	assert_true(span_is(n.line[0].name, "PeterNeumann"));
	assert_int_equal(n.line[0].id, 0xc74f20a3);
	assert_check(NEUMANN_TEXT "\n" NEUMANN_LINE, NEUMANN_VKEY, OK, "");
	assert_check("No: " NEUMANN_TEXT "\n" NEUMANN_LINE, NEUMANN_VKEY, ERR_CORRUPT,
		     "the signature of the key \"PeterNeumann\" (id c74f20a3) does not hold");
}

static void keys(void **state)
{
	struct verifier v = verifier("  \t" LOG_VKEY "\n"), hex = verifier(LOG_HEX "\n"), w = verifier(WITNESS_VKEY);
	struct buf out = { 0 };
	uint8_t key[32];
	assert_int_equal(hex_decode(span_str(LOG_HEX), key, 32), OK);
	assert_string_equal(v.name, LOG_ORIGIN);
	assert_int_equal(v.type, NOTE_ED25519);
	assert_memory_equal(v.key, key, 32);
	assert_string_equal(hex.name, "");
	assert_int_equal(hex.type, NOTE_ED25519);
	assert_memory_equal(hex.key, key, 32);
	assert_int_equal(w.type, NOTE_COSIGNATURE);
	assert_int_equal(note_key_id(span_str(LOG_ORIGIN), NOTE_ED25519, key), 0x89ac4d19);
	verifier_put(&v, &out);
	buf_putc(&out, ' ');
	verifier_put(&w, &out);
	assert_string_equal(buf_cstr(&out), LOG_VKEY " " WITNESS_VKEY);
	buf_release(&out);
}

static void refused_keys(void **state)
{
	static const struct {
		const char *text;
		enum err e;
		const char *says;
	} of[] = {
		{ "", ERR_SYNTAX, "neither 64 hexadecimal digits nor" },
		{ "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5", ERR_SYNTAX, "neither" },
		{ "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5g", ERR_SYNTAX, "neither" },
		{ "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX, "neither" },
		{ "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX, "neither" },
		{ "PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX, "no id of 8" },
		{ "PeterNeumann+c74f20a3", ERR_SYNTAX, "no id of 8" },
		{ "PeterNeumann+c74f20ag+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX, "no id of 8" },
		{ "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", ERR_SYNTAX, "in base64" },
		{ "PeterNeumann+c74f20a3+AQ==", ERR_SYNTAX, "in base64" },
		{ "PeterNeumann+c74f20a3+", ERR_SYNTAX, "in base64" },
		{ "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX, "not that of" },
		{ "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX", ERR_SYNTAX, "not that of" },
		{ "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX, "not that of" },
		{ "a+55835aad+AQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=", ERR_SYNTAX, "31 octets instead of 32" },
		{ "pq.example+3ab78d7c+BgUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=", ERR_UNSUPPORTED,
		  "0x06" },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct verifier v = { .type = 77 };
		struct fault f = { .text = "" };
		enum err e = verifier_parse(span_str(of[i].text), &v, &f);
		if (e != of[i].e || f.code != e || !strstr(f.text, of[i].says) || v.type != 77)
			fail_msg("%s: %s: %s", of[i].text, err_name(e), f.text);
	}
}

static void names(void **state)
{
	static const char *const good[] = { "a", "log.example/alpha", "\xc3\xa9", "a\xe2\x80\x94" };
	static const char *const bad[] = { "",	       "a b",	       "a+b",	       "a\tb",
					   "a\n",      "\x7f",	       "\x01",	       "\xc2\xa0",
					   "\xc2\x85", "\xe2\x80\x83", "\xe2\x80\xa8", "\xe3\x80\x80",
					   "\xff",     "a\xc3" };
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(note_name_ok(span_str(good[i])));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (note_name_ok(span_str(bad[i])))
			fail_msg("name %zu was accepted", i);
	assert_false(note_name_ok(span_of("a\0b", 3)));
}

static void who_signed(void **state)
{
	static const char both[] = LOG_TEXT "\n" LOG_LINE OTHER_LINE WITNESS_LINE;
	assert_check(both, LOG_VKEY, OK, "");
	assert_check(both, OTHER_VKEY, OK, "");
	assert_check(both, WITNESS_VKEY, OK, "");
	assert_check(both, LOG_HEX, OK, "");
	assert_check(both, NEUMANN_VKEY, ERR_NOTFOUND, "the note is not signed by the key \"PeterNeumann\" (id c74f20a3)");
	assert_check(LOG_TEXT "\n" OTHER_LINE, LOG_VKEY, ERR_NOTFOUND, "not signed by the key \"log.example/alpha\"");
	assert_check(LOG_TEXT "\n" OTHER_LINE, LOG_HEX, ERR_NOTFOUND, "not signed by the key of its origin (id 89ac4d19)");
	/* the same key as a plain one has another id: what a witness cosigns is not what it signs */
	assert_check(both, "witness.example+749679f8+AYE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU", ERR_NOTFOUND,
		     "749679f8");
	/* and the name matters, not the id alone */
	assert_check(LOG_TEXT "\n" DASH
			      "log.example/beta iaxNGWfhOeXaKHbpitoqtz93u6g4LePfMbYXfzGSgJHpbCMAL4Mg28JbQV6YJZBHEtGx"
			      "oESAbwiaxXc0yQEZsLUJRQQ=\n",
		     LOG_VKEY, ERR_NOTFOUND, "not signed");
}

static void cosignatures(void **state)
{
	static const char *const orders[] = { LOG_TEXT "\n" LOG_LINE WITNESS_LINE WITNESS_LATER,
					      LOG_TEXT "\n" WITNESS_LATER LOG_LINE WITNESS_LINE };
	struct verifier w = verifier(WITNESS_VKEY), log = verifier(LOG_VKEY);
	uint64_t time_s = 77;
	struct note n = parsed(LOG_TEXT "\n" LOG_LINE WITNESS_LINE);
	assert_int_equal(note_check(&n, &w, &time_s, NULL), OK);
	assert_int_equal(time_s, 1700000000);
	assert_int_equal(note_check(&n, &log, &time_s, NULL), OK);
	assert_int_equal(time_s, 0);
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		n = parsed(orders[i]);
		assert_int_equal(note_check(&n, &w, &time_s, NULL), OK);
		assert_int_equal(time_s, 1700000100);
	}
	struct buf message = { 0 };
	cosignature_message(SPAN_LIT(LOG_TEXT), 1700000000, &message);
	assert_string_equal(buf_cstr(&message), "cosignature/v1\ntime 1700000000\n" LOG_TEXT);
	buf_release(&message);
}

/* Every bit of every signature counts, of the text too, and of the time that a witness states. */
static void forgeries(void **state)
{
	static const struct {
		const char *vkey, *line, *name;
		size_t octets;
	} of[] = {
		{ LOG_VKEY, LOG_LINE, LOG_ORIGIN, 68 }, { WITNESS_VKEY, WITNESS_LINE, "witness.example", 76 },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct verifier v = verifier(of[i].vkey);
		struct buf octets = { 0 }, good = { 0 };
		struct note n;
		buf_puts(&good, LOG_TEXT "\n");
		buf_puts(&good, of[i].line);
		assert_int_equal(note_parse(buf_span(&good), &n, NULL), OK);
		assert_int_equal(note_check(&n, &v, NULL, NULL), OK);
		assert_int_equal(base64_decode(n.line[0].octets, &octets), OK);
		assert_int_equal(octets.n, of[i].octets);
		for (size_t bit = 32; bit < 8 * octets.n; bit++) { /* behind the id */
			struct buf bad = { 0 };
			octets.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			buf_puts(&bad, LOG_TEXT "\n");
			note_line_put(span_str(of[i].name), v.type, v.key, span_from(buf_span(&octets), 4), &bad);
			octets.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(note_parse(buf_span(&bad), &n, NULL), OK);
			assert_int_equal(note_check(&n, &v, NULL, NULL), ERR_CORRUPT);
			buf_release(&bad);
		}
		for (size_t j = 0; j + 1 < strlen(LOG_TEXT); j++) {
			if (good.p[j] == '\n')
				continue;
			good.p[j] ^= 1;
			assert_int_equal(note_parse(buf_span(&good), &n, NULL), OK);
			assert_int_equal(note_check(&n, &v, NULL, NULL), ERR_CORRUPT);
			good.p[j] ^= 1;
		}
		for (size_t cut = 1; cut < 5; cut++) { /* of another length */
			struct buf bad = { 0 };
			buf_puts(&bad, LOG_TEXT "\n");
			note_line_put(span_str(of[i].name), v.type, v.key,
				      span_head(span_from(buf_span(&octets), 4), octets.n - 4 - cut), &bad);
			assert_int_equal(note_parse(buf_span(&bad), &n, NULL), OK);
			assert_int_equal(note_check(&n, &v, NULL, NULL), ERR_CORRUPT);
			buf_release(&bad);
		}
		buf_release(&octets);
		buf_release(&good);
	}
	/* one true line does not make up for a forged one of the same key */
	assert_check("x" LOG_TEXT "\n" LOG_LINE, LOG_VKEY, ERR_CORRUPT, "forged, or the text was changed");
	struct buf mixed = { 0 };
	struct verifier v = verifier(LOG_VKEY);
	uint8_t zero[64] = { 0 };
	buf_puts(&mixed, LOG_TEXT "\n" LOG_LINE);
	note_line_put(SPAN_LIT(LOG_ORIGIN), v.type, v.key, span_of(zero, 64), &mixed);
	assert_check(buf_cstr(&mixed), LOG_VKEY, ERR_CORRUPT, "does not hold");
	buf_release(&mixed);
}

static void lines_are_written(void **state)
{
	struct note n = parsed(LOG_TEXT "\n" LOG_LINE WITNESS_LINE);
	static const char *const vkey[] = { LOG_VKEY, WITNESS_VKEY };
	struct buf out = { 0 };
	for (unsigned i = 0; i < 2; i++) {
		struct verifier v = verifier(vkey[i]);
		struct buf octets = { 0 };
		assert_int_equal(base64_decode(n.line[i].octets, &octets), OK);
		note_line_put(span_str(v.name), v.type, v.key, span_from(buf_span(&octets), 4), &out);
		buf_release(&octets);
	}
	assert_string_equal(buf_cstr(&out), LOG_LINE WITNESS_LINE);
	buf_release(&out);
}

static void put_foreign(struct buf *out, unsigned i, size_t octets)
{
	uint8_t *large = mem_zalloc(octets);
	buf_printf(out, DASH "foreign%u.example ", i);
	base64_put(out, span_of(large, octets));
	buf_putc(out, '\n');
	free(large);
}

/* Signatures of other keys, and of algorithms to come, are in nobody's way. */
static void many_signatures(void **state)
{
	struct verifier v = verifier(LOG_VKEY);
	struct buf note = { 0 };
	struct note n;
	struct fault f = { .text = "" };
	buf_puts(&note, LOG_TEXT "\n");
	for (unsigned i = 0; i < NOTE_SIGNATURES_MAX - 1; i++)
		put_foreign(&note, i, i < 7 ? 5000 : 68);
	buf_puts(&note, LOG_LINE);
	assert_true(note.n <= NOTE_MAX);
	assert_int_equal(note_parse(buf_span(&note), &n, &f), OK);
	assert_int_equal(n.n, NOTE_SIGNATURES_MAX);
	assert_int_equal(note_check(&n, &v, NULL, &f), OK);
	put_foreign(&note, 99, 68);
	assert_int_equal(note_parse(buf_span(&note), &n, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "line 69 of the note is one more signature than 64"));
	note.n = 0;
	buf_puts(&note, LOG_TEXT "\n" LOG_LINE);
	put_foreign(&note, 1, NOTE_MAX);
	assert_int_equal(note_parse(buf_span(&note), &n, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "the most is 65536"));
	buf_release(&note);
}

static void blank_lines_in_the_text(void **state)
{
	struct note n = parsed("one\n\n\ntwo\n\n" DASH "a AAAAAAE=\n");
	assert_true(span_is(n.text, "one\n\n\ntwo\n"));
	n = parsed(LOG_TEXT "\n" LOG_LINE "\n" DASH "a AAAAAAE=\n"); /* so a signature can be a part of the text */
	assert_true(span_is(n.text, LOG_TEXT "\n" LOG_LINE));
	assert_check(LOG_TEXT "\n" LOG_LINE "\n" DASH "a AAAAAAE=\n", LOG_VKEY, ERR_NOTFOUND, "");
}

static void malformed(void **state)
{
#define GOOD DASH "a AAAAAAE=\n"
	static const struct {
		const char *text, *says;
	} of[] = {
		{ "", "does not end with a newline" }, { "\n", "no blank line" }, { "text\n", "no blank line" },
		{ "text\n" GOOD, "no blank line" }, { "\n" GOOD, "no blank line" },
		{ "text\n\n", "no signature behind" }, { "text\n\n\n" GOOD "\n", "no signature behind" },
		{ "text\n\n" DASH "a AAAAAAE=", "does not end with a newline" },
		{ "text\n\n" GOOD "text\n", "line 4 of the note does not begin with a dash" },
		{ "text\n\n- a AAAAAAE=\n", "line 3 of the note does not begin with a dash" },
		{ "text\n\n\xe2\x80\x94"
		  "a AAAAAAE=\n",
		  "line 3 of the note does not begin with a dash" },
		{ "text\n\n " GOOD, "line 3 of the note does not begin with a dash" },
		{ "text\n\n" DASH " AAAAAAE=\n", "line 3 of the note has no valid name" },
		{ "text\n\n" DASH "a+b AAAAAAE=\n", "line 3 of the note has no valid name" },
		{ "text\n\n" DASH "a\xc2\xa0"
		  "b AAAAAAE=\n",
		  "line 3 of the note has no valid name" },
		{ "text\n\n" DASH "a  AAAAAAE=\n", "line 3 of the note has a signature that is not base64" },
		{ "text\n\n" DASH "a AAAAAAE= \n", "line 3 of the note has a signature that is not base64" },
		{ "text\n\n" DASH "a AAAAAAE\n", "line 3 of the note has a signature that is not base64" },
		{ "text\n\n" DASH "a AAAAAAF=\n", "line 3 of the note has a signature that is not base64" },
		{ "text\n\n" DASH "a\n", "line 3 of the note has no signature behind the id" },
		{ "text\n\n" GOOD DASH "a AAAAAA==\n", "line 4 of the note has no signature behind the id" },
		{ "te\rxt\n\n" GOOD, "line 1 of the note has a control character" },
		{ "te\n\txt\n\n" GOOD, "line 2 of the note has a control character" },
		{ "text\n\n" DASH "a AAAAAAE=\r\n", "line 3 of the note has a control character" },
		{ "text\nte\xff\n\n" GOOD, "line 2 of the note is not UTF-8" },
		{ "text\nte\xc0\x80\n\n" GOOD, "line 2 of the note is not UTF-8" },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct note n = { .n = 77 };
		struct fault f = { .text = "" };
		enum err e = note_parse(span_str(of[i].text), &n, &f);
		if (e != ERR_SYNTAX || f.code != e || !strstr(f.text, of[i].says) || n.n != 77)
			fail_msg("%zu: %s: \"%s\" does not say \"%s\"", i, err_name(e), f.text, of[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_example), cmocka_unit_test(keys),
		cmocka_unit_test(refused_keys),	     cmocka_unit_test(names),
		cmocka_unit_test(who_signed),	     cmocka_unit_test(cosignatures),
		cmocka_unit_test(forgeries),	     cmocka_unit_test(lines_are_written),
		cmocka_unit_test(many_signatures),   cmocka_unit_test(blank_lines_in_the_text),
		cmocka_unit_test(malformed),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
