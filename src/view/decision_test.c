#include "view/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct fault fault;

static void every_body_reads_back(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"{\"op\":\"propose\",\"action\":\"block\",\"reason\":\"phishing\",\"until\":1767225600,\"enacts\":true,\"by\":\"aisha\",\"why\":\"a \\\"bank\\\"\","
		"\"evidence\":\"https://x.example/\",\"policy\":\"p\",\"values\":[\"evil.example\",\"*.x.example\",\"198.51.100.7\"]}",
		"{\"op\":\"propose\",\"action\":\"challenge\",\"reason\":\"exploitation\",\"exact\":true,\"until\":1,\"values\":[\"198.51.100.0/24\"]}",
		"{\"op\":\"approve\",\"of\":[12],\"enacts\":true,\"by\":\"bilal\"}",
		"{\"op\":\"refuse\",\"of\":[12]}",
		"{\"op\":\"suspend\",\"of\":[12],\"why\":\"hits\"}",
		"{\"op\":\"unblock\",\"of\":[12,13],\"why\":\"shop\",\"values\":[\"evil.example\"]}",
		"{\"op\":\"unblock\",\"of\":[12]}",
		"{\"op\":\"expire\",\"of\":[3,4,18446744073709551615],\"at\":1767225600}",
		"{\"op\":\"protect\",\"until\":5,\"by\":\"x\",\"values\":[\"nadra.example\"]}",
		"{\"op\":\"protect\",\"values\":[\"nadra.example\"]}",
		"{\"op\":\"unprotect\",\"values\":[\"nadra.example\"]}",
	};
	struct buf store = { 0 }, again = { 0 };
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct decision_op op;
		again.n = 0;
		if (decision_op_read(span_str(bodies[i]), &store, &op, &fault))
			fail_msg("%s: %s", bodies[i], fault.text);
		decision_op_write(&op, &again);
		assert_string_equal(buf_cstr(&again), bodies[i]);
	}
	buf_release(&store);
	buf_release(&again);
}

static void bad_bodies_are_refused(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"", "[]", "{}", "{\"op\":\"propose\"}", "{\"op\":\"burn\",\"of\":[1]}", "{\"op\":\"approve\",\"of\":[]}", "{\"op\":\"approve\",\"of\":[-1]}",
		"{\"op\":\"approve\",\"of\":[1],\"values\":[\"a.example\"]}", "{\"op\":\"approve\",\"of\":[1],\"of\":[2]}", "{\"op\":\"approve\",\"of\":[1]} x",
		"{\"op\":\"propose\",\"action\":\"block\",\"reason\":\"opinion\",\"until\":9,\"values\":[\"a.example\"]}", /* no such reason */
		"{\"op\":\"propose\",\"action\":\"protect\",\"reason\":\"c2\",\"until\":9,\"values\":[\"a.example\"]}",
		"{\"op\":\"propose\",\"action\":\"block\",\"reason\":\"c2\",\"until\":0,\"values\":[\"a.example\"]}",     /* no end */
		"{\"op\":\"propose\",\"action\":\"block\",\"reason\":\"c2\",\"until\":9,\"values\":[]}",
		"{\"op\":\"propose\",\"action\":\"block\",\"reason\":\"c2\",\"until\":9,\"enacts\":false,\"values\":[\"a.example\"]}",
		"{\"op\":\"propose\",\"action\":\"block\",\"reason\":\"c2\",\"until\":9,\"values\":[1]}", "{\"op\":\"expire\",\"of\":[1]}",
		"{\"op\":\"approve\",\"of\":[1],\"by\":\"\xff\"}",
	};
	struct buf store = { 0 };
	struct decision_op op;
	for (size_t i = 0; i < COUNT_OF(bodies); i++)
		if (decision_op_read(span_str(bodies[i]), &store, &op, &fault) == OK || !fault.text[0])
			fail_msg("\"%s\" was taken", bodies[i]);
	buf_release(&store);
}

static void values_go_round(void **state)
{
	(void)state;
	static const char *const texts[] = { "evil.example", "*.x.example", "198.51.100.7", "2001:db8::/32", "http://h.example/a\"b\\c", "u@h.example",
					     "d41d8cd98f00b204e9800998ecf8427e" };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct buf list = { 0 }, text = { 0 };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_int_equal(obs_parse(span_str(texts[i]), store, &o, &fault), OK);
		decision_value_put(&list, &o);
	}
	struct span rest = buf_span(&list);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct buf wanted = { 0 };
		uint8_t wanted_store[OBS_KEY_MAX];
		struct observable w;
		assert_int_equal(obs_parse(span_str(texts[i]), wanted_store, &w, &fault), OK);
		assert_true(decision_value(&rest, store, &o));
		assert_true(obs_eq(&o, &w));
		text.n = 0;
		obs_format(&o, &text);
		obs_format(&w, &wanted);
		assert_string_equal(buf_cstr(&text), buf_cstr(&wanted));
		buf_release(&wanted);
	}
	assert_false(decision_value(&rest, store, &o));
	buf_release(&list);
	buf_release(&text);
}

/* ---- the fold ---- */

struct bench {
	struct decision_set *set;
	uint64_t index;
};

static enum err say(struct bench *b, struct decision_op op, const char *party, const char *by, int64_t time_s)
{
	op.by = span_str(by);
	struct decision_entry e = { .number = 100 + b->index, .index = b->index, .time_ms = time_s * 1000, .party = party };
	enum err err = decision_apply(b->set, &op, &e, &fault);
	b->index += err == OK;
	return err;
}

static struct decision_op proposal(bool enacts, uint32_t until_s)
{
	return (struct decision_op){ .op = OP_PROPOSE, .action = ACTION_BLOCK, .reason = REASON_C2, .until_s = until_s, .enacts = enacts,
				     .values = SPAN_LIT("\"a.example\",\"b.example\""), .n_values = 2 };
}

