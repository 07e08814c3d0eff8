#include "view/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/feed.h"
#include "codec/observable.h"
#include "view/score_table.h"

enum { NOW = 1790000000, DAY = 86400 };

static const uint8_t address[4] = { 198, 51, 100, 7 }, net[4] = { 198, 51, 100, 0 };
static const struct table_key the_address = { OBS_IPV4, 0, 4, address }, the_net = { OBS_CIDR4, 24, 4, net };

/* Source `i` has weight 20 and is alone in its group unless the test says otherwise. */
static struct source_set *sources(unsigned n)
{
	struct source_set *s = source_set_new();
	for (unsigned i = 0; i < n; i++) {
		char name[16];
		snprintf(name, sizeof(name), "s%u", i);
		struct source_change c = { .op = SOURCE_ADD, .name = span_str(name) };
		assert_int_equal(source_apply(s, &c, NULL), OK);
	}
	return s;
}

static void set(struct source_set *s, unsigned i, const char *group, int weight)
{
	char name[16];
	snprintf(name, sizeof(name), "s%u", i);
	struct source_change c = { .op = SOURCE_SET, .name = span_str(name) };
	if (group)
		c.has_group = true, c.group = span_str(group);
	if (weight >= 0)
		c.has_weight = true, c.weight_db = (uint8_t)weight;
	assert_int_equal(source_apply(s, &c, NULL), OK);
}

static struct claim fresh(uint16_t source)
{
	return (struct claim) { .entry = 100U + source,
				.seen = NOW,
				.source = source,
				.category = CAT_C2,
				.confidence = CONFIDENCE_ABSENT };
}

static struct verdict verdict_of(const struct table_hits *h, const struct source_set *s)
{
	struct verdict quick, careful;
	struct score_line *lines = malloc(SCORE_LINES_MAX * sizeof(*lines));
	unsigned n;
	memset(&quick, 0, sizeof(quick));
	memset(&careful, 0, sizeof(careful));
	score_hits(h, 1, s, CLEARANCE_ALL, OBS_IPV4, NOW, &quick, NULL, NULL);
	score_hits(h, 1, s, CLEARANCE_ALL, OBS_IPV4, NOW, &careful, lines, &n);
	assert_memory_equal(&quick, &careful, sizeof(quick));
	free(lines);
	return quick;
}

static struct table_hits one_hit(const struct claim *c, unsigned n)
{
	struct table_hits h;
	h.n = 1;
	h.hit[0] = (struct table_hit){ .key = the_address, .exact = true, .n = n, .claims = c };
	return h;
}

/* Sum of claims on the address itself. */
static int32_t sum_of(const struct claim *c, unsigned n, const struct source_set *s)
{
	struct table_hits h = one_hit(c, n);
	return verdict_of(&h, s).mdb;
}

static void test_one_claim(void **state)
{
	struct source_set *s = sources(1);
	struct claim c = fresh(0);
	struct table_hits h = one_hit(&c, 1);
	struct verdict v = verdict_of(&h, s);
	assert_true(v.listed);
	assert_int_equal(v.score, 50);
	assert_int_equal(v.mdb, 20000);
	assert_int_equal(v.categories, 1u << CAT_C2);
	assert_int_equal(v.category, CAT_C2);
	assert_int_equal(v.n_sources, 1);
	assert_int_equal(v.n_groups, 1);
	assert_int_equal(v.n_claims, 1);
	assert_int_equal(v.seen, NOW);
	assert_int_equal(v.entry, 100);
	h.n = 0;
	v = verdict_of(&h, s);
	assert_false(v.listed || v.score || v.n_sources || v.is_protected);
	source_set_free(s);
}

static void test_weight_confidence_and_age(void **state)
{
	struct source_set *s = sources(1);
	struct claim c = fresh(0);
	c.confidence = 33;
	assert_int_equal(sum_of(&c, 1, s), 6600);
	c.confidence = 0;
	assert_int_equal(sum_of(&c, 1, s), 0);
	c.confidence = 200; /* nothing is surer than sure */
	assert_int_equal(sum_of(&c, 1, s), 20000);
	c.confidence = 100;
	c.seen = NOW + 1000 * DAY; /* a clock that is wrong makes nothing fresher than now */
	assert_int_equal(sum_of(&c, 1, s), 20000);
	c.seen = 0;
	assert_int_equal(sum_of(&c, 1, s), 20 * 1000 * 64 / 1024);
	c.seen = NOW - 10 * DAY;
	uint16_t lifetime, speed;
	score_lifetime(OBS_IPV4, CAT_C2, &lifetime, &speed);
	assert_int_equal(sum_of(&c, 1, s), 20 * 1000 * score_decay(10 * DAY, lifetime, speed) / 1024);
	set(s, 0, NULL, 0);
	assert_int_equal(sum_of(&c, 1, s), 0);
	set(s, 0, NULL, 60);
	c.seen = NOW;
	assert_int_equal(sum_of(&c, 1, s), 60000);
	source_set_free(s);
}

