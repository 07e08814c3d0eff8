/* Each form, octet for octet. */
#include "gate/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"

#define PHISHING (1u << REASON_PHISHING)
#define C2 (1u << REASON_C2)

struct thing {
	const char *text;
	force self, below, was_self, was_below;
};

/* One of each kind, some that most forms cannot say, and a pair of prefixes that are one. */
static const struct thing things[] = {
	{ "198.51.100.7", PHISHING, 0, 0, 0 },
	{ "203.0.113.0/25", C2, 0, 0, 0 },
	{ "203.0.113.128/25", C2, 0, 0, 0 },
	{ "2001:db8::7", PHISHING | C2, 0, 0, 0 },
	{ "2001:db8:1::/48", PHISHING, 0, 0, 0 },
	{ "evil.example", PHISHING, PHISHING, 0, 0 },
	{ "below.example", 0, C2, 0, 0 },
	{ "exact.example", C2, 0, 0, 0 },
	{ "both.example", C2, PHISHING << FORCE_CHALLENGES, 0, 0 },
	{ "http://evil.example/a,\"b", PHISHING, 0, 0, 0 },
	{ "44d88612fea8a8f36de82e1278abb02f", C2, 0, 0, 0 },
	{ "user@evil.example", PHISHING, 0, 0, 0 },
	{ "192.0.2.9", PHISHING << FORCE_CHALLENGES, 0, 0, 0 },
};

struct made {
	struct feed_item item;
	uint8_t store[OBS_KEY_MAX];
};

static void make_item(const struct thing *t, struct made *ret)
{
	struct observable o;
	assert_int_equal(obs_parse(span_str(t->text), ret->store, &o, NULL), OK);
	ret->item = (struct feed_item){ .key = { o.kind, o.prefix, o.n, o.key }, .self = t->self, .below = t->below, .was_self = t->was_self,
					.was_below = t->was_below };
}

static void write_list(struct list *l, const struct thing *t, size_t n, struct buf *out)
{
	struct made *m = mem_alloc(sizeof(*m));
	list_begin(l, out);
	for (size_t i = 0; i < n && !l->complete; i++) {
		make_item(&t[i], m);
		list_gone(l, &m->item, out);
	}
	for (size_t i = 0; i < n; i++) {
		make_item(&t[i], m);
		list_put(l, &m->item, out);
	}
	list_end(l, out);
	list_release(l);
	free(m);
}

static void check_of(const struct feed *feed, const char *ending, const struct thing *t, size_t n, const char *want)
{
	struct buf out = { 0 };
	struct list l = { .format = list_format_find(span_str(ending)), .feed = feed, .serial = 17, .time_ms = 1767225600000, .complete = true };
	write_list(&l, t, n, &out);
	assert_string_equal(buf_cstr(&out), want);
	buf_release(&out);
}

static const struct feed edge = { .name = "edge-1", .type = FEED_LIST };

static void check(const char *ending, const char *want)
{
	check_of(&edge, ending, things, COUNT_OF(things), want);
}

#define ABOUT "feed edge-1, serial 17, 2026-01-01T00:00:00Z\n"

static void test_txt(void **state)
{
	check("txt", "# " ABOUT "# next 17-06098283\n"
		     "198.51.100.7\n203.0.113.0/25\n203.0.113.128/25\n2001:db8::7\n2001:db8:1::/48\nevil.example\n*.evil.example\n*.below.example\n"
		     "exact.example\nboth.example\nhttp://evil.example/a,%22b\n44d88612fea8a8f36de82e1278abb02f\nuser@evil.example\n"
		     "# end: 11 values; 2 are not here, whole or in part: .txt cannot say them\n");
}

