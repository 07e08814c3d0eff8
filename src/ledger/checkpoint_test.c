#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/num.h"
#include "ledger/checkpoint.h"
#include "ledger/note_testing.h"
#include "sys/key.h"

#define ROOT "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="

static struct verifier verifier(const char *text)
{
	struct verifier v;
	assert_int_equal(verifier_parse(span_str(text), &v, NULL), OK);
	return v;
}

static void round_trip(void **state)
{
	static const uint64_t size[] = { 0, 1, 8, 70000, MERKLE_SIZE_MAX };
	for (size_t i = 0; i < COUNT_OF(size); i++) {
		struct checkpoint c = { .origin = SPAN_LIT(LOG_ORIGIN), .size = size[i] }, back;
		struct buf text = { 0 };
		memset(c.root, (int)i + 7, HASH_OCTETS);
		checkpoint_put(&c, &text);
		assert_int_equal(checkpoint_parse(buf_span(&text), &back, NULL), OK);
		assert_true(span_is(back.origin, LOG_ORIGIN));
		assert_int_equal(back.size, size[i]);
		assert_memory_equal(back.root, c.root, HASH_OCTETS);
		buf_puts(&text, "an extension\nand another\n");
		assert_int_equal(checkpoint_parse(buf_span(&text), &back, NULL), OK);
		buf_release(&text);
	}
}

static void known_text(void **state)
{
	struct checkpoint c = { .origin = SPAN_LIT(LOG_ORIGIN), .size = 8 };
	struct buf text = { 0 };
	assert_int_equal(hex_decode(span_str(LOG_ROOT), c.root, HASH_OCTETS), OK);
	checkpoint_put(&c, &text);
	assert_string_equal(buf_cstr(&text), LOG_TEXT);
	buf_release(&text);
}

static void malformed(void **state)
{
	static const struct {
		const char *text;
		enum err e;
		const char *says;
	} of[] = {
		{ "", ERR_SYNTAX, "line 1 of the checkpoint is not the origin" },
		{ "a", ERR_SYNTAX, "line 1 of the checkpoint is not the origin" },
		{ "\n8\n" ROOT "\n", ERR_SYNTAX, "line 1 of the checkpoint is not the origin" },
		{ "a\n8\n", ERR_SYNTAX, "fewer than three lines" },
		{ "a\n8\n" ROOT, ERR_SYNTAX, "fewer than three lines" },
		{ "a\n\n" ROOT "\n", ERR_SYNTAX, "line 2 of the checkpoint" },
		{ "a\n08\n" ROOT "\n", ERR_SYNTAX, "line 2 of the checkpoint" },
		{ "a\n00\n" ROOT "\n", ERR_SYNTAX, "line 2 of the checkpoint" },
		{ "a\n-8\n" ROOT "\n", ERR_SYNTAX, "line 2 of the checkpoint" },
		{ "a\n+8\n" ROOT "\n", ERR_SYNTAX, "line 2 of the checkpoint" },
		{ "a\n8 \n" ROOT "\n", ERR_SYNTAX, "line 2 of the checkpoint" },
		{ "a\n0x8\n" ROOT "\n", ERR_SYNTAX, "line 2 of the checkpoint" },
		{ "a\n9223372036854775808\n" ROOT "\n", ERR_RANGE, "size of 2^63 or more" },
		{ "a\n99999999999999999999999\n" ROOT "\n", ERR_RANGE, "size of 2^63 or more" },
		{ "a\n8\n\n", ERR_SYNTAX, "line 3 of the checkpoint" },
		{ "a\n8\n" ROOT " \n", ERR_SYNTAX, "line 3 of the checkpoint" },
		{ "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n", ERR_SYNTAX, "line 3 of the checkpoint" },
		{ "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQygA\n", ERR_SYNTAX, "line 3 of the checkpoint" },
		{ "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQw==\n", ERR_SYNTAX, "line 3 of the checkpoint" },
		{ "a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz-Nw7_RgQyg=\n", ERR_SYNTAX, "line 3 of the checkpoint" },
		{ "a\n8\n" ROOT "\n\n", ERR_SYNTAX, "line 4 of the checkpoint is empty" },
		{ "a\n8\n" ROOT "\nb\n\nc\n", ERR_SYNTAX, "line 5 of the checkpoint is empty" },
		{ "a\n8\n" ROOT "\nb", ERR_SYNTAX, "line 4 of the checkpoint, the last, has no newline" },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct checkpoint c = { .size = 77 };
		struct fault f = { .text = "" };
		enum err e = checkpoint_parse(span_str(of[i].text), &c, &f);
		if (e != of[i].e || f.code != e || !strstr(f.text, of[i].says) || c.size != 77)
			fail_msg("%zu: %s: \"%s\" does not say \"%s\"", i, err_name(e), f.text, of[i].says);
	}
}

static enum err open_with(const char *octets, const char *key, struct checkpoint *ret_checkpoint, struct fault *f)
{
	struct verifier v = verifier(key);
	return checkpoint_open(span_str(octets), &v, ret_checkpoint, NULL, f);
}

static void signed_checkpoint(void **state)
{
	static const char octets[] = LOG_TEXT "\n" LOG_LINE WITNESS_LINE;
	struct verifier v = verifier(LOG_VKEY);
	struct checkpoint c;
	struct note n;
	uint8_t root[HASH_OCTETS];
	struct fault f = { .text = "" };
	assert_int_equal(hex_decode(span_str(LOG_ROOT), root, HASH_OCTETS), OK);
	assert_int_equal(checkpoint_open(span_str(octets), &v, &c, &n, &f), OK);
	assert_true(span_is(c.origin, LOG_ORIGIN));
	assert_int_equal(c.size, 8);
	assert_memory_equal(c.root, root, HASH_OCTETS);
	assert_int_equal(n.n, 2);
	assert_int_equal(open_with(octets, LOG_HEX, &c, &f), OK);
	c.size = 77;
	assert_int_equal(open_with(octets, OTHER_VKEY, &c, &f), ERR_NOTFOUND);
	assert_int_equal(open_with("x" LOG_TEXT "\n" LOG_LINE, LOG_VKEY, &c, &f), ERR_CORRUPT);
	assert_int_equal(open_with(LOG_TEXT LOG_LINE, LOG_VKEY, &c, &f), ERR_SYNTAX);
	assert_int_equal(c.size, 77);
}

/* A note that is truly signed, of a text that is no checkpoint. */
static void signed_other_text(void **state)
{
	struct checkpoint c;
	struct fault f = { .text = "" };
	assert_int_equal(
		open_with("If you think cryptography is the answer to your problem,\n"
			  "then you don't know what your problem is.\n\n"
			  "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ"
			  "SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
			  "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", &c, &f),
		ERR_SYNTAX);
	assert_non_null(strstr(f.text, "checkpoint has fewer than three lines"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	     cmocka_unit_test(known_text),	  cmocka_unit_test(malformed),
		cmocka_unit_test(signed_checkpoint), cmocka_unit_test(signed_other_text),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
