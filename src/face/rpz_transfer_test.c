#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "face/rpz_testing.h"
#include "face/rpz_transfer.h"

enum { SERIAL = 40, OLDEST = 30 };

/* A feed of `n` names at serial 40; at 30 to 39 the first `changed` of them were not there, and as many others were. */
struct fixture {
	struct feeds feeds;
	struct rpz_site site;
	struct rpz_content content;
	struct rpz_plan plan;
	struct seen seen;
	unsigned n, changed;
	unsigned walks;       /* times that everything was gone through */
	unsigned most;        /* messages that are taken */
};

static bool visit_name(struct fixture *x, unsigned i, const char *what, bool gone, bool came, feed_visit *visit, void *ctx)
{
	char name[60];
	int n = snprintf(name, sizeof(name), "%s%u.example", what, i);
	struct feed_item item = { .key = { .kind = OBS_DOMAIN, .n = (uint16_t)n, .p = (const uint8_t *)name }, .self = !gone, .below = !gone,
				  .was_self = gone, .was_below = gone };
	if (!gone && !came)
		item.was_self = item.was_below = 0;
	return visit(ctx, &item);
}

static enum err each(void *ctx, const struct feed *feed, feed_visit *visit, void *visit_ctx, uint64_t *ret_serial, struct fault *f)
{
	struct fixture *x = ctx;
	x->walks++;
	*ret_serial = SERIAL;
	for (unsigned i = 0; i < x->n; i++)
		if (!visit_name(x, i, "evil", false, false, visit, visit_ctx))
			return ERR_CANCELLED;
	return OK;
}

static enum err since(void *ctx, const struct feed *feed, uint64_t serial, feed_visit *visit, void *visit_ctx, uint64_t *ret_serial,
		      struct fault *f)
{
	struct fixture *x = ctx;
	if (serial < OLDEST || serial > SERIAL)
		return ERR_NOTFOUND;
	*ret_serial = SERIAL;
	for (unsigned i = 0; i < x->changed; i++)
		if (!visit_name(x, i, "old", true, false, visit, visit_ctx) || !visit_name(x, i, "evil", false, true, visit, visit_ctx))
			return ERR_CANCELLED;
	return OK;
}

static bool take(void *ctx, uint8_t *message, size_t n)
{
	struct fixture *x = ctx;
	memset(message - 2, 0xff, 2); /* these are ours */
	return x->seen.messages < x->most && seen_message(&x->seen, message, n);
}

static struct fixture *start(unsigned n, unsigned changed, enum rpz_asked asked, uint32_t has)
{
	struct fixture *x = mem_zalloc(sizeof(*x));
	x->feeds.n = 1;
	x->feeds.v[0] = (struct feed){ .name = "isp", .type = FEED_RPZ, .zone = "rpz.example", .ttl_s = 30, .refresh_s = 60 };
	assert_int_equal(rpz_site_make(&x->feeds, &x->site, NULL), OK);
	x->content = (struct rpz_content){ .each = each, .since = since, .ctx = x };
	x->n = n;
	x->changed = changed;
	x->most = ~0u;
	x->plan = (struct rpz_plan){ .act = RPZ_TRANSFER, .asked = asked, .serial = has, .newest = SERIAL, .allowed = true, .limit = 1232 };
	static const uint8_t question[] = "\3rpz\7example\0\0\374\0\1";
	memcpy(x->plan.question, question, sizeof(question) - 1);
	x->plan.question_n = sizeof(question) - 1;
	return x;
}

static void finish(struct fixture *x)
{
	buf_release(&x->seen.text);
	free(x);
}

static void put_names(struct buf *b, const char *what, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_printf(b, "%s%u.example.rpz.example. CNAME .\n*.%s%u.example.rpz.example. CNAME .\n", what, i, what, i);
}

static void whole_text(struct buf *b, unsigned n)
{
	buf_puts(b, "rpz.example. SOA 40\nrpz.example. NS localhost.\n");
	put_names(b, "evil", n);
	buf_puts(b, "rpz.example. SOA 40\n");
}

static void test_whole(void **state)
{
	const unsigned sizes[] = { 0, 1, 1000, 30000 };
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct fixture *x = start(sizes[i], 0, RPZ_ASKED_AXFR, 0);
		struct rpz_result r;
		struct buf text = { 0 };
		whole_text(&text, sizes[i]);
		assert_int_equal(rpz_transfer(&x->content, &x->site, &x->plan, take, x, &r, NULL), OK);
		assert_int_equal(r.given, RPZ_GIVEN_WHOLE);
		assert_int_equal(r.serial, SERIAL);
		assert_int_equal(r.records, 3 + 2 * sizes[i]);
		assert_int_equal(x->walks, 1);
		assert_string_equal(buf_cstr(&x->seen.text), buf_cstr(&text));
		assert_true((x->seen.messages > 10) == (sizes[i] == 30000));
		buf_release(&text);
		finish(x);
	}
}

