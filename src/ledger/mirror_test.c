/* Two ledgers in one process: one gives parcels, the other takes them, and those that were forged on the way are refused whole. */
#include "ledger/testing.h"

#include "base/octets.h"
#include "ledger/parcel.h"
#include "ledger/rekey.h"
#include "sys/key.h"

struct pair {
	struct testing hub, own;
	struct ledger *from, *to;
	uint8_t keys[4][32];
	struct mirror_order order;
};

static int remove_dir(struct testing *t)
{
	char command[200];
	snprintf(command, sizeof(command), "rm -r %s", t->dir);
	return system(command); /* NOLINT: a path that mkdtemp() has made */
}

static void open_one(struct testing *t, const char *name, struct ledger **ret_ledger)
{
	struct fault f = { .text = "" };
	snprintf(t->dir, sizeof(t->dir), "/tmp/sipar-mirror-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/ledger.db", t->dir);
	if (key_create(t->dir, span_of(NULL, 0), &f) || ledger_create(t->dir, name, &f) || ledger_open(t->dir, true, ret_ledger, &f) ||
	    testing_lane(*ret_ledger, "public", 1, "production", NULL, &f) || testing_lane(*ret_ledger, "members", 3, "production", NULL, &f))
		fail_msg("%s", f.text);
}

static int setup(void **state)
{
	struct pair *p = mem_zalloc(sizeof(*p));
	open_one(&p->hub, "hub.example", &p->from);
	open_one(&p->own, "own.example", &p->to);
	assert_int_equal(ledger_keys(p->from, "production", p->keys, 4), 1);
	p->order = (struct mirror_order){ .peer = "hub", .lane = "public", .keys = (const uint8_t (*)[32])p->keys, .n_keys = 1 };
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;
	ledger_close(p->from);
	ledger_close(p->to);
	int r = remove_dir(&p->hub) | remove_dir(&p->own);
	free(p);
	return r;
}

static void append_n(struct ledger *l, uint8_t lane, unsigned n)
{
	char text[40];
	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "value-%u.example\n", i);
		testing_append(l, lane, span_str(text));
	}
}

static void get(struct pair *p, uint64_t from, struct buf *ret_parcel)
{
	struct fault f = { .text = "" };
	ret_parcel->n = 0;
	if (ledger_parcel(p->from, CLEARANCE_ALL, 0, from, ret_parcel, &f))
		fail_msg("%s", f.text);
}

static void take_all(struct pair *p)
{
	struct buf parcel = { 0 };
	struct mirror_done d = { .state = MIRROR_GREW };
	struct fault f = { .text = "" };
	struct lane lane = { .size = 0 };
	while (d.state == MIRROR_GREW) {
		(void)!ledger_lane_find(p->to, CLEARANCE_ALL, "hub.public", &lane);
		get(p, lane.size, &parcel);
		if (ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f))
			fail_msg("%s", f.text);
	}
	assert_int_equal(d.state, MIRROR_LEVEL);
	buf_release(&parcel);
}

static void print_finding(void *ctx, const char *text)
{
	print_message("%s\n", text);
	(*(unsigned *)ctx)++;
}

static unsigned findings(struct ledger *l)
{
	unsigned n = 0;
	struct verify_counts counts;
	struct fault f = { .text = "" };
	if (ledger_verify(l, 2, print_finding, NULL, &n, &counts, &f))
		fail_msg("%s", f.text);
	assert_int_equal(n, counts.findings);
	return n;
}

static struct lane lane_of(struct ledger *l, const char *name)
{
	struct lane lane;
	assert_int_equal(ledger_lane_find(l, CLEARANCE_ALL, name, &lane), OK);
	return lane;
}

static void assert_same(struct pair *p)
{
	struct lane there = lane_of(p->from, "public"), here = lane_of(p->to, "hub.public");
	struct buf a = { 0 }, b = { 0 };
	uint64_t x, y;
	assert_int_equal(there.size, here.size);
	assert_string_equal(there.origin, here.origin);
	assert_string_equal(here.peer, "hub");
	for (uint64_t i = 0; i < there.size; i++) {
		a.n = b.n = 0;
		assert_int_equal(ledger_find(p->from, CLEARANCE_ALL, there.number, i, &x), OK);
		assert_int_equal(ledger_find(p->to, CLEARANCE_ALL, here.number, i, &y), OK);
		assert_int_equal(ledger_record(p->from, CLEARANCE_ALL, x, &a, NULL), OK);
		assert_int_equal(ledger_record(p->to, CLEARANCE_ALL, y, &b, NULL), OK);
		enum err e = ledger_salted_body(p->from, CLEARANCE_ALL, x, &a, NULL);
		assert_int_equal(ledger_salted_body(p->to, CLEARANCE_ALL, y, &b, NULL), e);
		assert_true(span_eq(buf_span(&a), buf_span(&b)));
	}
	a.n = b.n = 0;
	assert_int_equal(ledger_checkpoint(p->from, CLEARANCE_ALL, there.number, &a, NULL), OK);
	assert_int_equal(ledger_checkpoint(p->to, CLEARANCE_ALL, here.number, &b, NULL), OK);
	buf_putc(&a, 0);
	buf_putc(&b, 0);
	assert_string_equal((char *)a.p, (char *)b.p);
	buf_release(&a);
	buf_release(&b);
}

