#include "view/party.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/tlp.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Read, and applied; what is written of it is the same again. */
static void apply_at(struct party_set *s, const char *json, int64_t time_ms, enum err expected)
{
	struct buf store = { 0 }, again = { 0 };
	struct party_change c;
	struct fault f = { .text = "" };
	enum err e = party_change_read(span_str(json), &store, &c, &f);
	if (e == OK) {
		party_change_write(&c, &again);
		assert_string_equal(buf_cstr(&again), json);
		assert_int_equal(party_check(s, &c, time_ms, NULL), expected);
		e = party_apply(s, &c, time_ms, &f);
	}
	if (e != expected)
		fail_msg("%s: %s, %s", json, err_name(e), f.text);
	assert_true(e == OK || f.text[0]);
	buf_release(&store);
	buf_release(&again);
}

static void apply(struct party_set *s, const char *json, enum err expected)
{
	apply_at(s, json, 1000, expected);
}

static void folds_parties(void **state)
{
	struct party_set *s = party_set_new();
	assert_null(party_find(s, SPAN_LIT("bank")));
	apply(s, "{\"by\":\"aisha\",\"clearance\":\"amber\",\"contact\":\"soc@bank.example\",\"name\":\"bank\",\"op\":\"add\",\"sector\":\"finance\","
		 "\"title\":\"The \\\"Bank\\\"\"}", OK);
	const struct party *p = party_find(s, SPAN_LIT("bank"));
	assert_non_null(p);
	assert_string_equal(p->title, "The \"Bank\"");
	assert_string_equal(p->sector, "finance");
	assert_string_equal(p->contact, "soc@bank.example");
	assert_int_equal(p->clearance, TLP_AMBER);
	assert_int_equal(p->since_ms, 1000);
	apply(s, "{\"clearance\":\"red\",\"name\":\"bank\",\"op\":\"add\",\"title\":\"Again\"}", ERR_EXISTS);
	apply(s, "{\"clearance\":\"amber+strict\",\"name\":\"bank\",\"op\":\"set\",\"sector\":\"\"}", OK);
	assert_int_equal(p->clearance, TLP_AMBER_STRICT);
	assert_string_equal(p->sector, "");
	assert_string_equal(p->title, "The \"Bank\"");
	apply(s, "{\"name\":\"bank\",\"op\":\"set\"}", ERR_SYNTAX);
	apply(s, "{\"clearance\":\"red\",\"name\":\"other\",\"op\":\"set\"}", ERR_NOTFOUND);
	apply(s, "{\"name\":\"bank\",\"op\":\"add\",\"title\":\"No clearance\"}", ERR_EXISTS);
	apply(s, "{\"name\":\"b2\",\"op\":\"add\",\"title\":\"No clearance\"}", ERR_SYNTAX);
	apply(s, "{\"clearance\":\"red\",\"name\":\"local\",\"op\":\"add\",\"title\":\"x\"}", ERR_SYNTAX);
	apply(s, "{\"clearance\":\"red\",\"name\":\"Bank\",\"op\":\"add\",\"title\":\"x\"}", ERR_SYNTAX);
	apply(s, "{\"clearance\":\"red\",\"name\":\"x\",\"op\":\"add\",\"title\":\"a\\nb\"}", ERR_SYNTAX);
	assert_int_equal(party_count(s), 1);
	/* it is removed with its tokens, and comes back without them */
	apply(s, "{\"hash\":\"" HASH "\",\"id\":\"abcdefghij\",\"name\":\"bank\",\"op\":\"token\",\"role\":\"reader\"}", OK);
	apply_at(s, "{\"name\":\"bank\",\"op\":\"remove\"}", 5000, OK);
	assert_true(party_find(s, SPAN_LIT("bank"))->removed);
	assert_true(token_at(s, 0)->revoked);
	assert_int_equal(token_at(s, 0)->over_ms, 5000);
	apply(s, "{\"name\":\"bank\",\"op\":\"remove\"}", ERR_NOTFOUND);
	apply(s, "{\"clearance\":\"red\",\"name\":\"bank\",\"op\":\"set\"}", ERR_NOTFOUND);
	apply(s, "{\"clearance\":\"clear\",\"name\":\"bank\",\"op\":\"add\",\"title\":\"New\"}", OK);
	p = party_find(s, SPAN_LIT("bank"));
	assert_false(p->removed);
	assert_string_equal(p->contact, "");
	assert_true(token_at(s, 0)->revoked);
	assert_int_equal(party_count(s), 1);
	party_set_free(s);
}

