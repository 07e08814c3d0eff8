#include "codec/prefixes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static void add(struct prefixes *p, const char *text)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	prefixes_add(p, &o);
}

/* "a b c" in, "x y" out. */
static void check(const char *in, const char *out)
{
	struct prefixes p = { .n = 0 };
	struct buf text = { 0 };
	struct span rest = span_str(in);
	while (rest.n) {
		char one[64] = "";
		size_t n = span_find(rest, ' ');
		memcpy(one, rest.p, n);
		add(&p, one);
		rest = span_from(rest, n + 1);
	}
	prefixes_collapse(&p);
	for (size_t i = 0; i < p.n; i++) {
		struct observable o = prefixes_at(&p, i);
		if (i)
			buf_putc(&text, ' ');
		obs_format(&o, &text);
	}
	assert_string_equal(buf_cstr(&text), out);
	buf_release(&text);
	prefixes_release(&p);
}

static void test_they_become_few(void **state)
{
	check("", "");
	check("198.51.100.0/24", "198.51.100.0/24");
	check("198.51.100.128/25 198.51.100.0/25", "198.51.100.0/24");
	check("198.51.100.0/24 198.51.100.7 198.51.100.0/24 198.51.100.64/26", "198.51.100.0/24");
	check("198.51.101.0/24 198.51.102.0/24", "198.51.101.0/24 198.51.102.0/24"); /* beside each other, but no halves */
	check("192.0.2.0/26 192.0.2.64/26 192.0.2.128/26 192.0.2.192/27 192.0.2.224/27", "192.0.2.0/24");
	check("192.0.2.6 192.0.2.7 192.0.2.8", "192.0.2.6/31 192.0.2.8");
	check("2001:db8:8000::/33 2001:db8::/33 192.0.2.0/24", "192.0.2.0/24 2001:db8::/32");
	check("2001:db8::1 2001:db8::/64", "2001:db8::/64");
	check("0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0");
}

/* What is covered is what was put in, bit for bit, for random sets in a space of 256 addresses. */
static void test_nothing_more_nothing_less(void **state)
{
	unsigned seed = 1;
	for (unsigned round = 0; round < 2000; round++) {
		bool in[256] = { false }, out[256] = { false };
		struct prefixes p = { .n = 0 };
		unsigned count = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 40;
		for (unsigned i = 0; i < count; i++) {
			unsigned r = (seed = seed * 1103515245 + 12345) / 65536, length = 24 + r % 9, first = r / 16 % 256 & ~((1u << (32 - length)) - 1);
			uint8_t key[4] = { 192, 0, 2, (uint8_t)first };
			struct observable o = { .kind = length == 32 ? OBS_IPV4 : OBS_CIDR4, .prefix = length == 32 ? 0 : (uint8_t)length, .n = 4, .key = key };
			prefixes_add(&p, &o);
			for (unsigned a = first; a < first + (1u << (32 - length)); a++)
				in[a] = true;
		}
		prefixes_collapse(&p);
		for (size_t i = 0; i < p.n; i++) {
			struct observable o = prefixes_at(&p, i);
			unsigned length = o.kind == OBS_IPV4 ? 32 : o.prefix;
			for (unsigned a = o.key[3]; a < o.key[3] + (1u << (32 - length)); a++) {
				assert_false(out[a]); /* no two cover one address */
				out[a] = true;
			}
		}
		assert_memory_equal(in, out, sizeof(in));
		prefixes_release(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_they_become_few), cmocka_unit_test(test_nothing_more_nothing_less) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
