#include "view/reputation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "codec/json.h"
#include "table/batch.h"

enum { NOW = 1790000000, DAY = 86400 };

/* A node's meaning without a node: sources, rules, and images in memory as the levels of a view. */
struct world {
	struct source_set *sources;
	struct rules *rules;
	struct meaning meaning;
	struct table_view view;
	struct batch *batch;
};

static const struct siphash_seed seed = { 1, 2 };

static void world_init(struct world *w)
{
	static const char *const names[] = { "feodo", "urlhaus", "portals", "analyst" };
	*w = (struct world){ .sources = source_set_new(), .rules = rules_new(), .batch = batch_new(seed, "/tmp", 1 << 20) };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct source_change c = { .op = SOURCE_ADD, .name = span_str(names[i]) };
		assert_int_equal(source_apply(w->sources, &c, NULL), OK);
	}
	w->meaning = (struct meaning){ w->sources, w->rules };
	w->view = (struct table_view){ .context = &w->meaning, .seed = seed };
}

static void world_release(struct world *w)
{
	for (unsigned i = 0; i < w->view.n; i++)
		image_free(w->view.level[i]);
	batch_free(w->batch);
	rules_free(w->rules);
	source_set_free(w->sources);
}

static void parse(const char *text, uint8_t store[OBS_KEY_MAX], struct observable *o)
{
	struct fault f;
	if (obs_parse(span_str(text), store, o, &f))
		fail_msg("%s: %s", text, f.text);
}

static void say_claim(struct world *w, const char *text, struct claim c)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	parse(text, store, &o);
	struct table_key k = { o.kind, o.prefix, o.n, o.key };
	c.flags |= (o.wildcard ? CLAIM_WILDCARD : 0) & 15;
	assert_int_equal(batch_add(w->batch, &k, &c, NULL), OK);
}

static void say(struct world *w, const char *text, uint16_t source, enum stance stance, uint8_t confidence)
{
	say_claim(w, text,
		  (struct claim) { .seen = NOW - source * DAY,
				   .source = source,
				   .category = source == 1 ? CAT_PHISHING : CAT_C2,
				   .stance = stance,
				   .confidence = confidence });
}

/* What was said becomes a level of the view. */
static void level(struct world *w, uint32_t entry)
{
	assert_int_equal(batch_stamp(w->batch, entry, 0, NULL), OK);
	assert_int_equal(batch_finish(w->batch, NULL, &w->view.level[w->view.n++], NULL, NULL), OK);
}

static struct reputation ask_with(struct world *w, const char *text, clearance clear, struct buf *why)
{
	static struct score_line lines[SCORE_LINES_MAX];
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation r;
	unsigned n = 0;
	parse(text, store, &o);
	memset(&r, 0, sizeof(r));
	reputation_of(&w->view, &o, clear, NOW, &r, why ? lines : NULL, &n);
	if (why) {
		reputation_why_json(&r, &o, &w->meaning, NULL, lines, n, NOW, why);
		buf_putc(why, '\n');
	}
	return r;
}

static struct reputation ask(struct world *w, const char *text)
{
	return ask_with(w, text, CLEARANCE_ALL, NULL);
}

static int score(struct world *w, const char *text)
{
	return ask(w, text).verdict.score;
}

static void test_coverings(void **state)
{
	struct world w;
	world_init(&w);
	say(&w, "198.51.100.0/24", 0, STANCE_INDICATOR, 100);
	say(&w, "evil.example", 0, STANCE_INDICATOR, 100);
	say(&w, "*.below.example", 0, STANCE_INDICATOR, 100);
	say(&w, "d41d8cd98f00b204e9800998ecf8427e", 0, STANCE_INDICATOR, 100);
	level(&w, 1);
	assert_int_equal(score(&w, "198.51.100.7"), 50);
	assert_int_equal(score(&w, "198.51.100.0/24"), 50);
	assert_int_equal(score(&w, "198.51.100.128/25"), 50);
	assert_int_equal(score(&w, "198.51.100.0/23"), 0);
	assert_int_equal(score(&w, "198.51.101.7"), 0);
	assert_int_equal(score(&w, "a.b.evil.example"), 50);
	assert_int_equal(score(&w, "notevil.example"), 0);
	assert_int_equal(score(&w, "below.example"), 0);
	assert_int_equal(score(&w, "x.below.example"), 50);
	assert_int_equal(score(&w, "*.below.example"), 50);
	assert_int_equal(score(&w, "D41D8CD98F00B204E9800998ECF8427E"), 50);
	assert_int_equal(score(&w, "d41d8cd98f00b204e9800998ecf8427f"), 0);
	world_release(&w);
}

