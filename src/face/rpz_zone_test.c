#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "face/rpz_testing.h"

static const uint8_t question[] = "\3rpz\7example\0\0\374\0\1";

static struct feed some_feed(void)
{
	return (struct feed){ .name = "isp", .type = FEED_RPZ, .zone = "rpz.example", .ttl_s = 30, .refresh_s = 60, .passthru = true };
}

struct fixture {
	struct rpz_zone zone;
	struct rpz_writer w;
	struct seen seen;
	uint8_t out[RPZ_MESSAGE_MAX];
};

static struct fixture *start(const struct feed *feed, size_t room)
{
	struct fixture *x = mem_zalloc(sizeof(*x));
	assert_int_equal(rpz_zone_make(feed, &x->zone, NULL), OK);
	x->w = (struct rpz_writer){ .zone = &x->zone, .id = 0xabcd, .flags = 0x8400, .question = span_of(question, sizeof(question) - 1),
				    .out = x->out, .room = room, .emit = seen_message, .ctx = &x->seen };
	rpz_begin(&x->w);
	return x;
}

static void finish(struct fixture *x)
{
	buf_release(&x->seen.text);
	free(x);
}

/* The records of one value. */
static void is(const struct feed *feed, const char *value, force self, force below, const char *lines)
{
	uint8_t store[OBS_KEY_MAX];
	struct fixture *x = start(feed, RPZ_MESSAGE_MAX);
	struct feed_item item = { .key = key_of(value, store), .self = self, .below = below };
	assert_true(rpz_put_item(&x->w, &item));
	assert_int_equal(rpz_count(&x->zone, &item), x->w.records);
	assert_true(rpz_end(&x->w));
	assert_int_equal(x->seen.messages, 1);
	assert_string_equal(buf_cstr(&x->seen.text), lines);
	finish(x);
}

static void test_rules(void **state)
{
	struct feed feed = some_feed();
	force block = 1 << REASON_PHISHING;
	is(&feed, "evil.example", block, block, "evil.example.rpz.example. CNAME .\n*.evil.example.rpz.example. CNAME .\n");
	is(&feed, "evil.example", block, 0, "evil.example.rpz.example. CNAME .\n");
	is(&feed, "evil.example", 0, block, "*.evil.example.rpz.example. CNAME .\n");
	is(&feed, "evil.example", FORCE_PROTECT, block, "evil.example.rpz.example. CNAME rpz-passthru.\n*.evil.example.rpz.example. CNAME .\n");
	is(&feed, "evil.example", FORCE_PROTECT | block, 0, "evil.example.rpz.example. CNAME rpz-passthru.\n");
	is(&feed, "evil.example", 0, 0, "");
	is(&feed, "evil.example", force_challenges(REASONS_ALL), force_challenges(REASONS_ALL), "");
	is(&feed, "198.51.100.7", block, 0, "32.7.100.51.198.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "198.51.100.0/24", block, 0, "24.0.100.51.198.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "198.51.100.7", FORCE_PROTECT, 0, "32.7.100.51.198.rpz-ip.rpz.example. CNAME rpz-passthru.\n");
	is(&feed, "http://evil.example/a", block, block, "");
	is(&feed, "d41d8cd98f00b204e9800998ecf8427e", block, block, "");
	is(&feed, "user@evil.example", block, block, "");
	feed.passthru = false;
	is(&feed, "evil.example", FORCE_PROTECT, FORCE_PROTECT, "");
}

