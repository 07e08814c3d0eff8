/* A log in memory, its tiles made here without the code that is tested, and everything that can be wrong with one. */
#include "ledger/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ledger/entry.h"
#include "ledger/record.h"
#include "sys/digest.h"

enum { LEVELS = 4 };

struct log {
	uint64_t size;
	struct buf *entry;       /* `size` of them */
	struct buf body[8];      /* of the first few: nonce and body; empty: gone */
	bool lost[8];
	struct buf level[LEVELS]; /* hashes */
	/* what is done to what is served */
	struct tile bad;         /* width 0: nothing */
	size_t bad_at;
	bool bad_missing, bad_short, bad_long;
	enum err fails;
	/* what was said */
	struct buf findings;
	uint64_t first_entry, entries_seen, fetched;
};

static void put_entry(struct log *l, uint64_t index, uint8_t kind, const char *body)
{
	struct record r = { .kind = kind, .time_ms = (int64_t)index, .import = index, .count = 1, .party = SPAN_LIT("local"),
			    .source = SPAN_LIT("s"), .media = SPAN_LIT("list") };
	struct buf salted = { 0 };
	memset(buf_reserve(&salted, 32), (int)index, 32);
	salted.n = 32;
	buf_puts(&salted, body);
	sha256_two(buf_span(&salted), span_of(NULL, 0), r.digest);
	record_put(&r, &l->entry[index]);
	if (index < COUNT_OF(l->body))
		l->body[index] = salted;
	else
		buf_release(&salted);
}

static void hash_levels(struct log *l)
{
	uint8_t hash[HASH_OCTETS];
	for (unsigned k = 0; k < LEVELS; k++)
		l->level[k].n = 0;
	for (uint64_t i = 0; i < l->size; i++) {
		merkle_leaf(buf_span(&l->entry[i]), hash);
		buf_put(&l->level[0], hash, HASH_OCTETS);
	}
	for (unsigned k = 1; k < LEVELS; k++)
		for (size_t at = 0; at + TILE_OCTETS <= l->level[k - 1].n; at += TILE_OCTETS) {
			uint8_t row[TILE_WIDTH][HASH_OCTETS];
			memcpy(row, l->level[k - 1].p + at, TILE_OCTETS);
			for (unsigned n = TILE_WIDTH; n > 1; n /= 2)
				for (unsigned i = 0; i < n / 2; i++)
					merkle_node(row[2 * i], row[2 * i + 1], row[i]);
			buf_put(&l->level[k], row[0], HASH_OCTETS);
		}
}

static struct log *log_new(uint64_t size)
{
	struct log *l = mem_zalloc(sizeof(*l));
	l->size = size;
	l->entry = mem_zalloc(size * sizeof(*l->entry));
	for (uint64_t i = 0; i < size; i++)
		put_entry(l, i, i ? ENTRY_FEED : ENTRY_LANE, "body");
	hash_levels(l);
	return l;
}

static void log_free(struct log *l)
{
	for (uint64_t i = 0; i < l->size; i++)
		buf_release(&l->entry[i]);
	for (size_t i = 0; i < COUNT_OF(l->body); i++)
		buf_release(&l->body[i]);
	for (unsigned k = 0; k < LEVELS; k++)
		buf_release(&l->level[k]);
	buf_release(&l->findings);
	free(l->entry);
	free(l);
}

/* MTH of leaves first .. first + n - 1 (RFC 6962 §2.1). */
static void root_of(const struct log *l, uint64_t first, uint64_t n, uint8_t ret_root[HASH_OCTETS])
{
	uint8_t left[HASH_OCTETS], right[HASH_OCTETS];
	uint64_t k = 1;
	if (n == 1) {
		memcpy(ret_root, l->level[0].p + first * HASH_OCTETS, HASH_OCTETS);
		return;
	}
	while (2 * k < n)
		k *= 2;
	root_of(l, first, k, left);
	root_of(l, first + k, n - k, right);
	merkle_node(left, right, ret_root);
}

static struct checkpoint checkpoint_at(const struct log *l, uint64_t size)
{
	struct checkpoint c = { .origin = SPAN_LIT("log.example/lanes/a"), .size = size };
	root_of(l, 0, size, c.root);
	return c;
}

