#include "view/cover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"

static const struct siphash_seed seed = { 1, 2 };

static bool find(const struct cover *c, const struct table_key *k, struct cover_hit *ret_hit)
{
	struct cover_query q;
	cover_ask(seed, k, &q);
	return cover_find(c, &q, ret_hit);
}

static struct table_key key(const char *text, uint8_t store[OBS_KEY_MAX])
{
	struct observable o;
	struct fault f;
	if (obs_parse(span_str(text), store, &o, &f))
		fail_msg("%s: %s", text, f.text);
	return (struct table_key){ .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
}

static void add(struct cover *c, const char *text, unsigned covers, uint32_t who)
{
	uint8_t store[OBS_KEY_MAX];
	struct table_key k = key(text, store);
	assert_true(cover_add(c, &k, covers, who));
}

/* "is 3", "in 3", "over 3" or "". */
static const char *ask(const struct cover *c, const char *text)
{
	static const char *const hows[] = { "is", "in", "over" };
	static char said[16][16];
	static unsigned turn;
	uint8_t store[OBS_KEY_MAX];
	struct table_key k = key(text, store);
	struct cover_hit hit;
	if (!find(c, &k, &hit))
		return "";
	char *s = said[turn++ % 16];
	snprintf(s, 16, "%s %u", hows[hit.how], hit.who);
	return s;
}

static void test_addresses(void **state)
{
	struct cover *c = cover_new(seed);
	(void)state;
	add(c, "8.8.8.8", COVER_ALL, 1);
	add(c, "104.16.0.0/13", COVER_ALL, 2);
	add(c, "104.17.0.1", COVER_ALL, 3); /* in the one before */
	add(c, "2001:db8:5::/48", COVER_ALL, 4);
	add(c, "255.255.255.255", COVER_ALL, 5);
	add(c, "0.0.0.0", COVER_ALL, 6);
	cover_ready(c);
	assert_int_equal(cover_count(c), 6);
	assert_string_equal(ask(c, "8.8.8.8"), "is 1");
	assert_string_equal(ask(c, "8.8.0.0/16"), "over 1");
	assert_string_equal(ask(c, "8.8.8.8/31"), "over 1");
	assert_string_equal(ask(c, "8.8.8.7"), "");
	assert_string_equal(ask(c, "8.8.8.9"), "");
	assert_string_equal(ask(c, "8.8.9.0/24"), "");
	assert_string_equal(ask(c, "104.16.0.0/13"), "is 2");
	assert_string_equal(ask(c, "104.23.255.255"), "in 2");
	assert_string_equal(ask(c, "104.17.0.1"), "in 2");
	assert_string_equal(ask(c, "104.24.0.0"), "");
	assert_string_equal(ask(c, "104.15.255.255"), "");
	assert_string_equal(ask(c, "104.0.0.0/8"), "over 2");
	assert_string_equal(ask(c, "0.0.0.0"), "is 6");
	assert_string_equal(ask(c, "255.255.255.255"), "is 5");
	struct table_key whole = { .kind = OBS_CIDR4, .n = 4, .p = (const uint8_t[16]){ 0 } }; /* no parser makes these */
	struct cover_hit hit;
	assert_true(find(c, &whole, &hit));
	assert_int_equal(hit.how, COVER_OVER);
	assert_string_equal(ask(c, "2001:db8:5::1"), "in 4");
	assert_string_equal(ask(c, "2001:db8::/32"), "over 4");
	assert_string_equal(ask(c, "2001:db8:5:8000::/49"), "in 4");
	assert_string_equal(ask(c, "2001:db8:6::"), "");
	whole = (struct table_key){ .kind = OBS_CIDR6, .n = 16, .p = (const uint8_t[16]){ 0 } };
	assert_true(find(c, &whole, &hit));
	assert_int_equal(hit.how, COVER_OVER);
	cover_free(c);
}

static void test_names(void **state)
{
	struct cover *c = cover_new(seed);
	(void)state;
	add(c, "google.example", COVER_SELF, 1);
	add(c, "bank.example", COVER_ALL, 2);
	add(c, "x.sub.shop.example", COVER_ALL, 3);
	add(c, "pages.example", COVER_BELOW, 4);
	cover_ready(c);
	assert_string_equal(ask(c, "google.example"), "is 1");
	assert_string_equal(ask(c, "evil.google.example"), ""); /* one name of a large site may be blocked */
	assert_string_equal(ask(c, "bank.example"), "is 2");
	assert_string_equal(ask(c, "www.bank.example"), "in 2");
	assert_string_equal(ask(c, "a.b.c.bank.example"), "in 2");
	assert_string_equal(ask(c, "notbank.example"), "");
	assert_string_equal(ask(c, "bank.example.evil.test"), "");
	assert_string_equal(ask(c, "shop.example"), "over 3");
	assert_string_equal(ask(c, "sub.shop.example"), "over 3");
	assert_string_equal(ask(c, "y.sub.shop.example"), "");
	assert_string_equal(ask(c, "pages.example"), "over 4");
	assert_string_equal(ask(c, "u.pages.example"), "in 4");
	assert_string_equal(ask(c, "hop.example"), "");
	struct table_key odd = { .kind = OBS_DOMAIN, .n = 7, .p = (const uint8_t *)"example" };
	struct cover_hit hit;
	assert_false(find(c, &odd, &hit));
	odd.n = 0;
	assert_false(find(c, &odd, &hit));
	odd = (struct table_key){ .kind = OBS_MD5, .n = 16, .p = (const uint8_t *)"0123456789abcdef" };
	assert_false(find(c, &odd, &hit));
	cover_free(c);
}

static void test_nothing(void **state)
{
	struct cover *c = cover_new(seed);
	(void)state;
	cover_ready(c);
	assert_string_equal(ask(c, "198.51.100.7"), "");
	assert_string_equal(ask(c, "evil.example"), "");
	cover_free(c);
	cover_free(NULL);
}

/* ---- against a model that looks at everything ---- */

static void note(void *ctx, const struct cover_hit *hit)
{
	unsigned *n = ctx;
	n[hit->how]++;
}

static void random_key(char text[64])
{
	static const char *const labels[] = { "a", "b", "aa", "ab" };
	if (rand() % 2) {
		unsigned prefix = 16 + (unsigned)rand() % 17;
		snprintf(text, 64, "198.51.%d.%d/%u", rand() % 4, rand() % 256, prefix);
		return;
	}
	text[0] = 0;
	for (int n = rand() % 4; n >= 0; n--)
		snprintf(text + strlen(text), 64 - strlen(text), "%s.", labels[rand() % 4]);
	snprintf(text + strlen(text), 64 - strlen(text), "example");
}

static void test_model(void **state)
{
	char text[64];
	uint8_t store[OBS_KEY_MAX];
	unsigned found = 0;
	(void)state;
	srand(5);
	for (unsigned round = 0; round < 300; round++) {
		struct cover *c = cover_new(seed);
		for (int n = rand() % 30; n >= 0; n--) {
			random_key(text);
			add(c, text, 1 + (unsigned)rand() % 3, (uint32_t)n);
		}
		cover_ready(c);
		for (unsigned i = 0; i < 100; i++) {
			random_key(text);
			struct table_key k = key(text, store);
			unsigned n[3] = { 0 };
			struct cover_hit hit;
			bool hits = find(c, &k, &hit);
			cover_each(c, &k, note, n);
			if (hits != (n[0] + n[1] + n[2] > 0) || (hits && n[hit.how] == 0))
				fail_msg("%s: %s, but %u %u %u", text, ask(c, text), n[0], n[1], n[2]);
			found += hits;
		}
		cover_free(c);
	}
	assert_in_range(found, 3000, 29000); /* both answers were met often */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_addresses), cmocka_unit_test(test_names), cmocka_unit_test(test_nothing),
					    cmocka_unit_test(test_model) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
