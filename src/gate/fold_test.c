/* Whatever was done in whatever order: what is answered from is what the ledger says, read again from its start. */
#include "gate/fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gate/import.h"
#include "gate/retract.h"
#include "sys/db.h"
#include "sys/key.h"

static struct fault fault;

static void must(enum err e)
{
	if (e)
		fail_msg("%s: %s", err_name(e), fault.text);
}

/* ---- directories ---- */

static void new_dir(char dir[32])
{
	memcpy(dir, "/tmp/sipar-fold-XXXXXX", 23);
	assert_non_null(mkdtemp(dir));
}

static void remove_tree(const char *path)
{
	char name[600];
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%.300s/%.255s", path, e->d_name);
		if (unlink(name))
			remove_tree(name);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static void copy_file(const char *from, const char *to)
{
	uint8_t octets[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, octets, sizeof(octets))) > 0)
		assert_int_equal(write(out, octets, (size_t)n), n);
	close(in);
	close(out);
}

/* What a kill would leave at this moment. */
static void copy_tree(const char *from, const char *to)
{
	char a[600], b[600];
	struct stat st;
	DIR *d = opendir(from);
	assert_non_null(d);
	mkdir(to, 0700);
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(a, sizeof(a), "%.300s/%.255s", from, e->d_name);
		snprintf(b, sizeof(b), "%.300s/%.255s", to, e->d_name);
		assert_int_equal(stat(a, &st), 0);
		if (S_ISDIR(st.st_mode))
			copy_tree(a, b);
		else
			copy_file(a, b);
	}
	closedir(d);
}

static struct node *open_node(const char *dir)
{
	struct node *n = NULL;
	must(node_open(dir, 0, &n, &fault));
	return n;
}

static struct node *new_node(char dir[32])
{
	new_dir(dir);
	must(node_init(dir, &(struct node_options){ 0 }, &fault));
	return open_node(dir);
}

/* ---- doing things ---- */

static enum err change(struct node *n, int op, const char *name, int snapshot, int weight)
{
	struct source_change c = { .name = span_str(name), .has_snapshot = snapshot >= 0, .snapshot = snapshot > 0,
				   .has_weight = weight >= 0, .weight_db = (uint8_t)weight };
	c.op = op;
	return node_source_change(n, &c, &fault);
}

static struct import *begin(struct node *n, const char *source, const char *format)
{
	struct import_options o = { .source = source, .format = feed_format_find(span_str(format)), .stance = STANCE_INDICATOR };
	struct import *i = NULL;
	return import_begin(n, &o, NULL, NULL, NULL, &i, &fault) == OK ? i : NULL;
}

/* One piece. */
static void add(struct import *i, const char *text)
{
	struct input *in;
	int fd = memfd_create("feed", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	lseek(fd, 0, SEEK_SET);
	must(input_open(fd, -1, "feed", &in, &fault));
	enum err e = import_stream(i, in, "feed", &fault);
	if (e != ERR_BUSY) /* another import of a snapshot, which was no source yet when this one began */
		must(e);
	input_close(in);
}

static void end(struct import *i)
{
	struct import_counts counts;
	enum err e = import_finish(i, &counts, &fault);
	if (e != ERR_BUSY && e != ERR_NOTFOUND) /* as above; or the source was removed */
		must(e);
	import_free(i);
}

static void import_text(struct node *n, const char *source, const char *format, const char *text)
{
	struct import *i = begin(n, source, format);
	assert_non_null(i);
	add(i, text);
	end(i);
}

static void save(struct node *n)
{
	must(fold_save(node_write_begin(n), &fault));
	node_write_end(n);
}

static uint64_t seen(struct node *n)
{
	uint64_t number = fold_seen(node_write_begin(n));
	node_write_end(n);
	return number;
}

static bool listed(struct node *n, const char *value)
{
	struct observable obs;
	uint8_t store[OBS_KEY_MAX];
	struct reputation r;
	must(obs_parse(span_str(value), store, &obs, &fault));
	reputation_of(table_enter(node_table(n)), &obs, CLEARANCE_ALL, (uint32_t)time(NULL), &r, NULL, NULL);
	table_leave(node_table(n));
	return r.verdict.score > 0;
}

static void digest_of(struct node *n, uint8_t digest[32])
{
	must(node_digest(n, digest, &fault));
}

static void assert_folded_right(struct node *n)
{
	uint8_t before[32], after[32], now[32];
	digest_of(n, now);
	must(node_rebuild(n, before, after, &fault));
	assert_memory_equal(now, before, 32);
	assert_memory_equal(before, after, 32);
}

/* After a kill at this moment: the same answers, also when everything is read again. */
static void assert_survives(struct node *n, const char *dir)
{
	char copy[40];
	uint8_t now[32], then[32];
	snprintf(copy, sizeof(copy), "%s-k", dir);
	copy_tree(dir, copy);
	struct node *again = open_node(copy);
	digest_of(n, now);
	digest_of(again, then);
	assert_memory_equal(now, then, 32);
	assert_folded_right(again);
	node_close(again);
	remove_tree(copy);
}

static void sql(const char *dir, const char *statement)
{
	char path[64];
	struct db *d;
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	must(db_open(path, DB_WRITE, &d, &fault));
	must(db_exec(d, statement, &fault));
	db_close(d);
}

/* ---- the property ---- */

static uint32_t below(uint64_t *state, uint32_t n)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*state >> 33) % n);
}