static void test_groups_count_once(void **state)
{
	struct source_set *s = sources(3);
	struct claim c[3] = { fresh(0), fresh(1), fresh(2) };
	assert_int_equal(sum_of(c, 3, s), 60000);
	set(s, 0, "family", 10);
	set(s, 1, "family", 15);
	struct table_hits h = one_hit(c, 3);
	c[1].category = CAT_PHISHING;
	struct verdict v = verdict_of(&h, s);
	assert_int_equal(v.mdb, 35000);
	assert_int_equal(v.n_groups, 2);
	assert_int_equal(v.n_sources, 3);
	assert_int_equal(v.sources[0], 2);
	assert_int_equal(v.sources[1], 1);
	assert_int_equal(v.sources[2], 0);
	assert_int_equal(v.categories, 1u << CAT_C2 | 1u << CAT_PHISHING);
	source_set_free(s);
}

static void test_false_positives(void **state)
{
	struct source_set *s = sources(4);
	struct claim c[4] = { fresh(0), fresh(1), fresh(2), fresh(3) };
	c[1].stance = c[2].stance = STANCE_FALSE_POSITIVE;
	set(s, 1, "analysts", 7);
	set(s, 2, "analysts", 9);
	assert_int_equal(sum_of(c, 3, s), 11000);
	set(s, 0, "analysts", 20); /* for and against are separate in one group */
	assert_int_equal(sum_of(c, 3, s), 11000);
	struct table_hits h = one_hit(c + 1, 2);
	struct verdict v = verdict_of(&h, s);
	assert_int_equal(v.mdb, -9000);
	assert_int_equal(v.score, 0);
	assert_int_equal(v.n_groups, 0);
	assert_int_equal(v.categories, 0);
	source_set_free(s);
}

static void test_what_does_not_count(void **state)
{
	struct source_set *s = sources(2);
	struct claim c = fresh(0);
	c.until = NOW;
	assert_int_equal(sum_of(&c, 1, s), 0);
	c.until = NOW + 1;
	assert_int_equal(sum_of(&c, 1, s), 20000);
	c.flags = CLAIM_PART;
	assert_int_equal(sum_of(&c, 1, s), 0);
	c.flags = CLAIM_WILDCARD; /* about what is below */
	assert_int_equal(sum_of(&c, 1, s), 0);
	struct table_hits h = one_hit(&c, 1);
	h.hit[0].exact = false;
	assert_int_equal(verdict_of(&h, s).mdb, 20000);
	c.flags = CLAIM_EXACT;
	assert_int_equal(verdict_of(&h, s).mdb, 0);
	h.hit[0].exact = true;
	assert_int_equal(verdict_of(&h, s).mdb, 20000);
	c.flags = 0;
	c.stance = STANCE_KNOWN;
	c.confidence = KINDS_ALL;
	assert_int_equal(sum_of(&c, 1, s), 0);
	c = fresh(0);
	c.source = 77; /* no such source */
	assert_int_equal(sum_of(&c, 1, s), 0);
	c = fresh(0);
	source_imported(s, 0, true, 101, 102, 0, 1);
	assert_int_equal(sum_of(&c, 1, s), 0);
	struct source_change gone = { .op = SOURCE_REMOVE, .name = SPAN_LIT("s1") };
	c = fresh(1);
	assert_int_equal(sum_of(&c, 1, s), 20000);
	assert_int_equal(source_apply(s, &gone, NULL), OK);
	assert_int_equal(sum_of(&c, 1, s), 0);
	source_set_free(s);
}

