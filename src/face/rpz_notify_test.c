#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/address.h"
#include "face/rpz_notify.h"
#include "face/rpz_testing.h"

struct fixture {
	struct feeds feeds;
	struct rpz_site site;
	struct rpz_notify *notify;
	struct rpz_notice notice;
	unsigned rcode;
	bool first;
};

static struct fixture *start(const char *notify, const char *consumers)
{
	struct fixture *x = mem_zalloc(sizeof(*x));
	x->feeds.n = x->feeds.n_consumers = 1;
	x->feeds.v[0] = (struct feed){ .name = "isp", .type = FEED_RPZ, .zone = "rpz.example", .ttl_s = 30, .refresh_s = 60 };
	x->feeds.consumer[0] = (struct consumer){ .feed = "isp", .name = "nayatel", .secret = "0123456789abcdef0123456789abcde" };
	memcpy(x->feeds.v[0].notify, notify, strlen(notify));
	memcpy(x->feeds.consumer[0].notify, consumers, strlen(consumers));
	assert_int_equal(rpz_site_make(&x->feeds, &x->site, NULL), OK);
	x->notify = rpz_notify_new();
	rpz_notify_targets(x->notify, &x->site);
	rpz_notify_changed(x->notify, 7);
	return x;
}

static void finish(struct fixture *x)
{
	rpz_notify_free(x->notify);
	free(x);
}

/* The message that is due says this serial. */
static void sends(struct fixture *x, uint64_t now_ms, const char *to, unsigned serial)
{
	struct seen seen = { 0 };
	char text[ADDRESS_TEXT_MAX], line[80];
	assert_true(rpz_notify_next(x->notify, now_ms, &x->notice));
	address_format(&x->notice.to, text);
	assert_string_equal(text, to);
	assert_true(seen_message(&seen, x->notice.message, x->notice.n));
	assert_int_equal(seen.flags, 0x2400);
	snprintf(line, sizeof(line), "rpz.example. SOA %u\n", serial);
	assert_string_equal(buf_cstr(&seen.text), line);
	buf_release(&seen.text);
}

static void quiet(struct fixture *x, uint64_t now_ms)
{
	assert_false(rpz_notify_next(x->notify, now_ms, &x->notice));
}

/* The target's answer to the last message, signed with a key or not. */
static enum rpz_heard answers(struct fixture *x, const char *from, unsigned rcode, const struct tsig_key *key)
{
	struct sockaddr_storage a;
	socklen_t n;
	struct message m;
	struct tsig t;
	uint8_t out[RPZ_SHORT_MAX];
	size_t size;
	assert_int_equal(address_parse(from, &a, &n, NULL), OK);
	assert_true(message_read(span_of(x->notice.message, x->notice.n), &m));
	size = DNS_HEADER_SIZE + m.question_n;
	memcpy(out, x->notice.message, size);
	memset(out + 6, 0, 6);
	out[2] |= 0x80;
	out[3] = (uint8_t)rcode;
	if (key) {
		assert_int_equal(message_check(&m, key, &t), TSIG_FINE);
		assert_true(tsig_sign(&t, out, &size, sizeof(out)));
	}
	message_release(&m);
	return rpz_notify_answer(x->notify, &a, span_of(out, size), &x->rcode, &x->first);
}

static void test_once(void **state)
{
	struct fixture *x = start("192.0.2.1:53", "");
	assert_int_equal(rpz_notify_when(x->notify), 0);
	sends(x, 1000, "192.0.2.1:53", 7);
	quiet(x, 1000);
	assert_int_equal(rpz_notify_when(x->notify), 2000);
	assert_int_equal(answers(x, "192.0.2.2:53", 0, NULL), RPZ_HEARD_NOTHING);
	assert_int_equal(answers(x, "192.0.2.1:54", 0, NULL), RPZ_HEARD_NOTHING);
	x->notice.message[0] ^= 1;
	assert_int_equal(answers(x, "192.0.2.1:53", 0, NULL), RPZ_HEARD_NOTHING);
	x->notice.message[0] ^= 1;
	assert_int_equal(answers(x, "192.0.2.1:53", 0, NULL), RPZ_HEARD_YES);
	assert_int_equal(answers(x, "192.0.2.1:53", 0, NULL), RPZ_HEARD_NOTHING);
	quiet(x, 1000000);
	assert_int_equal(rpz_notify_when(x->notify), UINT64_MAX);
	rpz_notify_changed(x->notify, 8);
	sends(x, 1000001, "192.0.2.1:53", 8);
	finish(x);
}