static void some_text(uint64_t *r, bool rules, struct buf *out)
{
	out->n = 0;
	if (rules) {
		bool string = below(r, 2);
		buf_printf(out, "{\"name\":\"w\",\"version\":1,\"type\":\"%s\",\"description\":\"d\",\"matching_attributes\":[\"domain\"],"
			   "\"list\":[", string ? "string" : "substring");
		for (unsigned n = below(r, 4), k = 0; k <= n; k++)
			buf_printf(out, "%s\"%s%u\"", k ? "," : "", string ? "no observable " : "part", below(r, 5));
		buf_puts(out, "]}");
		return;
	}
	for (unsigned n = 1 + below(r, 12); n; n--)
		buf_printf(out, "h%u.example\n", below(r, 40));
}

enum { STEPS = 150, RUNS = 15, AT_ONCE = 5, NAMES = 6 };

struct play {
	uint64_t r;
	char dir[32];
	struct node *node;
	struct import *import[AT_ONCE];
	bool rules[AT_ONCE];
	uint32_t told[2]; /* periods that each of two reporters has told of */
	struct buf text;
};

static void play_import(struct play *p, const char *name)
{
	unsigned at = below(&p->r, AT_ONCE), what = below(&p->r, 6);
	struct import **i = &p->import[at];
	if (!*i) {
		p->rules[at] = below(&p->r, 4) == 0;
		*i = begin(p->node, name, p->rules[at] ? "misp-warninglist" : "lines");
	} else if (what < 3) {
		some_text(&p->r, p->rules[at], &p->text);
		buf_putc(&p->text, 0);
		add(*i, (const char *)p->text.p);
	} else {
		if (what < 5)
			end(*i);
		else
			import_free(*i); /* broken off */
		*i = NULL;
	}
}

/* ---- hits ---- */

static uint32_t now_s(void)
{
	return (uint32_t)time(NULL);
}

static void block(struct node *n, const char *value)
{
	static const struct docket_policy alone = { .approvals = 0, .parties = 1 };
	struct buf values = { 0 };
	uint64_t index;
	buf_printf(&values, "\"%s\"", value);
	struct decision_op op = { .op = OP_PROPOSE, .reason = REASON_C2, .until_s = now_s() + 86400, .values = buf_span(&values) };
	docket_set_policy(node_docket(n), &alone);
	must(docket_say(node_docket(n), &(struct speaker){ "cert", "" }, &op, &index, &fault));
	buf_release(&values);
}

static enum err tell_hits(struct node *n, const char *party, uint32_t from_s, uint32_t seconds, struct span hits)
{
	struct hits_report r = { .from_s = from_s, .seconds = seconds, .hits = hits };
	struct hits_taken taken;
	enum err e = node_hits(n, &(struct speaker){ party, "" }, &r, &taken, &fault);
	hits_taken_release(&taken);
	return e;
}