/* Who asked for it was met: what is said of the key counts as of then, in both directions, and no more than when it was fresh. */
static void test_hits(void **state)
{
	struct source_set *s = sources(3);
	struct claim c[5] = { fresh(0), fresh(1), fresh(2), fresh(2), fresh(2) };
	c[0].seen = NOW - 100 * DAY;
	int32_t old = sum_of(c, 1, s);
	c[1].stance = STANCE_MET;
	c[1].category = CAT_UNKNOWN;
	c[1].lane = 3;
	c[1].seen = NOW - 2 * DAY;
	c[2] = c[0];
	c[2].seen = NOW - 2 * DAY;
	int32_t met = sum_of(c, 2, s);
	assert_int_equal(met, sum_of(&c[2], 1, s));
	assert_true(met > old && met < 20000);
	struct table_hits h = one_hit(c, 2);
	struct verdict v = verdict_of(&h, s);
	assert_int_equal(v.seen, NOW - 2 * DAY);
	assert_true(v.lanes == (1 | 1 << 3) && v.n_sources == 1 && v.n_claims == 2 && v.categories == 1U << CAT_C2);
	/* who may not see the lane sees nothing of it */
	score_hits(&h, 1, s, ~((clearance)1 << 3), OBS_IPV4, NOW, &v, NULL, NULL);
	assert_true(v.mdb == old && v.lanes == 1 && v.n_claims == 1 && v.seen == NOW - 100 * DAY);
	/* it says nothing of its own; what is newer stays so; what has ended, too */
	assert_int_equal(sum_of(&c[1], 1, s), 0);
	c[0].seen = NOW - DAY;
	assert_true(sum_of(c, 2, s) == sum_of(c, 1, s) && sum_of(c, 1, s) > met);
	c[0].seen = NOW - 100 * DAY;
	c[0].until = NOW;
	assert_int_equal(sum_of(c, 2, s), 0);
	c[0].until = 0;
	/* a later report decides, whatever it says, and in whatever level it is */
	c[2] = c[1];
	c[2].entry = 1000;
	c[2].seen = NOW - 20 * DAY;
	int32_t later = sum_of(c, 3, s);
	assert_true(later > old && later < met);
	c[2].lane = 4; /* another lane is not said again */
	assert_int_equal(sum_of(c, 3, s), met);
	/* both sides keep their proportion */
	c[2] = c[0];
	c[2].source = 2;
	c[2].stance = STANCE_FALSE_POSITIVE;
	assert_int_equal(sum_of(c, 3, s), 0);
	/* on another key */
	h.n = 2;
	h.hit[0] = (struct table_hit){ .key = the_address, .exact = true, .n = 1, .claims = c };
	h.hit[1] = (struct table_hit){ .key = the_net, .n = 1, .claims = &c[1] };
	assert_int_equal(verdict_of(&h, s).mdb, old);
	/* a source that is not trusted, or was removed */
	set(s, 1, NULL, 0);
	assert_int_equal(sum_of(c, 2, s), old);
	source_set_free(s);
}

static void test_clearance(void **state)
{
	struct source_set *s = sources(2);
	struct claim c[2] = { fresh(0), fresh(1) };
	struct table_hits h = one_hit(c, 2);
	struct verdict v;
	c[1].lane = 63;
	score_hits(&h, 1, s, 1, OBS_IPV4, NOW, &v, NULL, NULL);
	assert_int_equal(v.mdb, 20000);
	assert_int_equal(v.n_claims, 1);
	score_hits(&h, 1, s, 1ULL << 63, OBS_IPV4, NOW, &v, NULL, NULL);
	assert_int_equal(v.sources[0], 1);
	score_hits(&h, 1, s, 0, OBS_IPV4, NOW, &v, NULL, NULL);
	assert_int_equal(v.n_claims, 0);
	assert_false(v.listed);
	source_set_free(s);
}

static void test_retraction(void **state)
{
	struct source_set *s = sources(2);
	struct claim c[3] = { fresh(0), fresh(0), fresh(1) };
	c[0].entry = 10, c[1].entry = 12, c[2].entry = 5;
	c[1].stance = STANCE_RETRACTED;
	assert_int_equal(sum_of(c, 3, s), 20000); /* the other source stands by it */
	c[0].entry = 13;                          /* said again after it */
	assert_int_equal(sum_of(c, 3, s), 40000);
	c[0].entry = 12;
	assert_int_equal(sum_of(c, 3, s), 20000);
	c[1].lane = 1;
	assert_int_equal(sum_of(c, 3, s), 40000);
	c[1].lane = 0;
	c[0].flags = CLAIM_WILDCARD;
	struct table_hits h = one_hit(c, 2);
	h.hit[0].exact = false;
	assert_int_equal(verdict_of(&h, s).mdb, 20000);
	c[1].flags = CLAIM_WILDCARD;
	assert_int_equal(verdict_of(&h, s).mdb, 0);
	source_imported(s, 0, true, 12, 12, 0, 1); /* and what a later snapshot replaced takes nothing back */
	c[1].entry = 11;
	assert_int_equal(verdict_of(&h, s).mdb, 20000);
	source_set_free(s);
}

