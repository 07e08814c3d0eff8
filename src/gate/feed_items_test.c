/* What leaves by a feed: what is wanted of what is in force, and nothing that is protected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gate/feed.h"
#include "sys/key.h"
#include "table/table.h"

static struct fault fault;

static void must(enum err e)
{
	if (e)
		fail_msg("%s: %s", err_name(e), fault.text);
}

struct bed {
	char dir[32];
	struct ledger *ledger;
	struct docket *docket;
	const char *guarded; /* text of the value that the guard protects */
};

static bool guard(void *ctx, const struct observable *o, uint8_t action, struct buf *out)
{
	struct bed *b = ctx;
	struct buf text = { 0 };
	obs_format(o, &text);
	bool is = b->guarded && strcmp(buf_cstr(&text), b->guarded) == 0;
	buf_release(&text);
	if (is && out)
		buf_puts(out, "the test");
	return is;
}

static int set_up(void **state)
{
	struct bed *b = mem_zalloc(sizeof(*b));
	struct lane lane = { .name = DOCKET_LANE, .tlp = 2, .realm = "production" };
	memcpy(b->dir, "/tmp/sipar-items-XXXXXX", 24);
	assert_non_null(mkdtemp(b->dir));
	must(key_create(b->dir, span_of(NULL, 0), &fault));
	must(ledger_create(b->dir, NULL, &fault));
	must(ledger_open(b->dir, true, &b->ledger, &fault));
	must(ledger_lane_create(b->ledger, &lane, NULL, &fault));
	must(docket_open(b->dir, true, b->ledger, &b->docket, &fault));
	docket_set_policy(b->docket, &(struct docket_policy){ .approvals = 0, .parties = 1 });
	docket_set_guard(b->docket, guard, b);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;
	char command[64];
	docket_close(b->docket);
	ledger_close(b->ledger);
	snprintf(command, sizeof(command), "rm -r %s", b->dir);
	assert_int_equal(system(command), 0);
	free(b);
	return 0;
}

static void say(struct bed *b, enum op what, enum action action, enum reason reason, bool exact, const char *value)
{
	static const struct speaker aisha = { "cert", "aisha" };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct buf values = { 0 };
	uint64_t index;
	must(obs_parse(span_str(value), store, &o, &fault));
	decision_value_put(&values, &o);
	struct decision_op op = { .op = what, .action = (uint8_t)action, .reason = (uint8_t)reason, .exact = exact,
				  .until_s = what == OP_PROPOSE ? (uint32_t)(clock_ms() / 1000) + 3600 : 0, .values = buf_span(&values),
				  .why = SPAN_LIT("test") };
	must(docket_say(b->docket, &aisha, &op, &index, &fault));
	buf_release(&values);
}

static void block(struct bed *b, enum reason reason, const char *value)
{
	say(b, OP_PROPOSE, ACTION_BLOCK, reason, false, value);
}

/* "value=self/below ..." in the order of the text. */
struct told {
	unsigned n;
	char line[32][100];
};

