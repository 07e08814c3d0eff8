/* Whatever is said in whatever order, and whenever the docket is closed and opened again: what is in force is what a plain model says, a
 * consumer that applies changes to what it had has what there is, and folding the lane anew gives the same serial and state. */
#include "gate/docket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sys/key.h"

static struct fault fault;

static void must(enum err e)
{
	if (e)
		fail_msg("%s: %s", err_name(e), fault.text);
}

static uint32_t random_state;

static uint32_t pick(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* ---- the model ---- */

/* The same names as themselves, as all below them, and as themselves alone. */
static const char *const texts[] = { "a.example", "b.example", "c.a.example", "d.example", "198.51.100.7", "198.51.100.0/24", "2001:db8::1",
				     "http://a.example/x" };
enum { KEYS = COUNT_OF(texts), NAMES = 4, FORMS = 3, GROUPS = 3 * 8 * FORMS, DECISIONS = 400, VALUES = 3 };
enum form { PLAIN, BELOW, EXACT };

struct group { uint32_t until; int owner; bool on; };

struct model {
	struct group group[KEYS][GROUPS];
	uint32_t tick;
	struct { uint64_t index; uint32_t until; uint8_t action, reason; unsigned n; uint8_t key[VALUES]; uint8_t form[VALUES]; } decision[DECISIONS];
	int n;
};

static unsigned group_of(uint8_t action, uint8_t reason, uint8_t form)
{
	return (action * 8U + reason) * FORMS + form;
}

static struct force_pair model_pair(const struct model *m, unsigned k)
{
	struct force_pair p = { 0, 0 };
	for (unsigned g = 0; g < GROUPS; g++) {
		const struct group *at = &m->group[k][g];
		unsigned action = g / FORMS / 8, reason = g / FORMS % 8, form = g % FORMS;
		if (!at->on || (at->until && at->until <= m->tick))
			continue;
		force bit = action == ACTION_BLOCK ? 1U << reason : action == ACTION_CHALLENGE ? 1U << (FORCE_CHALLENGES + reason) : FORCE_PROTECT;
		if (form != BELOW)
			p.self |= bit;
		if (k < NAMES && form != EXACT)
			p.below |= bit;
	}
	return p;
}

static struct table_key key_of(unsigned k, uint8_t store[OBS_KEY_MAX])
{
	struct observable o;
	must(obs_parse(span_str(texts[k]), store, &o, &fault));
	return (struct table_key){ .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
}

/* ---- the directory ---- */

struct bed {
	char dir[32];
	struct ledger *ledger;
	struct docket *docket;
};

static void make(struct bed *b)
{
	struct lane lane = { .name = DOCKET_LANE, .tlp = 2, .realm = "production" };
	memcpy(b->dir, "/tmp/sipar-docket-XXXXXX", 25);
	assert_non_null(mkdtemp(b->dir));
	must(key_create(b->dir, span_of(NULL, 0), &fault));
	must(ledger_create(b->dir, NULL, &fault));
	must(ledger_open(b->dir, true, &b->ledger, &fault));
	must(ledger_lane_create(b->ledger, &lane, NULL, &fault));
	must(docket_open(b->dir, true, b->ledger, &b->docket, &fault));
	docket_set_policy(b->docket, &(struct docket_policy){ .approvals = 1, .parties = 2 });
}

static void reopen(struct bed *b, bool anew)
{
	char command[64];
	docket_close(b->docket);
	if (anew) {
		snprintf(command, sizeof(command), "rm -r %s/decisions", b->dir);
		assert_int_equal(system(command), 0);
	}
	must(docket_open(b->dir, true, b->ledger, &b->docket, &fault));
}

static void drop(struct bed *b)
{
	char command[64];
	docket_close(b->docket);
	ledger_close(b->ledger);
	snprintf(command, sizeof(command), "rm -r %s", b->dir);
	assert_int_equal(system(command), 0);
}

/* ---- saying ---- */

static void put_value(struct buf *values, unsigned key, uint8_t form)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	must(obs_parse(span_str(texts[key]), store, &o, &fault));
	o.wildcard = form == BELOW;
	decision_value_put(values, &o);
}

static const struct speaker aisha = { "cert", "aisha" }, omar = { "isp", "omar" };

static void propose(struct bed *b, struct model *m, uint32_t now_s)
{
	struct buf values = { 0 };
	bool exact = pick(3) == 0;
	int i = m->n++;
	m->decision[i].n = 1 + pick(VALUES);
	for (unsigned v = 0; v < m->decision[i].n; v++) {
		uint8_t k = m->decision[i].key[v] = (uint8_t)pick(KEYS);
		m->decision[i].form[v] = k < NAMES && pick(3) == 0 ? BELOW : k < NAMES && exact ? EXACT : PLAIN;
		put_value(&values, k, m->decision[i].form[v]);
	}
	m->decision[i].until = now_s + 500 + pick(3000);
	m->decision[i].action = (uint8_t)pick(2);
	m->decision[i].reason = (uint8_t)pick(2);
	struct decision_op op = { .op = OP_PROPOSE, .action = m->decision[i].action, .reason = m->decision[i].reason, .exact = exact,
				  .until_s = m->decision[i].until, .values = buf_span(&values) };
	must(docket_say(b->docket, &aisha, &op, &m->decision[i].index, &fault));
	assert_false(op.enacts);
	buf_release(&values);
}

static void change(struct bed *b, struct model *m, enum op what)
{
	int i = (int)pick((uint32_t)m->n);
	struct decision_op op = { .op = what, .of = &m->decision[i].index, .n_of = 1 };
	uint64_t index;
	if (docket_say(b->docket, &omar, &op, &index, &fault))
		return; /* not in a state for it */
	assert_int_equal(op.enacts, what == OP_APPROVE);
	for (unsigned v = 0; v < m->decision[i].n; v++) {
		struct group *g = &m->group[m->decision[i].key[v]][group_of(m->decision[i].action, m->decision[i].reason, m->decision[i].form[v])];
		if (what == OP_APPROVE)
			*g = (struct group){ m->decision[i].until, i, true };
		else if (g->owner == i)
			g->on = false;
	}
}

static void unblock_value(struct bed *b, struct model *m)
{
	unsigned k = pick(KEYS);
	struct buf values = { 0 };
	uint64_t index;
	put_value(&values, k, PLAIN);
	struct decision_op op = { .op = OP_UNBLOCK, .values = buf_span(&values), .why = SPAN_LIT("a mistake") };
	struct force_pair before = model_pair(m, k);
	enum err e = docket_say(b->docket, &omar, &op, &index, &fault);
	bool was = (before.self | before.below) & 0xffff;
	if (was != (e == OK))
		fail_msg("unblock of %s: %s", texts[k], fault.text);
	for (unsigned g = 0; was && g < GROUPS; g++)
		if (g / FORMS / 8 != ACTION_PROTECT)
			m->group[k][g].on = false;
	buf_release(&values);
}

static void protect(struct bed *b, struct model *m, enum op what)
{
	unsigned k = pick(KEYS);
	struct buf values = { 0 };
	uint64_t index;
	put_value(&values, k, PLAIN);
	struct decision_op op = { .op = what, .values = buf_span(&values) };
	bool was = (model_pair(m, k).self & FORCE_PROTECT) != 0;
	enum err e = docket_say(b->docket, &omar, &op, &index, &fault);
	assert_int_equal(e == OK, what == OP_PROTECT || was);
	if (e == OK)
		m->group[k][group_of(ACTION_PROTECT, 0, PLAIN)] = (struct group){ .on = what == OP_PROTECT };
	buf_release(&values);
}

/* ---- comparing ---- */

static void compare(struct bed *b, const struct model *m)
{
	const struct table_view *v = table_enter(docket_table(b->docket));
	for (unsigned k = 0; k < KEYS; k++) {
		uint8_t store[OBS_KEY_MAX];
		struct table_key key = key_of(k, store);
		struct force_pair is = force_on(v, &key, docket_tick(b->docket)), wanted = model_pair(m, k);
		if (is.self != wanted.self || is.below != wanted.below)
			fail_msg("%s: %x %x, not %x %x", texts[k], is.self, is.below, wanted.self, wanted.below);
	}
	table_leave(docket_table(b->docket));
}

/* What a consumer has. */
struct had {
	uint64_t serial;
	struct force_pair pair[KEYS];
};

static unsigned find_key(const struct table_key *key)
{
	for (unsigned k = 0; k < KEYS; k++) {
		uint8_t store[OBS_KEY_MAX];
		struct table_key at = key_of(k, store);
		if (at.kind == key->kind && at.prefix == key->prefix && at.n == key->n && memcmp(at.p, key->p, key->n) == 0)
			return k;
	}
	fail_msg("a key that nobody gave");
	return 0;
}

static void apply(struct had *h, const struct turns *t, bool check)
{
	bool forward = false;
	for (size_t i = 0; i < t->n; i++) {
		unsigned k = find_key(&t->turn[i].key);
		if (check && (h->pair[k].self != t->turn[i].before.self || h->pair[k].below != t->turn[i].before.below))
			fail_msg("%s was not that before", texts[k]);
		h->pair[k] = t->turn[i].after;
		assert_false(forward && turn_is_back(&t->turn[i])); /* retractions first */
		forward |= !turn_is_back(&t->turn[i]);
	}
	h->serial = t->serial;
}

static void full(struct bed *b, struct had *h)
{
	struct roster *r;
	struct turns since = { 0 };
	struct table_key key;
	struct force_pair p;
	memset(h, 0, sizeof(*h));
	must(docket_full(b->docket, &r, &since, &fault));
	for (uint64_t at = 0; roster_next(r, &at, &key, &p);)
		h->pair[find_key(&key)] = p;
	apply(h, &since, true);
	assert_int_equal(h->serial, docket_serial(b->docket));
	turns_release(&since);
	roster_drop(r);
}

static void catch_up(struct bed *b, struct had *h)
{
	struct turns t = { 0 };
	must(docket_since(b->docket, h->serial, &t, &fault));
	apply(h, &t, true);
	assert_int_equal(h->serial, docket_serial(b->docket));
	turns_release(&t);
}

static void same(const struct had *h, const struct model *m)
{
	for (unsigned k = 0; k < KEYS; k++) {
		struct force_pair wanted = model_pair(m, k);
		if (h->pair[k].self != wanted.self || h->pair[k].below != wanted.below)
			fail_msg("%s: a consumer has %x %x, not %x %x", texts[k], h->pair[k].self, h->pair[k].below, wanted.self, wanted.below);
	}
}

static void any_order(void **state)
{
	(void)state;
	struct bed b;
	table_reader_init();
	for (unsigned round = 0; round < 6; round++) {
		struct model *m = mem_zalloc(sizeof(*m));
		struct had often = { 0 }, seldom = { 0 }, whole;
		uint32_t now_s = (uint32_t)(clock_ms() / 1000), later_s = now_s;
		random_state = round;
		make(&b);
		for (unsigned step = 0; step < 150; step++) {
			unsigned n, what = pick(20);
			if (m->n == 0 || (what < 6 && m->n < DECISIONS))
				propose(&b, m, now_s);
			else if (what < 12)
				change(&b, m, OP_APPROVE);
			else if (what < 14)
				change(&b, m, pick(2) ? OP_SUSPEND : OP_UNBLOCK);
			else if (what < 16)
				unblock_value(&b, m);
			else if (what < 17)
				protect(&b, m, pick(3) ? OP_PROTECT : OP_UNPROTECT);
			else if (what < 18) {
				later_s += pick(200);
				must(docket_expire(b.docket, later_s, &n, &fault));
				m->tick = n ? later_s : m->tick;
			} else if (what < 19)
				reopen(&b, pick(4) == 0);
			compare(&b, m);
			catch_up(&b, &often);
			same(&often, m);
			if (pick(20) == 0) {
				catch_up(&b, &seldom);
				same(&seldom, m);
			}
			if (pick(10) == 0) {
				full(&b, &whole);
				same(&whole, m);
			}
		}
		uint64_t serial = docket_serial(b.docket);
		reopen(&b, true);
		assert_int_equal(docket_serial(b.docket), serial);
		compare(&b, m);
		drop(&b);
		free(m);
	}
	table_reader_exit();
}

/* ---- refusals ---- */

static bool guards_b(void *ctx, const struct observable *o, uint8_t action, struct buf *out)
{
	assert_int_equal(action, ACTION_BLOCK);
	bool is = o->n == 9 && memcmp(o->key, "b.example", 9) == 0;
	if (out && is && *(bool *)ctx)
		buf_puts(out, "a test");
	return is && *(bool *)ctx;
}

static unsigned heard;

static void hear(void *ctx, uint64_t serial)
{
	(void)ctx;
	heard = (unsigned)serial;
}

static void guard_and_policy(void **state)
{
	(void)state;
	struct bed b;
	struct buf values = { 0 };
	uint64_t index, other;
	unsigned n;
	bool on = false;
	uint32_t until = (uint32_t)(clock_ms() / 1000) + 1000;
	table_reader_init();
	make(&b);
	docket_set_guard(b.docket, guards_b, &on);
	docket_listen(b.docket, hear, NULL);
	put_value(&values, 1, PLAIN);
	struct decision_op op = { .op = OP_PROPOSE, .reason = REASON_C2, .until_s = until, .values = buf_span(&values) };
	must(docket_say(b.docket, &aisha, &op, &index, &fault));
	struct decision_op yes = { .op = OP_APPROVE, .of = &index, .n_of = 1 };
	assert_int_equal(docket_say(b.docket, &aisha, &yes, &other, &fault), ERR_FORBIDDEN);
	must(docket_say(b.docket, &(struct speaker){ "cert", "bilal" }, &yes, &other, &fault));
	assert_false(yes.enacts); /* one party only */
	assert_int_equal(heard, 0);
	on = true;
	assert_int_equal(docket_say(b.docket, &omar, &yes, &other, &fault), ERR_FORBIDDEN); /* asked again */
	assert_non_null(strstr(fault.text, "a test"));
	on = false;
	must(docket_say(b.docket, &omar, &yes, &other, &fault));
	assert_true(yes.enacts);
	assert_int_equal(heard, 1);
	on = true;
	must(docket_recheck(b.docket, &n, &fault));
	assert_int_equal(n, 1);
	assert_int_equal(heard, 2);
	assert_int_equal(decision_find(docket_hold(b.docket), index)->state, DECISION_SUSPENDED);
	docket_let(b.docket);
	assert_int_equal(docket_say(b.docket, &aisha, &op, &other, &fault), ERR_FORBIDDEN);
	/* leases */
	on = false;
	op.until_s = until - 2000;
	assert_int_equal(docket_say(b.docket, &aisha, &op, &other, &fault), ERR_RANGE);
	op.until_s = until + LEASE_MAX_S + 1;
	assert_int_equal(docket_say(b.docket, &aisha, &op, &other, &fault), ERR_RANGE);
	/* a policy's own are in force at once */
	op.until_s = until;
	op.policy = SPAN_LIT("auto");
	must(docket_say(b.docket, &aisha, &op, &other, &fault));
	assert_true(op.enacts);
	assert_int_equal(docket_since(b.docket, docket_serial(b.docket) + 1, &(struct turns){ 0 }, &fault), ERR_NOTFOUND);
	buf_release(&values);
	drop(&b);
	table_reader_exit();
}

/* ---- hits ---- */

static enum err tell(struct bed *b, const char *party, uint32_t from_s, uint32_t seconds, const char *hits, uint32_t *ret_wait_s)
{
	struct hits_report r = { .from_s = from_s, .seconds = seconds, .hits = span_str(hits) };
	struct hits_taken taken;
	enum err e = docket_hits(b->docket, &(struct speaker){ party, "" }, &r, &taken, &fault);
	*ret_wait_s = taken.wait_s;
	hits_taken_release(&taken);
	return e;
}

static uint32_t met(struct bed *b, unsigned key)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	uint32_t n;
	must(obs_parse(span_str(texts[key]), store, &o, &fault));
	docket_met(b->docket, &o, 1, &n);
	return n;
}

