#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/num.h"
#include "ledger/note_testing.h"
#include "ledger/proof.h"
#include "sys/key.h"

/* Of leaf 5 ("40414243") of the eight, with its path as Certificate Transparency's tests have it. */
#define FIRST "c2sp.org/tlog-proof@v1\n"
#define EXTRA "extra AANhYmM=\n" /* a record "abc", no nonce */
#define INDEX "index 5\n"
#define PATH                                                                                                           \
	"vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=\n"                                                               \
	"yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=\n"                                                               \
	"037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=\n"
#define CHECKPOINT LOG_TEXT "\n" LOG_LINE WITNESS_LINE
#define FILE_TEXT FIRST EXTRA INDEX PATH "\n" CHECKPOINT

static const uint8_t entry[] = { 0x40, 0x41, 0x42, 0x43 };

static struct verifier verifier(const char *text)
{
	struct verifier v;
	assert_int_equal(verifier_parse(span_str(text), &v, NULL), OK);
	return v;
}

static struct proof parsed(const char *text)
{
	struct proof p;
	struct fault f = { .text = "" };
	if (proof_parse(span_str(text), &p, &f))
		fail_msg("%s", f.text);
	return p;
}

static void round_trip(void **state)
{
	static const char *const file[] = { FILE_TEXT, FIRST INDEX PATH "\n" CHECKPOINT, FIRST "index 0\n\n" CHECKPOINT,
					    FIRST "index 18446744073709551615\n" PATH "\n" LOG_TEXT "\n" LOG_LINE };
	for (size_t i = 0; i < COUNT_OF(file); i++) {
		struct proof p = parsed(file[i]);
		struct buf out = { 0 };
		proof_put(&p, &out);
		assert_string_equal(buf_cstr(&out), file[i]);
		buf_release(&out);
		proof_release(&p);
	}
	struct proof p = parsed(FILE_TEXT);
	assert_true(p.has_extra);
	assert_true(span_eq(buf_span(&p.extra), SPAN_LIT("\0\003abc")));
	assert_int_equal(p.index, 5);
	assert_int_equal(p.path.n, 3);
	assert_true(span_is(p.checkpoint, CHECKPOINT));
	proof_release(&p);
}

static void extra(void **state)
{
	uint8_t nonce[32] = { 1, 2, 3 }, long_record[300] = { 7 };
	const struct span record[] = { SPAN_LIT("abc"), { long_record, 300 }, { NULL, 0 } };
	struct span r, n;
	for (size_t i = 0; i < COUNT_OF(record); i++)
		for (size_t with = 0; with <= 32; with += 32) {
			struct buf out = { 0 };
			proof_extra_put(record[i], span_of(nonce, with), &out);
			assert_int_equal(proof_extra_parse(buf_span(&out), &r, &n, NULL), OK);
			assert_true(span_eq(r, record[i]));
			assert_true(span_eq(n, span_of(nonce, with)));
			buf_release(&out);
		}
	struct fault f = { .text = "" };
	assert_int_equal(proof_extra_parse(SPAN_LIT(""), &r, &n, &f), ERR_SYNTAX);
	assert_int_equal(proof_extra_parse(SPAN_LIT("\0"), &r, &n, &f), ERR_SYNTAX);
	assert_int_equal(proof_extra_parse(SPAN_LIT("\0\004abc"), &r, &n, &f), ERR_SYNTAX);
	assert_non_null(strstr(f.text, "ends inside the record"));
	assert_int_equal(proof_extra_parse(SPAN_LIT("\0\002abc"), &r, &n, &f), ERR_SYNTAX);
	assert_non_null(strstr(f.text, "1 octets behind the record instead of 32 or none"));
}

static enum err check(const char *file, const char *vkey, struct fault *f)
{
	struct verifier v = verifier(vkey);
	struct proof p = parsed(file);
	struct checkpoint c = { .size = 77 };
	struct note n = { .n = 77 };
	uint8_t leaf[HASH_OCTETS];
	merkle_leaf(span_of(entry, sizeof(entry)), leaf);
	enum err e = proof_check(&p, leaf, &v, &c, &n, f);
	assert_int_equal(c.size, e ? 77 : 8);
	assert_int_equal(n.n, e ? 77 : 2);
	assert_int_equal(proof_check(&p, leaf, &v, NULL, NULL, NULL), e);
	proof_release(&p);
	return e;
}

