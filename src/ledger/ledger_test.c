#include "ledger/testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "codec/feed.h"
#include "sys/db.h"
#include "sys/digest.h"

enum { PUBLIC = 1, MEMBERS = 2 }; /* clearances: one bit each */

static void tamper(struct testing *t, const char *sql)
{
	struct db *d;
	struct fault f = { .text = "" };
	if (db_open(t->path, DB_WRITE, &d, &f) || db_exec(d, sql, &f))
		fail_msg("%s", f.text);
	db_close(d);
}

static void reads_what_was_told(void **state)
{
	struct ledger *l = testing_ledger(*state);
	struct submission s = testing_submission(1, SPAN_LIT("192.0.2.1\n\0\xff"));
	struct entry e;
	struct buf body = { 0 };
	struct fault f;
	uint64_t number;
	s.import = 2;
	assert_int_equal(ledger_append(l, &s, &number, &f), OK);
	assert_int_equal(number, 3); /* two lanes were founded before */
	assert_int_equal(ledger_last(l), 3);
	assert_int_equal(ledger_entry(l, CLEARANCE_ALL, 3, &e), OK);
	assert_int_equal(e.number, 3);
	assert_int_equal(e.index, 1);
	assert_int_equal(e.lane, 1);
	assert_int_equal(e.kind, ENTRY_FEED);
	assert_int_equal(e.flags, ENTRY_BEGINS);
	assert_int_equal(e.import, 2);
	assert_true(e.time_ms == 1700000000123);
	assert_string_equal(e.party, "local");
	assert_string_equal(e.source, "s.example");
	assert_string_equal(e.media, "list");
	assert_true(span_is(buf_span(&e.token), "token"));
	assert_int_equal(e.count, 3);
	assert_int_equal(e.body_octets, 12);
	entry_release(&e);
	buf_puts(&body, "before ");
	assert_int_equal(ledger_body(l, CLEARANCE_ALL, 3, &body, &f), OK);
	assert_true(span_eq(buf_span(&body), SPAN_LIT("before 192.0.2.1\n\0\xff")));
	buf_release(&body);
	ledger_close(l);
}

static void empty_and_large_bodies(void **state)
{
	struct testing *t = *state;
	struct ledger *l = testing_ledger(t);
	struct buf large = { 0 }, body = { 0 };
	struct entry e;
	struct fault f;
	uint64_t number, none = testing_append(l, 0, span_of(NULL, 0));
	random_octets(buf_reserve(&large, SUBMISSION_MAX + 1), SUBMISSION_MAX); /* cannot be compressed */
	struct submission s = testing_submission(0, span_of(large.p, BODY_MAX));
	s.token = span_of(NULL, 0);
	s.source = "";
	assert_int_equal(ledger_append(l, &s, &number, &f), OK);
	ledger_close(l);
	assert_int_equal(ledger_open(t->dir, false, &l, &f), OK);
	assert_int_equal(ledger_body(l, PUBLIC, none, &body, &f), OK);
	assert_int_equal(body.n, 0);
	assert_int_equal(ledger_body(l, PUBLIC, number, &body, &f), OK);
	assert_true(span_eq(buf_span(&body), span_of(large.p, BODY_MAX)));
	assert_int_equal(ledger_entry(l, PUBLIC, number, &e), OK);
	assert_int_equal(e.token.n, 0);
	assert_string_equal(e.source, "");
	assert_int_equal(e.import, number); /* told as 0: its own */
	assert_int_equal(e.import_index, e.index);
	assert_int_equal(e.flags, ENTRY_BEGINS);
	entry_release(&e);
	buf_release(&body);
	buf_release(&large);
	ledger_close(l);
}