static void reopen(struct pair *p)
{
	struct fault f = { .text = "" };
	ledger_close(p->to);
	p->to = NULL;
	if (ledger_open(p->own.dir, true, &p->to, &f))
		fail_msg("%s", f.text);
}

/* Octet for octet, in several parcels, and again after what came later; and given on. */
static void mirrors(void **state)
{
	struct pair *p = *state;
	append_n(p->from, 0, 1300);
	take_all(p);
	assert_same(p);
	append_n(p->to, 0, 5);
	append_n(p->from, 0, 7);
	reopen(p);
	take_all(p);
	assert_same(p);
	assert_int_equal(findings(p->to), 0);
	struct buf here = { 0 }, there = { 0 };
	struct lane lane = lane_of(p->to, "hub.public");
	assert_int_equal(ledger_parcel(p->to, CLEARANCE_ALL, lane.number, 1200, &here, NULL), OK);
	get(p, 1200, &there);
	assert_true(span_eq(buf_span(&here), buf_span(&there)));
	buf_release(&here);
	buf_release(&there);
}

static void local_writers_are_refused(void **state)
{
	struct pair *p = *state;
	struct fault f;
	uint64_t number;
	take_all(p);
	struct lane lane = lane_of(p->to, "hub.public"), made = { .tlp = 1, .realm = "production", .name = "hub.other" };
	struct submission s = testing_submission(lane.number, SPAN_LIT("x"));
	assert_int_equal(ledger_append(p->to, &s, &number, &f), ERR_FORBIDDEN);
	assert_int_equal(ledger_lane_create(p->to, &made, NULL, &f), ERR_SYNTAX);
	append_n(p->from, 0, 3);
	take_all(p);
	assert_int_equal(ledger_find(p->to, CLEARANCE_ALL, lane.number, 1, &number), OK);
	assert_int_equal(ledger_erase(p->to, CLEARANCE_ALL, number, "x", &number, &f), ERR_FORBIDDEN);
	assert_int_equal(ledger_prune(p->to, lane.number, INT64_MAX, &number, &f), OK);
	assert_int_equal(number, 0);
	assert_same(p);
}

/* What is taken when a parcel was changed at `at`. */
static enum err forged(struct pair *p, const struct buf *parcel, size_t at, enum mirror_state *ret_state)
{
	struct mirror_done d = { .state = MIRROR_LEVEL };
	struct fault f = { .text = "" };
	struct buf copy = { 0 };
	buf_putspan(&copy, buf_span(parcel));
	copy.p[at] ^= 1;
	enum err e = ledger_mirror(p->to, &p->order, buf_span(&copy), &d, &f);
	buf_release(&copy);
	*ret_state = d.state;
	return e;
}

/* Every octet of a parcel matters, but for the hint of the size: with another one nothing is taken. */
static void forged_parcels_are_refused(void **state)
{
	struct pair *p = *state;
	struct buf parcel = { 0 };
	enum mirror_state s;
	append_n(p->from, 0, 2);
	take_all(p);
	append_n(p->from, 0, 3);
	get(p, 3, &parcel);
	for (size_t at = 0; at < parcel.n; at++) {
		if (at >= 16 && at < 24)
			continue;
		enum err e = forged(p, &parcel, at, &s);
		if (e == OK && s == MIRROR_GREW)
			fail_msg("octet %zu of %zu was changed, and it was taken", at, parcel.n);
		assert_int_equal(lane_of(p->to, "hub.public").size, 3);
	}
	for (size_t n = 0; n < parcel.n; n++) {
		struct mirror_done d;
		assert_int_not_equal(ledger_mirror(p->to, &p->order, span_of(parcel.p, n), &d, NULL), OK);
	}
	buf_release(&parcel);
	take_all(p);
	assert_same(p);
	assert_int_equal(findings(p->to), 0);
}