static void holds(void **state)
{
	struct fault f = { .text = "" };
	assert_int_equal(check(FILE_TEXT, LOG_VKEY, &f), OK);
	assert_int_equal(check(FILE_TEXT, LOG_HEX, &f), OK);
	assert_int_equal(check(FILE_TEXT, WITNESS_VKEY, &f), OK);
}

/* Each way to fail has a sentence of its own. */
static void does_not_hold(void **state)
{
	static const struct {
		const char *file, *vkey;
		enum err e;
		const char *says;
	} of[] = {
		{ FIRST INDEX PATH "\nx" CHECKPOINT, LOG_VKEY, ERR_CORRUPT,
		  "the signature of the key \"log.example/alpha\" (id 89ac4d19) does not hold" },
		{ FILE_TEXT, OTHER_VKEY, ERR_NOTFOUND,
		  "the note is not signed by the key \"log.example/alpha\" (id 682c0623)" },
		{ FIRST "index 8\n" PATH "\n" CHECKPOINT, LOG_VKEY, ERR_RANGE,
		  "index 8 is outside a log of 8 entries" },
		{ FIRST "index 4\n" PATH "\n" CHECKPOINT, LOG_VKEY, ERR_CORRUPT,
		  "inclusion proof of entry 4 leads to another root" },
		{ FIRST INDEX "vRoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=\n"
			      "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=\n"
			      "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=\n\n" CHECKPOINT,
		  LOG_VKEY, ERR_CORRUPT, "inclusion proof of entry 5 leads to another root" },
		{ FIRST INDEX "\n" CHECKPOINT, LOG_VKEY, ERR_SYNTAX, "inclusion proof has 0 hashes" },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct fault f = { .text = "" };
		enum err e = check(of[i].file, of[i].vkey, &f);
		if (e != of[i].e || f.code != e || !strstr(f.text, of[i].says))
			fail_msg("%zu: %s: \"%s\" does not say \"%s\"", i, err_name(e), f.text, of[i].says);
	}
	struct proof p = parsed(FILE_TEXT);
	struct verifier v = verifier(LOG_VKEY);
	struct fault f = { .text = "" };
	uint8_t leaf[HASH_OCTETS];
	merkle_leaf(SPAN_LIT("another entry"), leaf);
	assert_int_equal(proof_check(&p, leaf, &v, NULL, NULL, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "leads to another root"));
	proof_release(&p);
}

static void malformed(void **state)
{
	static const struct {
		const char *file;
		const char *says;
	} of[] = {
		{ "", "line 1 of the proof is not" },
		{ "c2sp.org/tlog-proof@v1", "line 1 of the proof is not" },
		{ "c2sp.org/tlog-proof@v2\n" INDEX "\n" CHECKPOINT, "line 1 of the proof is not" },
		{ "\n" FILE_TEXT, "line 1 of the proof is not" },
		{ FIRST, "proof ends in line 2, where the index should be" },
		{ FIRST EXTRA, "proof ends in line 3, where the index should be" },
		{ FIRST EXTRA EXTRA INDEX "\n" CHECKPOINT, "line 3 of the proof is not \"index\"" },
		{ FIRST "extra \n" INDEX "\n" CHECKPOINT, "line 2 of the proof has extra data that is not base64" },
		{ FIRST "extra AA=\n" INDEX "\n" CHECKPOINT, "line 2 of the proof has extra data that is not base64" },
		{ FIRST INDEX EXTRA "\n" CHECKPOINT, "line 3 of the proof is not a hash" },
		{ FIRST "index 05\n\n" CHECKPOINT, "line 2 of the proof is not \"index\"" },
		{ FIRST "index  5\n\n" CHECKPOINT, "line 2 of the proof is not \"index\"" },
		{ FIRST "index -5\n\n" CHECKPOINT, "line 2 of the proof is not \"index\"" },
		{ FIRST "index\n\n" CHECKPOINT, "line 2 of the proof is not \"index\"" },
		{ FIRST "Index 5\n\n" CHECKPOINT, "line 2 of the proof is not \"index\"" },
		{ FIRST INDEX PATH, "proof ends in line 6, where a hash or a blank line should be" },
		{ FIRST INDEX PATH CHECKPOINT, "line 6 of the proof is not a hash" },
		{ FIRST INDEX PATH "AAAA\n\n" CHECKPOINT, "line 6 of the proof is not a hash" },
		{ FIRST INDEX PATH " \n" CHECKPOINT, "line 6 of the proof is not a hash" },
		{ FIRST INDEX PATH "\n", "checkpoint, which begins in line 7 of the proof: note does not end with" },
		{ FIRST INDEX PATH "\n" LOG_TEXT, "line 7 of the proof: note has no blank line" },
		{ FIRST INDEX PATH "\n\n" CHECKPOINT,
		  "line 7 of the proof: line 1 of the checkpoint is not the origin" },
		{ FIRST INDEX "\n" CHECKPOINT "x\n",
		  "line 4 of the proof: line 7 of the note does not begin with a dash" },
		{ FIRST INDEX "\na\n08\n\n" LOG_LINE, "line 4 of the proof: checkpoint has fewer than three lines" },
		{ "c2sp.org/tlog-proof@v1\r\n", "line 1 of the proof is not" },
	};
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct proof p = { .index = 77 };
		struct fault f = { .text = "" };
		enum err e = proof_parse(span_str(of[i].file), &p, &f);
		if (e != ERR_SYNTAX || f.code != e || !strstr(f.text, of[i].says) || p.index != 77)
			fail_msg("%zu: %s: \"%s\" does not say \"%s\"", i, err_name(e), f.text, of[i].says);
	}
}

