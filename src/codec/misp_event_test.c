/* What is written is what feed_misp.c understands. */
#include "codec/misp_event.h"

#include "base/num.h"
#include "codec/formats.h"
#include "codec/json.h"
#include "codec/tlp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UUID "0f1c9a3e-0000-5000-8000-000000000001"

static const struct misp_event event = {
	.uuid = UUID, .id = 7, .info = { (const uint8_t *)"a \"list\"", 8 }, .org = { { (const uint8_t *)"node.example", 12 }, UUID },
	.time_s = 1750000000, .date_s = 1750000000, .tlp = TLP_GREEN,
};

struct got {
	unsigned n;
	struct feed_claim claim[8];
	uint8_t tlp, fate;
	char what[64], value[100], id[40];
};

static bool take(void *ctx, const struct feed_record *r)
{
	struct got *g = ctx;
	struct buf text = { 0 };
	g->tlp = r->tlp;
	g->fate = r->fate;
	snprintf(g->what, sizeof(g->what), "%s", r->what ? r->what : r->reason ? r->reason : "");
	snprintf(g->id, sizeof(g->id), SPAN_FMT, SPAN_ARG(r->id));
	for (unsigned i = 0; i < r->n_claims && g->n < 8; i++)
		g->claim[g->n++] = r->claims[i];
	if (r->n_claims) {
		obs_format(&r->claims[0].obs, &text);
		snprintf(g->value, sizeof(g->value), "%s", buf_cstr(&text));
	}
	buf_release(&text);
	return true;
}

static struct got back(const struct misp_attribute *a)
{
	struct got g = { 0 };
	struct buf out = { 0 };
	struct fault f = { 0 };
	size_t used;
	misp_put_event_begin(&out, &event);
	misp_put_attribute(&out, &event, a, false);
	misp_put_event_end(&out);
	struct feed_options o = { .stance = STANCE_INDICATOR };
	struct feed_parser *p = feed_parser_new(&feed_misp, &o);
	assert_int_equal(feed_parse(p, buf_span(&out), true, take, &g, &used, &f), OK);
	feed_parser_free(p);
	buf_release(&out);
	return g;
}

static struct feed_claim claim_of(const char *value, uint8_t store[OBS_KEY_MAX])
{
	struct feed_claim c = { .confidence = CONFIDENCE_ABSENT, .kinds = KINDS_ALL, .seen = 1740000000 };
	assert_int_equal(obs_parse(span_str(value), store, &c.obs, NULL), OK);
	return c;
}

static struct misp_attribute attribute_of(const struct feed_claim *c)
{
	struct misp_attribute a;
	assert_true(misp_attribute_of(c, &a));
	a.uuid = "0f1c9a3e-0000-5000-8000-00000000000a";
	a.time_s = 1745000000;
	return a;
}

static void each_kind(void **state)
{
	static const char *const values[] = {
		"192.0.2.1", "2001:db8::1", "192.0.2.0/24", "2001:db8::/32", "evil.example", "http://evil.example/a?b=\"c\"",
		"d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "mallory@evil.example",
	};
	uint8_t store[OBS_KEY_MAX];
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct feed_claim c = claim_of(values[i], store);
		struct misp_attribute a = attribute_of(&c);
		struct got g = back(&a);
		assert_string_equal(g.what, "");
		assert_int_equal(g.n, 1);
		assert_string_equal(g.id, a.uuid);
		assert_int_equal(g.claim[0].obs.kind, c.obs.kind);
		assert_int_equal(g.claim[0].seen, c.seen);
		assert_int_equal(g.tlp, TLP_GREEN);
		assert_true(misp_type_kinds(span_str(misp_type(&c.obs))) >> c.obs.kind & 1);
	}
	(void)state;
}

static void each_category(void **state)
{
	uint8_t store[OBS_KEY_MAX];
	for (unsigned k = 0; k < CAT_COUNT; k++) {
		struct feed_claim c = claim_of("evil.example", store);
		c.category = (uint8_t)k;
		struct misp_attribute a = attribute_of(&c);
		struct got g = back(&a);
		assert_int_equal(g.n, 1);
		assert_int_equal(g.claim[0].category, k);
	}
	(void)state;
}