/* Levels of the table that have not merged yet give the answer that they will give. */
static void test_said_again_in_another_level(void **state)
{
	struct source_set *s = sources(2);
	struct claim old[2] = { fresh(0), fresh(1) }, later = fresh(0);
	later.entry = 500;
	later.confidence = 10; /* less sure now: that is what counts */
	struct table_hits h = one_hit(old, 2);
	h.n = 2;
	h.hit[1] = (struct table_hit){ .key = the_address, .exact = true, .n = 1, .claims = &later };
	struct verdict v = verdict_of(&h, s);
	assert_int_equal(v.mdb, 22000);
	assert_int_equal(v.n_claims, 2);
	struct table_hit swap = h.hit[0];
	h.hit[0] = h.hit[1], h.hit[1] = swap;
	struct verdict w = verdict_of(&h, s);
	assert_memory_equal(&v, &w, sizeof(v));
	later = old[0]; /* exactly the same twice */
	assert_int_equal(verdict_of(&h, s).mdb, 40000);
	assert_int_equal(verdict_of(&h, s).n_claims, 2);
	h.hit[0].key = the_net; /* on another key it is another claim, of the same group */
	h.hit[0].exact = false;
	later.entry = 500;
	later.confidence = 10;
	assert_int_equal(verdict_of(&h, s).mdb, 40000);
	source_set_free(s);
}

static void test_protection(void **state)
{
	struct source_set *s = sources(3);
	struct claim c[3] = { fresh(0), fresh(1), fresh(2) };
	struct table_hits h = one_hit(c, 3);
	c[1].stance = STANCE_PROTECTED, c[1].confidence = KINDS_IP;
	c[2].stance = STANCE_PROTECTED, c[2].confidence = KINDS_ALL;
	struct verdict v = verdict_of(&h, s);
	assert_true(v.is_protected);
	assert_false(v.listed);
	assert_int_equal(v.score, 0);
	assert_int_equal(v.mdb, 20000);
	assert_int_equal(v.protector, 1);
	c[1].confidence = c[2].confidence = KINDS_DOMAIN | KINDS_URL;
	assert_int_equal(verdict_of(&h, s).score, 50);
	c[1].confidence = KINDS_IP;
	set(s, 1, NULL, 0); /* who is distrusted protects nothing */
	assert_int_equal(verdict_of(&h, s).score, 50);
	set(s, 1, NULL, 1);
	h.hit[0].exact = false;
	assert_int_equal(verdict_of(&h, s).score, 0);
	c[1].flags = CLAIM_EXACT;
	assert_int_equal(verdict_of(&h, s).score, 50);
	source_set_free(s);
}

static void test_protected_host_of_a_url(void **state)
{
	static const struct table_key url = { OBS_URL, 0, 22, (const uint8_t *)"http://host.example/ab" };
	static const struct table_key host = { OBS_DOMAIN, 0, 12, (const uint8_t *)"host.example" };
	struct source_set *s = sources(4);
	struct claim on_url = fresh(0), on_host[2] = { fresh(1), fresh(2) };
	struct table_hits h[2] = { { .n = 1 }, { .n = 1 } };
	struct verdict v;
	h[0].hit[0] = (struct table_hit){ url, true, 1, &on_url };
	h[1].hit[0] = (struct table_hit){ host, true, 2, on_host };
	score_hits(h, 2, s, CLEARANCE_ALL, OBS_URL, NOW, &v, NULL, NULL);
	assert_int_equal(v.mdb, 60000);
	on_host[1].stance = STANCE_PROTECTED, on_host[1].confidence = KINDS_DOMAIN;
	score_hits(h, 2, s, CLEARANCE_ALL, OBS_URL, NOW, &v, NULL, NULL);
	assert_int_equal(v.mdb, 20000); /* what is said of the host is gone, what is said of the URL stays */
	assert_true(v.listed);
	assert_false(v.is_protected);
	on_host[1].stance = STANCE_KNOWN;
	score_hits(h, 2, s, CLEARANCE_ALL, OBS_URL, NOW, &v, NULL, NULL);
	assert_int_equal(v.mdb, 20000);
	on_host[1].stance = STANCE_PROTECTED;
	score_hits(h + 1, 1, s, CLEARANCE_ALL, OBS_URL, NOW, &v, NULL, NULL);
	assert_true(v.is_protected);
	assert_int_equal(v.protector, 2);
	on_url.stance = STANCE_PROTECTED, on_url.confidence = KINDS_URL;
	score_hits(h, 2, s, CLEARANCE_ALL, OBS_URL, NOW, &v, NULL, NULL);
	assert_true(v.is_protected);
	assert_int_equal(v.protector, 0);
	on_host[1].confidence = KINDS_HASH;
	on_url = fresh(0);
	score_hits(h, 2, s, CLEARANCE_ALL, OBS_URL, NOW, &v, NULL, NULL);
	assert_int_equal(v.mdb, 40000);
	source_set_free(s);
}