static void test_csv(void **state)
{
	check("csv", "# " ABOUT "value,kind,scope,action,reasons\n198.51.100.7,ipv4,,block,phishing\n203.0.113.0/25,cidr,,block,c2\n"
		     "203.0.113.128/25,cidr,,block,c2\n2001:db8::7,ipv6,,block,phishing c2\n2001:db8:1::/48,cidr,,block,phishing\n"
		     "evil.example,domain,both,block,phishing\nbelow.example,domain,below,block,c2\nexact.example,domain,name,block,c2\n"
		     "both.example,domain,name,block,c2\nboth.example,domain,below,challenge,phishing\n"
		     "\"http://evil.example/a,%22b\",url,,block,phishing\n44d88612fea8a8f36de82e1278abb02f,md5,,block,c2\n"
		     "user@evil.example,email,,block,phishing\n192.0.2.9,ipv4,,challenge,phishing\n# end: 13 values\n");
}

static void test_json(void **state)
{
	const struct thing few[] = { things[3], things[5], things[12] };
	check_of(&edge, "json", few, 3, "{\"feed\":\"edge-1\",\"serial\":17,\"time\":\"2026-01-01T00:00:00Z\",\"next\":\"17-06098283\",\"complete\":true,\"removed\":[],\"values\":[\n"
		 "{\"value\":\"2001:db8::7\",\"kind\":\"ipv6\",\"action\":\"block\",\"reasons\":[\"phishing\",\"c2\"]},\n"
		 "{\"value\":\"evil.example\",\"kind\":\"domain\",\"scope\":\"both\",\"action\":\"block\",\"reasons\":[\"phishing\"]},\n"
		 "{\"value\":\"192.0.2.9\",\"kind\":\"ipv4\",\"action\":\"challenge\",\"reasons\":[\"phishing\"]}],\"count\":3}\n");
	check_of(&edge, "json", NULL, 0, "{\"feed\":\"edge-1\",\"serial\":17,\"time\":\"2026-01-01T00:00:00Z\",\"next\":\"17-06098283\",\"complete\":true,\"removed\":[],\"values\":[],\"count\":0}\n");
}

static void test_nft(void **state)
{
	check("nft", "# " ABOUT "add table inet sipar\n"
		     "add set inet sipar edge_1_ip4 { type ipv4_addr; }\nflush set inet sipar edge_1_ip4\n"
		     "add set inet sipar edge_1_ip6 { type ipv6_addr; }\nflush set inet sipar edge_1_ip6\n"
		     "add set inet sipar edge_1_net4 { type ipv4_addr; flags interval; }\nflush set inet sipar edge_1_net4\n"
		     "add set inet sipar edge_1_net6 { type ipv6_addr; flags interval; }\nflush set inet sipar edge_1_net6\n"
		     "add element inet sipar edge_1_ip4 { 198.51.100.7 }\nadd element inet sipar edge_1_ip6 { 2001:db8::7 }\n"
		     "add element inet sipar edge_1_net4 { 203.0.113.0/24 }\nadd element inet sipar edge_1_net6 { 2001:db8:1::/48 }\n"
		     "# end: 5 values; 8 are not here, whole or in part: .nft cannot say them\n");
}

static void test_ipset(void **state)
{
	const struct thing few[] = { things[0], things[1], things[2], { "0.0.0.0/1", C2, 0, 0, 0 }, { "128.0.0.0/1", C2, 0, 0, 0 } };
	struct buf out = { 0 };
	struct list l = { .format = list_format_find(SPAN_LIT("ipset")), .feed = &edge, .serial = 17, .complete = true };
	write_list(&l, few, 5, &out);
	const char *adds = strstr(buf_cstr(&out), "add ");
	assert_non_null(strstr(buf_cstr(&out), "\ncreate edge_1_net6_n hash:net family inet6 maxelem 16777216 -exist\n"));
	assert_string_equal(adds, "add edge_1_ip4_n 198.51.100.7 -exist\nadd edge_1_net4_n 0.0.0.0/1 -exist\nadd edge_1_net4_n 128.0.0.0/1 -exist\n"
				  "swap edge_1_ip4_n edge_1_ip4\ndestroy edge_1_ip4_n\nswap edge_1_ip6_n edge_1_ip6\ndestroy edge_1_ip6_n\n"
				  "swap edge_1_net4_n edge_1_net4\ndestroy edge_1_net4_n\nswap edge_1_net6_n edge_1_net6\ndestroy edge_1_net6_n\n# end: 5 values\n");
	buf_release(&out);
}