static void confidence_in_steps(void **state)
{
	static const uint8_t said[] = { 0, 12, 13, 50, 60, 63, 88, 100 }, read[] = { 0, 0, 25, 50, 50, 75, 100, 100 };
	uint8_t store[OBS_KEY_MAX];
	for (size_t i = 0; i < COUNT_OF(said); i++) {
		struct feed_claim c = claim_of("evil.example", store);
		c.confidence = said[i];
		struct misp_attribute a = attribute_of(&c);
		assert_int_equal(back(&a).claim[0].confidence, read[i]);
	}
	struct feed_claim c = claim_of("evil.example", store);
	struct misp_attribute a = attribute_of(&c);
	assert_int_equal(back(&a).claim[0].confidence, CONFIDENCE_ABSENT);
	(void)state;
}

static void stances(void **state)
{
	uint8_t store[OBS_KEY_MAX];
	struct feed_claim c = claim_of("192.0.2.1", store);
	c.until = 1760000000;
	struct misp_attribute a = attribute_of(&c);
	struct got g = back(&a);
	assert_int_equal(g.claim[0].stance, STANCE_INDICATOR);
	assert_int_equal(g.claim[0].until, 1760000000);

	struct feed_claim seen = c;
	seen.stance = STANCE_SIGHTING;
	seen.seen = 1741000000;
	misp_attribute_add(&a, &seen);
	g = back(&a);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.claim[1].stance, STANCE_SIGHTING);
	assert_int_equal(g.claim[1].seen, 1741000000);

	c.stance = STANCE_RETRACTED;
	a = attribute_of(&c);
	assert_int_equal(back(&a).claim[0].stance, STANCE_RETRACTED);

	c.stance = STANCE_FALSE_POSITIVE; /* alone, it is nothing to act on */
	a = attribute_of(&c);
	assert_string_equal(back(&a).what, "to_ids false");
	c.stance = STANCE_INDICATOR;
	c.part = true;
	a = attribute_of(&c);
	assert_string_equal(back(&a).what, "to_ids false");

	c.stance = STANCE_PROTECTED;
	assert_false(misp_attribute_of(&c, &a));
	c.stance = STANCE_KNOWN;
	assert_false(misp_attribute_of(&c, &a));
	c.stance = STANCE_MET;
	assert_false(misp_attribute_of(&c, &a));
	(void)state;
}

static void manifest_is_json(void **state)
{
	struct buf out = { 0 };
	buf_putc(&out, '{');
	misp_put_manifest(&out, &event);
	buf_putc(&out, '}');
	static const char want[] = "{\"" UUID "\":{\"Orgc\":{\"name\":\"node.example\",\"uuid\":\"" UUID "\"},\"Tag\":[{\"name\":\"tlp:green\",\"colour\":"
				   "\"#33FF00\"}],\"info\":\"a \\\"list\\\"\",\"date\":\"2025-06-15\",\"analysis\":\"2\",\"threat_level_id\":\"4\","
				   "\"timestamp\":\"1750000000\"}}";
	assert_string_equal(buf_cstr(&out), want);
	buf_release(&out);
	(void)state;
}

static void csv_row(void **state)
{
	uint8_t store[OBS_KEY_MAX];
	struct buf out = { 0 };
	struct feed_claim c = claim_of("http://evil.example/?\"", store);
	struct misp_attribute a = attribute_of(&c);
	misp_put_csv(&out, &event, &a);
	static const char want[] = "\"0f1c9a3e-0000-5000-8000-00000000000a\",7,\"Network activity\",\"url\",\"http://evil.example/?%22\",\"\",1,"
				   "1745000000,\"\",\"rsit:other=\"\"undetermined\"\"\",\"\",\"\",\"\"\n";
	assert_string_equal(buf_cstr(&out), want);
	buf_release(&out);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),   cmocka_unit_test(each_category),    cmocka_unit_test(confidence_in_steps),
		cmocka_unit_test(stances),     cmocka_unit_test(manifest_is_json), cmocka_unit_test(csv_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