static void another_key_is_refused(void **state)
{
	struct pair *p = *state;
	struct buf parcel = { 0 };
	struct mirror_done d;
	struct fault f;
	get(p, 0, &parcel);
	p->keys[0][3] ^= 1;
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), ERR_FORBIDDEN);
	p->keys[0][3] ^= 1;
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_true(d.founded);
	buf_release(&parcel);
}

/* A circle, and the same log under two names. */
static void own_and_twice_are_refused(void **state)
{
	struct pair *p = *state;
	struct buf parcel = { 0 };
	struct mirror_done d;
	struct fault f;
	take_all(p);
	get(p, 0, &parcel);
	struct mirror_order other = p->order;
	other.peer = "second";
	assert_int_equal(ledger_mirror(p->to, &other, buf_span(&parcel), &d, &f), ERR_EXISTS);
	assert_int_equal(ledger_mirror(p->from, &other, buf_span(&parcel), &d, &f), ERR_FORBIDDEN);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_int_equal(d.state, MIRROR_LEVEL);
	buf_release(&parcel);
}

static enum mirror_state state_of(struct pair *p, struct span parcel, bool *ret_proved)
{
	struct mirror_done d;
	struct fault f = { .text = "" };
	if (ledger_mirror(p->to, &p->order, parcel, &d, &f))
		fail_msg("%s", f.text);
	*ret_proved = d.proved;
	return d.state;
}

/* Parcels that begin before the end of what is here: what is the same is passed over, what is not proves a fork. */
static void an_overlap_is_held_against_what_is_here(void **state)
{
	struct pair *p = *state;
	struct buf old = { 0 }, more = { 0 }, start = { 0 };
	struct mirror_done d;
	struct fault f = { .text = "" };
	bool proved;
	append_n(p->from, 0, 5);
	get(p, 0, &old);
	take_all(p);
	uint64_t here = lane_of(p->to, "hub.public").size;
	append_n(p->from, 0, 3);
	get(p, 2, &more);
	assert_int_equal(state_of(p, buf_span(&more), &proved), MIRROR_GREW);
	assert_int_equal(lane_of(p->to, "hub.public").size, here + 3);
	assert_same(p);
	assert_int_equal(state_of(p, buf_span(&old), &proved), MIRROR_LEVEL);
	assert_int_equal(state_of(p, buf_span(&more), &proved), MIRROR_LEVEL);
	assert_int_equal(ledger_parcel_start(p->from, CLEARANCE_ALL, 0, 4, &start, &f), OK);
	assert_int_equal(state_of(p, buf_span(&start), &proved), MIRROR_LEVEL);
	start.n = 0;
	assert_int_equal(ledger_parcel_start(p->from, CLEARANCE_ALL, 0, 0, &start, &f), OK);
	assert_int_equal(start.n, 0);
	assert_int_equal(ledger_parcel_start(p->from, CLEARANCE_ALL, 0, 1000, &start, &f), ERR_RANGE);
	append_n(p->from, 0, 3);
	get(p, here + 5, &more);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&more), &d, &f), ERR_BUSY);

	/* Entries that are here already may say what they like; those that are new may not. */
	get(p, 2, &more);
	uint8_t *last = &more.p[more.n - 1];
	*last ^= 1;
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&more), &d, &f), ERR_CORRUPT);
	assert_int_equal(lane_of(p->to, "hub.public").size, here + 3);
	buf_release(&old);
	buf_release(&more);
	buf_release(&start);
	assert_int_equal(findings(p->to), 0);
}

static void erasures_travel(void **state)
{
	struct pair *p = *state;
	uint64_t number, at[3];
	struct buf body = { 0 };
	struct fault f = { .text = "" };
	for (unsigned i = 0; i < 3; i++)
		at[i] = testing_append(p->from, 0, SPAN_LIT("secret.example\n"));
	take_all(p);
	struct lane lane = lane_of(p->to, "hub.public");
	assert_int_equal(ledger_erase(p->from, CLEARANCE_ALL, at[1], "court order", &number, &f), OK);
	take_all(p);
	assert_int_equal(ledger_find(p->to, CLEARANCE_ALL, lane.number, 2, &number), OK);
	assert_int_equal(ledger_body(p->to, CLEARANCE_ALL, number, &body, &f), ERR_GONE);
	assert_non_null(strstr(f.text, "court order"));
	assert_int_equal(ledger_find(p->to, CLEARANCE_ALL, lane.number, 3, &number), OK);
	assert_int_equal(ledger_body(p->to, CLEARANCE_ALL, number, &body, &f), OK);
	assert_same(p);
	assert_int_equal(findings(p->to), 0);
	buf_release(&body);
}

