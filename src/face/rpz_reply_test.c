#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/address.h"
#include "face/rpz_reply.h"
#include "face/rpz_testing.h"

enum { SERIAL = 40, NOTAUTH = 9 };

struct fixture {
	struct feeds feeds;
	struct rpz_site site;
	struct rpz_plan plan;
	uint8_t request[2048], out[RPZ_SHORT_MAX];
	size_t request_n, n;
	struct tsig asker;
	struct seen seen;
};

static int setup(void **state)
{
	struct fixture *x = mem_zalloc(sizeof(*x));
	x->feeds.n = 3;
	x->feeds.v[0] = (struct feed){ .name = "isp", .type = FEED_RPZ, .zone = "rpz.example", .ttl_s = 30, .refresh_s = 60,
				       .allow = "192.0.2.1, 198.51.100.0/24,2001:db8::/32" };
	x->feeds.v[1] = (struct feed){ .name = "list", .type = FEED_LIST, .zone = "list.example" };
	x->feeds.v[2] = (struct feed){ .name = "other", .type = FEED_RPZ, .ttl_s = 30, .refresh_s = 60, .allow = "0.0.0.0/0,::/0" };
	x->feeds.n_consumers = 2;
	x->feeds.consumer[0] = (struct consumer){ .feed = "isp", .name = "nayatel", .secret = "0123456789abcdef0123456789abcde" };
	x->feeds.consumer[1] = (struct consumer){ .feed = "other", .name = "nayatel", .secret = "another secret of thirty-two oct" };
	assert_int_equal(rpz_site_make(&x->feeds, &x->site, NULL), OK);
	assert_int_equal(x->site.n, 2);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	buf_release(&x->seen.text);
	free(x);
	return 0;
}

/* A request for `zone`, "rpz.example"; serial for IXFR. */
static void make(struct fixture *x, const char *zone, unsigned type, uint32_t serial)
{
	static const uint8_t head[DNS_HEADER_SIZE] = { 0xab, 0xcd, 1, 0, 0, 1 };
	uint8_t *q = x->request;
	memcpy(q, head, sizeof(head));
	size_t n = sizeof(head);
	for (struct span s = span_str(zone); s.n;) {
		size_t dot = span_find(s, '.');
		q[n] = (uint8_t)dot;
		memcpy(q + n + 1, s.p, dot);
		n += 1 + dot;
		s = span_from(s, dot + 1);
	}
	q[n++] = 0;
	put_be16(q + n, (uint16_t)type);
	put_be16(q + n + 2, DNS_IN);
	n += 4;
	if (type == DNS_IXFR) {
		const uint8_t soa[] = { 0xc0, 12, 0, DNS_SOA, 0, DNS_IN, 0, 0, 0, 0, 0, 22, 0, 0 };
		memcpy(q + n, soa, sizeof(soa));
		memset(q + n + sizeof(soa), 0, 20);
		put_be32(q + n + sizeof(soa), serial);
		n += sizeof(soa) + 20;
		q[9] = 1;
	}
	x->request_n = n;
}

static void edns(struct fixture *x, unsigned size, unsigned version)
{
	const uint8_t opt[] = { 0, 0, DNS_OPT, (uint8_t)(size >> 8), (uint8_t)size, 0, (uint8_t)version, 0, 0, 0, 0 };
	memcpy(x->request + x->request_n, opt, sizeof(opt));
	x->request_n += sizeof(opt);
	x->request[11]++;
}

static struct tsig_key *sign(struct fixture *x, const char *name, const void *secret)
{
	struct tsig_key *k;
	assert_int_equal(tsig_key_new(name, span_of(secret, FEED_SECRET), &k, NULL), OK);
	x->asker = (struct tsig){ .key = k };
	assert_true(tsig_sign(&x->asker, x->request, &x->request_n, sizeof(x->request)));
	return k;
}

/* Ask from an address; what is to be done.  The answer is read back into x->seen. */
static enum rpz_act ask(struct fixture *x, const char *from, enum rpz_way way)
{
	struct sockaddr_storage a;
	socklen_t n;
	assert_int_equal(address_parse(from, &a, &n, NULL), OK);
	rpz_plan_release(&x->plan);
	rpz_reply(&x->site, &a, way, SERIAL, span_of(x->request, x->request_n), x->out, sizeof(x->out), &x->n, &x->plan);
	buf_release(&x->seen.text);
	x->seen = (struct seen){ 0 };
	assert_true((x->plan.act == RPZ_SEND) == (x->n > 0));
	if (x->n)
		assert_true(seen_message(&x->seen, x->out, x->n));
	return x->plan.act;
}