/* One of two reporters, of which one is days behind. */
static void play_hits(struct play *p)
{
	unsigned who = below(&p->r, 2);
	uint32_t from_s = now_s() / 300 * 300 - (who ? 6 : 3) * 86400 + 300 * p->told[who]++;
	char name[32];
	p->text.n = 0;
	for (unsigned i = 1 + below(&p->r, 3); i; i--) {
		snprintf(name, sizeof(name), "h%u.example", below(&p->r, 40));
		block(p->node, name);
		buf_printf(&p->text, "%s[\"%s\",%u]", p->text.n ? "," : "", name, 1 + below(&p->r, 20));
	}
	must(tell_hits(p->node, who ? "isp-b" : "isp-a", from_s, 300, buf_span(&p->text)));
}

/* What all sources say of a value; nothing says it afterwards. */
static void play_retract(struct play *p)
{
	struct asker who = { .party = "cert", .role = ROLE_ANALYST, .clear = CLEARANCE_ALL };
	struct retract_done done;
	char name[32];
	snprintf(name, sizeof(name), "h%u.example", below(&p->r, 40));
	enum err e = retract(p->node, &who, span_str(name), NULL, "play", &done, &fault);
	if (e != ERR_NOTFOUND && e != ERR_EXISTS)
		must(e);
	assert_false(listed(p->node, name));
}

static void play_reopen(struct play *p)
{
	for (unsigned i = 0; i < AT_ONCE; i++) {
		import_free(p->import[i]);
		p->import[i] = NULL;
	}
	node_close(p->node);
	p->node = open_node(p->dir);
}

static void play_step(struct play *p)
{
	static const char *const names[NAMES] = { "alpha", "beta", "gamma", "delta", "epsilon", HITS_SOURCE };
	const char *name = names[below(&p->r, NAMES)];
	unsigned what = below(&p->r, 100);
	if (what < 61)
		play_import(p, name);
	else if (what < 65)
		play_retract(p);
	else if (what < 75)
		play_hits(p);
	else if (what < 79)
		(void)!change(p->node, SOURCE_ADD, name, (int)below(&p->r, 2), -1);
	else if (what < 85)
		(void)!change(p->node, SOURCE_SET, name, (int)below(&p->r, 3) - 1, (int)below(&p->r, 60));
	else if (what < 88)
		(void)!change(p->node, SOURCE_REMOVE, name, -1, -1);
	else if (what < 94)
		save(p->node);
	else if (what < 96)
		assert_survives(p->node, p->dir);
	else if (what < 98)
		assert_folded_right(p->node); /* while imports are under way */
	else
		play_reopen(p);
}

static void test_any_order_is_folded_right(void **state)
{
	for (unsigned run = 0; run < RUNS; run++) {
		struct play p = { .r = 1000 + run };
		p.node = new_node(p.dir);
		for (unsigned i = 0; i < STEPS; i++)
			play_step(&p);
		assert_survives(p.node, p.dir);
		assert_folded_right(p.node);
		play_reopen(&p);
		assert_folded_right(p.node);
		node_close(p.node);
		buf_release(&p.text);
		remove_tree(p.dir);
	}
}