static bool tell(void *ctx, const struct feed_item *item)
{
	struct told *t = ctx;
	struct observable o = feed_item_observable(item);
	struct buf text = { 0 };
	o.wildcard = false;
	obs_format(&o, &text);
	assert_true(t->n < COUNT_OF(t->line));
	snprintf(t->line[t->n++], sizeof(t->line[0]), "%s=%x/%x", buf_cstr(&text), item->self, item->below);
	buf_release(&text);
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum err each(struct docket *d, const struct feed *feed, feed_visit *visit, void *ctx, uint64_t *ret_serial)
{
	struct feed_reading *r;
	enum err e = feed_read(d, feed, &r, &fault);
	return e ? e : feed_reading_end(r, visit, ctx, ret_serial, &fault);
}

static enum err changes(struct docket *d, const struct feed *feed, uint64_t since, feed_visit *visit, void *ctx, uint64_t *ret_serial)
{
	struct feed_reading *r;
	enum err e = feed_read_since(d, feed, since, &r, &fault);
	return e ? e : feed_reading_end(r, visit, ctx, ret_serial, &fault);
}

/* @param since  UINT64_MAX: everything. */
static void check(struct bed *b, const struct feed *feed, uint64_t since, const char *want)
{
	struct told t = { .n = 0 };
	struct buf all = { 0 };
	uint64_t serial = 0;
	if (since == UINT64_MAX) {
		must(each(b->docket, feed, tell, &t, &serial));
		qsort(t.line, t.n, sizeof(t.line[0]), by_text);
	} else
		must(changes(b->docket, feed, since, tell, &t, &serial));
	for (unsigned i = 0; i < t.n; i++)
		buf_printf(&all, "%s%s", i ? " " : "", t.line[i]);
	assert_string_equal(buf_cstr(&all), want);
	assert_int_equal(serial, docket_serial(b->docket));
	buf_release(&all);
}

#define ALL UINT64_MAX

static struct feed feed_of(const char *words)
{
	struct feeds *feeds = feeds_new();
	must(feeds_add(feeds, span_str(words), &fault));
	struct feed feed = feeds->v[0];
	feeds_drop(feeds);
	return feed;
}

static void test_what_is_wanted(void **state)
{
	struct bed *b = *state;
	block(b, REASON_PHISHING, "a.example");
	block(b, REASON_C2, "a.example");
	block(b, REASON_C2, "*.b.example");
	say(b, OP_PROPOSE, ACTION_BLOCK, REASON_PHISHING, true, "c.example");
	say(b, OP_PROPOSE, ACTION_CHALLENGE, REASON_PHISHING, false, "198.51.100.7");
	say(b, OP_PROTECT, ACTION_PROTECT, REASON_PHISHING, false, "good.example");
	const struct feed every = feed_of("x type=list challenge=yes"), phishing = feed_of("x type=list reasons=phishing"), c2 = feed_of("x type=rpz reasons=c2"),
			  ip = feed_of("x type=list kinds=ip challenge=yes"), pass = feed_of("x type=rpz reasons=dga passthru=yes");
	check(b, &every, ALL, "198.51.100.7=100/0 a.example=5/5 b.example=0/4 c.example=1/0");
	check(b, &phishing, ALL, "a.example=1/1 c.example=1/0");
	check(b, &c2, ALL, "a.example=4/4 b.example=0/4");
	check(b, &ip, ALL, "198.51.100.7=100/0");
	check(b, &pass, ALL, "good.example=10000/10000");
}

static void test_what_changes(void **state)
{
	struct bed *b = *state;
	const struct feed feed = feed_of("x type=list reasons=phishing");
	block(b, REASON_PHISHING, "a.example");
	block(b, REASON_PHISHING, "b.example");
	uint64_t serial = docket_serial(b->docket);
	check(b, &feed, serial, "");
	block(b, REASON_PHISHING, "c.example");
	block(b, REASON_C2, "a.example"); /* of no interest here */
	say(b, OP_UNBLOCK, 0, 0, false, "b.example");
	check(b, &feed, serial, "b.example=0/0 c.example=1/1"); /* what is taken back comes first */
	check(b, &feed, ALL, "a.example=1/1 c.example=1/1");
	say(b, OP_UNBLOCK, 0, 0, false, "c.example");
	check(b, &feed, serial, "b.example=0/0"); /* c came and went */
	struct told t = { .n = 0 };
	assert_int_equal(changes(b->docket, &feed, docket_serial(b->docket) + 1, tell, &t, &serial), ERR_NOTFOUND);
	struct feed other = feed;
	other.from = docket_serial(b->docket); /* it became what it is at this serial */
	assert_int_equal(changes(b->docket, &other, other.from, tell, &t, &serial), ERR_NOTFOUND);
}

/* The lane says it, the guard forbids it: nobody is told of it, and who has it is told to forget it. */
static void test_nothing_protected_leaves(void **state)
{
	struct bed *b = *state;
	const struct feed feed = feed_of("x type=list");
	block(b, REASON_PHISHING, "a.example");
	uint64_t serial = docket_serial(b->docket);
	block(b, REASON_PHISHING, "b.example");
	block(b, REASON_PHISHING, "c.example");
	b->guarded = "b.example";
	check(b, &feed, ALL, "a.example=1/1 c.example=1/1");
	check(b, &feed, serial, "b.example=0/0 c.example=1/1");
	b->guarded = NULL;
	check(b, &feed, ALL, "a.example=1/1 b.example=1/1 c.example=1/1");
}

/* Keys that changed behind the roster are as they are now, and each comes once. */
static void test_a_reading_is_of_one_serial(void **state)
{
	struct bed *b = *state;
	const struct feed feed = feed_of("x type=list");
	struct feed_reading *r;
	struct feed_item item;
	unsigned n = 0;
	char name[32];
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		block(b, REASON_C2, name);
	}
	must(feed_read(b->docket, &feed, &r, &fault)); /* a roster is made */
	feed_reading_free(r);
	say(b, OP_UNBLOCK, 0, 0, false, "n3.example");
	block(b, REASON_PHISHING, "n4.example");
	block(b, REASON_PHISHING, "new.example");
	must(feed_read(b->docket, &feed, &r, &fault));
	uint64_t serial = feed_reading_serial(r);
	say(b, OP_UNBLOCK, 0, 0, false, "n5.example"); /* while it is read */
	for (unsigned round = 0; round < 2; round++, feed_rewind(r))
		for (; feed_next(r, &item); n++) {
			assert_false(item.key.n == 10 && memcmp(item.key.p, "n3.example", 10) == 0);
			if (item.key.n == 10 && memcmp(item.key.p, "n4.example", 10) == 0)
				assert_int_equal(item.self, 1 << REASON_C2 | 1 << REASON_PHISHING);
		}
	assert_int_equal(n, 2 * 20);
	assert_int_equal(docket_serial(b->docket), serial + 1);
	feed_reading_free(r);
}