/* Many changes while one is outstanding are one more message. */
static void test_together(void **state)
{
	struct fixture *x = start("192.0.2.1:53", "");
	sends(x, 0, "192.0.2.1:53", 7);
	for (unsigned serial = 8; serial < 100; serial++) {
		rpz_notify_changed(x->notify, serial);
		quiet(x, 10);
	}
	assert_int_equal(answers(x, "192.0.2.1:53", 0, NULL), RPZ_HEARD_YES);
	sends(x, 20, "192.0.2.1:53", 99);
	quiet(x, 20);
	finish(x);
}

static void test_again(void **state)
{
	struct fixture *x = start("[2001:db8::1]:53", "");
	const uint64_t at[] = { 0, 1000, 3000, 7000, 15000 };
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		if (at[i])
			quiet(x, at[i] - 1);
		sends(x, at[i], "[2001:db8::1]:53", i < 2 ? 7 : 8);
		if (i == 1)
			rpz_notify_changed(x->notify, 8); /* goes with the next repetition */
	}
	quiet(x, 30999);
	assert_int_equal(rpz_notify_silent(x->notify), 0);
	quiet(x, 31000);
	assert_int_equal(rpz_notify_silent(x->notify), 1);
	assert_int_equal(rpz_notify_silent(x->notify), 0);
	quiet(x, 1000000);
	rpz_notify_changed(x->notify, 9);
	sends(x, 1000000, "[2001:db8::1]:53", 9);
	finish(x);
}

static void test_refused(void **state)
{
	struct fixture *x = start("192.0.2.1:53", "");
	for (int i = 0; i < 2; i++) {
		rpz_notify_changed(x->notify, 8);
		sends(x, 0, "192.0.2.1:53", 8);
		assert_int_equal(answers(x, "192.0.2.1:53", DNS_REFUSED, NULL), RPZ_HEARD_NO);
		assert_int_equal(x->rcode, DNS_REFUSED);
		assert_int_equal(x->first, i == 0);
		quiet(x, 100000);
	}
	finish(x);
}

static void test_signed(void **state)
{
	struct fixture *x = start("", "192.0.2.1:53,192.0.2.2:53");
	struct tsig_key *k, *wrong;
	assert_int_equal(tsig_key_new("nayatel.isp", span_of(x->feeds.consumer[0].secret, FEED_SECRET), &k, NULL), OK);
	assert_int_equal(tsig_key_new("nayatel.isp", span_of("another secret of thirty-two oct", FEED_SECRET), &wrong, NULL), OK);
	sends(x, 0, "192.0.2.1:53", 7);
	struct message m;
	struct tsig t;
	assert_true(message_read(span_of(x->notice.message, x->notice.n), &m));
	assert_int_equal(message_check(&m, wrong, &t), TSIG_BADSIG);
	message_release(&m);
	assert_int_equal(answers(x, "192.0.2.1:53", 0, NULL), RPZ_HEARD_NOTHING); /* anybody could say so */
	assert_int_equal(answers(x, "192.0.2.1:53", DNS_REFUSED, NULL), RPZ_HEARD_NO);
	struct rpz_notice first = x->notice;
	sends(x, 0, "192.0.2.2:53", 7);
	assert_int_equal(answers(x, "192.0.2.2:53", 0, k), RPZ_HEARD_YES);
	x->notice = first;
	assert_int_equal(answers(x, "192.0.2.1:53", 0, k), RPZ_HEARD_YES);
	quiet(x, 1000000);
	tsig_key_free(k);
	tsig_key_free(wrong);
	finish(x);
}

static void test_targets(void **state)
{
	struct fixture *x = start("192.0.2.1:53, 192.0.2.3:53,nonsense,", "192.0.2.2:5353");
	assert_int_equal(rpz_notify_targets(x->notify, &x->site), 3);
	x->feeds.v[0].notify[0] = x->feeds.consumer[0].notify[0] = 0;
	assert_int_equal(rpz_notify_targets(x->notify, &x->site), 0);
	quiet(x, 0);
	finish(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_targets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