static void folds_tokens(void **state)
{
	struct party_set *s = party_set_new();
	const uint8_t in[] = { 198, 51, 100, 9 }, out[] = { 198, 51, 101, 9 }, six[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 9 };
	apply(s, "{\"clearance\":\"amber\",\"name\":\"bank\",\"op\":\"add\",\"title\":\"Bank\"}", OK);
	apply(s, "{\"clearance\":\"amber\",\"name\":\"isp\",\"op\":\"add\",\"title\":\"ISP\"}", OK);
	apply(s, "{\"cidr\":\"198.51.100.0/24,2001:db8::/32\",\"expires\":1767225600,\"hash\":\"" HASH "\",\"id\":\"abcdefghij\",\"label\":\"siem\",\"name\":\"bank\","
		 "\"op\":\"token\",\"rate\":0,\"role\":\"auditor\"}", OK);
	const struct token *t = token_at(s, token_find(s, SPAN_LIT("abcdefghij")));
	assert_int_equal(t->role, ROLE_AUDITOR);
	assert_true(t->has_rate && t->rate == 0);
	assert_int_equal(t->expires_s, 1767225600);
	assert_string_equal(party_at(s, t->party)->name, "bank");
	assert_string_equal(t->label, "siem");
	assert_true(token_allows(t, in, 4) && token_allows(t, six, 16) && !token_allows(t, out, 4) && !token_allows(t, in, 0));
	apply(s, "{\"hash\":\"" HASH "\",\"id\":\"abcdefghij\",\"name\":\"isp\",\"op\":\"token\",\"role\":\"reader\"}", ERR_EXISTS);
	apply(s, "{\"hash\":\"" HASH "\",\"id\":\"abcdefgh1j\",\"name\":\"isp\",\"op\":\"token\",\"role\":\"reader\"}", ERR_SYNTAX);
	apply(s, "{\"cidr\":\"all\",\"hash\":\"" HASH "\",\"id\":\"abcdefghik\",\"name\":\"isp\",\"op\":\"token\",\"role\":\"reader\"}", ERR_USAGE);
	apply(s, "{\"id\":\"abcdefghij\",\"name\":\"isp\",\"op\":\"revoke\"}", ERR_NOTFOUND);
	apply(s, "{\"id\":\"abcdefghij\",\"name\":\"bank\",\"op\":\"revoke\"}", OK);
	apply(s, "{\"id\":\"abcdefghij\",\"name\":\"bank\",\"op\":\"revoke\"}", ERR_NOTFOUND);
	assert_true(token_at(s, 0)->revoked);
	assert_int_equal(token_find(s, SPAN_LIT("abcdefghik")), TOKENS_MAX);
	party_set_free(s);
}

/* A certificate belongs to one party at a time. */
static void folds_certificates(void **state)
{
	struct party_set *s = party_set_new();
	uint8_t print[32];
	for (unsigned i = 0; i < 32; i++)
		print[i] = (uint8_t)(i % 16 * 0x11);
	apply(s, "{\"clearance\":\"amber\",\"name\":\"bank\",\"op\":\"add\",\"title\":\"Bank\"}", OK);
	apply(s, "{\"clearance\":\"amber\",\"name\":\"isp\",\"op\":\"add\",\"title\":\"ISP\"}", OK);
	assert_int_equal(token_find_certificate(s, print), TOKENS_MAX);
	apply(s, "{\"hash\":\"" HASH "\",\"id\":\"aaaaaaaaaa\",\"name\":\"bank\",\"op\":\"certificate\",\"role\":\"reader\"}", OK);
	apply(s, "{\"hash\":\"" HASH "\",\"id\":\"bbbbbbbbbb\",\"name\":\"isp\",\"op\":\"certificate\",\"role\":\"reader\"}", ERR_EXISTS);
	assert_int_equal(token_find_certificate(s, print), 0);
	apply(s, "{\"id\":\"aaaaaaaaaa\",\"name\":\"bank\",\"op\":\"revoke\"}", OK);
	apply(s, "{\"expires\":10,\"hash\":\"" HASH "\",\"id\":\"bbbbbbbbbb\",\"name\":\"isp\",\"op\":\"certificate\",\"role\":\"reader\"}", OK);
	assert_int_equal(token_find_certificate(s, print), 1);
	apply_at(s, "{\"hash\":\"" HASH "\",\"id\":\"cccccccccc\",\"name\":\"isp\",\"op\":\"certificate\",\"role\":\"reader\"}", 9999, ERR_EXISTS);
	apply_at(s, "{\"hash\":\"" HASH "\",\"id\":\"cccccccccc\",\"name\":\"isp\",\"op\":\"certificate\",\"role\":\"reader\"}", 10000, OK);
	assert_int_equal(token_find_certificate(s, print), 2);
	party_set_free(s);
}

static void finds_many(void **state)
{
	struct party_set *s = party_set_new();
	char json[300];
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(json, sizeof(json), "{\"clearance\":\"amber\",\"name\":\"p%u\",\"op\":\"add\",\"title\":\"P %u\"}", i, i);
		apply(s, json, OK);
		snprintf(json, sizeof(json), "{\"hash\":\"%064x\",\"id\":\"abcdef%c%c%c%c\",\"name\":\"p%u\",\"op\":\"certificate\",\"role\":\"reader\"}", i,
			 'a' + i % 10, 'a' + i / 10 % 10, 'a' + i / 100 % 10, 'a' + i / 1000, i);
		apply(s, json, OK);
	}
	for (unsigned i = 0; i < 3000; i++) {
		assert_ptr_equal(party_find(s, span_str(party_at(s, i)->name)), party_at(s, i));
		assert_int_equal(token_find(s, span_str(token_at(s, i)->id)), i);
		assert_int_equal(token_find_certificate(s, token_at(s, i)->hash), i);
	}
	party_set_free(s);
}