/* A report that is larger than an entry, and what it does to a score. */
static void test_hits_make_fresh(void **state)
{
	enum { VALUES = 60000 };
	char dir[32];
	struct buf values = { 0 }, hits = { 0 };
	struct node *n = new_node(dir);
	(void)!change(n, SOURCE_ADD, "old", 0, 20);
	for (unsigned i = 0; i < VALUES; i++) {
		buf_printf(&values, "%sh%u.example", i ? "\",\"" : "", i);
		buf_printf(&hits, "%s[\"h%u.example\",7]", i ? "," : "", i);
	}
	block(n, buf_cstr(&values));
	import_text(n, "old", "csv", "indicator,last_seen\nh7.example,2026-01-01\nx.example,2026-01-01\n");
	must(tell_hits(n, "isp-a", now_s() - 600, 300, buf_span(&hits)));
	uint64_t number = seen(n);
	struct entry e;
	must(ledger_entry(node_ledger(n), CLEARANCE_ALL, number, &e));
	assert_int_equal(e.kind, ENTRY_HITS);
	assert_true(e.flags & ENTRY_CONTINUES); /* the last of several */
	entry_release(&e);
	struct reputation met, other;
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	clearance but = CLEARANCE_ALL;
	struct lane lane;
	must(ledger_lane_find(node_ledger(n), CLEARANCE_ALL, DOCKET_LANE, &lane));
	but &= ~((clearance)1 << lane.number);
	must(obs_parse(SPAN_LIT("h7.example"), store, &o, &fault));
	const struct table_view *v = table_enter(node_table(n));
	reputation_of(v, &o, CLEARANCE_ALL, now_s(), &met, NULL, NULL);
	reputation_of(v, &o, but, now_s(), &other, NULL, NULL);
	assert_true(met.verdict.mdb > other.verdict.mdb && met.verdict.lanes >> lane.number & 1 && !(other.verdict.lanes >> lane.number & 1));
	assert_true(met.verdict.seen >= now_s() - 900 && met.verdict.mdb <= 20000);
	assert_int_equal(met.verdict.n_sources, 1);
	must(obs_parse(SPAN_LIT("h8.example"), store, &o, &fault));
	reputation_of(v, &o, CLEARANCE_ALL, now_s(), &met, NULL, NULL);
	assert_false(met.verdict.listed); /* met, but nobody says anything of it */
	table_leave(node_table(n));
	assert_int_equal(tell_hits(n, "isp-a", now_s() - 600, 300, buf_span(&hits)), ERR_EXISTS);
	assert_int_equal(seen(n), number);
	assert_survives(n, dir);
	assert_folded_right(n);
	must(change(n, SOURCE_REMOVE, HITS_SOURCE, -1, -1));
	must(obs_parse(SPAN_LIT("h7.example"), store, &o, &fault));
	reputation_of(table_enter(node_table(n)), &o, CLEARANCE_ALL, now_s(), &met, NULL, NULL);
	table_leave(node_table(n));
	assert_int_equal(met.verdict.mdb, other.verdict.mdb);
	must(tell_hits(n, "isp-a", now_s() - 300, 300, SPAN_LIT("[\"h7.example\",9]"))); /* nor does it come back by itself */
	assert_survives(n, dir);
	node_close(n);
	remove_tree(dir);
	buf_release(&values);
	buf_release(&hits);
}

/* ---- what an opening reads ---- */

/* A body that an opening has no reason to read is made unreadable: the opening does not notice, folding anew does. */
static void test_what_is_saved_is_not_read(void **state)
{
	char dir[32];
	uint8_t digest[32], ignored[32];
	struct node *n = new_node(dir);
	import_text(n, "old", "lines", "old.example\n");
	uint64_t old = seen(n) - 1;
	save(n);
	import_text(n, "new", "lines", "new.example\n");
	node_close(n);
	char statement[100];
	/* A change of sources, a piece and an end.  (The first entries of lanes are read by the ledger itself.) */
	snprintf(statement, sizeof(statement), "UPDATE entries SET frame = x'00' WHERE number BETWEEN %llu AND %llu",
		 (unsigned long long)old - 1, (unsigned long long)old + 1);
	sql(dir, statement);
	n = open_node(dir);
	assert_true(listed(n, "old.example") && listed(n, "new.example"));
	assert_int_equal(node_rebuild(n, digest, ignored, &fault), ERR_CORRUPT);
	assert_true(listed(n, "old.example") && listed(n, "new.example")); /* the old table stands */
	import_text(n, "new", "lines", "newer.example\n");
	assert_true(listed(n, "newer.example"));
	node_close(n);
	remove_tree(dir);
}

/* Views that are damaged cost an opening that reads everything, and nothing else. */
static void test_damaged_views_are_folded_anew(void **state)
{
	char dir[32], path[400];
	uint8_t before[32], after[32];
	struct node *n = new_node(dir);
	import_text(n, "list", "lines", "a.example\nb.example\n");
	digest_of(n, before);
	node_close(n);
	snprintf(path, sizeof(path), "%s/table", dir);
	DIR *d = opendir(path);
	unsigned found = 0;
	for (struct dirent *e; (e = readdir(d));)
		if (strstr(e->d_name, ".views")) {
			snprintf(path, sizeof(path), "%s/table/%.255s", dir, e->d_name);
			assert_int_equal(truncate(path, 30), 0);
			found++;
		}
	closedir(d);
	assert_int_equal(found, 1);
	n = open_node(dir);
	digest_of(n, after);
	assert_memory_equal(before, after, 32);
	node_close(n);
	remove_tree(dir);
}