static void beyond_the_caps(void **state)
{
	struct buf file = { 0 };
	struct proof p;
	struct fault f = { .text = "" };
	buf_puts(&file, FIRST INDEX);
	for (unsigned i = 0; i < MERKLE_PROOF_MAX + 1; i++)
		buf_puts(&file, "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=\n");
	buf_puts(&file, "\n" CHECKPOINT);
	assert_int_equal(proof_parse(buf_span(&file), &p, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "line 67 of the proof is one more hash than 64"));
	file.n = 0;
	buf_puts(&file, FIRST "index 18446744073709551616\n\n" CHECKPOINT);
	assert_int_equal(proof_parse(buf_span(&file), &p, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "line 2 of the proof is an index of 2^64 or more"));
	file.n = 0;
	buf_puts(&file, FIRST "extra ");
	while (file.n <= PROOF_FILE_MAX)
		buf_puts(&file, "AAAA");
	buf_puts(&file, "\n" INDEX "\n" CHECKPOINT);
	assert_int_equal(proof_parse(buf_span(&file), &p, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "the most is 262144"));
	buf_release(&file);
}

/* Cut off anywhere, or with any octet changed: what is accepted is still the one spelling of what it says, and holds only
 * if the change was in what neither the log's signature nor the path covers. */
static void damage(void **state)
{
	char file[] = FILE_TEXT;
	const size_t n = sizeof(file) - 1;
	struct verifier v = verifier(LOG_VKEY);
	struct proof p;
	uint8_t leaf[HASH_OCTETS];
	merkle_leaf(span_of(entry, sizeof(entry)), leaf);
	const size_t witness = n - strlen(WITNESS_LINE), extra_at = strlen(FIRST), index_at = extra_at + strlen(EXTRA);
	for (size_t i = 0; i < n; i++)
		if (proof_parse(span_of(file, i), &p, NULL) == OK) {
			assert_int_equal(i, witness); /* a cosignature less */
			proof_release(&p);
		}
	for (size_t i = 0; i < n; i++) {
		char was = file[i];
		file[i] ^= 1;
		if (proof_parse(span_of(file, n), &p, NULL) == OK) {
			struct buf out = { 0 };
			proof_put(&p, &out);
			assert_true(span_eq(buf_span(&out), span_of(file, n)));
			bool uncovered = i >= witness || (i >= extra_at && i < index_at);
			if (!uncovered)
				assert_int_not_equal(proof_check(&p, leaf, &v, NULL, NULL, NULL), OK);
			buf_release(&out);
			proof_release(&p);
		}
		file[i] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	 cmocka_unit_test(extra),     cmocka_unit_test(holds),
		cmocka_unit_test(does_not_hold), cmocka_unit_test(malformed), cmocka_unit_test(beyond_the_caps),
		cmocka_unit_test(damage),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