static void says(struct fixture *x, unsigned rcode, const char *text)
{
	assert_int_equal(x->plan.act, RPZ_SEND);
	assert_int_equal(x->seen.id, 0xabcd);
	assert_int_equal(x->seen.flags & 0x8000, 0x8000);
	assert_int_equal(x->seen.flags & 15, rcode);
	assert_string_equal(buf_cstr(&x->seen.text), text);
}

#define SOA_40 "rpz.example. SOA 40\n"
#define HOME "192.0.2.1:5300"
#define AWAY "203.0.113.5:5300"

static void test_by_address(void **state)
{
	struct fixture *x = *state;
	make(x, "rpz.example", DNS_SOA, 0);
	ask(x, HOME, false);
	says(x, DNS_NOERROR, SOA_40);
	assert_int_equal(x->seen.flags & 0x0500, 0x0500);
	assert_string_equal(x->plan.who, "192.0.2.1");
	make(x, "RPZ.Example", DNS_SOA, 0);
	ask(x, "198.51.100.77:1", false);
	says(x, DNS_NOERROR, "RPZ.Example. SOA 40\n");
	ask(x, "[2001:db8:1::1]:1", false);
	assert_int_equal(x->seen.flags & 15, DNS_NOERROR);
	ask(x, "[::ffff:192.0.2.1]:1", false);
	assert_int_equal(x->seen.flags & 15, DNS_NOERROR);
	assert_string_equal(x->plan.who, "192.0.2.1");
	make(x, "rpz.example", DNS_NS, 0);
	ask(x, HOME, false);
	says(x, DNS_NOERROR, "rpz.example. NS localhost.\n");
	make(x, "rpz.example", DNS_A, 0);
	ask(x, HOME, false);
	says(x, DNS_NOERROR, SOA_40);
	assert_int_equal(x->seen.authority, 1);
	make(x, "other", DNS_AXFR, 0); /* the feed's own name is its zone; a /0 is everybody */
	assert_int_equal(ask(x, AWAY, true), RPZ_TRANSFER);
	assert_int_equal(ask(x, "[2001:db9::1]:1", true), RPZ_TRANSFER);
}

static void test_refused(void **state)
{
	struct fixture *x = *state;
	const char *const zones[] = { "rpz.example", "no.example", "list.example", "evil.rpz.example", "example" };
	const unsigned types[] = { DNS_SOA, DNS_NS, DNS_A, DNS_AXFR, DNS_IXFR };
	for (size_t i = 0; i < COUNT_OF(zones); i++)
		for (size_t k = 0; k < COUNT_OF(types); k++)
			for (int tcp = 0; tcp < 2; tcp++) {
				make(x, zones[i], types[k], 7);
				ask(x, AWAY, tcp);
				says(x, DNS_REFUSED, ""); /* and no sign of whether there is such a zone */
				assert_int_equal(x->seen.flags & 0x0400, 0);
				assert_non_null(x->plan.why);
				assert_false(x->plan.allowed);
			}
	make(x, "rpz.example", DNS_SOA, 0);
	put_be16(x->request + x->request_n - 2, 3); /* class CH */
	ask(x, HOME, false);
	says(x, DNS_REFUSED, "");
}

/* A feed that is given over TLS alone: the serial for whoever may have it, the rest over TLS. */
static void test_tls_only(void **state)
{
	struct fixture *x = *state;
	const unsigned types[] = { DNS_AXFR, DNS_IXFR };
	x->feeds.v[0].tls_only = true;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		for (enum rpz_way way = RPZ_UDP; way < RPZ_TLS; way++) {
			make(x, "rpz.example", types[i], 39);
			ask(x, HOME, way);
			says(x, DNS_REFUSED, "");
			assert_false(x->plan.allowed);
			assert_non_null(strstr(x->plan.why, "over TLS alone"));
			struct tsig_key *k = sign(x, "nayatel.isp", x->feeds.consumer[0].secret);
			ask(x, AWAY, way);
			says(x, DNS_REFUSED, "");
			assert_int_equal(x->seen.additional, 1); /* and signed */
			tsig_key_free(k);
		}
		make(x, "rpz.example", types[i], 39);
		assert_int_equal(ask(x, HOME, RPZ_TLS), RPZ_TRANSFER);
		ask(x, AWAY, RPZ_TLS);
		says(x, DNS_REFUSED, "");
		assert_null(strstr(x->plan.why, "TLS")); /* not for him at all */
		make(x, "other", types[i], 39);
		assert_int_equal(ask(x, HOME, RPZ_TCP), RPZ_TRANSFER);
	}
	make(x, "rpz.example", DNS_SOA, 0);
	for (enum rpz_way way = RPZ_UDP; way <= RPZ_TLS; way++) {
		ask(x, HOME, way);
		says(x, DNS_NOERROR, SOA_40);
	}
}