/* It was gone before the mirror began, by an entry that comes with a later parcel. */
static void what_was_gone_before_comes_as_gone(void **state)
{
	struct pair *p = *state;
	uint64_t number, first = testing_append(p->from, 0, SPAN_LIT("secret.example\n"));
	struct fault f = { .text = "" };
	struct buf parcel = { 0 }, body = { 0 };
	struct mirror_done d;
	append_n(p->from, 0, 600);
	assert_int_equal(ledger_erase(p->from, CLEARANCE_ALL, first, "court order", &number, &f), OK);
	get(p, 0, &parcel);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_true(d.size < 600);
	assert_int_equal(ledger_find(p->to, CLEARANCE_ALL, d.lane, 1, &number), OK);
	assert_int_equal(ledger_body(p->to, CLEARANCE_ALL, number, &body, &f), ERR_GONE);
	assert_int_equal(findings(p->to), 0);
	reopen(p);
	take_all(p);
	assert_int_equal(ledger_body(p->to, CLEARANCE_ALL, number, &body, &f), ERR_GONE);
	assert_non_null(strstr(f.text, "court order"));
	assert_same(p);
	assert_int_equal(findings(p->to), 0);
	buf_release(&parcel);
	buf_release(&body);
}

static void a_new_key_is_followed(void **state)
{
	struct pair *p = *state;
	struct fault f = { .text = "" };
	append_n(p->from, 0, 2);
	take_all(p);
	if (key_prepare(p->hub.dir, span_of(NULL, 0), &f) || ledger_rekey(p->from, &f) || key_replace(p->hub.dir, &f))
		fail_msg("%s", f.text);
	append_n(p->from, 0, 2);
	take_all(p);
	uint8_t keys[4][32];
	struct lane lane = lane_of(p->to, "hub.public");
	assert_int_equal(ledger_lane_keys(p->to, &lane, keys, 4), 2);
	assert_int_equal(ledger_keys(p->to, "production", keys, 4), 1);
	assert_int_equal(findings(p->to), 0);
	append_n(p->from, 0, 1);
	take_all(p);
}

/* The peer was restored from a backup; and then goes on another way. */
static void roll_back_and_fork_are_seen(void **state)
{
	struct pair *p = *state;
	char command[300];
	struct buf parcel = { 0 };
	struct mirror_done d;
	struct fault f = { .text = "" };
	append_n(p->from, 0, 3);
	ledger_close(p->from);
	snprintf(command, sizeof(command), "cp %s %s.old", p->hub.path, p->hub.path);
	assert_int_equal(system(command), 0); /* NOLINT */
	assert_int_equal(ledger_open(p->hub.dir, true, &p->from, &f), OK);
	append_n(p->from, 0, 2);
	take_all(p);
	ledger_close(p->from);
	snprintf(command, sizeof(command), "rm -f %s-*; mv %s.old %s", p->hub.path, p->hub.path, p->hub.path);
	assert_int_equal(system(command), 0); /* NOLINT */
	assert_int_equal(ledger_open(p->hub.dir, true, &p->from, &f), OK);
	get(p, 6, &parcel);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_int_equal(d.state, MIRROR_SMALLER);
	append_n(p->from, 0, 2);
	get(p, 6, &parcel);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_int_equal(d.state, MIRROR_DIFFERENT);
	append_n(p->from, 0, 2);
	get(p, 6, &parcel);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_int_equal(d.state, MIRROR_DIFFERENT);
	assert_false(d.proved); /* they might have been altered on the way */
	get(p, 0, &parcel);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_true(d.state == MIRROR_DIFFERENT && d.proved);
	parcel.n = 0;
	assert_int_equal(ledger_parcel_start(p->from, CLEARANCE_ALL, 0, 5, &parcel, &f), OK);
	assert_int_equal(ledger_mirror(p->to, &p->order, buf_span(&parcel), &d, &f), OK);
	assert_true(d.state == MIRROR_DIFFERENT && d.proved);
	assert_int_equal(lane_of(p->to, "hub.public").size, 6);
	assert_int_equal(findings(p->to), 0);
	buf_release(&parcel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(mirrors), T(local_writers_are_refused), T(forged_parcels_are_refused), T(another_key_is_refused), T(own_and_twice_are_refused),
		T(an_overlap_is_held_against_what_is_here), T(erasures_travel), T(what_was_gone_before_comes_as_gone), T(a_new_key_is_followed), T(roll_back_and_fork_are_seen),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