static void test_difference(void **state)
{
	struct fixture *x = start(1000, 3, RPZ_ASKED_IXFR, 35);
	struct rpz_result r;
	struct buf text = { 0 };
	buf_puts(&text, "rpz.example. SOA 40\nrpz.example. SOA 35\n");
	put_names(&text, "old", 3);
	buf_puts(&text, "rpz.example. SOA 40\n");
	put_names(&text, "evil", 3);
	buf_puts(&text, "rpz.example. SOA 40\n");
	assert_int_equal(rpz_transfer(&x->content, &x->site, &x->plan, take, x, &r, NULL), OK);
	assert_int_equal(r.given, RPZ_GIVEN_DIFFERENCE);
	assert_int_equal(r.serial, SERIAL);
	assert_int_equal(x->walks, 0);
	assert_string_equal(buf_cstr(&x->seen.text), buf_cstr(&text));
	buf_release(&text);
	finish(x);
}

/* Whole, because nobody knows the serial, or because the difference is larger than the zone. */
static void test_instead(void **state)
{
	const struct { unsigned n, changed; uint32_t has; enum rpz_given given; } rows[] = {
		{ 100, 3, 29, RPZ_GIVEN_WHOLE },
		{ 100, 3, 0xffffff00, RPZ_GIVEN_WHOLE },
		{ 100, 3, 30, RPZ_GIVEN_DIFFERENCE },
		{ 100, 3, 40, RPZ_GIVEN_WHOLE },     /* never asked of a transfer */
		{ 9000, 5000, 35, RPZ_GIVEN_WHOLE }, /* 20,000 records instead of 18,000 */
		{ 11000, 5000, 35, RPZ_GIVEN_DIFFERENCE },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fixture *x = start(rows[i].n, rows[i].changed, RPZ_ASKED_IXFR, rows[i].has);
		struct rpz_result r;
		struct buf text = { 0 };
		assert_int_equal(rpz_transfer(&x->content, &x->site, &x->plan, take, x, &r, NULL), OK);
		assert_int_equal(r.given, rows[i].given);
		whole_text(&text, rows[i].n);
		if (r.given == RPZ_GIVEN_WHOLE)
			assert_string_equal(buf_cstr(&x->seen.text), buf_cstr(&text));
		buf_release(&text);
		finish(x);
	}
}

static void test_broken_off(void **state)
{
	for (unsigned most = 0; most < 5; most++) {
		struct fixture *x = start(30000, 0, RPZ_ASKED_AXFR, 0);
		struct rpz_result r;
		x->most = most;
		assert_int_equal(rpz_transfer(&x->content, &x->site, &x->plan, take, x, &r, NULL), ERR_CANCELLED);
		assert_int_equal(x->seen.messages, most);
		finish(x);
	}
}

static void test_datagram(void **state)
{
	const struct { unsigned changed; uint32_t has; enum rpz_given given; } rows[] = {
		{ 0, 35, RPZ_GIVEN_DIFFERENCE }, { 5, 35, RPZ_GIVEN_DIFFERENCE }, { 100, 35, RPZ_GIVEN_SOA }, { 5, 29, RPZ_GIVEN_SOA },
		{ 5, 0xfffffff0, RPZ_GIVEN_SOA },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fixture *x = start(1000, rows[i].changed, RPZ_ASKED_IXFR, rows[i].has);
		struct rpz_result r;
		uint8_t *out = mem_alloc(x->plan.limit);
		size_t n;
		assert_int_equal(rpz_transfer_datagram(&x->content, &x->site, &x->plan, out, &n, &r, NULL), OK);
		assert_int_equal(r.given, rows[i].given);
		assert_in_range(n, 12, x->plan.limit);
		assert_true(seen_message(&x->seen, out, n));
		if (r.given == RPZ_GIVEN_SOA)
			assert_string_equal(buf_cstr(&x->seen.text), "rpz.example. SOA 40\n");
		else
			assert_int_equal(x->seen.records, 4 + 4 * rows[i].changed);
		assert_int_equal(x->walks, 0);
		free(out);
		finish(x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_instead),
		cmocka_unit_test(test_broken_off),
		cmocka_unit_test(test_datagram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