static void test_what(void **state)
{
	struct fixture *x = *state;
	make(x, "rpz.example", DNS_AXFR, 0);
	assert_int_equal(ask(x, HOME, true), RPZ_TRANSFER);
	assert_int_equal(x->plan.asked, RPZ_ASKED_AXFR);
	ask(x, HOME, false);
	says(x, DNS_FORMERR, "");
	for (int tcp = 0; tcp < 2; tcp++) {
		make(x, "rpz.example", DNS_IXFR, 39);
		assert_int_equal(ask(x, HOME, tcp), RPZ_TRANSFER);
		assert_int_equal(x->plan.asked, RPZ_ASKED_IXFR);
		assert_int_equal(x->plan.serial, 39);
		make(x, "rpz.example", DNS_IXFR, 40);
		ask(x, HOME, tcp);
		says(x, DNS_NOERROR, SOA_40);
		make(x, "rpz.example", DNS_IXFR, 41); /* newer than ours: RFC 1995 section 2 */
		ask(x, HOME, tcp);
		says(x, DNS_NOERROR, SOA_40);
		make(x, "rpz.example", DNS_IXFR, 0xffffff00); /* there was none such */
		assert_int_equal(ask(x, HOME, tcp), RPZ_TRANSFER);
		x->request[9] = 0; /* no SOA: octets behind the end */
		ask(x, HOME, tcp);
		says(x, DNS_FORMERR, "");
		x->request_n -= 34;
		ask(x, HOME, tcp);
		says(x, DNS_FORMERR, "");
	}
}

static void test_odd(void **state)
{
	struct fixture *x = *state;
	make(x, "rpz.example", DNS_SOA, 0);
	x->request[2] |= 0x80;
	assert_int_equal(ask(x, HOME, false), RPZ_DROP); /* a response */
	make(x, "rpz.example", DNS_SOA, 0);
	for (size_t n = x->request_n; n-- > 0;) {
		x->request_n = n;
		assert_int_equal(ask(x, HOME, false), n < DNS_HEADER_SIZE ? RPZ_DROP : RPZ_SEND);
		if (n >= DNS_HEADER_SIZE)
			says(x, DNS_FORMERR, "");
	}
	make(x, "rpz.example", DNS_SOA, 0);
	x->request[2] |= 4 << 3; /* NOTIFY */
	ask(x, HOME, false);
	says(x, DNS_NOTIMP, "");
	assert_int_equal(x->seen.flags >> 11 & 15, 4);
	make(x, "rpz.example", DNS_SOA, 0);
	edns(x, 4096, 0);
	ask(x, HOME, false);
	says(x, DNS_NOERROR, SOA_40);
	assert_int_equal(x->seen.additional, 1);
	assert_int_equal(x->plan.limit, DNS_UDP_MAX);
	make(x, "rpz.example", DNS_SOA, 0);
	edns(x, 700, 0);
	ask(x, HOME, false);
	assert_int_equal(x->plan.limit, 700);
	make(x, "rpz.example", DNS_SOA, 0);
	edns(x, 4096, 1);
	ask(x, HOME, false);
	says(x, DNS_BADVERS & 15, "");
	assert_int_equal(x->out[x->n - 6], 1);
}

/* The asker reads the answer, and it is signed for him. */
static void signed_well(struct fixture *x)
{
	struct message m;
	assert_true(message_read(span_of(x->out, x->n), &m));
	assert_true(message_answers(&m, &x->asker));
	message_release(&m);
}