static struct decision_op about(enum op op, const uint64_t *of, bool enacts)
{
	return (struct decision_op){ .op = op, .of = of, .n_of = 1, .enacts = enacts };
}

static void a_life(void **state)
{
	(void)state;
	struct bench b = { .set = decision_set_new() };
	uint64_t zero = 0, none = 77;
	assert_int_equal(say(&b, proposal(false, 1000), "cert", "aisha", 10), OK);
	const struct decision *d = decision_find(b.set, 0);
	assert_int_equal(d->state, DECISION_PROPOSED);
	assert_string_equal(d->first, "a.example");
	assert_int_equal(decision_next_end(b.set), 0);
	assert_int_equal(say(&b, about(OP_APPROVE, &none, false), "isp", "x", 11), ERR_NOTFOUND);
	assert_int_equal(say(&b, about(OP_APPROVE, &zero, false), "cert", "aisha", 11), ERR_FORBIDDEN); /* her own */
	assert_int_equal(say(&b, about(OP_SUSPEND, &zero, false), "isp", "x", 11), ERR_FORBIDDEN);      /* not in force */
	assert_int_equal(say(&b, about(OP_APPROVE, &zero, false), "cert", "bilal", 11), OK);
	assert_int_equal(decision_approvals(d), 1);
	assert_int_equal(decision_parties(d, NULL), 1);
	assert_int_equal(decision_parties(d, "isp"), 2);
	assert_int_equal(say(&b, about(OP_APPROVE, &zero, true), "isp", "omar", 12), OK);
	assert_int_equal(d->state, DECISION_ACTIVE);
	assert_int_equal(d->enacted, 102);
	assert_ptr_equal(decision_enacted(b.set, 102), d);
	assert_null(decision_enacted(b.set, 101));
	assert_int_equal(decision_next_end(b.set), 1000);
	assert_int_equal(say(&b, about(OP_SUSPEND, &zero, false), "local", "", 13), OK);
	assert_int_equal(d->state, DECISION_SUSPENDED);
	assert_int_equal(decision_approvals(d), 0); /* what came before the suspension counts no more */
	assert_int_equal(decision_next_end(b.set), 0);
	assert_int_equal(say(&b, about(OP_APPROVE, &zero, true), "isp", "omar", 14), OK);
	assert_int_equal(d->enacted, 104);
	/* one value, then the other */
	struct decision_op out = about(OP_UNBLOCK, &zero, false);
	out.values = SPAN_LIT("\"a.example\"");
	out.n_values = 1;
	assert_int_equal(say(&b, out, "isp", "omar", 15), OK);
	assert_int_equal(d->state, DECISION_ACTIVE);
	assert_int_equal(d->n_out, 1);
	out.values = SPAN_LIT("\"b.example\"");
	assert_int_equal(say(&b, out, "isp", "omar", 16), OK);
	assert_int_equal(d->state, DECISION_RETRACTED);
	assert_int_equal(d->over_ms, 16000);
	assert_int_equal(say(&b, out, "isp", "omar", 17), ERR_FORBIDDEN);
	decision_set_free(b.set);
}

static void leases_end_in_order(void **state)
{
	(void)state;
	struct bench b = { .set = decision_set_new() };
	uint64_t due[200];
	uint32_t seed = 7, ends[200];
	for (unsigned i = 0; i < COUNT_OF(ends); i++) {
		seed = seed * 1103515245 + 12345;
		ends[i] = 1000 + seed % 50;
		assert_int_equal(say(&b, proposal(true, ends[i]), "cert", "a", 1), OK);
	}
	for (uint32_t at = 1000; at < 1060; at += 7) {
		unsigned n = decision_due(b.set, at, due, COUNT_OF(due)), wanted = 0;
		for (unsigned i = 0; i < COUNT_OF(ends); i++)
			if (ends[i] <= at && decision_find(b.set, i)->state == DECISION_ACTIVE)
				assert_int_equal(due[wanted++], i);
		assert_int_equal(n, wanted);
		if (n == 0)
			continue;
		struct decision_op op = { .op = OP_EXPIRE, .of = due, .n_of = n, .at_s = at };
		assert_int_equal(say(&b, op, "local", "", at), OK);
		assert_int_equal(decision_due(b.set, at, due, COUNT_OF(due)), 0);
		assert_true(decision_next_end(b.set) > at || decision_next_end(b.set) == 0);
	}
	assert_int_equal(decision_next_end(b.set), 0);
	decision_set_free(b.set);
}

static void reasons_have_names(void **state)
{
	(void)state;
	uint32_t mask;
	for (unsigned r = 0; r < REASONS; r++)
		assert_int_equal(reason_find(span_str(reason_row(r)->name)), r);
	assert_int_equal(reason_find(SPAN_LIT("c2-server")), REASON_C2);
	assert_int_equal(reason_find(SPAN_LIT("opinion")), REASONS);
	assert_int_equal(reason_find(SPAN_LIT("spam")), REASONS);
	assert_int_equal(reasons_parse(SPAN_LIT("phishing, c2"), &mask, &fault), OK);
	assert_int_equal(mask, 1 << REASON_PHISHING | 1 << REASON_C2);
	assert_int_equal(reasons_parse(SPAN_LIT("all"), &mask, &fault), OK);
	assert_int_equal(mask, REASONS_ALL);
	assert_int_equal(reasons_parse(SPAN_LIT("phishing,,c2"), &mask, &fault), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_body_reads_back), cmocka_unit_test(bad_bodies_are_refused), cmocka_unit_test(values_go_round),
		cmocka_unit_test(a_life), cmocka_unit_test(leases_end_in_order), cmocka_unit_test(reasons_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
