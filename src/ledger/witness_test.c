/* A log with a key of its own, and this node as its witness. */
#include "ledger/witness.h"

#include <pthread.h>

#include "ledger/testing.h"

struct log {
	struct key *key;
	uint8_t leaf[16][HASH_OCTETS];
};

static void root_of(const struct log *l, unsigned size, uint8_t ret_root[HASH_OCTETS])
{
	struct merkle_edge edge = { 0 };
	for (unsigned i = 0; i < size; i++)
		merkle_edge_add(&edge, l->leaf[i]);
	merkle_edge_root(&edge, ret_root);
}

static enum err hash_of(void *ctx, unsigned level, uint64_t n, uint8_t ret_hash[HASH_OCTETS], struct fault *f)
{
	const struct log *l = ctx;
	struct merkle_edge edge = { 0 };
	for (uint64_t i = n << level; i < (n + 1) << level; i++)
		merkle_edge_add(&edge, l->leaf[i]);
	memcpy(ret_hash, edge.hash[level], HASH_OCTETS);
	return OK;
}

/* Its note at a size, and the checkpoint, which points into `note`. */
static struct checkpoint sign(const struct log *l, const char *origin, unsigned size, struct buf *note)
{
	struct checkpoint c = { .origin = span_str(origin), .size = size };
	uint8_t signature[SIGNATURE_OCTETS];
	struct note parsed;
	root_of(l, size, c.root);
	note->n = 0;
	checkpoint_put(&c, note);
	key_sign(l->key, REALM_PRODUCTION, buf_span(note), signature);
	buf_putc(note, '\n');
	note_line_put(span_str(origin), NOTE_ED25519, key_public(l->key, REALM_PRODUCTION), span_of(signature, sizeof(signature)), note);
	assert_int_equal(note_parse(buf_span(note), &parsed, NULL), OK);
	assert_int_equal(checkpoint_parse(parsed.text, &c, NULL), OK);
	return c;
}

static void log_open(struct log *l, const char *dir)
{
	struct fault f;
	for (unsigned i = 0; i < COUNT_OF(l->leaf); i++)
		memset(l->leaf[i], (int)i + 1, HASH_OCTETS);
	if (key_open(dir, &l->key, &f)) /* the log may as well have the same key: names make them different */
		fail_msg("%s", f.text);
}

static enum err ask(struct ledger *w, const struct log *l, const char *origin, unsigned old, unsigned size, struct buf *line, uint64_t *last)
{
	struct merkle_source s = { hash_of, (void *)(uintptr_t)l };
	struct merkle_proof proof = { .n = 0 };
	struct buf note = { 0 };
	struct fault f = { .text = "" };
	struct checkpoint c = sign(l, origin, size, &note);
	if (old <= size)
		assert_int_equal(merkle_consistency(&s, old, size, &proof, &f), OK);
	size_t before = line->n;
	enum err e = witness_cosign(w, buf_span(&note), &c, old, &proof, 1234567890, line, last, &f);
	assert_true(e ? line->n == before && f.text[0] : line->n > before);
	buf_release(&note);
	return e;
}

static void cosigns(void **state)
{
	struct ledger *w = testing_ledger(*state);
	struct log l;
	struct buf line = { 0 }, note = { 0 }, whole = { 0 };
	struct checkpoint c;
	struct verifier v;
	struct note n;
	struct fault f;
	uint64_t last = 99, time_s;
	log_open(&l, ((struct testing *)*state)->dir);
	assert_int_equal(witness_last(w, SPAN_LIT("log.example/a"), &note, &c, &f), OK);
	assert_int_equal(c.size, 0);
	assert_int_equal(ask(w, &l, "log.example/a", 3, 5, &line, &last), ERR_BUSY);
	assert_int_equal(last, 0);
	assert_int_equal(ask(w, &l, "log.example/a", 0, 5, &line, &last), OK);
	assert_int_equal(witness_last(w, SPAN_LIT("log.example/a"), &note, &c, &f), OK);
	assert_int_equal(c.size, 5);
	assert_int_equal(ledger_cosigner(w, &v, &f), OK);
	assert_string_equal(v.name, "node.example");
	assert_int_equal(note_parse(buf_span(&note), &n, &f), OK);
	assert_int_equal(note_check(&n, &v, &time_s, &f), OK);
	assert_int_equal(time_s, 1234567890);
	assert_int_equal(witness_add_line(buf_span(&note), buf_span(&line), &whole, &f), OK);
	assert_string_equal(buf_cstr(&whole), buf_cstr(&note)); /* of one key, one line */
	assert_int_equal(witness_add_line(buf_span(&note), SPAN_LIT("rubbish\n"), &whole, &f), ERR_SYNTAX);
	assert_int_equal(ask(w, &l, "log.example/a", 5, 5, &line, &last), OK);
	assert_int_equal(ask(w, &l, "log.example/a", 5, 9, &line, &last), OK);
	assert_int_equal(ask(w, &l, "log.example/b", 0, 2, &line, &last), OK); /* another log */
	assert_int_equal(ask(w, &l, "log.example/a", 5, 9, &line, &last), ERR_BUSY);
	assert_int_equal(last, 9);
	assert_int_equal(ask(w, &l, "log.example/a", 10, 9, &line, &last), ERR_RANGE);
	assert_int_equal(ask(w, &l, "log.example/a", 9, 8, &line, &last), ERR_RANGE);
	assert_int_equal(ask(w, &l, "node.example/lanes/public", 0, 1, &line, &last), ERR_FORBIDDEN);
	l.leaf[2][0] ^= 1;
	assert_int_equal(ask(w, &l, "log.example/a", 9, 9, &line, &last), ERR_BUSY);
	assert_int_equal(ask(w, &l, "log.example/a", 9, 12, &line, &last), ERR_CORRUPT);
	l.leaf[2][0] ^= 1;
	assert_int_equal(ask(w, &l, "log.example/a", 9, 12, &line, &last), OK);
	key_free(l.key);
	buf_release(&line);
	buf_release(&note);
	buf_release(&whole);
	ledger_close(w);
}