static void test_more_sources_than_slots(void **state)
{
	struct source_set *s = sources(3000);
	struct claim *c = malloc(3000 * sizeof(*c));
	for (unsigned i = 0; i < 3000; i++)
		c[i] = fresh((uint16_t)((i * 7) % 3000));
	assert_int_equal(sum_of(c, 3000, s), 3000 * 20000);
	struct table_hits h = one_hit(c, 3000);
	struct verdict v = verdict_of(&h, s);
	assert_int_equal(v.n_sources, 3000);
	assert_int_equal(v.n_groups, 3000);
	for (unsigned i = 0; i < COUNT_OF(v.sources); i++)
		assert_int_equal(v.sources[i], i);
	set(s, 2999, NULL, 30);
	v = verdict_of(&h, s);
	assert_int_equal(v.sources[0], 2999);
	assert_int_equal(v.sources[15], 14);
	free(c);
	source_set_free(s);
}

static void test_lines(void **state)
{
	struct source_set *s = sources(5);
	struct claim c[6] = { fresh(0), fresh(1), fresh(2), fresh(3), fresh(4), fresh(0) };
	struct score_line lines[SCORE_LINES_MAX];
	struct verdict v;
	unsigned n = 0;
	set(s, 0, "g", 10);
	set(s, 1, "g", 12);
	set(s, 2, "g", 5);
	c[2].stance = STANCE_FALSE_POSITIVE;
	c[3].until = 1;
	c[4].stance = STANCE_PROTECTED, c[4].confidence = KINDS_IP;
	c[5].category = CAT_SPAM;
	struct table_hits h = one_hit(c, 6);
	score_hits(&h, 1, s, CLEARANCE_ALL, OBS_IPV4, NOW, &v, lines, &n);
	assert_int_equal(n, 6);
	static const enum line_fate fates[] = { LINE_COUNTS, LINE_COUNTS, LINE_PROTECTS,
						LINE_GROUP,  LINE_GROUP,  LINE_EXPIRED };
	static const int32_t mdb[] = { 12000, -5000, 0, 10000, 10000, 0 };
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(lines[i].fate, fates[i]);
		assert_int_equal(lines[i].mdb, mdb[i]);
	}
	assert_int_equal(v.mdb, 7000);
	source_set_free(s);
}

/* The same claims, dealt to hits and levels and shuffled at random, give the same octets. */

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void shuffle(struct claim *c, unsigned n, uint32_t *seed)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned j = next(seed) % i;
		struct claim t = c[i - 1];
		c[i - 1] = c[j], c[j] = t;
	}
}

static struct claim any_claim(unsigned n_sources, uint32_t *seed)
{
	struct claim c = {
		.entry = 10 + next(seed) % 6,
		.seen = NOW - next(seed) % 4 * 9 * DAY,
		.until = next(seed) % 8 ? 0 : NOW - 1 + next(seed) % 3,
		.source = (uint16_t)(next(seed) % n_sources),
		.category = (uint8_t)(next(seed) % 4),
		.confidence = (uint8_t)(next(seed) % 3 * 50),
		.lane = (uint8_t)(next(seed) % 3),
	};
	c.stance = (uint8_t)(next(seed) % 12);
	if (c.stance > STANCE_MET)
		c.stance = STANCE_INDICATOR;
	if ((c.stance == STANCE_PROTECTED || c.stance == STANCE_KNOWN) && next(seed) % 4)
		c.confidence = KINDS_DOMAIN;
	c.flags = next(seed) % 6 ? 0 : next(seed) % 16;
	return c;
}