static void test_ip6(void **state)
{
	struct feed feed = some_feed();
	is(&feed, "2001:db8::7", 1, 0, "128.7.zz.db8.2001.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "2001:db8::/32", 1, 0, "32.zz.db8.2001.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "2001:db8:1:2:3:4:5:6", 1, 0, "128.6.5.4.3.2.1.db8.2001.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "2001:db8:0:2:3:4:5:6", 1, 0, "128.6.5.4.3.2.0.db8.2001.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "::7", 1, 0, "128.7.zz.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "2001:0:0:0:1:0:0:7", 1, 0, "128.7.0.0.1.zz.2001.rpz-ip.rpz.example. CNAME .\n");
	is(&feed, "2001:0:0:1:1:0:0:7", 1, 0, "128.7.0.0.1.1.zz.2001.rpz-ip.rpz.example. CNAME .\n");
}

static void test_answers(void **state)
{
	struct feed feed = some_feed();
	feed.answer = ANSWER_NODATA;
	is(&feed, "evil.example", 1, 0, "evil.example.rpz.example. CNAME *.\n");
	feed.answer = ANSWER_DROP;
	is(&feed, "evil.example", 1, 0, "evil.example.rpz.example. CNAME rpz-drop.\n");
	feed.answer = ANSWER_GARDEN;
	struct rpz_zone z;
	struct fault f;
	assert_int_equal(rpz_zone_make(&feed, &z, &f), ERR_SYNTAX);
	memcpy(feed.garden, "garden.example", sizeof("garden.example"));
	is(&feed, "evil.example", 1, 0, "evil.example.rpz.example. CNAME garden.example.\n");
}

/* Nothing that would be another rule than the one that is meant. */
static void test_left_out(void **state)
{
	struct feed feed = some_feed();
	struct fixture *x = start(&feed, RPZ_MESSAGE_MAX);
	const char *const names[] = { "com", "24.0.100.51.198.rpz-ip", "x.rpz-client-ip", "", ".", "a..b", "a.", ".a" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct feed_item item = { .key = { .kind = OBS_DOMAIN, .n = (uint16_t)strlen(names[i]), .p = (const uint8_t *)names[i] },
					  .self = 1, .below = 1 };
		assert_true(rpz_put_item(&x->w, &item));
		assert_int_equal(x->w.records, 0);
	}
	static const uint8_t zero[16];
	struct feed_item all = { .key = { .kind = OBS_CIDR4, .prefix = 0, .n = 4, .p = zero }, .self = 1 };
	assert_true(rpz_put_item(&x->w, &all));
	all.key = (struct table_key){ .kind = OBS_CIDR6, .prefix = 0, .n = 16, .p = zero };
	assert_true(rpz_put_item(&x->w, &all));
	all.key = (struct table_key){ .kind = OBS_IPV6, .prefix = 0, .n = 4, .p = zero };
	assert_true(rpz_put_item(&x->w, &all));
	assert_int_equal(x->w.records, 0);
	assert_int_equal(x->w.left_out, 0);
	/* Owners of 255 octets fit; their wildcards do not. */
	char name[254];
	for (size_t n = 230; n <= 253; n++) {
		if (n == 251)
			continue; /* would end in a dot */
		memset(name, 'a', n);
		for (size_t i = 50; i < n; i += 50)
			name[i] = '.';
		struct feed_item item = { .key = { .kind = OBS_DOMAIN, .n = (uint16_t)n, .p = (const uint8_t *)name }, .self = 1, .below = 1 };
		uint64_t before = x->w.records, out = x->w.left_out, fits = n + 1 + 13 <= 255 ? n + 3 + 13 <= 255 ? 2 : 1 : 0;
		assert_true(rpz_put_item(&x->w, &item));
		assert_int_equal(x->w.records - before, fits);
		assert_int_equal(x->w.left_out - out, 2 - fits);
		struct rpz_difference d = { 0 };
		rpz_difference_add(&d, &x->zone, &item);
		assert_int_equal(d.records, fits);
		assert_int_equal(d.left_out, 2 - fits);
		rpz_difference_release(&d);
	}
	assert_true(rpz_end(&x->w));
	finish(x);
}

/* Many messages of every size: each record once, in order, and every octet inside. */
static void test_messages(void **state)
{
	struct feed feed = some_feed();
	for (size_t room = 200; room <= RPZ_MESSAGE_MAX; room = room * 3 + 17) {
		struct fixture *x = start(&feed, room);
		struct buf expected = { 0 };
		x->w.edns = room % 2;
		x->w.reserve = room % 50;
		rpz_begin(&x->w);
		rpz_put_soa(&x->w, 4000000000u);
		rpz_put_ns(&x->w);
		buf_puts(&expected, "rpz.example. SOA 4000000000\nrpz.example. NS localhost.\n");
		for (int i = 0; i < 5000; i++) {
			char name[40];
			int n = snprintf(name, sizeof(name), "%d.evil%d.example", i, i * i);
			struct feed_item item = { .key = { .kind = OBS_DOMAIN, .n = (uint16_t)n, .p = (const uint8_t *)name }, .self = 1,
						  .below = i % 3 ? 1 : 0 };
			assert_true(rpz_put_item(&x->w, &item));
			buf_printf(&expected, "%s.rpz.example. CNAME .\n", name);
			if (i % 3)
				buf_printf(&expected, "*.%s.rpz.example. CNAME .\n", name);
		}
		assert_true(rpz_end(&x->w));
		assert_true(x->seen.octets <= x->seen.messages * (room - x->w.reserve));
		assert_int_equal(x->seen.messages, x->w.messages);
		assert_int_equal(x->seen.records, x->w.records);
		assert_int_equal(x->seen.id, 0xabcd);
		assert_int_equal(x->seen.additional, room % 2);
		assert_string_equal(buf_cstr(&x->seen.text), buf_cstr(&expected));
		buf_release(&expected);
		finish(x);
	}
}

static bool refuse(void *ctx, uint8_t *message, size_t n)
{
	return ++*(int *)ctx < 2;
}

static void test_stop(void **state)
{
	struct feed feed = some_feed();
	struct fixture *x = start(&feed, 512);
	int calls = 0, puts = 0;
	struct feed_item item = { .key = { .kind = OBS_DOMAIN, .n = 12, .p = (const uint8_t *)"evil.example" }, .self = 1 };
	x->w.emit = refuse;
	x->w.ctx = &calls;
	while (rpz_put_item(&x->w, &item))
		puts++;
	assert_int_equal(calls, 2);
	assert_false(rpz_put_item(&x->w, &item));
	assert_false(rpz_end(&x->w));
	assert_int_equal(calls, 2);
	finish(x);
}

static void differs(const char *value, force was_self, force was_below, force self, force below, const char *lines)
{
	uint8_t store[OBS_KEY_MAX];
	struct feed feed = some_feed();
	struct fixture *x = start(&feed, RPZ_MESSAGE_MAX);
	struct feed_item item = { .key = key_of(value, store), .self = self, .below = below, .was_self = was_self, .was_below = was_below };
	struct rpz_difference d = { 0 };
	rpz_difference_add(&d, &x->zone, &item);
	assert_true(rpz_put_records(&x->w, buf_span(&d.gone)));
	rpz_put_soa(&x->w, 1);
	assert_true(rpz_put_records(&x->w, buf_span(&d.come)));
	assert_int_equal(d.records + 1, x->w.records);
	assert_true(rpz_end(&x->w));
	assert_string_equal(buf_cstr(&x->seen.text), lines);
	rpz_difference_release(&d);
	finish(x);
}

static void test_difference(void **state)
{
	differs("evil.example", 0, 0, 1, 1, "rpz.example. SOA 1\nevil.example.rpz.example. CNAME .\n*.evil.example.rpz.example. CNAME .\n");
	differs("evil.example", 1, 1, 0, 0, "evil.example.rpz.example. CNAME .\n*.evil.example.rpz.example. CNAME .\nrpz.example. SOA 1\n");
	differs("evil.example", 1, 1, 1, 0, "*.evil.example.rpz.example. CNAME .\nrpz.example. SOA 1\n");
	differs("evil.example", 1, 1, 2, 3, "rpz.example. SOA 1\n"); /* another reason is no other record */
	differs("evil.example", 1, 0, FORCE_PROTECT, 0,
		"evil.example.rpz.example. CNAME .\nrpz.example. SOA 1\nevil.example.rpz.example. CNAME rpz-passthru.\n");
	differs("198.51.100.7", 1, 0, 0, 0, "32.7.100.51.198.rpz-ip.rpz.example. CNAME .\nrpz.example. SOA 1\n");
	differs("http://evil.example/", 1, 0, 0, 0, "rpz.example. SOA 1\n");
}

static void test_serial(void **state)
{
	const struct rpz_zone plain = { .raised = 0 };
	const struct { uint32_t wire; uint64_t now; enum rpz_age age; uint64_t serial; } rows[] = {
		{ 0, 0, RPZ_SAME, 0 },
		{ 7, 9, RPZ_BEHIND, 7 },
		{ 9, 7, RPZ_AHEAD, 0 },
		{ 0xfffffff0u, 7, RPZ_NEVER, 0 },
		{ 0xfffffff0u, 0x100000007, RPZ_BEHIND, 0xfffffff0u },
		{ 7, 0x100000007, RPZ_SAME, 0x100000007 },
		{ 5, 0x100000007, RPZ_BEHIND, 0x100000005 },
		{ 0x80000007u, 7, RPZ_AHEAD, 0 },
		{ 0, 0x80000000u, RPZ_AHEAD, 0 },
		{ 1, 0x80000000u, RPZ_BEHIND, 1 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t serial = 0;
		assert_int_equal(rpz_serial(&plain, rows[i].wire, rows[i].now, &serial), rows[i].age);
		assert_int_equal(serial, rows[i].serial);
	}
}

/* Of a zone that has become another one three times: who has a serial of before is behind it, whatever was decided since. */
static void test_raised_serial(void **state)
{
	const struct rpz_zone z = { .raised = 3 };
	const struct { uint32_t wire; uint64_t now; enum rpz_age age; uint64_t serial; } rows[] = {
		{ 3, 0, RPZ_SAME, 0 },
		{ 2, 0, RPZ_NEVER, 0 },
		{ 12, 9, RPZ_SAME, 9 },
		{ 11, 9, RPZ_BEHIND, 8 },
		{ 13, 9, RPZ_AHEAD, 0 },
		{ 2, 9, RPZ_NEVER, 0 },
		{ 1, 0xffffffff, RPZ_BEHIND, 0xfffffffe },
		{ 0xffffffff, 0xfffffffd, RPZ_BEHIND, 0xfffffffc },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t serial = 0;
		assert_int_equal(rpz_serial(&z, rows[i].wire, rows[i].now, &serial), rows[i].age);
		assert_int_equal(serial, rows[i].serial);
	}
}

static void test_names(void **state)
{
	struct feed feed = some_feed();
	struct rpz_zone z;
	struct fault f;
	feed.zone[0] = 0;
	assert_int_equal(rpz_zone_make(&feed, &z, &f), OK);
	assert_memory_equal(z.origin.lower, "\3isp", 5);
	memcpy(feed.zone, "a..b", 5);
	assert_int_equal(rpz_zone_make(&feed, &z, &f), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_ip6),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_raised_serial),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