static enum err get(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	struct log *l = ctx;
	size_t before = out->n, first = (size_t)t->n * TILE_WIDTH;
	bool bad = l->bad.width && l->bad.level == t->level && l->bad.n == t->n;
	l->fetched++;
	if (l->fails)
		return fault_set(f, l->fails, "no line");
	if (bad && l->bad_missing)
		return fault_set(f, ERR_NOTFOUND, "404");
	if (t->level == TILE_ENTRIES)
		for (unsigned i = 0; i < t->width; i++)
			bundle_put(out, buf_span(&l->entry[first + i]));
	else
		buf_put(out, l->level[t->level].p + first * HASH_OCTETS, (size_t)t->width * HASH_OCTETS);
	if (bad && l->bad_short)
		out->n--;
	else if (bad && l->bad_long)
		buf_putc(out, 0);
	else if (bad)
		out->p[before + l->bad_at] ^= 1;
	return OK;
}

static enum err get_body(void *ctx, const uint8_t digest[32], struct buf *out, struct fault *f)
{
	struct log *l = ctx;
	for (size_t i = 0; i < COUNT_OF(l->body) && i < l->size; i++) {
		struct record r;
		assert_int_equal(record_parse(buf_span(&l->entry[i]), &r, NULL), OK);
		if (memcmp(r.digest, digest, 32) != 0)
			continue;
		if (l->lost[i])
			return fault_set(f, i % 2 ? ERR_GONE : ERR_NOTFOUND, "gone");
		buf_putspan(out, buf_span(&l->body[i]));
		return OK;
	}
	return fault_set(f, ERR_IO, "never was");
}

static enum err see(void *ctx, uint64_t index, struct span record, struct fault *f)
{
	struct log *l = ctx;
	if (!l->entries_seen++)
		l->first_entry = index;
	return OK;
}

static void find(void *ctx, const char *text)
{
	struct log *l = ctx;
	buf_puts(&l->findings, text);
	buf_putc(&l->findings, '\n');
}

static struct audit_counts audit_of(struct log *l, const struct checkpoint *now, const struct checkpoint *old, bool bodies)
{
	const struct audit a = { .get = get, .body = bodies ? get_body : NULL, .entry = see, .finding = find, .ctx = l };
	struct audit_counts counts;
	struct fault f = { .text = "" };
	l->findings.n = 0;
	l->entries_seen = 0;
	if (audit_lane(&a, now, old, &counts, &f))
		fail_msg("%s", f.text);
	return counts;
}

/* All sentences of the findings, in order, each with a newline behind it. */
static void expect_findings(struct log *l, const char *findings)
{
	assert_string_equal(buf_cstr(&l->findings), findings);
}

static void whole_logs(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 65536, 65537 };
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct log *l = log_new(sizes[i]);
		struct checkpoint now = checkpoint_at(l, l->size);
		struct audit_counts counts = audit_of(l, &now, NULL, false);
		expect_findings(l, "");
		assert_int_equal(counts.findings, 0);
		assert_int_equal(counts.entries, l->size);
		assert_int_equal(l->entries_seen, l->size);
		log_free(l);
	}
}

static void since(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 300, 512, 513, 768, 65535, 65536, 65537, 66000 };
	struct log *l = log_new(66000);
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		for (size_t k = i; k < COUNT_OF(sizes) && (sizes[i] > 512 || sizes[k] < 65535); k++) {
			struct checkpoint old = checkpoint_at(l, sizes[i]), now = checkpoint_at(l, sizes[k]);
			struct audit_counts counts = audit_of(l, &now, &old, false);
			expect_findings(l, "");
			assert_int_equal(counts.findings, 0);
			assert_int_equal(counts.entries, sizes[k] - sizes[i]);
			assert_true(sizes[k] == sizes[i] || l->first_entry == sizes[i]);
		}
	l->fetched = 0;
	struct checkpoint old = checkpoint_at(l, 65990), now = checkpoint_at(l, 66000);
	audit_of(l, &now, &old, false);
	assert_true(l->fetched < 20); /* what lies before is not read again */
	log_free(l);
}