static void test_urls_and_mail(void **state)
{
	struct world w;
	world_init(&w);
	say(&w, "http://shared.example/phish", 1, STANCE_INDICATOR, 100);
	say(&w, "evil.example", 0, STANCE_INDICATOR, 100);
	say(&w, "198.51.100.0/24", 0, STANCE_INDICATOR, 100);
	say(&w, "user@mail.example", 0, STANCE_INDICATOR, 100);
	level(&w, 1);
	assert_true(score(&w, "http://shared.example/phish") > 20);
	assert_int_equal(score(&w, "https://shared.example/phish"), score(&w, "http://shared.example/phish"));
	assert_int_equal(score(&w, "http://shared.example/other"), 0);
	assert_int_equal(score(&w, "shared.example"), 0);
	assert_int_equal(score(&w, "http://www.evil.example/x"), 50);
	assert_int_equal(score(&w, "http://198.51.100.9/x"), 50);
	assert_int_equal(score(&w, "user@mail.example"), 50);
	assert_int_equal(score(&w, "other@mail.example"), 0);
	assert_int_equal(score(&w, "anyone@evil.example"), 50);
	world_release(&w);
}

static void test_protected_hosts(void **state)
{
	struct world w;
	world_init(&w);
	say(&w, "http://shared.example/phish", 1, STANCE_INDICATOR, 100);
	say(&w, "shared.example", 0, STANCE_INDICATOR, 100);
	say(&w, "shared.example", 2, STANCE_PROTECTED, KINDS_DOMAIN | KINDS_URL);
	say(&w, "http://10.0.0.1/x", 0, STANCE_INDICATOR, 100);
	say(&w, "10.0.0.1", 0, STANCE_INDICATOR, 100);
	level(&w, 1);
	struct reputation r = ask(&w, "www.shared.example");
	assert_true(r.verdict.is_protected && !r.verdict.listed);
	assert_string_equal(r.protected_by, "portals");
	r = ask(&w, "http://shared.example/phish");
	assert_true(r.verdict.listed);
	assert_null(r.protected_by);
	assert_int_equal(r.verdict.n_groups, 1);
	r = ask(&w, "http://shared.example/");
	assert_false(r.verdict.listed);
	assert_string_equal(r.protected_by, "portals");
	assert_string_equal(ask(&w, "10.0.0.1").protected_by, "10.0.0.0/8 private use (RFC 1918)");
	assert_int_equal(score(&w, "http://10.0.0.1/x"), 0);
	assert_non_null(ask(&w, "10.9.9.9").protected_by); /* though nothing is said about it */
	assert_null(ask(&w, "192.0.2.1").protected_by);
	world_release(&w);
}

static void test_text_rules(void **state)
{
	struct world w;
	world_init(&w);
	say(&w, "a.gov.example", 0, STANCE_INDICATOR, 100);
	say(&w, "http://a.gov.example/listed", 0, STANCE_INDICATOR, 100);
	say(&w, "198.51.100.7", 0, STANCE_INDICATOR, 100);
	level(&w, 1);
	assert_int_equal(score(&w, "a.gov.example"), 50);
	assert_int_equal(rules_add(w.rules, RULE_REGEX, SPAN_LIT("/\\.gov\\.example$/"), KINDS_DOMAIN, STANCE_PROTECTED,
				   2, 5, 1, NULL),
			 OK);
	assert_int_equal(rules_add(w.rules, RULE_SUBSTRING, SPAN_LIT("51.100.7"), KINDS_IP, STANCE_KNOWN, 2, 5, 1, NULL), OK);
	rules_ready(w.rules);
	struct reputation r = ask(&w, "a.gov.example");
	assert_int_equal(r.verdict.score, 0);
	assert_string_equal(r.protected_by, "portals");
	assert_string_equal(r.rule, "/\\.gov\\.example$/");
	assert_int_equal(ask_with(&w, "a.gov.example", 1, NULL).verdict.score,
			 50); /* the rule is in a lane that is not shown */
	assert_true(ask(&w, "http://a.gov.example/listed").verdict.listed);
	assert_false(ask(&w, "http://a.gov.example/other").verdict.listed);
	assert_string_equal(ask(&w, "http://a.gov.example/other").protected_by, "portals");
	r = ask(&w, "198.51.100.7");
	assert_int_equal(r.verdict.score, 50);
	assert_string_equal(r.rule, "51.100.7");
	world_release(&w);
}

static void test_nothing_published(void **state)
{
	struct world w;
	world_init(&w);
	say(&w, "198.51.100.7", 0, STANCE_INDICATOR, 100);
	level(&w, 1);
	w.view.context = NULL;
	assert_int_equal(score(&w, "198.51.100.7"), 0);
	assert_non_null(ask(&w, "127.0.0.1").protected_by);
	world_release(&w);
}