static bool stop(void *ctx, const struct feed_item *item)
{
	return false;
}

static void test_a_visitor_may_stop(void **state)
{
	struct bed *b = *state;
	const struct feed feed = feed_of("x type=list");
	uint64_t serial = 0;
	block(b, REASON_PHISHING, "a.example");
	assert_int_equal(each(b->docket, &feed, stop, NULL, &serial), ERR_CANCELLED);
	assert_int_equal(serial, docket_serial(b->docket));
}

/* @param by  NULL: not at all. */
static void blocks(struct bed *b, const struct feed *feed, const char *value, const char *by)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o, is;
	struct buf text = { 0 };
	must(obs_parse(span_str(value), store, &o, &fault));
	const struct table_view *v = table_enter(docket_table(b->docket));
	bool blocked = feed_blocks(v, feed, &o, docket_tick(b->docket), &is);
	if (blocked)
		obs_format(&is, &text);
	table_leave(docket_table(b->docket));
	assert_string_equal(buf_cstr(&text), by ? by : "");
	buf_release(&text);
}

static void test_by_what_a_value_is_blocked(void **state)
{
	struct bed *b = *state;
	const struct feed feed = feed_of("x type=list reasons=phishing");
	block(b, REASON_PHISHING, "a.example");
	block(b, REASON_PHISHING, "b.a.example");
	block(b, REASON_PHISHING, "*.w.example");
	block(b, REASON_C2, "c2.example");
	block(b, REASON_PHISHING, "198.51.100.0/25");
	say(b, OP_PROPOSE, ACTION_BLOCK, REASON_PHISHING, true, "alone.example");
	say(b, OP_PROPOSE, ACTION_CHALLENGE, REASON_PHISHING, false, "asked.example");
	say(b, OP_PROTECT, ACTION_PROTECT, REASON_PHISHING, false, "good.a.example");
	blocks(b, &feed, "a.example", "a.example");
	blocks(b, &feed, "x.a.example", "a.example");
	blocks(b, &feed, "x.b.a.example", "b.a.example"); /* the nearest one */
	blocks(b, &feed, "x.w.example", "*.w.example");
	blocks(b, &feed, "w.example", NULL);
	blocks(b, &feed, "198.51.100.7", "198.51.100.0/25");
	blocks(b, &feed, "198.51.100.200", NULL);
	blocks(b, &feed, "alone.example", "alone.example");
	blocks(b, &feed, "x.alone.example", NULL);
	blocks(b, &feed, "c2.example", NULL);
	blocks(b, &feed, "asked.example", NULL);
	blocks(b, &feed, "x.good.a.example", NULL);
	say(b, OP_UNBLOCK, 0, 0, false, "b.a.example");
	blocks(b, &feed, "x.b.a.example", "a.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_wanted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_protected_leaves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_reading_is_of_one_serial, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_visitor_may_stop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_by_what_a_value_is_blocked, set_up, tear_down),
	};
	sys_key_init();
	table_reader_init();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	table_reader_exit();
	return failed;
}