static void altered(void **state)
{
	struct log *l = log_new(66000);
	struct checkpoint now = checkpoint_at(l, l->size), old = checkpoint_at(l, 300), late = checkpoint_at(l, 65700);
	l->bad = (struct tile){ .level = 0, .n = 3, .width = 1 };
	l->bad_at = 7 * HASH_OCTETS;
	assert_int_equal(audit_of(l, &now, NULL, false).findings, 2);
	expect_findings(l, "entry 775 is not the one whose hash is in the hash tile\n"
			"the entries lead to the root that was signed: hash tiles were altered\n");
	l->bad = (struct tile){ .level = 1, .n = 1, .width = 1 };
	l->bad_at = 5;
	audit_of(l, &now, NULL, false);
	expect_findings(l, "tile/1/001.p/1 is not what follows from the entries\n"
			"the entries lead to the root that was signed: hash tiles were altered\n");
	l->bad = (struct tile){ .level = 1, .n = 0, .width = 1 };
	audit_of(l, &now, NULL, false);
	expect_findings(l, "tile/1/000 is not what follows from the entries\n"
			"the entries lead to the root that was signed: hash tiles were altered\n");
	l->bad = (struct tile){ .level = 2, .n = 0, .width = 1 };
	audit_of(l, &now, NULL, false);
	expect_findings(l, "tile/2/000.p/1 is not what follows from the entries\n"
			"the entries lead to the root that was signed: hash tiles were altered\n");
	audit_of(l, &now, &late, false);
	expect_findings(l, "the hash tiles do not lead to the root that was signed\n");
	l->bad = (struct tile){ .level = TILE_ENTRIES, .n = 2, .width = 1 };
	l->bad_at = 20;
	audit_of(l, &now, NULL, false);
	expect_findings(l, "entry 512 is not the one whose hash is in the hash tile\n"
			"entry 512 is out of place: it is of kind \"feed\" and of the import that began at 1099511628288\n"
			"tile/1/000 is not what follows from the entries\n"
			"tile/2/000.p/1 is not what follows from the entries\n"
			"the root is another than the one that was signed, to which the hash tiles lead: entries were altered\n");
	audit_of(l, &now, &old, false);
	assert_non_null(strstr(buf_cstr(&l->findings), "entries were altered\n"));
	audit_of(l, &now, &late, false); /* before it */
	expect_findings(l, "");
	log_free(l);
}

static void not_whole(void **state)
{
	struct log *l = log_new(700);
	struct checkpoint now = checkpoint_at(l, l->size);
	l->bad = (struct tile){ .level = TILE_ENTRIES, .n = 1, .width = 1 };
	l->bad_missing = true;
	audit_of(l, &now, NULL, false);
	expect_findings(l, "tile/entries/001 is missing: 404\n");
	l->bad.level = 0;
	audit_of(l, &now, NULL, false);
	expect_findings(l, "tile/0/001 is missing: 404\n");
	l->bad_missing = false;
	l->bad_short = true;
	audit_of(l, &now, NULL, false);
	expect_findings(l, "tile/0/001 is damaged: it has 8191 octets, and should have 8192\n");
	l->bad.level = TILE_ENTRIES;
	audit_of(l, &now, NULL, false);
	expect_findings(l, "the bundle of entries from 256 on is damaged: it ends in the middle\n");
	l->bad_short = false;
	l->bad_long = true;
	audit_of(l, &now, NULL, false);
	expect_findings(l, "the bundle of entries from 256 on is damaged: more follows than its entries\n");
	log_free(l);
}

static void other_roots(void **state)
{
	struct log *l = log_new(700), *other = log_new(700);
	other->entry[3].p[10] ^= 1;
	hash_levels(other);
	struct checkpoint now = checkpoint_at(l, 700), old = checkpoint_at(l, 300), fork = checkpoint_at(other, 300),
			  twin = checkpoint_at(other, 700);
	audit_of(l, &old, &now, false);
	expect_findings(l, "rolled back: the log has 300 entries now, and a checkpoint of 700 was signed\n");
	audit_of(l, &now, &twin, false);
	expect_findings(l, "forked: two different logs of 700 entries were signed\n");
	audit_of(l, &now, &fork, false);
	expect_findings(l, "forked: the log of 700 entries is no continuation of that of 300 which was signed before\n");
	audit_of(l, &twin, &old, false); /* the tiles are those of `now` */
	expect_findings(l, "the hash tiles do not lead to the root that was signed\n");
	audit_of(l, &twin, NULL, false);
	expect_findings(l, "the root is another than the one that was signed: neither entries nor hash tiles lead to it\n");
	old.origin = SPAN_LIT("log.example/lanes/b");
	audit_of(l, &now, &old, false);
	expect_findings(l, "the old checkpoint is of another log, \"log.example/lanes/b\"\n");
	log_free(l);
	log_free(other);
}