/* The extended rcode in the TSIG record, which is the last one: ...error 2, other's length 2 (other). */
static unsigned tsig_error(const struct fixture *x, size_t other)
{
	return get_be16(x->out + x->n - 4 - other);
}

static void test_signed(void **state)
{
	struct fixture *x = *state;
	const void *secret = x->feeds.consumer[0].secret;
	for (int tcp = 0; tcp < 2; tcp++) {
		make(x, "rpz.example", DNS_SOA, 0);
		edns(x, 1232, 0);
		struct tsig_key *k = sign(x, "nayatel.isp", secret);
		ask(x, AWAY, tcp);
		says(x, DNS_NOERROR, SOA_40);
		signed_well(x);
		assert_string_equal(x->plan.who, "nayatel");
		tsig_key_free(k);
		make(x, "rpz.example", DNS_IXFR, 7);
		k = sign(x, "NAYATEL.isp", secret);
		assert_int_equal(ask(x, AWAY, tcp), RPZ_TRANSFER);
		assert_ptr_equal(x->plan.tsig.key, x->plan.key);
		tsig_key_free(k);
		make(x, "other", DNS_SOA, 0); /* a good key, but of another feed: its address does not help it */
		k = sign(x, "nayatel.isp", secret);
		ask(x, HOME, tcp);
		says(x, DNS_REFUSED, "");
		signed_well(x);
		tsig_key_free(k);
		rpz_plan_release(&x->plan);
	}
}

static void test_signed_badly(void **state)
{
	struct fixture *x = *state;
	const struct { const char *name; const void *secret; unsigned error; } rows[] = {
		{ "nayatel.isp", x->feeds.consumer[1].secret, TSIG_BADSIG },
		{ "nobody.isp", x->feeds.consumer[0].secret, TSIG_BADKEY },
		{ "nayatel", x->feeds.consumer[0].secret, TSIG_BADKEY },
		{ "nayatel.isp.x", x->feeds.consumer[0].secret, TSIG_BADKEY },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int tcp = 0; tcp < 2; tcp++) {
			make(x, "rpz.example", DNS_AXFR, 0);
			struct tsig_key *k = sign(x, rows[i].name, rows[i].secret);
			ask(x, HOME, tcp); /* though it could have come without a key */
			says(x, NOTAUTH, "");
			assert_int_equal(tsig_error(x, 0), rows[i].error);
			struct message m;
			assert_true(message_read(span_of(x->out, x->n), &m));
			assert_true(m.is_signed);
			assert_false(message_answers(&m, &x->asker));
			message_release(&m);
			tsig_key_free(k);
		}
	rpz_plan_release(&x->plan);
}

/* An old request: what is signed says so, with our time. */
static void test_old(void **state)
{
	struct fixture *x = *state;
	static const uint8_t request[] = {
		/* an SOA request for rpz.example, signed in 2001 */
		0xab, 0xcd, 0x01, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x72, 0x70, 0x7a, 0x07, 0x65, 0x78, 0x61,
		0x6d, 0x70, 0x6c, 0x65, 0x00, 0x00, 0x06, 0x00, 0x01, 0x07, 0x6e, 0x61, 0x79, 0x61, 0x74, 0x65, 0x6c, 0x03, 0x69, 0x73,
		0x70, 0x00, 0x00, 0xfa, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3d, 0x0b, 0x68, 0x6d, 0x61, 0x63, 0x2d, 0x73, 0x68,
		0x61, 0x32, 0x35, 0x36, 0x00, 0x00, 0x00, 0x3b, 0x9a, 0xca, 0x00, 0x01, 0x2c, 0x00, 0x20, 0xf7, 0x55, 0xc0, 0x86, 0xa2,
		0x26, 0x60, 0x74, 0x19, 0xd4, 0x37, 0x4f, 0x70, 0xad, 0xec, 0x5b, 0x57, 0xa6, 0xb1, 0x20, 0x3e, 0xc5, 0xdd, 0xc3, 0xaf,
		0x74, 0x59, 0xa7, 0x26, 0x93, 0x89, 0x53, 0xab, 0xcd, 0x00, 0x00, 0x00, 0x00,
	};
	memcpy(x->request, request, sizeof(request));
	x->request_n = sizeof(request);
	ask(x, AWAY, true);
	says(x, NOTAUTH, "");
	assert_int_equal(tsig_error(x, 6), TSIG_BADTIME);
	rpz_plan_release(&x->plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signed_badly, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
