/* Parties over a ledger: who comes with which token, what they see, and that it is the same after another opening. */
#include "gate/parties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "codec/tlp.h"
#include "gate/node.h"
#include "sys/key.h"

static const struct speaker aisha = { "local", "aisha" };

static void check(enum err e, const struct fault *f)
{
	if (e)
		fail_msg("%s: %s", err_name(e), f->text);
}

static struct node *open_again(struct node *n, char dir[32])
{
	struct fault f;
	snprintf(dir, 32, "%s", node_dir(n));
	node_close(n);
	check(node_open(dir, 0, &n, &f), &f);
	return n;
}

static int start(void **state)
{
	char dir[] = "/tmp/sipar-parties-XXXXXX", path[64];
	struct node *n;
	struct fault f;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/node", dir);
	check(node_init(path, &(struct node_options){ .name = "node.example" }, &f), &f);
	check(node_open(path, 0, &n, &f), &f);
	*state = n;
	return 0;
}

static int stop(void **state)
{
	char command[80];
	snprintf(command, sizeof(command), "rm -r $(dirname %s)", node_dir(*state));
	node_close(*state);
	return system(command);
}

static void add(struct node *n, const char *name, uint8_t tlp)
{
	struct fault f;
	const struct party_change c = { .op = PARTY_ADD, .name = span_str(name), .has_title = true, .title = span_str(name), .has_clearance = true,
					.clearance = tlp };
	check(parties_say(node_parties(n), &aisha, &c, &f), &f);
}

static void lane(struct node *n, const char *name, uint8_t tlp, const char *members)
{
	struct fault f;
	struct lane l = { .tlp = tlp, .realm = "production" };
	snprintf(l.name, sizeof(l.name), "%s", name);
	snprintf(l.members, sizeof(l.members), "%s", members);
	check(node_lane_create(n, &l, NULL, &f), &f);
}

/* Names of the lanes, with blanks. */
static void check_lanes(struct node *n, clearance clear, const char *expected)
{
	struct lane lanes[LANES_MAX];
	struct buf out = { 0 };
	unsigned all = ledger_lanes(node_ledger(n), clear, lanes);
	for (unsigned i = 0; i < all; i++)
		buf_printf(&out, "%s%s", i ? " " : "", lanes[i].name);
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
}

static void sees_by_clearance_and_membership(void **state)
{
	struct node *n = *state;
	struct fault f;
	struct parties *p = node_parties(n);
	lane(n, "club", TLP_AMBER, "bank,isp");
	lane(n, "cabal", TLP_RED, "isp");
	add(n, "bank", TLP_AMBER);
	add(n, "isp", TLP_AMBER);
	add(n, "press", TLP_CLEAR);
	check_lanes(n, parties_clear(p, "bank", ROLE_READER), "public community members decisions club");
	check_lanes(n, parties_clear(p, "press", ROLE_ANALYST), "public");
	check_lanes(n, parties_clear(p, "press", ROLE_ADMINISTRATOR), "public node");
	check_lanes(n, parties_clear(p, "press", ROLE_AUDITOR), "public node");
	check_lanes(n, parties_clear(p, "nobody", ROLE_AUDITOR), "");
	const struct party_change up = { .op = PARTY_SET, .name = SPAN_LIT("isp"), .has_clearance = true, .clearance = TLP_RED };
	check(parties_say(p, &aisha, &up, &f), &f);
	check_lanes(n, parties_clear(p, "isp", ROLE_READER), "public community members restricted decisions club cabal");
	lane(n, "late", TLP_GREEN, "");
	check_lanes(n, parties_clear(p, "isp", ROLE_READER), "public community members restricted decisions club cabal late");
	const struct party_change gone = { .op = PARTY_REMOVE, .name = SPAN_LIT("isp") };
	check(parties_say(p, &aisha, &gone, &f), &f);
	check_lanes(n, parties_clear(p, "isp", ROLE_READER), "");
}

static void refused(struct node *n, const char *text, const char *peer, int64_t now_ms, const char *why)
{
	struct asker a;
	struct fault f = { .text = "" };
	assert_int_equal(parties_authenticate(node_parties(n), span_str(text), peer, now_ms, &a, &f), ERR_FORBIDDEN);
	if (!strstr(f.text, why))
		fail_msg("it is refused because \"%s\"", f.text);
	assert_null(strstr(f.text, text + 6 + TOKEN_ID_DIGITS)); /* the secret is in no log */
}