/* A body above BODY_MAX is several entries in a row, in one transaction. */
static void bodies_are_split(void **state)
{
	struct ledger *l = testing_ledger(*state);
	struct buf large = { 0 }, joined = { 0 };
	struct entry e;
	struct fault f;
	uint64_t first, next;
	random_octets(buf_reserve(&large, SUBMISSION_MAX + 1), SUBMISSION_MAX);
	struct submission s = testing_submission(1, span_of(large.p, 2 * BODY_MAX + 1));
	assert_int_equal(ledger_append(l, &s, &first, &f), OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ledger_entry(l, MEMBERS, first + i, &e), OK);
		assert_int_equal(e.index, 1 + i);
		assert_int_equal(e.import, first);
		assert_int_equal(e.import_index, 1);
		assert_int_equal(e.flags, (i == 0 ? ENTRY_BEGINS : ENTRY_CONTINUES) | (i < 2 ? ENTRY_MORE : 0));
		assert_int_equal(e.token.n, i == 0 ? 5 : 0);
		assert_int_equal(e.count, i == 0 ? 3 : 0);
		entry_release(&e);
		assert_int_equal(ledger_body(l, MEMBERS, first + i, &joined, &f), OK);
	}
	assert_true(span_eq(buf_span(&joined), s.body));
	s.body = span_of(large.p, SUBMISSION_MAX);
	s.import = first;
	assert_int_equal(ledger_append(l, &s, &next, &f), OK);
	assert_int_equal(next, first + 3);
	assert_int_equal(ledger_last(l), next + SUBMISSION_MAX / BODY_MAX - 1);
	assert_int_equal(ledger_entry(l, MEMBERS, ledger_last(l), &e), OK);
	assert_int_equal(e.import_index, 1);
	assert_int_equal(e.flags, ENTRY_CONTINUES);
	entry_release(&e);
	s.body.n++;
	assert_int_equal(ledger_append(l, &s, &next, &f), ERR_RANGE);
	buf_release(&large);
	buf_release(&joined);
	ledger_close(l);
}

static void refuses_out_of_bounds(void **state)
{
	struct ledger *l = testing_ledger(*state);
	char text[65];
	static uint8_t token[TOKEN_MAX + 1];
	struct fault f;
	uint64_t number = 77;
	memset(text, 'x', 64);
	text[64] = 0;
	struct submission good = testing_submission(0, SPAN_LIT("x")), s = good;
	s.lane = 2;
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_NOTFOUND);
	s.lane = 200;
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_RANGE);
	s = good, s.party = text;
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_RANGE);
	s = good, s.source = text;
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_RANGE);
	s = good, s.source = "\xff";
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_SYNTAX);
	s = good, s.media = text + 32;
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_RANGE);
	s = good, s.media = NULL;
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_RANGE);
	s = good, s.token = span_of(token, sizeof(token));
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_RANGE);
	s = good, s.import = 3; /* has not begun */
	assert_int_equal(ledger_append(l, &s, &number, &f), ERR_RANGE);
	assert_int_equal(number, 77);
	assert_int_equal(ledger_last(l), 2);
	s = good, s.party = text + 1, s.source = text + 1, s.media = text + 33; /* just fit */
	s.token = span_of(token, TOKEN_MAX);
	assert_int_equal(ledger_append(l, &s, &number, &f), OK);
	assert_int_equal(number, 3);
	ledger_close(l);
}