struct deal { struct verdict v; unsigned n; struct score_line lines[SCORE_LINES_MAX]; };

/* Two keys, up to four levels each. */
static void deal(struct claim *on_address, unsigned n_address, struct claim *on_net, unsigned n_net,
		 const struct source_set *s, uint32_t *seed, struct deal *ret)
{
	struct table_hits h;
	h.n = 0;
	shuffle(on_address, n_address, seed);
	shuffle(on_net, n_net, seed);
	for (unsigned i = 0, step; i < n_address; i += step) {
		step = 1 + next(seed) % (n_address - i);
		h.hit[h.n++] = (struct table_hit){ the_address, true, step, on_address + i };
	}
	for (unsigned i = 0, step; i < n_net; i += step) {
		step = 1 + next(seed) % (n_net - i);
		h.hit[h.n++] = (struct table_hit){ the_net, false, step, on_net + i };
	}
	for (unsigned i = h.n; i > 1; i--) {
		unsigned j = next(seed) % i;
		struct table_hit t = h.hit[i - 1];
		h.hit[i - 1] = h.hit[j], h.hit[j] = t;
	}
	memset(ret, 0, sizeof(*ret));
	score_hits(&h, 1, s, 3, OBS_IPV4, NOW, &ret->v, ret->lines, &ret->n);
	struct verdict quick;
	memset(&quick, 0, sizeof(quick));
	score_hits(&h, 1, s, 3, OBS_IPV4, NOW, &quick, NULL, NULL);
	assert_memory_equal(&quick, &ret->v, sizeof(quick));
}

static bool line_eq(const struct score_line *a, const struct score_line *b)
{
	return a->source == b->source && memcmp(&a->claim, &b->claim, sizeof(a->claim)) == 0 && a->key.kind == b->key.kind &&
	       a->exact == b->exact && a->mdb == b->mdb && a->fate == b->fate && a->decay_1024 == b->decay_1024;
}

static void test_any_order(void **state)
{
	uint32_t seed = 20261122;
	struct claim a[16], b[8];
	static struct deal first, again;
	for (unsigned round = 0; round < 500; round++) {
		unsigned n_sources = 2 + next(&seed) % 5, n_a = 1 + next(&seed) % COUNT_OF(a), n_b = next(&seed) % COUNT_OF(b);
		struct source_set *s = sources(n_sources);
		set(s, 1, "s0", (int)(next(&seed) % 30));
		if (next(&seed) % 3 == 0)
			source_imported(s, 0, true, 12, 12, 0, 1);
		for (unsigned i = 0; i < n_a; i++)
			a[i] = i && next(&seed) % 4 == 0 ? a[i - 1] : any_claim(n_sources, &seed);
		for (unsigned i = 0; i < n_b; i++)
			b[i] = any_claim(n_sources, &seed);
		deal(a, n_a, b, n_b, s, &seed, &first);
		for (unsigned k = 0; k < 20; k++) {
			deal(a, n_a, b, n_b, s, &seed, &again);
			assert_memory_equal(&first.v, &again.v, sizeof(first.v));
			assert_int_equal(first.n, again.n);
			for (unsigned i = 0; i < first.n; i++)
				assert_true(line_eq(&first.lines[i], &again.lines[i]));
		}
		source_set_free(s);
	}
}