static void test_rsc(void **state)
{
	check("rsc", "# " ABOUT "/ip firewall address-list\nremove [find where list=\"edge-1\"]\n/ipv6 firewall address-list\nremove [find where list=\"edge-1\"]\n"
		     "/ip firewall address-list\nadd list=\"edge-1\" address=198.51.100.7\nadd list=\"edge-1\" address=203.0.113.0/24\n"
		     "/ipv6 firewall address-list\nadd list=\"edge-1\" address=2001:db8::7\nadd list=\"edge-1\" address=2001:db8:1::/48\n"
		     "# end: 5 values; 8 are not here, whole or in part: .rsc cannot say them\n");
}

/* Long sets go out in pieces while they are read; none is lost between them. */
static void test_chunks(void **state)
{
	enum { N = 1000 };
	static const char *const endings[] = { "nft", "ipset", "rsc", "suricata" };
	for (size_t e = 0; e < COUNT_OF(endings); e++) {
		struct list l = { .format = list_format_find(span_str(endings[e])), .feed = &edge, .serial = 17, .complete = true };
		struct buf out = { 0 };
		size_t before = 0;
		list_begin(&l, &out);
		for (unsigned i = 0; i < N; i++) {
			uint8_t key[4] = { 192, 0, (uint8_t)(i / 250), (uint8_t)(i % 250) };
			struct feed_item item = { .key = { OBS_IPV4, 0, 4, key }, .self = C2 };
			list_put(&l, &item, &out);
			before = i + 1 == N ? out.n : before;
		}
		assert_true(before > N * 5);
		list_end(&l, &out);
		for (unsigned i = 0; i < N; i++) {
			char text[32];
			snprintf(text, sizeof(text), "192.0.%u.%u", i / 250, i % 250);
			const char *at = strstr(buf_cstr(&out), text);
			while (at && ascii_digit((uint8_t)at[strlen(text)]))
				at = strstr(at + 1, text);
			if (!at)
				fail_msg("%s is not in .%s", text, endings[e]);
		}
		list_release(&l);
		buf_release(&out);
	}
}

static void test_names(void **state)
{
	check("hosts", "# " ABOUT "0.0.0.0 evil.example\n0.0.0.0 exact.example\n0.0.0.0 both.example\n"
		       "# end: 2 values; 11 are not here, whole or in part: .hosts cannot say them\n");
	const struct thing urls[] = { things[5], things[6], things[7], { "http://evil.example/a?b=c", C2, 0, 0, 0 }, { "http://evil.example/a$b", C2, 0, 0, 0 } };
	check_of(&edge, "adblock", urls, 5, "! " ABOUT "! Title: edge-1\n||evil.example^\n||*.below.example^\n||evil.example/a?b=c|\n"
		 "! end: 3 values; 2 are not here, whole or in part: .adblock cannot say them\n");
}

static void test_rpz(void **state)
{
	static const struct {
		uint8_t answer;
		const char *policy;
	} of[] = { { ANSWER_NXDOMAIN, "." }, { ANSWER_NODATA, "*." }, { ANSWER_DROP, "rpz-drop." }, { ANSWER_GARDEN, "walled.example." } };
	for (size_t i = 0; i < COUNT_OF(of); i++) {
		struct feed feed = { .name = "isp", .type = FEED_RPZ, .zone = "rpz.example", .ttl_s = 30, .refresh_s = 60, .passthru = true, .answer = of[i].answer };
		const struct thing few[] = { things[0], things[3], things[4], things[5], things[6], { "good.example", FORCE_PROTECT, FORCE_PROTECT, 0, 0 }, things[12],
					     { "8000::/1", C2, 0, 0, 0 } };
		char want[1000];
		snprintf(feed.garden, sizeof(feed.garden), "walled.example");
		snprintf(want, sizeof(want), "; feed isp, serial 17, 2026-01-01T00:00:00Z\n$ORIGIN rpz.example.\n$TTL 30\n"
			 "@ SOA localhost. hostmaster.localhost. 17 60 10 604800 30\n@ NS localhost.\n32.7.100.51.198.rpz-ip CNAME %s\n"
			 "128.7.zz.db8.2001.rpz-ip CNAME %s\n48.zz.1.db8.2001.rpz-ip CNAME %s\nevil.example CNAME %s\n*.evil.example CNAME %s\n"
			 "*.below.example CNAME %s\ngood.example CNAME rpz-passthru.\n*.good.example CNAME rpz-passthru.\n1.zz.8000.rpz-ip CNAME %s\n"
			 "; end: 7 values; 1 are not here, whole or in part: .rpz cannot say them\n", of[i].policy, of[i].policy, of[i].policy, of[i].policy,
			 of[i].policy, of[i].policy, of[i].policy);
		check_of(&feed, "rpz", few, COUNT_OF(few), want);
	}
}

