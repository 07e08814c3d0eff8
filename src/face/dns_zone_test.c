#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/dns_message.h"
#include "codec/observable.h"
#include "base/num.h"
#include "face/dns_told.h"
#include "face/dns_zone.h"
#include "sys/key.h"

#define ZONE "bl.sipar.test"
enum { NOW = 1800000000, TTL = 300, NEGATIVE_TTL = 60, PUBLIC = 0, PRIVATE = 1 };

/* A table of a few claims, seen through a view made by hand. */
struct fixture {
	struct table_view view;
	struct meaning meaning;
	struct dns_zone *zone;
	struct source_set *sources;
	struct batch *batch;
	struct dns_counters count;
	struct table_view decided;
	struct batch *decisions;
	struct dns_decisions names;
	struct dns_told *told;
	unsigned named; /* how often a decision was asked for */
	_Atomic uint64_t consumer[1024];
	/* who asks, and with which cookie (hexadecimal) */
	uint8_t from[16];
	size_t from_n;
	bool over_tcp;
	const char *cookie;
	/* the last answer */
	uint8_t out[DNS_REPLY_MAX];
	size_t n;
};

static uint16_t add_source(struct source_set *s, const char *name)
{
	struct source_change c = { .op = SOURCE_ADD, .name = span_str(name), .has_weight = true, .weight_db = 40 };
	assert_int_equal(source_apply(s, &c, NULL), OK);
	return source_find(s, span_str(name))->number;
}

static void claim_on(struct fixture *x, const char *text, enum category category, uint16_t source, uint8_t lane)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	struct claim c = { .seen = NOW - 60, .source = source, .category = category, .confidence = 100, .lane = lane,
			   .stance = STANCE_INDICATOR, .flags = CLAIM_FIRST };
	assert_int_equal(batch_add(x->batch, &k, &c, NULL), OK);
}

static void decide(struct fixture *x, const char *text, enum action action, unsigned reason, uint32_t until_s)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	struct claim c = { .seen = NOW - 60, .until = until_s, .category = (uint8_t)reason, .stance = (uint8_t)action & 15,
			   .flags = o.wildcard ? CLAIM_WILDCARD : 0 };
	assert_int_equal(batch_add(x->decisions, &k, &c, NULL), OK);
}

static bool decision_named(void *ctx, uint32_t entry, uint64_t *ret_index, uint32_t *ret_until_s)
{
	struct fixture *x = ctx;
	x->named++;
	*ret_index = entry + 5;
	*ret_until_s = NOW + 3600;
	return entry == 7;
}

static void decide_all(struct fixture *x)
{
	x->decided = (struct table_view){ .seed = x->view.seed, .n = 1 };
	x->decisions = batch_new(x->view.seed, "/tmp", 1 << 20);
	decide(x, "blocked.example", ACTION_BLOCK, REASON_PHISHING, NOW + 3600);
	decide(x, "198.51.100.7", ACTION_BLOCK, REASON_C2, 0);
	decide(x, "198.51.100.99", ACTION_BLOCK, REASON_BOTNET, NOW - 1);
	decide(x, "198.51.100.98", ACTION_CHALLENGE, REASON_BOTNET, 0);
	decide(x, "203.0.113.9", ACTION_PROTECT, 0, 0);
	decide(x, "192.168.7.7", ACTION_BLOCK, REASON_C2, 0); /* which the gate would not have let through */
	decide(x, "2001:db8:77::/48", ACTION_BLOCK, REASON_MALWARE, 0);
	decide(x, "44d88612fea8a8f36de82e1278abb0ff", ACTION_BLOCK, REASON_MALWARE, 0);
	assert_int_equal(batch_stamp(x->decisions, 7, 0, NULL), OK);
	assert_int_equal(batch_finish(x->decisions, NULL, &x->decided.level[0], NULL, NULL), OK);
	x->names = (struct dns_decisions){ .decision = decision_named, .ctx = x };
	x->told = dns_told_new(&x->names);
}