static void refuses_other_json(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"name\":\"x\"}", "{\"op\":\"add\"}", "{\"name\":\"x\",\"op\":\"grow\"}", "{\"name\":\"x\",\"op\":\"remove\",\"title\":\"x\"}",
		"{\"name\":\"x\",\"name\":\"y\",\"op\":\"remove\"}", "{\"name\":\"x\",\"op\":\"remove\",\"more\":1}", "{\"name\":1,\"op\":\"remove\"}",
		"{\"id\":\"abcdefghij\",\"name\":\"x\",\"op\":\"token\",\"role\":\"reader\"}", "{\"name\":\"x\",\"op\":\"revoke\"}",
		"{\"hash\":\"" HASH "\",\"id\":\"abcdefghij\",\"name\":\"x\",\"op\":\"token\",\"role\":\"none\"}",
		"{\"hash\":\"11\",\"id\":\"abcdefghij\",\"name\":\"x\",\"op\":\"token\",\"role\":\"reader\"}",
		"{\"expires\":-1,\"hash\":\"" HASH "\",\"id\":\"abcdefghij\",\"name\":\"x\",\"op\":\"token\",\"role\":\"reader\"}",
		"{\"clearance\":\"tlp:red\",\"name\":\"x\",\"op\":\"set\"}", "{\"name\":\"x\",\"op\":\"remove\"} x", "{\"name\":\"x\",\"op\":\"remove\"",
		"{\"name\":\"\\u0000\",\"op\":\"remove\"}",
	};
	struct buf store = { 0 };
	struct party_change c;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct fault f = { .text = "" };
		if (party_change_read(span_str(bad[i]), &store, &c, &f) != ERR_SYNTAX || !f.text[0])
			fail_msg("%s: taken, or refused without a word", bad[i]);
	}
	buf_release(&store);
}

static void tokens_have_a_check(void **state)
{
	const uint8_t public[7] = { 1, 2, 3, 4, 5, 6, 7 }, secret[22] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };
	char text[TOKEN_TEXT + 1], id[TOKEN_ID_DIGITS + 1];
	uint8_t hash[32], other[32];
	token_text(public, secret, text);
	assert_int_equal(strlen(text), TOKEN_TEXT);
	assert_true(token_is(span_str(text)));
	assert_int_equal(token_hash(span_str(text), id, hash), OK);
	assert_memory_equal(id, text + 6, TOKEN_ID_DIGITS);
	for (unsigned i = 0; i < TOKEN_TEXT; i++) {
		char was = text[i];
		text[i] = was == 'a' ? 'b' : 'a';
		assert_int_equal(token_hash(span_str(text), id, other), ERR_SYNTAX);
		text[i] = was;
	}
	assert_int_equal(token_hash(span_of(text, TOKEN_TEXT - 1), id, other), ERR_SYNTAX);
	assert_int_equal(token_hash(SPAN_LIT("sipar_"), id, other), ERR_SYNTAX);
	assert_int_equal(token_hash(span_of(NULL, 0), id, other), ERR_SYNTAX);
	assert_int_equal(token_hash(span_str(text), id, other), OK);
	assert_memory_equal(hash, other, 32);
}

static void people_write(void **state)
{
	char name[PARTY_NAME_MAX + 1];
	uint8_t tlp;
	struct buf out = { 0 };
	struct fault f;
	assert_int_equal(party_name_made(SPAN_LIT("  State Bank, of X! "), name, &f), OK);
	assert_string_equal(name, "state-bank-of-x");
	assert_int_equal(party_name_made(SPAN_LIT("\xd8\xa8"), name, &f), ERR_SYNTAX);
	assert_int_equal(party_name_made(SPAN_LIT("Local"), name, &f), ERR_SYNTAX);
	assert_int_equal(party_clearance_parse(SPAN_LIT("tlp:amber+strict"), &tlp, &f), OK);
	assert_int_equal(tlp, TLP_AMBER_STRICT);
	assert_int_equal(party_clearance_parse(SPAN_LIT("clear"), &tlp, &f), OK);
	assert_int_equal(party_clearance_parse(SPAN_LIT("unsaid"), &tlp, &f), ERR_USAGE);
	assert_int_equal(token_cidr_parse(SPAN_LIT("198.51.100.7, 2001:DB8::/32"), &out, &f), OK);
	assert_string_equal(buf_cstr(&out), "198.51.100.7,2001:db8::/32");
	assert_int_equal(token_cidr_parse(SPAN_LIT("evil.example"), &out, &f), ERR_USAGE);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folds_parties),
		cmocka_unit_test(folds_tokens),
		cmocka_unit_test(folds_certificates),
		cmocka_unit_test(finds_many),
		cmocka_unit_test(refuses_other_json),
		cmocka_unit_test(tokens_have_a_check),
		cmocka_unit_test(people_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
