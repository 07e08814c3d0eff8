/* Random tables and questions: what the sieve holds back, the table does not know.  And it holds back most of what is not there. */
#include "view/sieve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "table/model_test.h"
#include "view/reputation.h"

enum { GROUP = 64, TABLES = 300, GROUPS = 40, LISTED = 20000, ASKED = 64 * 400 };

/* A question and its octets. */
struct asked {
	struct observable obs;
	uint8_t store[OBS_KEY_MAX];
};

static unsigned choose(struct random *r, const unsigned *of, unsigned n)
{
	return of[random_below(r, n)];
}

static void put_name(struct random *r, struct buf *out)
{
	static const char *const ends[] = { "example", "co.example", "a.b.example", "example.org", "xn--p1ai" };
	for (unsigned i = random_below(r, 5); i--;)
		buf_printf(out, "%c%u.", 'a' + (int)random_below(r, 3), random_below(r, 3));
	buf_printf(out, "n%u.%s", random_below(r, 20), ends[random_below(r, COUNT_OF(ends))]);
}

static void put_ip4(struct random *r, struct buf *out)
{
	static const unsigned seconds[] = { 0, 1, 20, 40, 255 };
	buf_printf(out, "%u.%u.%u.%u", random_below(r, 2) ? 198 : random_below(r, 224), choose(r, seconds, COUNT_OF(seconds)), random_below(r, 3), random_below(r, 40));
}

static void put_ip6(struct random *r, struct buf *out)
{
	static const char *const nets[] = { "2001:db8", "2001:db9", "2a00:1", "fd00:2:3", "3fff:ff" };
	buf_printf(out, "%s:%x:%x::%x", nets[random_below(r, COUNT_OF(nets))], random_below(r, 3), random_below(r, 3), random_below(r, 4));
}

static void put_url(struct random *r, struct buf *out)
{
	static const char *const schemes[] = { "http", "https", "ftp", "ldap" };
	buf_printf(out, "%s://", schemes[random_below(r, COUNT_OF(schemes))]);
	unsigned host = random_below(r, 8);
	if (host == 0)
		put_ip4(r, out);
	else if (host == 1)
		buf_puts(out, "["), put_ip6(r, out), buf_puts(out, "]");
	else if (host == 2)
		buf_puts(out, "router");
	else
		put_name(r, out);
	if (random_below(r, 4) == 0)
		buf_printf(out, ":%u", 8000 + random_below(r, 3));
	for (unsigned i = random_below(r, 4); i--;)
		buf_printf(out, "/%c", 'a' + (int)random_below(r, 2));
	buf_puts(out, random_below(r, 2) ? "/" : "/x");
	if (random_below(r, 3) == 0)
		buf_printf(out, "?u=%u&v=http://%u.example/", random_below(r, 2), random_below(r, 2));
}

/* What a parser makes of some text. */
static void make_parsed(struct random *r, struct asked *a)
{
	static const unsigned lengths4[] = { 1, 7, 8, 12, 16, 20, 22, 23, 24, 25, 30, 31 };
	static const unsigned lengths6[] = { 3, 8, 15, 16, 17, 20, 31, 32, 33, 40, 47, 48, 49, 56, 64, 127 };
	struct buf text = { 0 };
	do {
		text.n = 0;
		switch (random_below(r, 9)) {
		case 0: put_ip4(r, &text); break;
		case 1: put_ip4(r, &text); buf_printf(&text, "/%u", choose(r, lengths4, COUNT_OF(lengths4))); break;
		case 2: put_ip6(r, &text); break;
		case 3: put_ip6(r, &text); buf_printf(&text, "/%u", choose(r, lengths6, COUNT_OF(lengths6))); break;
		case 4: buf_puts(&text, random_below(r, 4) ? "" : "*."); put_name(r, &text); break;
		case 5: buf_printf(&text, "u%u@", random_below(r, 3)); put_name(r, &text); break;
		case 6:
			for (unsigned i = choose(r, (const unsigned[]){ 16, 20, 32, 64 }, 4), x = random_below(r, 50); i--;)
				buf_printf(&text, "%02x", x);
			break;
		default: put_url(r, &text);
		}
	} while (obs_parse(buf_span(&text), a->store, &a->obs, NULL));
	buf_release(&text);
}

/* What no parser makes, and a table takes. */
static void make_raw(struct random *r, struct asked *a)
{
	static const char *const texts[] = { "", ".", "..", "a..b", ".a.b", "a.b.", "com", "co.example", "http://", "://", "http:///", "http://h", "a://b/c", "x@", "@co.example",
					     "https://h/a/?b", "http://h/a/", "http://h/a" };
	static const unsigned sizes[] = { 0, 1, 3, 4, 5, 15, 16, 17, 20, 64 };
	a->obs = (struct observable){ .kind = (uint8_t)random_below(r, OBS_KINDS + 1), .prefix = (uint8_t)(random_below(r, 2) ? random_below(r, 256) : 0) };
	struct span text = span_str(texts[random_below(r, COUNT_OF(texts))]);
	bool is_text = a->obs.kind == OBS_DOMAIN || a->obs.kind == OBS_URL || a->obs.kind == OBS_EMAIL;
	a->obs.n = (uint16_t)(is_text ? text.n : choose(r, sizes, COUNT_OF(sizes)));
	for (unsigned i = 0; i < a->obs.n; i++)
		a->store[i] = is_text ? text.p[i] : (uint8_t)random_below(r, 3);
}