/* A save in the middle of an import, and its end behind it. */
static void test_an_import_around_a_save(void **state)
{
	char dir[32];
	struct node *n = new_node(dir);
	must(change(n, SOURCE_ADD, "long", 1, -1));
	import_text(n, "long", "lines", "before.example\n");
	struct import *i = begin(n, "long", "lines"), *other = begin(n, "given-up", "lines");
	add(i, "one.example\n");
	add(other, "never.example\n");
	import_text(n, "short", "lines", "short.example\n");
	save(n);
	assert_survives(n, dir);
	add(i, "two.example\n");
	assert_folded_right(n); /* anew while it is under way */
	end(i);
	assert_true(listed(n, "one.example") && listed(n, "two.example") && listed(n, "short.example"));
	assert_false(listed(n, "before.example") || listed(n, "never.example"));
	assert_survives(n, dir);
	import_free(other);
	node_close(n);
	n = open_node(dir);
	assert_true(listed(n, "one.example") && listed(n, "two.example") && !listed(n, "never.example"));
	assert_folded_right(n);
	node_close(n);
	remove_tree(dir);
}

/* ---- bodies ---- */

static void erase(struct node *n, uint64_t number)
{
	must(ledger_erase(node_ledger(n), CLEARANCE_ALL, number, "test", NULL, &fault));
}

static void test_erased_claims_go(void **state)
{
	char dir[32], copy[40];
	uint8_t digest[32], before[32], after[32];
	struct node *n = new_node(dir);
	must(change(n, SOURCE_ADD, "list", 0, -1));
	struct import *i = begin(n, "list", "lines");
	add(i, "one.example\n");
	add(i, "two.example\n");
	end(i);
	import_text(n, "other", "lines", "three.example\n");
	save(n);
	uint64_t last = seen(n);
	/* public: one (last - 5), two, end; a change of sources; three, end */
	erase(n, last - 5);
	/* A kill right then: the next opening sees it. */
	snprintf(copy, sizeof(copy), "%s-k", dir);
	copy_tree(dir, copy);
	struct node *again = open_node(copy);
	assert_false(listed(again, "one.example"));
	assert_true(listed(again, "two.example") && listed(again, "three.example"));
	assert_true(listed(n, "one.example"));
	digest_of(again, after);
	node_close(again);
	again = open_node(copy); /* and does not read everything for ever */
	assert_false(listed(again, "one.example"));
	node_close(again);
	remove_tree(copy);
	must(node_rebuild(n, before, digest, &fault));
	assert_memory_equal(digest, after, 32);
	assert_memory_not_equal(before, after, 32); /* the views are the same: it is of the claims as well */
	assert_false(listed(n, "one.example"));
	assert_true(listed(n, "two.example") && listed(n, "three.example"));
	node_close(n);
	remove_tree(dir);
}

static uint64_t part(struct node *n, uint64_t import, uint8_t kind, uint8_t flags, struct span token, const char *body)
{
	uint64_t number;
	struct submission s = { .lane = 0, .kind = kind, .flags = flags, .import = import, .time_ms = 1000, .party = "local",
				.source = "list", .media = kind == ENTRY_FEED ? "lines" : "json", .token = token, .count = 1,
				.body = span_str(body) };
	must(ledger_append(node_ledger(n), &s, &number, &fault));
	return number;
}

/* A body in three entries, after one of its own. */
static void test_a_body_in_several_entries(void **state)
{
	for (int gone = -1; gone < 3; gone++) {
		char dir[32];
		uint8_t before[32], after[32];
		struct node *n = new_node(dir);
		struct feed_options o = { .stance = STANCE_INDICATOR };
		struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("lines")), &o);
		struct buf token = { 0 };
		intake_token(&o, p, &token);
		must(change(n, SOURCE_ADD, "list", 0, -1));
		uint64_t first = part(n, 0, ENTRY_FEED, ENTRY_BEGINS, buf_span(&token), "single.example\n");
		uint64_t run = part(n, first, ENTRY_FEED, ENTRY_MORE, buf_span(&token), "par");
		part(n, first, ENTRY_FEED, ENTRY_MORE | ENTRY_CONTINUES, buf_span(&token), "ts.exa");
		part(n, first, ENTRY_FEED, ENTRY_CONTINUES, buf_span(&token), "mple\nmore.example\n");
		part(n, first, ENTRY_FEED, 0, buf_span(&token), "last.example\n");
		part(n, first, ENTRY_ENDED, 0, SPAN_LIT(""), "{\"accepted\":4}");
		if (gone >= 0) /* any of them: all of the body goes */
			erase(n, run + (unsigned)gone);
		must(node_rebuild(n, before, after, &fault));
		assert_true(listed(n, "single.example") && listed(n, "last.example"));
		assert_int_equal(listed(n, "parts.example"), gone < 0);
		assert_int_equal(listed(n, "more.example"), gone < 0);
		node_close(n);
		feed_parser_free(p);
		buf_release(&token);
		remove_tree(dir);
	}
}