struct told { size_t n; const struct observable *obs; struct world *w; };

static void compare(void *ctx, size_t i, const struct reputation *r)
{
	struct told *t = ctx;
	struct reputation one;
	memset(&one, 0, sizeof(one));
	assert_int_equal(i, t->n++);
	reputation_of(&t->w->view, &t->obs[i], CLEARANCE_ALL, NOW, &one, NULL, NULL);
	assert_int_equal(one.verdict.mdb, r->verdict.mdb);
	assert_int_equal(one.verdict.score, r->verdict.score);
	assert_int_equal(one.verdict.is_protected, r->verdict.is_protected);
	assert_int_equal(one.verdict.n_claims, r->verdict.n_claims);
	assert_ptr_equal(one.protected_by, r->protected_by);
	assert_ptr_equal(one.rule, r->rule);
}

static void test_batch_says_the_same(void **state)
{
	enum { N = 1000 };
	static uint8_t store[N][OBS_KEY_MAX];
	static struct observable obs[N];
	struct world w;
	world_init(&w);
	say(&w, "198.51.100.0/25", 0, STANCE_INDICATOR, 100);
	say(&w, "*.evil.example", 1, STANCE_INDICATOR, 90);
	say(&w, "http://h7.example/", 3, STANCE_INDICATOR, 80);
	level(&w, 1);
	say(&w, "198.51.100.0/25", 0, STANCE_INDICATOR, 50);
	say(&w, "h8.example", 2, STANCE_PROTECTED, KINDS_ALL);
	level(&w, 2);
	assert_int_equal(
		rules_add(w.rules, RULE_SUBSTRING, SPAN_LIT("h9"), KINDS_DOMAIN, STANCE_PROTECTED, 2, 0, 1, NULL), OK);
	for (int i = 0; i < N; i++) {
		static const char *const forms[] = { "198.51.100.%d",  "h%d.evil.example",   "http://h%d.example/",
						     "10.0.0.%d",      "*.h%d.evil.example", "h%d.example",
						     "u%d@h8.example", "198.51.%d.0/24",     "%d.0.2.1" };
		char text[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), forms[i % COUNT_OF(forms)], i % 97 + 1);
#pragma GCC diagnostic pop
		parse(text, store[i], &obs[i]);
	}
	obs[500] = (struct observable){ 0 };
	parse("*.evil.example", store[501], &obs[501]);
	struct told t = { .obs = obs, .w = &w };
	reputation_batch(&w.view, obs, N, CLEARANCE_ALL, NOW, compare, &t);
	assert_int_equal(t.n, N);
	/* What is not known has no claim, whatever it is; and that is said of some, not of all. */
	unsigned known = 0, claims = 0;
	for (size_t i = 0; i < N; i += 64) {
		size_t n = N - i < 64 ? N - i : 64;
		uint64_t bits = reputation_known(&w.view, obs + i, n);
		assert_true(n == 64 || bits >> n == 0);
		for (size_t k = 0; k < n; k++) {
			struct reputation r;
			reputation_of(&w.view, &obs[i + k], CLEARANCE_ALL, NOW, &r, NULL, NULL);
			known += bits >> k & 1;
			claims += r.verdict.n_claims > 0;
			assert_true((bits >> k & 1) || (r.verdict.n_claims == 0 && !r.verdict.listed));
		}
	}
	assert_true(claims > 50 && known >= claims && known < N);
	world_release(&w);
}

static void test_json(void **state)
{
	struct world w;
	struct buf b = { 0 };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	world_init(&w);
	say(&w, "198.51.100.7", 0, STANCE_INDICATOR, 100);
	say(&w, "198.51.100.0/24", 1, STANCE_INDICATOR, 100);
	say(&w, "10.0.0.1", 0, STANCE_INDICATOR, 100);
	level(&w, 41);
	parse("198.51.100.7", store, &o);
	struct reputation r = ask(&w, "198.51.100.7");
	reputation_json(&r, &o, &w.meaning, &b);
	assert_string_equal(buf_cstr(&b), "{\"value\":\"198.51.100.7\",\"kind\":\"ipv4\",\"listed\":true,\"score\":98,"
					  "\"categories\":[\"c2-server\",\"phishing\"],\"sources\":[\"feodo\",\"urlhaus\"]}");
	b.n = 0;
	parse("10.0.0.1", store, &o);
	r = ask(&w, "10.0.0.1");
	reputation_json(&r, &o, &w.meaning, &b);
	assert_string_equal(
		buf_cstr(&b),
		"{\"value\":\"10.0.0.1\",\"kind\":\"ipv4\",\"listed\":false,\"score\":0,\"categories\":[\"c2-server\"],"
		"\"sources\":[\"feodo\"],\"protected_by\":\"10.0.0.0/8 private use (RFC 1918)\"}");
	b.n = 0;
	ask_with(&w, "198.51.100.7", CLEARANCE_ALL, &b);
	assert_non_null(strstr(buf_cstr(&b), "\"match\":\"prefix\",\"entry\":\"41\""));
	struct json_reader j;
	json_init(&j, buf_span(&b), true);
	enum json_token t;
	while ((t = json_next(&j)) != JSON_END)
		assert_int_not_equal(t, JSON_ERROR);
	buf_release(&b);
	world_release(&w);
}