static void proofs(void **state)
{
	struct log *l = log_new(700);
	struct checkpoint now = checkpoint_at(l, 700), old = checkpoint_at(l, 300);
	struct tile_source s = { .get = get, .ctx = l, .size = 700 };
	struct merkle_proof p;
	struct fault f;
	assert_int_equal(audit_continues(&s, &now, &old, &p, &f), OK);
	assert_int_equal(merkle_check_consistency(300, old.root, 700, now.root, &p, &f), OK);
	old.root[0] ^= 1;
	assert_int_equal(audit_continues(&s, &now, &old, &p, &f), ERR_CORRUPT);
	old.size = 701;
	assert_int_equal(audit_continues(&s, &now, &old, NULL, &f), ERR_RANGE);
	tile_source_release(&s);
	log_free(l);
}

static void bodies(void **state)
{
	struct log *l = log_new(8);
	struct checkpoint now = checkpoint_at(l, 8);
	struct audit_counts counts = audit_of(l, &now, NULL, true);
	expect_findings(l, "");
	assert_int_equal(counts.bodies, 8);
	l->body[5].p[33] ^= 1;
	audit_of(l, &now, NULL, true);
	expect_findings(l, "the body of entry 5 was altered: its digest is not the one in the entry\n");
	audit_of(l, &now, NULL, false);
	expect_findings(l, "");
	l->body[5].p[33] ^= 1;
	l->lost[2] = l->lost[3] = l->lost[5] = l->lost[0] = true;
	audit_of(l, &now, NULL, true);
	expect_findings(l, "the body of entry 0 is lost: only those of feeds and evidence can be erased\n"
			"the bodies of entries 2 to 3 are lost: no entry of the lane says that they were erased or pruned\n"
			"the body of entry 5 is lost: no entry of the lane says that it was erased or pruned\n");
	log_free(l);
}

static void erased(void **state)
{
	struct log *l = log_new(8);
	for (int i = 6; i < 8; i++) {
		buf_release(&l->body[i]);
		l->entry[i].n = 0;
	}
	put_entry(l, 6, ENTRY_ERASED, "{\"first\":3,\"last\":3,\"reason\":\"asked\"}");
	put_entry(l, 7, ENTRY_PRUNED, "{\"first\":1,\"last\":2,\"reason\":\"old\"}");
	hash_levels(l);
	struct checkpoint now = checkpoint_at(l, 8);
	l->lost[1] = l->lost[2] = l->lost[3] = true;
	struct audit_counts counts = audit_of(l, &now, NULL, true);
	expect_findings(l, "");
	assert_int_equal(counts.gone, 3);
	assert_int_equal(counts.bodies, 5);
	l->lost[4] = true;
	counts = audit_of(l, &now, NULL, true);
	expect_findings(l, "the body of entry 4 is lost: no entry of the lane says that it was erased or pruned\n");
	assert_int_equal(counts.gone, 3);
	buf_release(&l->body[6]);
	l->entry[6].n = 0;
	put_entry(l, 6, ENTRY_ERASED, "{\"first\":3,\"last\":6,\"reason\":\"itself\"}");
	hash_levels(l);
	now = checkpoint_at(l, 8);
	l->lost[4] = false;
	audit_of(l, &now, NULL, true);
	expect_findings(l, "entry 6 does not say which bodies are gone\n"
			"the body of entry 3 is lost: no entry of the lane says that it was erased or pruned\n");
	log_free(l);
}

static bool enough(void *ctx, uint64_t done, uint64_t of)
{
	assert_true(done <= of);
	return done < 300;
}

static void breaks_off(void **state)
{
	struct log *l = log_new(700);
	struct checkpoint now = checkpoint_at(l, 700), old = checkpoint_at(l, 300);
	struct audit a = { .get = get, .progress = enough, .ctx = l };
	struct audit_counts counts;
	struct fault f;
	assert_int_equal(audit_lane(&a, &now, NULL, &counts, &f), ERR_CANCELLED);
	l->fails = ERR_IO;
	assert_int_equal(audit_lane(&a, &now, NULL, &counts, &f), ERR_IO);
	assert_string_equal(f.text, "no line");
	assert_int_equal(audit_lane(&a, &now, &old, &counts, &f), ERR_IO);
	assert_string_equal(f.text, "no line");
	log_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_logs), cmocka_unit_test(since), cmocka_unit_test(altered), cmocka_unit_test(not_whole),
		cmocka_unit_test(other_roots), cmocka_unit_test(proofs), cmocka_unit_test(bodies), cmocka_unit_test(erased),
		cmocka_unit_test(breaks_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