static void hits_by_value(void **state)
{
	struct bed b;
	struct buf values = { 0 };
	uint64_t index;
	uint32_t wait, at = (uint32_t)(clock_ms() / 1000) - 86400;
	table_reader_init();
	make(&b);
	docket_set_policy(b.docket, &(struct docket_policy){ .parties = 1 });
	put_value(&values, 0, PLAIN);
	put_value(&values, 4, PLAIN);
	struct decision_op op = { .op = OP_PROPOSE, .reason = REASON_C2, .until_s = at + 2 * 86400, .values = buf_span(&values) };
	must(docket_say(b.docket, &aisha, &op, &index, &fault));
	must(tell(&b, "isp", at, 300, "[\"a.example\",7],[\"198.51.100.7\",4],[\"x.a.example\",9],[\"d.example\",50]", &wait));
	must(tell(&b, "other", at - 600, 300, "[\"a.example\",10],[\"198.51.100.7\",5]", &wait));
	assert_int_equal(tell(&b, "isp", at + 299, 300, "[\"a.example\",7]", &wait), ERR_EXISTS);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(met(&b, 0), 17);
		assert_int_equal(met(&b, 4), 5); /* fewer than five are not told by value */
		assert_int_equal(met(&b, 2) + met(&b, 3), 0);
		reopen(&b, i == 1);
	}
	values.n = 0;
	put_value(&values, 0, PLAIN);
	struct decision_op end = { .op = OP_UNBLOCK, .values = buf_span(&values) };
	docket_set_policy(b.docket, &(struct docket_policy){ .parties = 1 });
	must(docket_say(b.docket, &aisha, &end, &index, &fault));
	must(tell(&b, "isp", at + 300, 300, "[\"a.example\",70]", &wait)); /* nobody blocks it */
	assert_int_equal(met(&b, 0), 17);
	buf_release(&values);
	drop(&b);
	table_reader_exit();
}