static void test_text(void **state)
{
	static struct score_line lines[SCORE_LINES_MAX];
	struct world w;
	struct buf b = { 0 };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation r;
	unsigned n;
	world_init(&w);
	say(&w, "198.51.100.7", 0, STANCE_INDICATOR, 100);
	say(&w, "198.51.100.7", 3, STANCE_FALSE_POSITIVE, 25);
	say(&w, "198.51.100.0/24", 0, STANCE_INDICATOR, 50);
	level(&w, 41);
	parse("198.51.100.7", store, &o);
	reputation_of(&w.view, &o, CLEARANCE_ALL, NOW, &r, lines, &n);
	reputation_why_text(&r, &o, &w.meaning, NULL, lines, n, NOW, &b);
	const char *text = buf_cstr(&b);
	assert_non_null(strstr(text, "198.51.100.7 (ipv4): listed, score 24, as of "));
	assert_non_null(strstr(text, "+20.000 dB  feodo"));
	assert_non_null(strstr(text, "false-positive"));
	assert_non_null(strstr(text, "-4.975 dB  analyst false-positive"));
	assert_non_null(strstr(text, "group feodo counts once (alone +10.000 dB)\n"));
	assert_non_null(strstr(text, "+15.025 dB  sum of 1 independent group of 1 source\n"));
	assert_non_null(strstr(text, "score 100 / (1 + 10^((20 - 15.025) / 10)) = 24\n"));
	buf_release(&b);
	world_release(&w);
}

/* Random claims of every sort; tests/score_eval.py computes them again. */
static void test_evaluator_agrees(void **state)
{
	struct world w;
	struct buf b = { 0 };
	if (access("/usr/bin/python3", X_OK))
		skip();
	world_init(&w);
	uint32_t x = 42;
	for (uint32_t entry = 1; entry < 5; entry++) {
		for (int i = 0; i < 200; i++) {
			char text[32];
			x = x * 1664525u + 1013904223u;
			uint32_t r = x >> 6;
			snprintf(text, sizeof(text), "198.51.100.%u%s", r % 5 ? r % 16 : 0, r % 5 ? "" : "/24");
			say_claim(&w, text, (struct claim){ .seen = NOW - (r >> 8) % 60 * DAY + (r >> 5) % DAY, .source = (r >> 3) % 4,
				.category = (r >> 10) % CAT_COUNT, .confidence = (uint8_t)((r >> 4) % 101), .until = r % 7 ? 0 : NOW + r % 3 - 1,
				.stance = r % 3 ? 0 : (r >> 12) % 6 & 15, .flags = r % 11 ? 0 : CLAIM_PART, .lane = r % 3 });
		}
		level(&w, entry);
	}
	struct source_change grouped = { .op = SOURCE_SET,
					 .name = SPAN_LIT("analyst"),
					 .has_group = true,
					 .group = SPAN_LIT("feodo"),
					 .has_speed = true,
					 .speed_x10 = 30,
					 .has_lifetime = true,
					 .lifetime_d = 40 };
	assert_int_equal(source_apply(w.sources, &grouped, NULL), OK);
	for (int i = 0; i < 16; i++) {
		char text[32];
		snprintf(text, sizeof(text), "198.51.100.%d", i);
		ask_with(&w, text, i % 2 ? CLEARANCE_ALL : 5, &b);
	}
	FILE *python = popen("/usr/bin/python3 " SOURCE_ROOT "/tests/score_eval.py", "w");
	assert_non_null(python);
	assert_int_equal(fwrite(b.p, 1, b.n, python), b.n);
	assert_int_equal(pclose(python), 0);
	buf_release(&b);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coverings),
		cmocka_unit_test(test_urls_and_mail),
		cmocka_unit_test(test_protected_hosts),
		cmocka_unit_test(test_text_rules),
		cmocka_unit_test(test_nothing_published),
		cmocka_unit_test(test_batch_says_the_same),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_evaluator_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