/* What was promised holds after the ledger was closed; and one that is only read promises nothing. */
static void remembers(void **state)
{
	struct testing *t = *state;
	struct ledger *w = testing_ledger(t);
	struct log l;
	struct buf line = { 0 };
	struct fault f;
	uint64_t last;
	log_open(&l, t->dir);
	assert_int_equal(ask(w, &l, "log.example/a", 0, 7, &line, &last), OK);
	ledger_close(w);
	assert_int_equal(ledger_open(t->dir, false, &w, &f), OK);
	assert_int_equal(ask(w, &l, "log.example/a", 7, 8, &line, &last), ERR_FORBIDDEN);
	ledger_close(w);
	assert_int_equal(ledger_open(t->dir, true, &w, &f), OK);
	assert_int_equal(ask(w, &l, "log.example/a", 0, 8, &line, &last), ERR_BUSY);
	assert_int_equal(last, 7);
	ledger_close(w);
	key_free(l.key);
	buf_release(&line);
}

struct racer {
	struct ledger *w;
	struct log log;
	pthread_t thread;
	enum err e;
};

static void *race(void *ctx)
{
	struct racer *r = ctx;
	struct buf line = { 0 };
	uint64_t last;
	r->e = ask(r->w, &r->log, "log.example/a", 3, 9, &line, &last);
	buf_release(&line);
	return NULL;
}

/* Two logs that both continue what was cosigned, at once: one of them. */
static void one_of_a_fork(void **state)
{
	struct ledger *w = testing_ledger(*state);
	struct racer racer[8];
	struct buf line = { 0 };
	uint64_t last;
	unsigned good = 0;
	for (unsigned i = 0; i < COUNT_OF(racer); i++) {
		racer[i] = (struct racer){ .w = w };
		log_open(&racer[i].log, ((struct testing *)*state)->dir);
		racer[i].log.leaf[5][0] = (uint8_t)i;
	}
	assert_int_equal(ask(w, &racer[0].log, "log.example/a", 0, 3, &line, &last), OK);
	for (unsigned i = 0; i < COUNT_OF(racer); i++)
		assert_int_equal(pthread_create(&racer[i].thread, NULL, race, &racer[i]), 0);
	for (unsigned i = 0; i < COUNT_OF(racer); i++) {
		pthread_join(racer[i].thread, NULL);
		assert_true(racer[i].e == OK || racer[i].e == ERR_BUSY);
		good += racer[i].e == OK;
		key_free(racer[i].log.key);
	}
	assert_int_equal(good, 1);
	buf_release(&line);
	ledger_close(w);
}

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void requests(void **state)
{
	static const struct { const char *body; unsigned n; uint64_t old; const char *note; } good[] = {
		{ "old 0\n\nx", 0, 0, "x" }, { "old 17\n" ZEROS "\n" ZEROS "\n\na\nb\n\nc\n", 2, 17, "a\nb\n\nc\n" },
	};
	static const char *const bad[] = {
		"", "old", "old 0", "old 0\n", "old 0\n\n", "old 00\n\nx", "old -1\n\nx", "old 1 \n\nx", "old x\n\nx", "Old 0\n\nx", "old 0\nx\n\nx",
		"old 0\n" ZEROS "\n", "old 0\n" ZEROS " \n\nx", "old 99999999999999999999\n\nx", "old 0\r\n\nx", "old 0\nAAAA\n\nx",
	};
	struct witness_request r;
	struct fault f;
	struct buf many = { 0 };
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(witness_request_parse(span_str(good[i].body), &r, &f), OK);
		assert_int_equal(r.proof.n, good[i].n);
		assert_int_equal(r.old_size, good[i].old);
		assert_true(span_is(r.note, good[i].note));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (witness_request_parse(span_str(bad[i]), &r, &f) != ERR_SYNTAX)
			fail_msg("\"%s\" is taken", bad[i]);
	buf_puts(&many, "old 1\n");
	for (unsigned i = 0; i < MERKLE_PROOF_MAX; i++)
		buf_puts(&many, ZEROS "\n");
	buf_puts(&many, "\nx");
	assert_int_equal(witness_request_parse(buf_span(&many), &r, &f), OK);
	many.n -= 2;
	buf_puts(&many, ZEROS "\n\nx");
	assert_int_equal(witness_request_parse(buf_span(&many), &r, &f), ERR_RANGE);
	buf_release(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cosigns, testing_setup, testing_teardown),
		cmocka_unit_test_setup_teardown(remembers, testing_setup, testing_teardown),
		cmocka_unit_test_setup_teardown(one_of_a_fork, testing_setup, testing_teardown),
		cmocka_unit_test(requests),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