static void reports_are_a_minute_apart(void **state)
{
	struct bed b;
	uint32_t wait = 0, now = (uint32_t)(clock_ms() / 1000), end = now + 1800;
	table_reader_init();
	make(&b);
	/* of time to come, so that the clock has no say: five at once ... */
	for (unsigned i = 0; i < HITS_AT_ONCE; i++)
		must(tell(&b, "isp", end + i, 1, "", &wait));
	assert_int_equal(tell(&b, "isp", end + HITS_AT_ONCE, 1, "", &wait), ERR_FULL);
	assert_in_range(wait, 1800 - 60, 1800 + 120);
	assert_non_null(strstr(fault.text, "may come in"));
	must(tell(&b, "other", end, 1, "", &wait)); /* its own pace */
	/* ... which is known when it is opened again ... */
	reopen(&b, true);
	assert_int_equal(tell(&b, "isp", end + HITS_AT_ONCE, 1, "", &wait), ERR_FULL);
	/* ... and then one a minute */
	for (unsigned i = 1; i <= 5; i++) {
		must(tell(&b, "isp", end + 61 * i, 1, "", &wait));
		assert_int_equal(tell(&b, "isp", end + 61 * i + 1, 1, "", &wait), ERR_FULL);
	}
	/* whole periods may all come at once */
	for (unsigned i = 0; i < 500; i++)
		must(tell(&b, "third", now - 6 * 86400 + HITS_PERIOD_S * i, HITS_PERIOD_S, "", &wait));
	drop(&b);
	table_reader_exit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order), cmocka_unit_test(guard_and_policy), cmocka_unit_test(hits_by_value), cmocka_unit_test(reports_are_a_minute_apart),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