/* A name has at most 253 octets, the zone's included. */
static void test_rpz_of_long_names(void **state)
{
	struct feed feed = { .name = "isp", .type = FEED_RPZ, .zone = "rpz.example", .ttl_s = 30, .refresh_s = 60 };
	for (unsigned n = 238; n <= 243; n++) {
		char name[300];
		for (unsigned i = 0; i < n; i++)
			name[i] = i % 50 == 49 && i + 9 < n ? '.' : 'a';
		memcpy(name + n - 8, ".example", 9);
		const struct thing t[] = { { name, C2, C2, 0, 0 }, { name, C2, 0, 0, 0 } };
		struct list l = { .format = list_format_find(SPAN_LIT("rpz")), .feed = &feed, .complete = true };
		struct buf out = { 0 };
		write_list(&l, t, 2, &out);
		assert_int_equal(l.n, n <= 239 ? 2 : n <= 241 ? 1 : 0);
		buf_release(&out);
	}
}

static void test_sensors(void **state)
{
	check("suricata", "# " ABOUT
	      "alert dns $HOME_NET any -> any any (msg:\"sipar edge-1: phishing evil.example\"; dns.query; dotprefix; content:\".evil.example\"; nocase; endswith; "
	      "classtype:trojan-activity; sid:3100000000; rev:1;)\n"
	      "alert dns $HOME_NET any -> any any (msg:\"sipar edge-1: c2 below.example\"; dns.query; content:\".below.example\"; nocase; endswith; "
	      "classtype:trojan-activity; sid:3100000001; rev:1;)\n"
	      "alert dns $HOME_NET any -> any any (msg:\"sipar edge-1: c2 exact.example\"; dns.query; content:\"exact.example\"; nocase; bsize:13; "
	      "classtype:trojan-activity; sid:3100000002; rev:1;)\n"
	      "alert dns $HOME_NET any -> any any (msg:\"sipar edge-1: c2 both.example\"; dns.query; content:\"both.example\"; nocase; bsize:12; "
	      "classtype:trojan-activity; sid:3100000003; rev:1;)\n"
	      "alert ip $HOME_NET any <> [198.51.100.7,203.0.113.0/25,203.0.113.128/25,2001:db8::7,2001:db8:1::/48] any (msg:\"sipar edge-1: listed address\"; "
	      "classtype:trojan-activity; sid:3100000004; rev:1;)\n"
	      "# end: 8 values; 5 are not here, whole or in part: .suricata cannot say them\n");
	check("zeek", "# " ABOUT "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n198.51.100.7\tIntel::ADDR\tsipar:edge-1\tblock phishing\n"
		      "203.0.113.0/25\tIntel::SUBNET\tsipar:edge-1\tblock c2\n203.0.113.128/25\tIntel::SUBNET\tsipar:edge-1\tblock c2\n"
		      "2001:db8::7\tIntel::ADDR\tsipar:edge-1\tblock phishing c2\n2001:db8:1::/48\tIntel::SUBNET\tsipar:edge-1\tblock phishing\n"
		      "evil.example\tIntel::DOMAIN\tsipar:edge-1\tblock phishing\nexact.example\tIntel::DOMAIN\tsipar:edge-1\tblock c2\n"
		      "both.example\tIntel::DOMAIN\tsipar:edge-1\tblock c2\nevil.example/a,%22b\tIntel::URL\tsipar:edge-1\tblock phishing\n"
		      "44d88612fea8a8f36de82e1278abb02f\tIntel::FILE_HASH\tsipar:edge-1\tblock c2\nuser@evil.example\tIntel::EMAIL\tsipar:edge-1\tblock phishing\n"
		      "192.0.2.9\tIntel::ADDR\tsipar:edge-1\tchallenge phishing\n"
		      "# end: 11 values; 2 are not here, whole or in part: .zeek cannot say them\n");
}