static int setup(void **state)
{
	static struct fixture x;
	x = (struct fixture){ 0 };
	x.view.seed = (struct siphash_seed){ 1, 2 };
	x.sources = source_set_new();
	x.batch = batch_new(x.view.seed, "/tmp", 1 << 20);
	uint16_t ipsum = add_source(x.sources, "ipsum"), feodo = add_source(x.sources, "feodo");
	claim_on(&x, "198.51.100.7", CAT_SCANNER, ipsum, PUBLIC);
	claim_on(&x, "198.51.100.8", CAT_C2, feodo, PUBLIC);
	claim_on(&x, "198.51.100.8", CAT_SCANNER, ipsum, PUBLIC);
	claim_on(&x, "203.0.113.0/24", CAT_HIJACKED, ipsum, PUBLIC);
	claim_on(&x, "2001:db8::7", CAT_BOTNET, ipsum, PUBLIC);
	claim_on(&x, "2.0.0.2", CAT_SPAM, ipsum, PUBLIC);
	claim_on(&x, "evil.example", CAT_PHISHING, feodo, PUBLIC);
	claim_on(&x, "192.0.2.66", CAT_MALWARE, ipsum, PRIVATE);
	claim_on(&x, "0123456789abcdef0123456789abcdef", CAT_MALWARE, ipsum, PUBLIC);
	claim_on(&x, "0123456789abcdef0123456789abcdef01234567", CAT_MALWARE, ipsum, PUBLIC);
	claim_on(&x, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", CAT_SPYWARE, feodo, PUBLIC);
	for (int i = 0; i < 20; i++) {
		char name[40];
		snprintf(name, sizeof(name), "a-source-with-a-long-name-%02d", i);
		claim_on(&x, "198.51.100.9", (enum category)(i % CAT_COUNT), add_source(x.sources, name), PUBLIC);
	}
	assert_int_equal(batch_stamp(x.batch, 1, 0, NULL), OK);
	x.view.n = 1;
	assert_int_equal(batch_finish(x.batch, NULL, &x.view.level[0], NULL, NULL), OK);
	x.meaning = (struct meaning){ .sources = x.sources, .rules = rules_new() };
	x.view.context = &x.meaning;
	struct dns_options o = { .zone = ZONE, .clear = 1u << PUBLIC, .min_score = 1, .ttl_s = TTL,
				 .negative_ttl_s = NEGATIVE_TTL };
	assert_int_equal(dns_zone_new(&o, &x.zone, NULL), OK);
	memcpy(x.from, (const uint8_t[]){ 192, 0, 2, 53 }, 4);
	x.from_n = 4;
	decide_all(&x);
	*state = &x;
	return 0;
}

static void renew(struct fixture *x, const struct dns_options *changed)
{
	struct dns_options o = *changed;
	struct fault f = { .text = "" };
	o.zone = ZONE;
	o.clear = o.clear ? o.clear : 1u << PUBLIC;
	o.min_score = o.min_score ? o.min_score : 1;
	o.ttl_s = TTL;
	o.negative_ttl_s = NEGATIVE_TTL;
	dns_zone_free(x->zone);
	if (dns_zone_new(&o, &x->zone, &f))
		fail_msg("%s", f.text);
}

static struct dns_now now_of(struct fixture *x)
{
	return (struct dns_now){ .view = &x->view, .decided = &x->decided, .now_s = NOW, .tick_s = NOW, .told = x->told, .consumer = x->consumer };
}

static struct dns_asker asker_of(struct fixture *x)
{
	return (struct dns_asker){ .address = span_of(x->from, x->from_n), .proven = x->over_tcp };
}

static void reply(struct fixture *x, const uint8_t *q, size_t n, size_t limit)
{
	const struct dns_now now = now_of(x);
	const struct dns_asker from = asker_of(x);
	x->n = dns_reply(x->zone, &now, &from, span_of(q, n), limit, x->out, &x->count);
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	dns_zone_free(x->zone);
	rules_free(x->meaning.rules);
	image_free(x->view.level[0]);
	image_free(x->decided.level[0]);
	batch_free(x->decisions);
	dns_told_free(x->told);
	batch_free(x->batch);
	source_set_free(x->sources);
	return 0;
}

/* Wire form of a query; case as in `name`.  edns 0: none.  Returns its octets. */
static size_t make_query(uint8_t *q, const char *name, unsigned type, unsigned edns)
{
	static const uint8_t head[DNS_HEADER_SIZE] = { 0xab, 0xcd, 1, 0, 0, 1 };
	memcpy(q, head, sizeof(head));
	size_t n = sizeof(head);
	for (struct span s = span_str(name); s.n;) {
		size_t dot = span_find(s, '.');
		q[n] = (uint8_t)dot;
		memcpy(q + n + 1, s.p, dot);
		n += 1 + dot;
		s = span_from(s, dot + 1);
	}
	const uint8_t tail[] = { 0, (uint8_t)(type >> 8), (uint8_t)type, 0, DNS_IN };
	memcpy(q + n, tail, sizeof(tail));
	n += sizeof(tail);
	if (edns) {
		const uint8_t opt[] = { 0, 0, DNS_OPT, (uint8_t)(edns >> 8), (uint8_t)edns, 0, 0, 0, 0, 0, 0 };
		memcpy(q + n, opt, sizeof(opt));
		n += sizeof(opt);
		q[11] = 1;
	}
	return n;
}

static unsigned at16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* Asks and checks what holds for every answer; returns the rcode. */
static int ask(struct fixture *x, const char *name, unsigned type, unsigned edns, size_t limit)
{
	uint8_t q[600];
	size_t n = make_query(q, name, type, edns), question = n - DNS_HEADER_SIZE - (edns ? 11 : 0);
	const struct dns_counters *c = &x->count;
	if (edns && x->cookie) {
		size_t cookie = strlen(x->cookie) / 2;
		const uint8_t option[4] = { 0, 10, 0, (uint8_t)cookie };
		memcpy(q + n, option, 4);
		assert_int_equal(hex_decode(span_str(x->cookie), q + n + 4, cookie), OK);
		q[n - 1] = (uint8_t)(cookie + 4);
		n += cookie + 4;
	}
	reply(x, q, n, limit);
	assert_true(x->n + (edns && x->cookie ? 32 : 0) >= n && x->n <= limit);
	assert_int_equal(at16(x->out), 0xabcd);
	assert_int_equal(x->out[2] & 0xf9, 0x81); /* QR, QUERY, RD */
	assert_int_equal(x->out[3] & 0xf0, 0);    /* no RA */
	assert_memory_equal(x->out + DNS_HEADER_SIZE, q + DNS_HEADER_SIZE, question);
	assert_int_equal(at16(x->out + 10), edns != 0);
	assert_int_equal(c->queries, c->listed + c->unlisted + c->errors + c->refused + c->dropped + c->limited);
	return x->out[3] & 15;
}

static const uint8_t *answer_at(struct fixture *x, size_t *ret_room)
{
	size_t at = DNS_HEADER_SIZE;
	while (x->out[at])
		at += 1u + x->out[at];
	*ret_room = x->n - (at + 5);
	return x->out + at + 5;
}

static void listed(struct fixture *x, const char *name, const char *codes)
{
	size_t room;
	assert_int_equal(ask(x, name, DNS_A, 1232, DNS_UDP_MAX), DNS_NOERROR);
	assert_true(x->out[2] & 4);
	assert_int_equal(at16(x->out + 6), strlen(codes));
	assert_int_equal(at16(x->out + 8), 0);
	const uint8_t *p = answer_at(x, &room);
	for (; *codes; codes++, p += 16) {
		assert_int_equal(at16(p), 0xc00c);
		assert_int_equal(at16(p + 2), DNS_A);
		assert_int_equal(at16(p + 4), DNS_IN);
		assert_int_equal(at16(p + 8), TTL);
		assert_int_equal(at16(p + 10), 4);
		assert_int_equal(at16(p + 12), 0x7f00);
		assert_int_equal(p[14], 0);
		assert_int_equal(p[15], *codes);
	}
}

/* NODATA (NOERROR) or NXDOMAIN, with the SOA in the authority section and its negative TTL. */
static void unlisted(struct fixture *x, const char *name, unsigned type, enum dns_rcode rcode)
{
	size_t room;
	if (ask(x, name, type, 0, DNS_UDP_MAX) != (int)rcode)
		fail_msg("%s type %u: rcode %d, not %d", name, type, x->out[3] & 15, rcode);
	assert_true(x->out[2] & 4);
	if (at16(x->out + 6) != 0 || at16(x->out + 8) != 1)
		fail_msg("%s type %u: answers %u, authority %u", name, type, at16(x->out + 6), at16(x->out + 8));
	const uint8_t *p = answer_at(x, &room);
	assert_int_equal(room, 12 + 2 + 11 + 2 + 20);
	unsigned zone_at = at16(p) & 0x3fff;
	assert_int_equal(at16(p) >> 14, 3);
	assert_int_equal(x->out[zone_at], 2);
	assert_int_equal(x->n - room - 4 - zone_at, sizeof(ZONE) + 1);
	assert_int_equal(at16(p + 2), DNS_SOA);
	assert_int_equal(at16(p + 8), NEGATIVE_TTL);
	assert_int_equal(at16(p + 10), room - 12);
	assert_int_equal(at16(p + 27) << 16 | at16(p + 29), NOW);
	assert_int_equal(at16(p + room - 2), NEGATIVE_TTL);
}

static char code(enum category c)
{
	return (char)category_row(c)->dns_code;
}

/* The text of the only TXT record. */
static void txt(struct fixture *x, const char *name, char ret_text[1024])
{
	size_t room, n = 0;
	assert_int_equal(ask(x, name, DNS_TXT, 1232, DNS_UDP_MAX), DNS_NOERROR);
	assert_int_equal(at16(x->out + 6), 1);
	const uint8_t *p = answer_at(x, &room), *end = p + 12 + at16(p + 10);
	assert_int_equal(at16(p + 2), DNS_TXT);
	for (p += 12; p < end; p += 1 + *p) {
		memcpy(ret_text + n, p + 1, *p);
		n += *p;
	}
	assert_ptr_equal(p, end);
	ret_text[n] = 0;
	for (size_t i = 0; i < n; i++)
		assert_true(ret_text[i] >= ' ' && ret_text[i] < 0x7f);
}

static const char v6_listed[] = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.d.0.1.0.0.2." ZONE;

static void addresses(void **state)
{
	struct fixture *x = *state;
	x->decided.n = 0;
	listed(x, "7.100.51.198." ZONE, (char[]){ code(CAT_SCANNER), 0 });
	listed(x, "7.100.51.198.BL.SIPAR.Test", (char[]){ code(CAT_SCANNER), 0 });
	listed(x, "255.113.0.203." ZONE, (char[]){ code(CAT_HIJACKED), 0 });
	listed(x, v6_listed, (char[]){ code(CAT_BOTNET), 0 });
	unlisted(x, "6.100.51.198." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "6.100.51.198." ZONE, DNS_TXT, DNS_NXDOMAIN);
	unlisted(x, "8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "7.100.51.198." ZONE, 28, DNS_NOERROR);
	unlisted(x, "7.100.51.198." ZONE, DNS_SOA, DNS_NOERROR);
	unlisted(x, "7.100.51.198." ZONE, DNS_NS, DNS_NOERROR);
}

static void several_categories(void **state)
{
	struct fixture *x = *state;
	size_t room;
	assert_int_equal(ask(x, "8.100.51.198." ZONE, DNS_A, 0, DNS_UDP_MAX), DNS_NOERROR);
	assert_int_equal(at16(x->out + 6), 2);
	const uint8_t *p = answer_at(x, &room);
	assert_int_not_equal(p[15], p[31]);
	assert_true(p[15] == code(CAT_C2) || p[15] == code(CAT_SCANNER));
	assert_int_equal(p[15] + p[31], code(CAT_C2) + code(CAT_SCANNER));
	/* never more than eight, never one twice */
	assert_int_equal(ask(x, "9.100.51.198." ZONE, DNS_A, 0, DNS_UDP_MAX), DNS_NOERROR);
	assert_int_equal(at16(x->out + 6), 8);
	p = answer_at(x, &room);
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < i; k++)
			assert_int_not_equal(p[16 * i + 15], p[16 * k + 15]);
}

static void codes_tell_categories_apart(void **state)
{
	(void)state;
	for (unsigned c = 0; c < CAT_COUNT; c++) {
		assert_in_range(category_row(c)->dns_code, 2, 254); /* 127.0.0.1 means nothing, 255 is often an error */
		for (unsigned d = 0; d < c; d++)
			assert_int_not_equal(category_row(c)->dns_code, category_row(d)->dns_code);
	}
}

static void domains(void **state)
{
	struct fixture *x = *state;
	listed(x, "evil.example." ZONE, (char[]){ code(CAT_PHISHING), 0 });
	listed(x, "wWw.eViL.exAMPLE." ZONE, (char[]){ code(CAT_PHISHING), 0 });
	listed(x, "_x.evil.example." ZONE, (char[]){ code(CAT_PHISHING), 0 });
	unlisted(x, "devil.example." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "example." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "a b.evil.example." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "\xc3\xa9.evil.example." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "\xff." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "evil.123." ZONE, DNS_A, DNS_NXDOMAIN);
	/* a longest name: what is in front of the zone is cut only by what fits into 255 octets */
	char name[300];
	memset(name, 'a', sizeof(name));
	for (size_t i = 60; i < 239; i += 60)
		name[i] = '.';
	snprintf(name + 227, sizeof(name) - 227, ".example." ZONE);
	unlisted(x, name, DNS_A, DNS_NOERROR);
}

/* A dot inside a label makes another name. */
static void dot_in_label(void **state)
{
	struct fixture *x = *state;
	static const uint8_t q[] =
		"\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
		"\x0c" "evil.example\x02" "bl\x05sipar\x04test\x00\x00\x01\x00\x01";
	reply(x, q, sizeof(q) - 1, DNS_UDP_MAX);
	assert_int_equal(x->out[3] & 15, DNS_NXDOMAIN);
	static const uint8_t nul[] =
		"\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
		"\x05" "evil\x00\x07" "example\x02" "bl\x05sipar\x04test\x00\x00\x01\x00\x01";
	reply(x, nul, sizeof(nul) - 1, DNS_UDP_MAX);
	assert_int_equal(x->out[3] & 15, DNS_NXDOMAIN);
}

static void test_points(void **state)
{
	struct fixture *x = *state;
	static const char two[] = { 2, 0 };
	listed(x, "2.0.0.127." ZONE, two);
	listed(x, "2.0.0.0.0.0.f.7.f.f.F.F.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." ZONE, two);
	listed(x, "test." ZONE, two);
	listed(x, "TeST." ZONE, two);
	unlisted(x, "1.0.0.127." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "INVALID." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "test.example." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "example.test." ZONE, DNS_A, DNS_NOERROR);
	x->decided.n = 0;
	/* an IPv4-mapped address is the IPv4 address */
	listed(x, "7.0.4.6.3.3.6.c.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." ZONE, (char[]){ code(CAT_SCANNER), 0 });
	char text[1024];
	txt(x, "2.0.0.127." ZONE, text);
	assert_string_equal(text, "127.0.0.2 listed: test entry");
}

/* What resolvers that minimise names ask on their way down to something listed must never be NXDOMAIN. */
static void minimised_names(void **state)
{
	struct fixture *x = *state;
	static const char *const whole[] = { "7.100.51.198." ZONE, v6_listed, "www.evil.example." ZONE };
	for (size_t i = 0; i < COUNT_OF(whole); i++)
		for (const char *at = whole[i] + strlen(whole[i]) - strlen(ZONE) - 1; at > whole[i]; at--)
			if (*at == '.' && ask(x, at + 1, DNS_A, 0, DNS_UDP_MAX) != DNS_NOERROR)
				fail_msg("%s is no empty non-terminal", at + 1);
	/* 2.0.0.1 is not listed, but is on the way to 2001::/16; 2.0.0.2 is listed all the same */
	unlisted(x, "1.0.0.2." ZONE, DNS_A, DNS_NOERROR);
	listed(x, "2.0.0.2." ZONE, (char[]){ code(CAT_SPAM), 0 });
	unlisted(x, "198." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "0.255.0." ZONE, DNS_TXT, DNS_NOERROR);
	unlisted(x, "f.e." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "5.4.3.2.1." ZONE, DNS_A, DNS_NOERROR);
}

static void neither_address_nor_domain(void **state)
{
	struct fixture *x = *state;
	static const char *const names[] = {
		"256.1.2.3." ZONE, "256." ZONE, "07.100.51.198." ZONE, "00." ZONE, "1.7.100.51.198." ZONE, "a.7.100.51.198." ZONE,
		"1000." ZONE, "7.100.51.198.1." ZONE, "-7.100.51.198." ZONE, "+7.100.51.198." ZONE, "0x7.100.51.198." ZONE,
		"0.7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2." ZONE, "g.7.0.0.0.0.1.0.0.2." ZONE,
	};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		unlisted(x, names[i], DNS_A, DNS_NXDOMAIN);
}

static void texts(void **state)
{
	struct fixture *x = *state;
	char text[1024];
	x->decided.n = 0;
	txt(x, "7.100.51.198." ZONE, text);
	unsigned score = 0;
	char expected[200];
	for (const char *p = strstr(text, "score ") + 6; ascii_digit((uint8_t)*p); p++)
		score = score * 10 + (unsigned)(*p - '0');
	assert_in_range(score, 1, 100);
	snprintf(expected, sizeof(expected), "198.51.100.7 listed: score %u, scanner; sources ipsum", score);
	assert_string_equal(text, expected);
	txt(x, v6_listed, text);
	assert_non_null(strstr(text, "2001:db8::7 listed: score "));
	txt(x, "WWW.evil.example." ZONE, text);
	assert_non_null(strstr(text, "www.evil.example listed: score "));
	/* many sources: more than one string, cut at a bound */
	txt(x, "9.100.51.198." ZONE, text);
	assert_in_range(strlen(text), 256, 500);
}

static void clearance_holds(void **state)
{
	struct fixture *x = *state;
	unlisted(x, "66.2.0.192." ZONE, DNS_A, DNS_NXDOMAIN);
	struct dns_options o = { .zone = ZONE, .clear = CLEARANCE_ALL, .min_score = 1, .ttl_s = TTL,
				 .negative_ttl_s = NEGATIVE_TTL };
	dns_zone_free(x->zone);
	assert_int_equal(dns_zone_new(&o, &x->zone, NULL), OK);
	listed(x, "66.2.0.192." ZONE, (char[]){ code(CAT_MALWARE), 0 });
}

static void least_score(void **state)
{
	struct fixture *x = *state;
	struct dns_options o = { .zone = ZONE, .clear = 1, .min_score = 100, .ttl_s = TTL, .negative_ttl_s = NEGATIVE_TTL };
	dns_zone_free(x->zone);
	assert_int_equal(dns_zone_new(&o, &x->zone, NULL), OK);
	unlisted(x, "7.113.0.203." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "evil.example." ZONE, DNS_TXT, DNS_NOERROR);
	listed(x, "7.100.51.198." ZONE, (char[]){ code(CAT_C2), 0 }); /* by a decision */
	listed(x, "2.0.0.127." ZONE, "\x02");
}

static void apex(void **state)
{
	struct fixture *x = *state;
	size_t room;
	static const unsigned soa[] = { DNS_SOA, DNS_ANY };
	for (size_t i = 0; i < COUNT_OF(soa); i++) {
		assert_int_equal(ask(x, ZONE, soa[i], 0, DNS_UDP_MAX), DNS_NOERROR);
		assert_int_equal(at16(x->out + 6), 1);
		assert_int_equal(at16(x->out + 8), 0);
		assert_int_equal(at16(answer_at(x, &room) + 2), DNS_SOA);
	}
	unlisted(x, ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, ZONE, DNS_TXT, DNS_NOERROR);
	unlisted(x, ZONE, DNS_NS, DNS_NOERROR);
	struct dns_options o = { .zone = ZONE, .name_server = "ns1.Operator.example", .clear = 1, .min_score = 1, .ttl_s = TTL };
	dns_zone_free(x->zone);
	assert_int_equal(dns_zone_new(&o, &x->zone, NULL), OK);
	assert_int_equal(ask(x, ZONE, DNS_NS, 0, DNS_UDP_MAX), DNS_NOERROR);
	assert_int_equal(at16(x->out + 6), 1);
	assert_memory_equal(answer_at(x, &room) + 12, "\x03ns1\x08operator\x07" "example", 22);
	assert_int_equal(ask(x, "6.100.51.198." ZONE, DNS_A, 0, DNS_UDP_MAX), DNS_NXDOMAIN);
	assert_memory_equal(answer_at(x, &room) + 12, "\x03ns1\x08operator\x07" "example", 22);
}

static void any_is_minimal(void **state)
{
	struct fixture *x = *state;
	size_t room;
	x->decided.n = 0;
	assert_int_equal(ask(x, "7.100.51.198." ZONE, DNS_ANY, 0, DNS_UDP_MAX), DNS_NOERROR);
	assert_int_equal(at16(x->out + 6), 1);
	assert_int_equal(at16(answer_at(x, &room) + 2), DNS_A);
	unlisted(x, "6.100.51.198." ZONE, DNS_ANY, DNS_NXDOMAIN);
}

static void refusals(void **state)
{
	struct fixture *x = *state;
	static const struct { const char *name; unsigned type, ede; } q[] = {
		{ "7.100.51.198.other.test", DNS_A, DNS_EDE_NOT_AUTHORITATIVE }, { "sipar.test", DNS_SOA, DNS_EDE_NOT_AUTHORITATIVE },
		{ "", DNS_NS, DNS_EDE_NOT_AUTHORITATIVE }, { "xbl.sipar.test", DNS_A, DNS_EDE_NOT_AUTHORITATIVE },
		{ ZONE, DNS_AXFR, DNS_EDE_NOT_SUPPORTED }, { ZONE, DNS_IXFR, DNS_EDE_NOT_SUPPORTED },
	};
	for (size_t i = 0; i < COUNT_OF(q); i++) {
		size_t room;
		assert_int_equal(ask(x, q[i].name, q[i].type, 0, UINT16_MAX), DNS_REFUSED);
		assert_int_equal(x->out[2] & 4, 0);
		assert_int_equal(at16(x->out + 6) + at16(x->out + 8), 0);
		assert_int_equal(ask(x, q[i].name, q[i].type, 512, DNS_UDP_MAX), DNS_REFUSED);
		const uint8_t *p = answer_at(x, &room);
		assert_int_equal(room, 17);
		assert_int_equal(at16(p + 15), q[i].ede);
	}
	assert_int_equal(x->count.refused, 2 * COUNT_OF(q));
	/* another class, and ANY class */
	uint8_t query[600];
	for (unsigned class = 3; class < 256; class += 252) {
		size_t n = make_query(query, "7.100.51.198." ZONE, DNS_A, 0);
		query[n - 1] = (uint8_t)class;
		reply(x, query, n, DNS_UDP_MAX);
		assert_int_equal(x->out[3] & 15, DNS_REFUSED);
	}
}

/* Every cut of every query: an answer within bounds, or none. */
static void cut_queries(void **state)
{
	struct fixture *x = *state;
	uint8_t query[600];
	size_t n = make_query(query, "7.100.51.198." ZONE, DNS_TXT, 1232);
	for (size_t k = 0; k < n; k++) {
		reply(x, query, k, DNS_UDP_MAX);
		assert_int_equal(x->n == 0, k < DNS_HEADER_SIZE);
		if (x->n)
			assert_int_equal(x->out[3] & 15, DNS_FORMERR);
	}
	assert_int_equal(x->count.dropped, DNS_HEADER_SIZE);
	assert_int_equal(x->count.errors, n - DNS_HEADER_SIZE);
}

/* 512 octets without EDNS, the asker's size with it but 1232 at most, all over TCP. */
static void sizes(void **state)
{
	struct fixture *x = *state;
	static const char name[] = "9.100.51.198." ZONE;
	size_t whole;
	assert_int_equal(ask(x, name, DNS_TXT, 0, UINT16_MAX), DNS_NOERROR);
	whole = x->n;
	assert_int_equal(x->out[2] & 2, 0);
	assert_true(whole > DNS_PLAIN_MAX && whole < DNS_UDP_MAX);
	ask(x, name, DNS_TXT, 0, DNS_UDP_MAX);
	assert_int_equal(x->out[2] & 2, 2);
	assert_int_equal(at16(x->out + 6), 0);
	assert_true(x->n <= DNS_PLAIN_MAX);
	ask(x, name, DNS_TXT, 100, DNS_UDP_MAX); /* below 512 means 512 (RFC 6891 section 6.2.3) */
	assert_int_equal(x->out[2] & 2, 2);
	ask(x, name, DNS_TXT, 65535, DNS_UDP_MAX);
	assert_int_equal(x->out[2] & 2, 0);
	ask(x, name, DNS_TXT, 512, UINT16_MAX); /* over TCP that number means nothing */
	assert_int_equal(x->out[2] & 2, 0);
	assert_int_equal(x->count.truncated, 2);
	for (unsigned size = 512; size < DNS_UDP_MAX; size++) {
		ask(x, name, DNS_TXT, size, DNS_UDP_MAX);
		assert_true(x->n <= size);
	}
}

static void options(void **state)
{
	(void)state;
	struct dns_zone *z;
	struct fault f;
	static const char *const bad[] = { "", ".", "a..b", "a b", "\xc3\xa9.example" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct dns_options o = { .zone = bad[i] };
		assert_int_equal(dns_zone_new(&o, &z, &f), ERR_SYNTAX);
	}
	struct dns_options o = { .zone = "bl.example", .name_server = "" };
	assert_int_equal(dns_zone_new(&o, &z, &f), ERR_SYNTAX);
	char zone[256];
	memset(zone, 'a', sizeof(zone));
	for (size_t i = 49; i < sizeof(zone); i += 50)
		zone[i] = '.';
	o = (struct dns_options){ .zone = zone };
	zone[189] = 0;
	assert_int_equal(dns_zone_new(&o, &z, &f), OK);
	dns_zone_free(z);
	zone[189] = 'a', zone[190] = 0;
	assert_int_equal(dns_zone_new(&o, &z, &f), ERR_RANGE);
}

static void hashes(void **state)
{
	struct fixture *x = *state;
	static const char malware[] = { 5, 0 };
	listed(x, "0123456789abcdef0123456789abcdef." ZONE, malware);
	listed(x, "0123456789ABCDEF0123456789abcdef." ZONE, malware);
	listed(x, "aerukz4jvpg66ajdivtytk6n54." ZONE, malware);
	listed(x, "AERUKZ4JVPG66ajdivtytk6n54." ZONE, malware);
	listed(x, "0123456789abcdef0123456789abcdef01234567." ZONE, malware);
	listed(x, "aerukz4jvpg66ajdivtytk6n54asgrlh." ZONE, malware);
	listed(x, "aerukz4jvpg66ajdivtytk6n54asgrlhrgv433ybencwpcnlzxxq." ZONE, (char[]){ code(CAT_SPYWARE), 0 });
	unlisted(x, "0123456789abcdef0123456789abcdee." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "01234567890123456789012345678901." ZONE, DNS_A, DNS_NOERROR); /* digits alone */
	/* spare bits, a digit that is none, one too few: no hash, but what could be a domain's end */
	unlisted(x, "aerukz4jvpg66ajdivtytk6n55." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "aerukz4jvpg66ajdivtytk6n5." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "0123456789abcdef0123456789abcdeg." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "www.0123456789abcdef0123456789abcdef." ZONE, DNS_A, DNS_NOERROR);
	/* test entries: EICAR's file and the empty one */
	listed(x, "44d88612fea8a8f36de82e1278abb02f." ZONE, "\x02");
	listed(x, "3395856ce81f2b7382dee72602f798b642f14140." ZONE, "\x02");
	listed(x, "e5naeg57wzej4vguogez67nz2ftd7ruv5qx6fiwekofkx5sr7uhq." ZONE, "\x02");
	unlisted(x, "d41d8cd98f00b204e9800998ecf8427e." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "da39a3ee5e6b4b0d3255bfef95601890afd80709." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, "4oymiquy7qobjgx36tejs35zeqt24qpemsnzgtfeswmrw6csxbkq." ZONE, DNS_A, DNS_NOERROR);
	char text[1200];
	txt(x, "AERUKZ4JVPG66ajdivtytk6n54." ZONE, text);
	assert_non_null(strstr(text, "0123456789abcdef0123456789abcdef listed: score "));
	txt(x, "ITMIMEX6VCUPG3PIFYJHRK5QF4." ZONE, text);
	assert_string_equal(text, "44d88612fea8a8f36de82e1278abb02f listed: test entry");
}

static void decisions(void **state)
{
	struct fixture *x = *state;
	char text[1200];
	renew(x, &(struct dns_options){ .min_score = 100, .txt_url = "https://cert.example/why?v=" });
	/* whatever its score, and names below it, too */
	listed(x, "blocked.example." ZONE, (char[]){ code(CAT_PHISHING), 0 });
	listed(x, "www.blocked.example." ZONE, (char[]){ code(CAT_PHISHING), 0 });
	listed(x, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.8.b.d.0.1.0.0.2." ZONE, (char[]){ code(CAT_MALWARE), 0 });
	listed(x, "44d88612fea8a8f36de82e1278abb0ff." ZONE, (char[]){ code(CAT_MALWARE), 0 });
	assert_int_equal(x->count.blocked, 4);
	/* an ended lease; a challenge, which is no block; protected by the register, and by the RFC */
	unlisted(x, "99.100.51.198." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "98.100.51.198." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "7.7.168.192." ZONE, DNS_A, DNS_NXDOMAIN);
	renew(x, &(struct dns_options){ .txt_url = "https://cert.example/why?v=" });
	unlisted(x, "9.113.0.203." ZONE, DNS_A, DNS_NXDOMAIN);
	unlisted(x, "9.113.0.203." ZONE, DNS_TXT, DNS_NXDOMAIN);
	listed(x, "10.113.0.203." ZONE, (char[]){ code(CAT_HIJACKED), 0 });
	/* by both: the decision's category comes first, and none twice */
	listed(x, "7.100.51.198." ZONE, (char[]){ code(CAT_C2), code(CAT_SCANNER), 0 });
	assert_int_equal(x->named, 0);
	txt(x, "blocked.example." ZONE, text);
	assert_string_equal(text, "blocked.example listed: blocked for phishing until 2027-01-15T09:00:00Z by decisions/12; "
				  "see https://cert.example/why?v=blocked.example");
	txt(x, "7.100.51.198." ZONE, text);
	assert_non_null(strstr(text, "198.51.100.7 listed: blocked for c2 until 2027-01-15T09:00:00Z by decisions/12; score "));
	assert_non_null(strstr(text, ", scanner; sources ipsum; see https://cert.example/why?v=198.51.100.7"));
	assert_int_equal(x->named, 1); /* the second time it was remembered */
	txt(x, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.8.b.d.0.1.0.0.2." ZONE, text);
	assert_non_null(strstr(text, "?v=2001%3Adb8%3A77%3A%3A1"));
	/* many sources do not push the URL out */
	txt(x, "9.100.51.198." ZONE, text);
	assert_non_null(strstr(text, "; see https://cert.example/why?v=198.51.100.9"));
	assert_true(strlen(text) > 500);
}

static void told(struct fixture *x, const char *name, unsigned error)
{
	size_t room;
	assert_int_equal(ask(x, name, DNS_A, 1232, DNS_UDP_MAX), DNS_NOERROR);
	assert_int_equal(at16(x->out + 6), 1);
	const uint8_t *p = answer_at(x, &room);
	assert_int_equal(at16(p + 8), NEGATIVE_TTL);
	assert_memory_equal(p + 12, ((const uint8_t[]){ 127, 255, 255, (uint8_t)error }), 4);
	char text[1200];
	txt(x, name, text);
	assert_memory_equal(text, "error, not a listing: ", 22);
	unlisted(x, name, 28, DNS_NOERROR);
}

static void prohibited(struct fixture *x, const char *name)
{
	size_t room;
	assert_int_equal(ask(x, name, DNS_A, 1232, DNS_UDP_MAX), DNS_REFUSED);
	assert_int_equal(at16(x->out + 6) + at16(x->out + 8), 0);
	assert_int_equal(at16(answer_at(x, &room) + 15), DNS_EDE_PROHIBITED);
}

#define KEY "0123456789abcdef0123456789abcdef01234567"

static void no_fresh(void *ctx, unsigned place)
{
	fail();
}

static uint64_t asked_by_consumers(struct fixture *x)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < COUNT_OF(x->consumer); i++)
		sum += x->consumer[i];
	return sum;
}

static void keyed(void **state)
{
	struct fixture *x = *state;
	static const struct dns_key key = { "nayatel.isp", SPAN_LIT(KEY) };
	renew(x, &(struct dns_options){ .keyed = true });
	prohibited(x, "7.100.51.198." KEY "." ZONE);
	dns_zone_set_keys(x->zone, &key, 1, no_fresh, NULL);
	assert_int_equal(asked_by_consumers(x), 0);
	listed(x, "8.100.51.198." KEY "." ZONE, (char[]){ code(CAT_C2), code(CAT_SCANNER), 0 });
	listed(x, "www.evil.example.0123456789ABCDEF0123456789abcdef01234567." ZONE, (char[]){ code(CAT_PHISHING), 0 });
	listed(x, "2.0.0.127." KEY "." ZONE, "\x02");
	unlisted(x, "1.0.0.127." KEY "." ZONE, DNS_A, DNS_NXDOMAIN);
	listed(x, "0123456789abcdef0123456789abcdef." KEY "." ZONE, "\x05");
	listed(x, "test." KEY "." ZONE, "\x02");
	unlisted(x, "51.198." KEY "." ZONE, DNS_A, DNS_NOERROR);
	unlisted(x, KEY "." ZONE, DNS_A, DNS_NOERROR);
	assert_int_equal(asked_by_consumers(x), 8);
	assert_int_equal(ask(x, ZONE, DNS_SOA, 0, DNS_UDP_MAX), DNS_NOERROR);
	/* without a key, or with another */
	prohibited(x, "8.100.51.198." ZONE);
	prohibited(x, "test." ZONE);
	prohibited(x, "8.100.51.198.1123456789abcdef0123456789abcdef01234567." ZONE);
	prohibited(x, "1123456789abcdef0123456789abcdef01234567." ZONE);
	assert_int_equal(asked_by_consumers(x), 8);
	renew(x, &(struct dns_options){ .keyed = true, .error_codes = true });
	told(x, "8.100.51.198." ZONE, DNS_CODE_NO_KEY);
	told(x, "8.100.51.198." KEY "." ZONE, DNS_CODE_NO_KEY);
	told(x, KEY "." ZONE, DNS_CODE_NO_KEY);
	assert_int_equal(ask(x, ZONE, DNS_SOA, 0, DNS_UDP_MAX), DNS_NOERROR);
	assert_int_equal(at16(x->out + 6), 1);
	assert_int_equal(ask(x, "www.other.test", DNS_A, 0, DNS_UDP_MAX), DNS_REFUSED);
}

static void public_resolvers(void **state)
{
	struct fixture *x = *state;
	static const struct dns_key key = { "nayatel.isp", SPAN_LIT(KEY) };
	static const uint8_t six[16] = { 0x20, 0x01, 0x0d, 0xb8, 0xff, 0x80 };
	const char *both = "192.0.2.0/25, 2001:db8:ff00::/41,203.0.113.5";
	renew(x, &(struct dns_options){ .public_resolvers = both });
	prohibited(x, "8.100.51.198." ZONE);
	assert_int_equal(ask(x, ZONE, DNS_SOA, 0, DNS_UDP_MAX), DNS_NOERROR);
	x->from[3] = 128;
	listed(x, "2.0.0.2." ZONE, (char[]){ code(CAT_SPAM), 0 });
	memcpy(x->from, six, 16);
	x->from_n = 16;
	listed(x, "2.0.0.2." ZONE, (char[]){ code(CAT_SPAM), 0 });
	x->from[5] = 0x7f;
	prohibited(x, "2.0.0.2." ZONE);
	memcpy(x->from, (const uint8_t[]){ 203, 0, 113, 5 }, 4);
	x->from_n = 4;
	prohibited(x, "2.0.0.2." ZONE);
	renew(x, &(struct dns_options){ .public_resolvers = both, .error_codes = true });
	told(x, "8.100.51.198." ZONE, DNS_CODE_PUBLIC_RESOLVER);
	/* a key says who asks */
	renew(x, &(struct dns_options){ .public_resolvers = both, .keyed = true });
	dns_zone_set_keys(x->zone, &key, 1, no_fresh, NULL);
	listed(x, "2.0.0.2." KEY "." ZONE, (char[]){ code(CAT_SPAM), 0 });
}

static const uint8_t *cookie_at(struct fixture *x, unsigned octets)
{
	assert_true(x->n > 4u + octets);
	const uint8_t *p = x->out + x->n - octets - 4;
	assert_int_equal(at16(p), 10);
	assert_int_equal(at16(p + 2), octets);
	return p + 4;
}

static void cookies(void **state)
{
	struct fixture *x = *state;
	char mine[49] = "";
	x->cookie = "0102030405060708";
	listed(x, "2.0.0.2." ZONE, (char[]){ code(CAT_SPAM), 0 });
	assert_memory_equal(cookie_at(x, 24), "\1\2\3\4\5\6\7\10\1\0\0\0", 12);
	hex_encode(cookie_at(x, 24), 24, mine);
	assert_int_equal(x->count.cookies, 0);
	x->cookie = mine;
	listed(x, "2.0.0.2." ZONE, (char[]){ code(CAT_SPAM), 0 });
	assert_int_equal(x->count.cookies, 1);
	/* a refusal has one, too; another address has not, nor a length that is not ours */
	assert_int_equal(ask(x, "other.test", DNS_A, 1232, DNS_UDP_MAX), DNS_REFUSED);
	cookie_at(x, 24);
	assert_int_equal(x->count.cookies, 2);
	x->from[3]++;
	listed(x, "2.0.0.2." ZONE, (char[]){ code(CAT_SPAM), 0 });
	x->cookie = "010203040506070811223344556677889900";
	listed(x, "2.0.0.2." ZONE, (char[]){ code(CAT_SPAM), 0 });
	cookie_at(x, 24);
	assert_int_equal(x->count.cookies, 2);
	/* only a cookie is asked for */
	static const uint8_t bare[] = "\xab\xcd\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0c\x00\x0a\x00\x08" "12345678";
	reply(x, bare, sizeof(bare) - 1, DNS_UDP_MAX);
	assert_int_equal(x->n, 12 + 11 + 4 + 24);
	assert_int_equal(x->out[3] & 15, DNS_NOERROR);
	assert_int_equal(at16(x->out + 4) + at16(x->out + 6) + at16(x->out + 8), 0);
	assert_memory_equal(cookie_at(x, 24), "12345678", 8);
	/* a secret that is given makes the same cookies as elsewhere: RFC 9018 appendix A.1, at another time */
	renew(x, &(struct dns_options){ .cookie_secret = "e5e973e5a6b2a43f48e7dc849e37bfcf" });
	struct dns_counters count = { 0 };
	struct dns_asked a;
	uint8_t q[200];
	x->cookie = NULL;
	size_t n = make_query(q, "2.0.0.2." ZONE, DNS_A, 1232);
	memcpy(q + n, "\0\12\0\30", 4);
	assert_int_equal(hex_decode(SPAN_LIT("2464c4abcf10c957010000005cf79f111f8130c3eee29480"), q + n + 4, 24), OK);
	q[n - 1] = 28;
	struct dns_now now = now_of(x);
	now.now_s = 1559734385;
	const uint8_t address[4] = { 198, 51, 100, 100 };
	const struct dns_asker from = { .address = span_of(address, 4) };
	assert_true(dns_zone_read(x->zone, &now, &from, span_of(q, n + 28), &a, &count));
	assert_true(a.proven);
}

/* What is told who is over the rate. */
static void limits(void **state)
{
	struct fixture *x = *state;
	static const char name[] = "8.100.51.198." ZONE;
	static const struct { bool codes, cookie; enum dns_rcode rcode; bool truncated; unsigned answers; } cases[] = {
		{ false, false, DNS_NOERROR, true, 0 },
		{ false, true, DNS_BADCOOKIE, false, 0 },
		{ true, false, DNS_NOERROR, false, 1 },
		{ true, true, DNS_BADCOOKIE, false, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct dns_asked a;
		uint8_t q[200];
		const struct dns_now now = now_of(x);
		const struct dns_asker from = asker_of(x);
		renew(x, &(struct dns_options){ .error_codes = cases[i].codes });
		x->count = (struct dns_counters){ 0 };
		size_t n = make_query(q, name, DNS_A, 1232);
		if (cases[i].cookie) {
			memcpy(q + n, "\0\12\0\10" "12345678", 12);
			q[n - 1] = 12;
			n += 12;
		}
		assert_true(dns_zone_read(x->zone, &now, &from, span_of(q, n), &a, &x->count));
		dns_zone_limit(x->zone, &a);
		x->n = dns_zone_write(x->zone, &now, &a, NULL, DNS_UDP_MAX, x->out, &x->count);
		assert_int_equal(!!(x->out[2] & 2), cases[i].truncated);
		assert_int_equal(at16(x->out + 6), cases[i].answers);
		assert_int_equal(at16(x->out + 8), 0);
		size_t room;
		const uint8_t *p = answer_at(x, &room);
		unsigned upper = p[cases[i].answers * 16 + 5];
		assert_int_equal(upper << 4 | (x->out[3] & 15), cases[i].rcode);
		if (cases[i].answers)
			assert_memory_equal(p + 12, "\177\377\377\377", 4);
		assert_int_equal(x->count.limited, 1);
		assert_int_equal(x->count.listed + x->count.unlisted + x->count.refused + x->count.errors, 0);
	}
}

static void more_options(void **state)
{
	(void)state;
	struct dns_zone *z;
	struct fault f;
	static const struct dns_options bad[] = {
		{ .zone = ZONE, .cookie_secret = "e5e973" }, { .zone = ZONE, .cookie_secret = "" "e5e973e5a6b2a43f48e7dc849e37bfcf,x" },
		{ .zone = ZONE, .public_resolvers = "evil.example" }, { .zone = ZONE, .public_resolvers = "192.0.2.0/33" },
		{ .zone = ZONE, .txt_url = "https://cert.example/a b" }, { .zone = ZONE, .txt_url = "\xc3\xa9" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(dns_zone_new(&bad[i], &z, &f), ERR_SYNTAX);
	assert_int_equal(dns_zone_new(&(struct dns_options){ .zone = ZONE, .rate = 1000001 }, &z, &f), ERR_RANGE);
	/* a key needs room, too */
	char zone[256];
	memset(zone, 'a', sizeof(zone));
	for (size_t i = 49; i < sizeof(zone); i += 50)
		zone[i] = '.';
	zone[148] = 0;
	assert_int_equal(dns_zone_new(&(struct dns_options){ .zone = zone, .keyed = true }, &z, &f), OK);
	dns_zone_free(z);
	zone[148] = 'a', zone[149] = 0;
	assert_int_equal(dns_zone_new(&(struct dns_options){ .zone = zone, .keyed = true }, &z, &f), ERR_RANGE);
}

int main(void)
{
	sys_key_init();
#define WITH_TABLE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_TABLE(addresses), WITH_TABLE(several_categories), cmocka_unit_test(codes_tell_categories_apart),
		WITH_TABLE(domains), WITH_TABLE(dot_in_label),
		WITH_TABLE(test_points), WITH_TABLE(minimised_names), WITH_TABLE(neither_address_nor_domain), WITH_TABLE(texts),
		WITH_TABLE(clearance_holds), WITH_TABLE(least_score), WITH_TABLE(apex), WITH_TABLE(any_is_minimal),
		WITH_TABLE(refusals), WITH_TABLE(cut_queries), WITH_TABLE(sizes), cmocka_unit_test(options),
		WITH_TABLE(hashes), WITH_TABLE(decisions), WITH_TABLE(keyed), WITH_TABLE(public_resolvers), WITH_TABLE(cookies),
		WITH_TABLE(limits), cmocka_unit_test(more_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