static void knows_tokens(void **state)
{
	struct node *n = *state;
	char text[TOKEN_TEXT + 1], other[TOKEN_TEXT + 1], dir[32];
	struct asker a;
	struct fault f;
	add(n, "bank", TLP_GREEN);
	struct party_change c = { .name = SPAN_LIT("bank"), .role = ROLE_REPORTER, .expires_s = 1000, .cidr = SPAN_LIT("198.51.100.0/24,2001:db8::7") };
	check(parties_token_new(node_parties(n), &aisha, &c, text, &f), &f);
	struct party_change c2 = { .name = SPAN_LIT("nobody"), .role = ROLE_REPORTER };
	assert_int_equal(parties_token_new(node_parties(n), &aisha, &c2, other, &f), ERR_NOTFOUND);
	for (unsigned round = 0; round < 3; round++) {
		check(parties_authenticate(node_parties(n), span_str(text), "198.51.100.7", 999999, &a, &f), &f);
		assert_string_equal(a.party, "bank");
		assert_memory_equal(a.token, text + 6, TOKEN_ID_DIGITS);
		assert_int_equal(a.role, ROLE_REPORTER);
		check_lanes(n, a.clear, "public community decisions");
		check(parties_authenticate(node_parties(n), span_str(text), "2001:db8::7", 999999, &a, &f), &f);
		refused(n, text, "198.51.101.7", 1, "address");
		refused(n, text, "?", 1, "address");
		refused(n, text, "198.51.100.7", 1000000, "expired");
		clearance still = 0;
		assert_true(parties_still(node_parties(n), a.token, 999999, &still) == OK && still == a.clear);
		assert_int_equal(parties_still(node_parties(n), a.token, 1000000, &still), ERR_FORBIDDEN);
		assert_int_equal(parties_still(node_parties(n), "aaaaaaaaaa", 1, &still), ERR_FORBIDDEN);
		if (round == 0) { /* from the ledger, with when it was used */
			*state = n = open_again(n, dir);
			(void)parties_hold(node_parties(n));
			assert_int_equal(parties_used(node_parties(n), 0), 999999);
			parties_let(node_parties(n));
		} else if (round == 1) {
			uint8_t before[32], after[32];
			check(node_rebuild(n, before, after, &f), &f);
		}
	}
	memcpy(other, text, sizeof(other));
	other[TOKEN_TEXT - 1] = other[TOKEN_TEXT - 1] == 'a' ? 'b' : 'a';
	refused(n, other, "198.51.100.7", 1, "mistyped");
	const uint8_t secret[22] = { 1 };
	uint8_t public[7] = { 2 };
	token_text(public, secret, other);
	refused(n, other, "198.51.100.7", 1, "nobody");
	clearance clear = 0;
	char id[TOKEN_ID_DIGITS + 1] = "";
	memcpy(id, text + 6, TOKEN_ID_DIGITS);
	assert_int_equal(parties_still(node_parties(n), id, 1, &clear), OK);
	assert_true(clear != 0);
	assert_int_equal(parties_still(node_parties(n), "nobodyatal", 1, &clear), ERR_FORBIDDEN);
	const struct party_change end = { .op = PARTY_REVOKE, .name = SPAN_LIT("bank"), .id = span_of(text + 6, TOKEN_ID_DIGITS) };
	check(parties_say(node_parties(n), &aisha, &end, &f), &f);
	assert_int_equal(parties_still(node_parties(n), id, 1, &clear), ERR_FORBIDDEN);
	refused(n, text, "198.51.100.7", 1, "revoked");
	assert_int_equal(parties_still(node_parties(n), a.token, 1, &a.clear), ERR_FORBIDDEN);
	*state = n = open_again(n, dir);
	refused(n, text, "198.51.100.7", 1, "revoked");
}

static void knows_certificates(void **state)
{
	struct node *n = *state;
	char id[TOKEN_ID_DIGITS + 1];
	const uint8_t print[32] = { 7 }, no[32] = { 8 };
	struct asker a;
	struct fault f;
	add(n, "bank", TLP_GREEN);
	struct party_change c = { .name = SPAN_LIT("bank"), .role = ROLE_ANALYST };
	memcpy(c.hash, print, sizeof(print));
	check(parties_certificate_new(node_parties(n), &aisha, &c, id, &f), &f);
	check(parties_certificate(node_parties(n), print, "192.0.2.1", 5, &a, &f), &f);
	assert_string_equal(a.party, "bank");
	assert_string_equal(a.token, id);
	assert_int_equal(a.role, ROLE_ANALYST);
	assert_int_equal(parties_certificate(node_parties(n), no, "192.0.2.1", 5, &a, &f), ERR_FORBIDDEN);
	assert_int_equal(parties_certificate_new(node_parties(n), &aisha, &c, id, &f), ERR_EXISTS);
}

/* Beside the one who writes: what there is, and nothing is changed. */
static void reads_beside(void **state)
{
	struct node *n = *state, *beside;
	struct fault f;
	char text[TOKEN_TEXT + 1];
	add(n, "bank", TLP_GREEN);
	check(node_open_reader(node_dir(n), &beside, &f), &f);
	check_lanes(beside, parties_clear(node_parties(beside), "bank", ROLE_READER), "public community decisions");
	struct party_change c = { .name = SPAN_LIT("bank"), .role = ROLE_ANALYST };
	assert_int_equal(parties_token_new(node_parties(beside), &aisha, &c, text, &f), ERR_FORBIDDEN);
	node_close(beside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sees_by_clearance_and_membership, start, stop),
		cmocka_unit_test_setup_teardown(knows_tokens, start, stop),
		cmocka_unit_test_setup_teardown(knows_certificates, start, stop),
		cmocka_unit_test_setup_teardown(reads_beside, start, stop),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