/* What is gone comes first, and only what was there is taken back. */
static void test_changes(void **state)
{
	static const struct thing turns[] = {
		{ "new.example", C2, C2, 0, 0 },
		{ "198.51.100.7", 0, 0, C2, 0 },
		{ "gone.example", 0, 0, C2, C2 },
		{ "exact.example", C2, 0, C2, C2 },                     /* the names below it are free now */
		{ "below.example", 0, 0, 0, C2 },
		{ "192.0.2.9", PHISHING << FORCE_CHALLENGES, 0, C2, 0 }, /* less than a block */
		{ "192.0.2.10", C2 | PHISHING, 0, C2, 0 },
	};
	struct buf out = { 0 };
	struct list l = { .format = list_format_find(SPAN_LIT("txt")), .feed = &edge, .serial = 17, .since = 12, .asked_since = true };
	write_list(&l, turns, COUNT_OF(turns), &out);
	assert_string_equal(buf_cstr(&out), "# feed edge-1, serial 17\n# changes since 12\n# next 17-06098283\n- 198.51.100.7\n- gone.example\n- *.gone.example\n- *.exact.example\n"
					    "- *.below.example\n- 192.0.2.9\n+ new.example\n+ *.new.example\n+ exact.example\n+ 192.0.2.10\n"
					    "# end: 3 values; 1 are not here, whole or in part: .txt cannot say them\n");
	out.n = 0;
	l = (struct list){ .format = list_format_find(SPAN_LIT("json")), .feed = &edge, .serial = 17, .since = 12, .asked_since = true };
	write_list(&l, turns + 3, 3, &out);
	assert_string_equal(buf_cstr(&out), "{\"feed\":\"edge-1\",\"serial\":17,\"time\":null,\"next\":\"17-06098283\",\"since\":12,\"complete\":false,\"removed\":[\n"
					    "{\"value\":\"exact.example\",\"kind\":\"domain\",\"scope\":\"below\"},\n"
					    "{\"value\":\"below.example\",\"kind\":\"domain\",\"scope\":\"below\"}],\"values\":[\n"
					    "{\"value\":\"exact.example\",\"kind\":\"domain\",\"scope\":\"name\",\"action\":\"block\",\"reasons\":[\"c2\"]},\n"
					    "{\"value\":\"192.0.2.9\",\"kind\":\"ipv4\",\"action\":\"challenge\",\"reasons\":[\"phishing\"]}],\"count\":2}\n");
	buf_release(&out);
}

/* Whatever is in it, it is JSON. */
static void test_json_is_json(void **state)
{
	struct buf out = { 0 };
	struct json_reader r;
	struct list l = { .format = list_format_find(SPAN_LIT("json")), .feed = &edge, .complete = true, .beyond = 3 };
	write_list(&l, things, COUNT_OF(things), &out);
	json_init(&r, buf_span(&out), true);
	assert_int_equal(json_skip(&r), JSON_OBJECT);
	assert_int_equal(json_next(&r), JSON_END);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_txt), cmocka_unit_test(test_csv), cmocka_unit_test(test_json), cmocka_unit_test(test_nft), cmocka_unit_test(test_ipset),
		cmocka_unit_test(test_rsc), cmocka_unit_test(test_chunks), cmocka_unit_test(test_names), cmocka_unit_test(test_rpz),
		cmocka_unit_test(test_rpz_of_long_names), cmocka_unit_test(test_sensors), cmocka_unit_test(test_changes), cmocka_unit_test(test_json_is_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