static void lanes(void **state)
{
	struct testing *t = *state;
	struct ledger *l = testing_ledger(t);
	struct lane lane, all[LANES_MAX];
	struct buf body = { 0 };
	struct fault f;
	static const char *const bad[] = { "", "Upper", "a b", "a/b", "ü" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(testing_lane(l, bad[i], TLP_CLEAR, "production", NULL, &f), ERR_SYNTAX);
	assert_int_equal(testing_lane(l, "x", TLP_CLEAR, "test", NULL, &f), ERR_SYNTAX);
	assert_int_equal(testing_lane(l, "x", TLP_UNSAID, "exercise", NULL, &f), ERR_RANGE);
	assert_int_equal(testing_lane(l, "x", TLP_RED + 1, "exercise", NULL, &f), ERR_RANGE);
	assert_int_equal(testing_lane(l, "public", TLP_RED, "production", NULL, &f), ERR_EXISTS);
	assert_int_equal(testing_lane(l, "drill", TLP_GREEN, "exercise", &lane, &f), OK);
	assert_int_equal(lane.number, 2);
	assert_int_equal(ledger_body(l, CLEARANCE_ALL, ledger_last(l), &body, &f), OK);
	assert_true(span_is(buf_span(&body), "{\"audience\":\"tlp:green\",\"lane\":\"drill\",\"origin\":"
						   "\"node.example/lanes/drill\",\"realm\":\"exercise\"}"));
	buf_release(&body);
	testing_append(l, 2, SPAN_LIT("x"));
	assert_int_equal(ledger_lanes(l, CLEARANCE_ALL, all), 3);
	assert_string_equal(all[2].name, "drill");
	assert_string_equal(all[2].realm, "exercise");
	assert_int_equal(all[2].tlp, TLP_GREEN);
	assert_int_equal(all[2].size, 2);
	assert_int_equal(all[0].size, 1);
	assert_int_equal(ledger_clearance(l, TLP_UNSAID), 0);
	assert_int_equal(ledger_clearance(l, TLP_CLEAR), 1);
	assert_int_equal(ledger_clearance(l, TLP_GREEN), 1 | 4);
	assert_int_equal(ledger_clearance(l, TLP_RED), 1 | 2 | 4);
	for (unsigned i = 3; i < LANES_MAX; i++) {
		char name[16];
		snprintf(name, sizeof(name), "lane-%u", i);
		assert_int_equal(testing_lane(l, name, TLP_RED, "production", &lane, &f), OK);
		assert_int_equal(lane.number, i);
	}
	assert_int_equal(testing_lane(l, "one-too-many", TLP_RED, "production", NULL, &f), ERR_FULL);
	uint64_t last = testing_append(l, 63, SPAN_LIT("the last bit of the mask"));
	ledger_close(l);
	struct entry e;
	assert_int_equal(ledger_open(t->dir, true, &l, &f), OK);
	assert_int_equal(ledger_lanes(l, CLEARANCE_ALL, all), LANES_MAX);
	assert_int_equal(ledger_lanes(l, (clearance)1 << 63, all), 1);
	assert_int_equal(all[0].number, 63);
	assert_int_equal(ledger_entry(l, (clearance)1 << 63, last, &e), OK);
	entry_release(&e);
	assert_int_equal(ledger_entry(l, CLEARANCE_ALL >> 1, last, &e), ERR_NOTFOUND);
	ledger_close(l);
}

struct seen {
	struct ledger *l;
	uint64_t numbers[512];
	unsigned n, stop_at;
	bool bodies;
};

static enum err look(void *ctx, const struct entry *e, struct span body, struct fault *f)
{
	struct seen *s = ctx;
	struct buf again = { 0 };
	assert_int_equal(ledger_body(s->l, (clearance)1 << e->lane, e->number, &again, f), OK); /* may use the ledger */
	assert_true(s->bodies ? span_eq(body, buf_span(&again)) : body.n == 0);
	assert_int_equal(e->body_octets, again.n);
	buf_release(&again);
	s->numbers[s->n++] = e->number;
	return s->n == s->stop_at ? fault_set(f, ERR_CANCELLED, "enough") : OK;
}

static void clearance_decides(void **state)
{
	struct ledger *l = testing_ledger(*state);
	struct seen s = { .l = l };
	struct entry e;
	struct lane lane;
	struct buf body = { 0 };
	struct fault f;
	for (int i = 0; i < 300; i++) /* several pages; 3, 5, 7 .. public, 4, 6, 8 .. members */
		testing_append(l, i % 2, span_of("0123456789", (size_t)i % 10));
	assert_int_equal(ledger_entry(l, PUBLIC, 4, &e), ERR_NOTFOUND);
	assert_int_equal(ledger_body(l, PUBLIC, 4, &body, &f), ERR_NOTFOUND);
	assert_null(body.p);
	assert_int_equal(ledger_entry(l, 0, 3, &e), ERR_NOTFOUND);
	assert_int_equal(ledger_lane_find(l, PUBLIC, "members", &lane), ERR_NOTFOUND);
	assert_int_equal(ledger_lane_find(l, MEMBERS, "members", &lane), OK);
	assert_int_equal(lane.size, 151);
	assert_int_equal(ledger_each(l, PUBLIC, 3, false, look, &s, &f), OK);
	assert_int_equal(s.n, 150);
	for (unsigned i = 0; i < s.n; i++)
		assert_int_equal(s.numbers[i], 3 + 2 * i);
	s.n = 0, s.bodies = true;
	assert_int_equal(ledger_each(l, CLEARANCE_ALL, 0, true, look, &s, &f), OK);
	assert_int_equal(s.n, 302);
	s.n = 0;
	assert_int_equal(ledger_each(l, 0, 0, true, look, &s, &f), OK);
	assert_int_equal(ledger_each(l, CLEARANCE_ALL, 303, true, look, &s, &f), OK);
	assert_int_equal(ledger_each(l, CLEARANCE_ALL, UINT64_MAX, true, look, &s, &f), OK);
	assert_int_equal(s.n, 0);
	s.stop_at = 70;
	assert_int_equal(ledger_each(l, CLEARANCE_ALL, 1, true, look, &s, &f), ERR_CANCELLED);
	assert_int_equal(s.n, 70);
	assert_int_equal(ledger_entry(l, CLEARANCE_ALL, 0, &e), ERR_NOTFOUND);
	assert_int_equal(ledger_entry(l, CLEARANCE_ALL, UINT64_MAX, &e), ERR_NOTFOUND);
	assert_int_equal(ledger_body(l, CLEARANCE_ALL, UINT64_MAX, &body, &f), ERR_NOTFOUND);
	ledger_close(l);
}

static void digest_is_salted_and_checked(void **state)
{
	struct testing *t = *state;
	struct ledger *l = testing_ledger(t);
	struct entry a, b;
	struct buf body = { 0 };
	struct fault f;
	uint8_t plain[32];
	for (int i = 0; i < 6; i++)
		testing_append(l, 0, SPAN_LIT("guessable"));
	assert_int_equal(ledger_entry(l, PUBLIC, 3, &a), OK);
	assert_int_equal(ledger_entry(l, PUBLIC, 4, &b), OK);
	sha256_two(SPAN_LIT("guessable"), span_of(NULL, 0), plain);
	assert_memory_not_equal(a.digest, b.digest, 32);
	assert_memory_not_equal(a.digest, plain, 32);
	entry_release(&a);
	entry_release(&b);
	ledger_close(l);
	tamper(t, "UPDATE entries SET nonce = zeroblob(32) WHERE number = 3;"
		  "UPDATE entries SET frame = (SELECT frame FROM entries WHERE number = 1) WHERE number = 4;"
		  "UPDATE entries SET frame = x'00' WHERE number = 5;"
		  "UPDATE entries SET octets = 8 WHERE number = 6;"
		  "UPDATE entries SET nonce = NULL, frame = NULL WHERE number = 7");
	assert_int_equal(ledger_open(t->dir, false, &l, &f), OK);
	for (uint64_t n = 3; n <= 6; n++) {
		assert_int_equal(ledger_body(l, PUBLIC, n, &body, &f), ERR_CORRUPT);
		assert_int_equal(f.code, ERR_CORRUPT);
		assert_int_equal(body.n, 0);
	}
	assert_int_equal(ledger_body(l, PUBLIC, 7, &body, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "is lost"));
	assert_int_equal(ledger_body(l, PUBLIC, 8, &body, &f), OK);
	buf_release(&body);
	ledger_close(l);
}

static void rows_are_not_believed(void **state)
{
	struct testing *t = *state;
	struct ledger *l = testing_ledger(t);
	struct seen s = { .l = l };
	struct entry e;
	struct fault f;
	for (int i = 0; i < 5; i++)
		testing_append(l, 0, SPAN_LIT("x"));
	ledger_close(l);
	tamper(t, "UPDATE entries SET record = zeroblob(100) WHERE number = 3;"
		  "UPDATE entries SET record = substr(record, 1, 80) WHERE number = 4;"
		  "UPDATE entries SET lane = 77 WHERE number = 5;"
		  "UPDATE entries SET octets = -1 WHERE number = 6");
	assert_int_equal(ledger_open(t->dir, false, &l, &f), OK);
	for (uint64_t n = 3; n <= 6; n++)
		assert_int_equal(ledger_entry(l, CLEARANCE_ALL, n, &e), ERR_CORRUPT);
	assert_int_equal(ledger_each(l, CLEARANCE_ALL, 1, false, look, &s, &f), ERR_CORRUPT);
	ledger_close(l);
	tamper(t, "UPDATE lanes SET tlp = 1 WHERE name = 'members'"); /* a wider audience than it was founded for */
	assert_int_equal(ledger_open(t->dir, false, &l, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "members"));
	assert_int_equal(ledger_open(t->dir, true, &l, &f), ERR_CORRUPT);
}

static void open_says_what_is_wrong(void **state)
{
	struct testing *t = *state;
	struct ledger *l = NULL;
	struct fault f;
	assert_int_equal(ledger_open(t->dir, true, &l, &f), ERR_NOTFOUND);
	assert_int_equal(ledger_open(t->dir, false, &l, &f), ERR_NOTFOUND);
	assert_int_equal(ledger_open("/nonexistent.example", false, &l, &f), ERR_NOTFOUND);
	assert_int_equal(ledger_create("/nonexistent.example", "node.example", &f), ERR_NOTFOUND);
	assert_int_equal(ledger_open("/dev/null", false, &l, &f), ERR_NOTFOUND);
	assert_non_null(strstr(f.text, "is not a directory"));
	int fd = open(t->path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ledger_open(t->dir, false, &l, &f), ERR_CORRUPT); /* an empty file */
	for (int i = 0; i < 100; i++)
		assert_int_equal(write(fd, "a text file, and no database\n", 29), 29);
	close(fd);
	assert_int_equal(ledger_open(t->dir, false, &l, &f), ERR_CORRUPT);
	assert_int_equal(ledger_open(t->dir, true, &l, &f), ERR_CORRUPT);
	assert_int_equal(ledger_create(t->dir, "node.example", &f), ERR_EXISTS);
	unlink(t->path);
	assert_int_equal(ledger_create(t->dir, "node.example", &f), OK);
	assert_int_equal(ledger_create(t->dir, "node.example", &f), ERR_EXISTS);
	tamper(t, "PRAGMA user_version = 4");
	assert_int_equal(ledger_open(t->dir, true, &l, &f), ERR_UNSUPPORTED);
	assert_int_equal(ledger_open(t->dir, false, &l, &f), ERR_UNSUPPORTED);
	tamper(t, "PRAGMA user_version = 3; PRAGMA application_id = 7");
	assert_int_equal(ledger_open(t->dir, true, &l, &f), ERR_CORRUPT);
	tamper(t, "PRAGMA application_id = 1399418994; DROP TABLE entries");
	assert_int_not_equal(ledger_open(t->dir, true, &l, &f), OK);
	assert_null(l);
}

static void permissions(void **state)
{
	struct testing *t = *state;
	ledger_close(testing_ledger(t));
	chmod(t->dir, 0755);
	pid_t child = fork();
	if (child == 0) {
		struct ledger *l;
		struct fault f;
		if (getuid() == 0 && setuid(65534))
			_exit(9);
		chmod(t->path, 0); /* for whom it is his own */
		bool ok = ledger_open(t->dir, false, &l, &f) == ERR_FORBIDDEN &&
			  ledger_open(t->dir, true, &l, &f) == ERR_FORBIDDEN && strstr(f.text, "Permission denied");
		_exit(ok ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Another process has written and is gone without a word: everything is in the log, nothing in the file. */
static void reads_a_hot_log(void **state)
{
	struct testing *t = *state;
	struct ledger *l, *writer;
	struct seen s = { 0 };
	struct fault f;
	uint64_t number;
	pid_t child = fork();
	if (child == 0) {
		l = testing_ledger(t);
		for (int i = 0; i < 100; i++)
			testing_append(l, 0, SPAN_LIT("hot"));
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ledger_open(t->dir, false, &l, &f), OK);
	assert_int_equal(ledger_last(l), 102);
	s.l = l, s.bodies = true;
	assert_int_equal(ledger_each(l, PUBLIC, 1, true, look, &s, &f), OK);
	assert_int_equal(s.n, 101);
	struct submission sub = testing_submission(0, SPAN_LIT("x"));
	assert_int_equal(ledger_append(l, &sub, &number, &f), ERR_FORBIDDEN);
	assert_int_equal(testing_lane(l, "x", TLP_RED, "production", NULL, &f), ERR_FORBIDDEN);
	/* A reader beside a writer sees what that commits. */
	assert_int_equal(ledger_open(t->dir, true, &writer, &f), OK);
	number = testing_append(writer, 0, SPAN_LIT("new"));
	assert_int_equal(number, 103);
	assert_int_equal(ledger_last(l), 103);
	struct entry e;
	assert_int_equal(ledger_entry(l, PUBLIC, 103, &e), OK);
	entry_release(&e);
	ledger_close(writer);
	assert_int_equal(ledger_last(l), 103);
	ledger_close(l);
}

/* ---- every reading function, with every clearance ---- */

enum { WALKED = 5, UNMADE = 40 };

static bool never(void *ctx, const struct entry *e, struct span octets)
{
	buf_putspan(ctx, octets);
	buf_puts(ctx, e->source);
	return false;
}

static enum err gather_entry(void *ctx, const struct entry *e, struct span body, struct fault *f)
{
	struct buf *out = ctx;
	buf_puts(out, e->party);
	buf_puts(out, e->source);
	buf_putspan(out, buf_span(&e->token));
	buf_putspan(out, body);
	buf_put(out, e->digest, sizeof(e->digest));
	return OK;
}

/* All that the functions which take a lane say of lane `n`: codes and texts in `said`, octets in `out`. */
static void ask_lane(struct ledger *l, clearance clear, uint8_t n, const char *name, const uint8_t digest[32], struct buf *said, struct buf *out)
{
	struct fault f = { .text = "" };
	struct merkle_proof proof = { .n = 0 };
	struct lane lane = { .name = "" };
	struct tile hashes = { .level = 0, .width = 1 }, entries = { .level = TILE_ENTRIES, .width = 1 };
	uint64_t number = 0;
	char text[64];
	buf_printf(said, "%d ", ledger_lane_find(l, clear, name, &lane));
	buf_puts(out, lane.name);
	buf_printf(said, "%d ", ledger_checkpoint(l, clear, n, out, &f));
	buf_printf(said, "%s %d ", f.text, ledger_tile(l, clear, n, &hashes, out, &f));
	buf_printf(said, "%s %d ", f.text, ledger_tile(l, clear, n, &entries, out, &f));
	buf_printf(said, "%s %d ", f.text, ledger_inclusion(l, clear, n, 1, 2, &proof, &f));
	buf_printf(said, "%s %d ", f.text, ledger_consistency(l, clear, n, 1, 2, &proof, &f));
	buf_put(out, proof.hash, proof.n * sizeof(proof.hash[0]));
	buf_printf(said, "%s %d ", f.text, ledger_find(l, clear, n, 1, &number));
	buf_printf(said, "%d ", ledger_find_digest(l, clear, n, digest, &number, &f));
	buf_printf(said, "%s ", f.text);
	snprintf(text, sizeof(text), "%s/1", name);
	buf_printf(said, "%d ", ledger_resolve(l, clear, span_str(text), &number, &f));
}

static void ask_entry(struct ledger *l, clearance clear, uint64_t number, struct buf *out)
{
	struct fault f = { .text = "" };
	struct entry e = { 0 };
	if (ledger_entry(l, clear, number, &e) == OK)
		(void)!gather_entry(out, &e, span_of(NULL, 0), NULL);
	entry_release(&e);
	(void)!ledger_record(l, clear, number, out, &f);
	buf_puts(out, f.text);
	(void)!ledger_body(l, clear, number, out, &f);
	buf_puts(out, f.text);
	(void)!ledger_salted_body(l, clear, number, out, &f);
	buf_puts(out, f.text);
	(void)!ledger_receipt(l, clear, number, out, &f);
	buf_puts(out, f.text);
}

static bool contains(const struct buf *b, const char *text)
{
	return b->n && memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static void nothing_outside_a_clearance(void **state)
{
	struct testing *t = *state;
	struct ledger *l = testing_ledger(t);
	struct fault f;
	struct entry e[WALKED];
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	char canary[WALKED][24];
	for (unsigned i = 0; i < WALKED; i++) {
		snprintf(canary[i], sizeof(canary[i]), "canary-of-lane-%u-", i);
		if (i >= 2)
			assert_int_equal(testing_lane(l, canary[i], TLP_AMBER, "production", NULL, &f), OK);
		const struct object object = { .id = SPAN_LIT("indicator--1"), .offset = 0 };
		struct submission s = testing_submission((uint8_t)i, span_str(canary[i]));
		uint64_t number;
		s.party = s.source = canary[i];
		s.token = span_str(canary[i]);
		s.objects = &object;
		s.n_objects = 1;
		assert_int_equal(ledger_append(l, &s, &number, &f), OK);
		assert_int_equal(ledger_entry(l, CLEARANCE_ALL, number, &e[i]), OK);
	}
	for (clearance clear = 0; clear < 1 << WALKED; clear++) {
		struct buf out = { 0 }, unmade = { 0 }, ignored = { 0 };
		unsigned n = ledger_lanes(l, clear, lanes);
		assert_int_equal(n, __builtin_popcountll(clear));
		for (unsigned i = 0; i < n; i++)
			buf_puts(&out, lanes[i].origin);
		assert_int_equal(ledger_each(l, clear, 0, true, gather_entry, &out, &f), OK);
		assert_int_equal(ledger_each_back(l, clear, ledger_last(l), gather_entry, &out, &f), OK);
		assert_int_not_equal(ledger_object(l, clear, SPAN_LIT("indicator--1"), never, &out, &f), OK);
		ask_lane(l, clear, UNMADE, "canary-of-lane-9-", e[0].digest, &unmade, &ignored);
		for (uint64_t number = 0; number <= ledger_last(l) + 1; number++)
			ask_entry(l, clear, number, &out);
		for (unsigned i = 0; i < WALKED; i++) {
			struct buf said = { 0 };
			ask_lane(l, clear, (uint8_t)i, i < 2 ? i ? "members" : "public" : canary[i], e[i].digest, &said, &out);
			bool shown = clear >> i & 1;
			if (!shown) { /* as one that was never made, but for the name that was asked for */
				assert_true(said.n == unmade.n && memcmp(said.p, unmade.p, said.n) == 0);
			}
			buf_release(&said);
		}
		for (unsigned i = 0; i < WALKED; i++) {
			assert_int_equal(contains(&out, canary[i]), clear >> i & 1);
			assert_int_equal(out.n && memmem(out.p, out.n, e[i].digest, 32) != NULL, clear >> i & 1);
		}
		buf_release(&out);
		buf_release(&unmade);
		buf_release(&ignored);
	}
	for (unsigned i = 0; i < WALKED; i++)
		entry_release(&e[i]);
	free(lanes);
	ledger_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, testing_setup, testing_teardown)
		CASE(reads_what_was_told), CASE(empty_and_large_bodies), CASE(bodies_are_split), CASE(refuses_out_of_bounds), CASE(lanes),
		CASE(clearance_decides), CASE(nothing_outside_a_clearance), CASE(digest_is_salted_and_checked), CASE(rows_are_not_believed),
		CASE(open_says_what_is_wrong), CASE(permissions), CASE(reads_a_hot_log),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