/* More pieces than one thread is given at a time. */
static void test_many_pieces(void **state)
{
	enum { PIECES = 1500 };
	char dir[32], text[40], statement[100];
	uint8_t before[32], after[32];
	struct node *n = new_node(dir);
	struct feed_options o = { .stance = STANCE_INDICATOR };
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("lines")), &o);
	struct buf token = { 0 };
	intake_token(&o, p, &token);
	must(change(n, SOURCE_ADD, "list", 0, -1));
	uint64_t first = part(n, 0, ENTRY_FEED, ENTRY_BEGINS, buf_span(&token), "h0.example\n");
	for (unsigned i = 1; i < PIECES; i++) {
		snprintf(text, sizeof(text), "h%u.example\nh%u.example\n", i, i / 2);
		part(n, first, ENTRY_FEED, 0, buf_span(&token), text);
	}
	part(n, first, ENTRY_ENDED, 0, SPAN_LIT(""), "{\"accepted\":1500}");
	erase(n, first + 1001);
	must(node_rebuild(n, before, after, &fault));
	assert_memory_not_equal(before, after, 32);
	for (unsigned i = 0; i < PIECES; i++) {
		snprintf(text, sizeof(text), "h%u.example", i);
		assert_int_equal(listed(n, text), i != 1001);
	}
	assert_folded_right(n);
	assert_survives(n, dir);
	/* One that cannot be read ends it all, and is named. */
	snprintf(statement, sizeof(statement), "UPDATE entries SET frame = x'00' WHERE number = %llu", (unsigned long long)first + 700);
	sql(dir, statement);
	digest_of(n, before);
	assert_int_equal(node_rebuild(n, after, after, &fault), ERR_CORRUPT);
	snprintf(text, sizeof(text), "ledger entry %llu: ", (unsigned long long)first + 700);
	assert_memory_equal(fault.text, text, strlen(text));
	assert_null(strstr(fault.text + 5, "ledger entry"));
	digest_of(n, after);
	assert_memory_equal(before, after, 32);
	node_close(n);
	feed_parser_free(p);
	buf_release(&token);
	remove_tree(dir);
}

/* The same claims in other levels, under another seed: the same digest.  One claim more: another. */
static void test_digest(void **state)
{
	char dir[32], copy[40], table[80];
	uint8_t one[32], two[32];
	struct node *n = new_node(dir);
	for (unsigned i = 0; i < 20; i++) {
		char text[100];
		snprintf(text, sizeof(text), "a%u.example\nb%u.example\n", i, i % 3);
		import_text(n, i % 2 ? "x" : "y", "lines", text);
	}
	digest_of(n, one);
	save(n);
	snprintf(copy, sizeof(copy), "%s-k", dir);
	copy_tree(dir, copy);
	snprintf(table, sizeof(table), "%s/table", copy);
	remove_tree(table);
	struct node *again = open_node(copy);
	digest_of(again, two);
	assert_memory_equal(one, two, 32);
	node_close(again);
	remove_tree(copy);
	import_text(n, "x", "lines", "a19.example\n");
	digest_of(n, two);
	assert_memory_not_equal(one, two, 32);
	digest_of(n, one);
	must(change(n, SOURCE_SET, "x", -1, 33));
	digest_of(n, two);
	assert_memory_not_equal(one, two, 32);
	node_close(n);
	remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order_is_folded_right), cmocka_unit_test(test_hits_make_fresh), cmocka_unit_test(test_what_is_saved_is_not_read),
		cmocka_unit_test(test_damaged_views_are_folded_anew), cmocka_unit_test(test_an_import_around_a_save),
		cmocka_unit_test(test_erased_claims_go), cmocka_unit_test(test_a_body_in_several_entries),
		cmocka_unit_test(test_many_pieces), cmocka_unit_test(test_digest),
	};
	sys_key_init();
	table_reader_init();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	table_reader_exit();
	return failed;
}