static void make(struct random *r, struct asked *a)
{
	if (random_below(r, 8))
		make_parsed(r, a);
	else
		make_raw(r, a);
	a->obs.key = a->store;
}

static struct table_key key_of(const struct observable *o)
{
	return (struct table_key){ .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
}

static struct image *image_of(struct random *r, unsigned n)
{
	struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 30);
	struct image *m;
	struct asked a;
	while (n--) {
		make(r, &a);
		struct table_key k = key_of(&a.obs);
		struct claim c = model_claim_random(r, 1);
		assert_int_equal(batch_add(b, &k, &c, NULL), OK);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	batch_free(b);
	return m;
}

static void test_never_wrong(void **state)
{
	struct random r = { 1 };
	static struct asked asked[GROUP];
	struct observable obs[GROUP];
	uint64_t known = 0, passed = 0;
	for (unsigned t = 0; t < TABLES; t++) {
		struct table_view v = { .n = random_below(&r, 4), .seed = model_seed };
		for (unsigned i = 0; i < v.n; i++)
			v.level[i] = image_of(&r, random_below(&r, 3) ? random_below(&r, 60) : random_below(&r, 4));
		struct sieve *s = sieve_new(&v);
		for (unsigned g = 0; g < GROUPS; g++) {
			unsigned n = 1 + random_below(&r, GROUP);
			for (unsigned i = 0; i < n; i++) {
				make(&r, &asked[i]);
				obs[i] = asked[i].obs;
			}
			uint64_t is_known = reputation_known(&v, obs, n), may_be = sieve_pass(s, obs, n);
			for (uint64_t lost = is_known & ~may_be; lost; lost &= lost - 1) {
				const struct observable *o = &obs[__builtin_ctzll(lost)];
				fail_msg("table %u: \"%.*s\" (%s) is lost", t, o->n, (const char *)o->key, obs_kind_name(o->kind));
			}
			known += (unsigned)__builtin_popcountll(is_known);
			passed += (unsigned)__builtin_popcountll(may_be);
			if (v.n == 0)
				assert_int_equal(may_be, 0);
		}
		sieve_free(s);
		for (unsigned i = 0; i < v.n; i++)
			image_free(v.level[i]);
	}
	printf("%llu known, %llu passed\n", (unsigned long long)known, (unsigned long long)passed);
	assert_true(known > 30000);
}

/* A value of a kind, which is one of very many. */
static void make_distinct(struct random *r, unsigned kind, struct asked *a)
{
	struct buf text = { 0 };
	uint32_t x = random_below(r, UINT32_MAX), y = random_below(r, UINT32_MAX);
	if (kind == OBS_IPV4)
		buf_printf(&text, "%u.%u.%u.%u", x >> 24, x >> 16 & 255, x >> 8 & 255, x & 255);
	else if (kind == OBS_IPV6)
		buf_printf(&text, "2a%02x:%x:%x::%x", x >> 24, x >> 8 & 0xffff, y >> 16, y & 0xffff);
	else if (kind == OBS_DOMAIN)
		buf_printf(&text, "www.%x.%s", x, y % 2 ? "example" : "co.example");
	else if (kind == OBS_URL)
		buf_printf(&text, "https://www.%x.example/%x", x, y);
	else if (kind == OBS_EMAIL)
		buf_printf(&text, "x@%x.example", x);
	else
		buf_printf(&text, "%08x%08x%08x%08x", x, y, x, y);
	assert_int_equal(obs_parse(buf_span(&text), a->store, &a->obs, NULL), OK);
	buf_release(&text);
}

static void test_holds_back(void **state)
{
	static const unsigned kinds[] = { OBS_IPV4, OBS_IPV6, OBS_DOMAIN, OBS_URL, OBS_EMAIL, OBS_MD5 };
	struct random r = { 2 };
	static struct asked a[GROUP];
	for (unsigned kind = 0; kind < COUNT_OF(kinds); kind++) {
		struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 30);
		struct table_view v = { .n = 1, .seed = model_seed };
		for (unsigned i = 0; i < LISTED; i++) {
			struct claim c = model_claim_random(&r, 1);
			make_distinct(&r, kinds[kind], &a[0]);
			struct table_key k = key_of(&a[0].obs);
			assert_int_equal(batch_add(b, &k, &c, NULL), OK);
		}
		assert_int_equal(batch_finish(b, NULL, &v.level[0], NULL, NULL), OK);
		batch_free(b);
		struct sieve *s = sieve_new(&v);
		unsigned passed = 0;
		for (unsigned i = 0; i < ASKED; i += GROUP) {
			struct observable obs[GROUP];
			for (unsigned j = 0; j < GROUP; j++) {
				make_distinct(&r, kinds[kind], &a[j]);
				obs[j] = a[j].obs;
			}
			passed += (unsigned)__builtin_popcountll(sieve_pass(s, obs, GROUP));
		}
		printf("%s: %u of %u passed, %zu octets\n", obs_kind_name(kinds[kind]), passed, ASKED, sieve_octets(s));
		assert_true(passed < ASKED / 8);
		sieve_free(s);
		image_free(v.level[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_wrong),
		cmocka_unit_test(test_holds_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