/* Sources that say one thing each, few or some more: the quick way gives what care gives, of an address and of a URL with its host. */
static void test_a_claim_of_each_source(void **state)
{
	static const struct table_key url = { OBS_URL, 0, 22, (const uint8_t *)"http://host.example/ab" };
	static const struct table_key host = { OBS_DOMAIN, 0, 12, (const uint8_t *)"host.example" };
	enum { SOURCES = 150, CLAIMS = 20 };
	uint32_t seed = 20261125;
	struct score_line *lines = malloc(SCORE_LINES_MAX * sizeof(*lines));
	unsigned listed = 0;
	struct source_set *s = sources(SOURCES);
	for (unsigned i = 0; i < SOURCES; i++) {
		char group[8];
		snprintf(group, sizeof(group), "g%u", next(&seed) % 40);
		set(s, i, group, (int)(next(&seed) % 8 ? next(&seed) % 61 : 0));
	}
	source_imported(s, 3, true, 12, 12, 0, 1);
	for (unsigned round = 0; round < 20000; round++) {
		struct claim c[CLAIMS];
		struct table_hits h[2];
		unsigned n = 1 + next(&seed) % (next(&seed) % 4 ? 4 : CLAIMS), cut = next(&seed) % (n + 1), n_lines, first = next(&seed);
		bool of_url = next(&seed) % 2;
		for (unsigned i = 0; i < n; i++) {
			c[i] = any_claim(SOURCES, &seed);
			c[i].source = (uint16_t)((first + i * 64) % SOURCES); /* some with the same bit of the filter; now and then one twice */
			if (c[i].stance >= STANCE_PROTECTED && next(&seed) % 2)
				c[i].stance = STANCE_FALSE_POSITIVE;
		}
		h[0].n = h[1].n = 1;
		h[0].hit[0] = (struct table_hit){ of_url ? url : the_address, true, cut, c };
		h[1].hit[0] = (struct table_hit){ of_url ? host : the_net, of_url, n - cut, c + cut };
		struct verdict quick, careful;
		memset(&quick, 0, sizeof(quick));
		memset(&careful, 0, sizeof(careful));
		score_hits(h, 2, s, 3, of_url ? OBS_URL : OBS_IPV4, NOW, &quick, NULL, NULL);
		score_hits(h, 2, s, 3, of_url ? OBS_URL : OBS_IPV4, NOW, &careful, lines, &n_lines);
		assert_memory_equal(&quick, &careful, sizeof(quick));
		listed += quick.listed;
	}
	assert_in_range(listed, 5000, 19000);
	free(lines);
	source_set_free(s);
}

/* Every sum, by the definition: how many thresholds are reached. */
static void test_scale(void **state)
{
	uint8_t before = 0;
	assert_int_equal(score_from_mdb(INT32_MIN), 0);
	assert_int_equal(score_from_mdb(INT32_MAX), 100);
	for (int32_t mdb = -10; mdb < 70000; mdb++) {
		uint8_t score = score_from_mdb(mdb), reached = 0;
		for (unsigned i = 0; i < COUNT_OF(score_table); i++)
			reached += score_table[i] <= mdb;
		assert_int_equal(score, reached);
		assert_true(score == before || score == before + 1);
		before = score;
	}
}

/* More claims than lines: those that count are all there, in any order of arrival. */
static void test_more_claims_than_lines(void **state)
{
	enum { N = 900, SOURCES = 200 };
	uint32_t seed = 7;
	struct source_set *s = sources(SOURCES);
	static struct claim c[N];
	static struct deal first, again;
	for (unsigned i = 0; i < SOURCES; i++)
		set(s, i, NULL, (int)(1 + next(&seed) % 60));
	for (unsigned i = 0; i < N; i++) {
		c[i] = fresh((uint16_t)(i % SOURCES));
		c[i].category = (uint8_t)(i / SOURCES);
		c[i].confidence = (uint8_t)(next(&seed) % 101);
	}
	for (unsigned k = 0; k < 20; k++) {
		struct deal *d = k ? &again : &first;
		shuffle(c, N, &seed);
		struct table_hits h = one_hit(c, N);
		memset(d, 0, sizeof(*d));
		score_hits(&h, 1, s, CLEARANCE_ALL, OBS_IPV4, NOW, &d->v, d->lines, &d->n);
		assert_int_equal(d->n, SCORE_LINES_MAX);
		assert_int_equal(d->v.n_claims, N);
		int32_t sum = 0;
		for (unsigned i = 0; i < d->n; i++) {
			sum += d->lines[i].fate == LINE_COUNTS ? d->lines[i].mdb : 0;
			assert_true(line_eq(&d->lines[i], &first.lines[i]));
		}
		assert_int_equal(sum, d->v.mdb);
	}
	source_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_claim),
		cmocka_unit_test(test_weight_confidence_and_age),
		cmocka_unit_test(test_groups_count_once),
		cmocka_unit_test(test_false_positives),
		cmocka_unit_test(test_what_does_not_count),
		cmocka_unit_test(test_hits),
		cmocka_unit_test(test_clearance),
		cmocka_unit_test(test_retraction),
		cmocka_unit_test(test_said_again_in_another_level),
		cmocka_unit_test(test_protection),
		cmocka_unit_test(test_protected_host_of_a_url),
		cmocka_unit_test(test_more_sources_than_slots),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_a_claim_of_each_source),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_more_claims_than_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
