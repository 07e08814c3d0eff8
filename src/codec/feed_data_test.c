/* Real files, where they are at hand (SIPAR_DATA): each is recognised, and each of its lines has its one fate. */
#include "codec/feed_probe.h"

#include "sys/input.h"

#include <fcntl.h>

static const struct {
	const char *path, *format; /**< NULL: nothing that is read here */
	unsigned records, claims, rejected;
} files[] = {
	{ "blocklists/ipsum/3.txt", "lines", 14217, 14217, 0 },
	{ "blocklists/ipsum/ipsum.txt.zst", "csv", 120437, 120430, 0 },
	{ "blocklists/maltrail/worst_asns.txt", "csv", 6607, 5993, 0 },
	{ "blocklists/maltrail/mass_scanner_cidr.txt", "netset", 1130, 1106, 0 },
	{ "blocklists/scam-domains/adblock-scams_light.txt.zst", "adblock", 18265, 18254, 0 },
	{ "blocklists/spamhaus-drop-2024-02-27/drop.txt", "netset", 989, 989, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-rpz.conf", "rpz", 2700, 2689, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-unbound.conf", "unbound", 2695, 2689, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-dnsmasq.conf", "dnsmasq", 2695, 2689, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-bind.conf", "bind-zones", 2695, 2689, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-hosts.txt", "hosts", 2695, 2689, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter.tpl.zst", "adblock", 25777, 25768, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-splunk-online.csv.zst", "csv", 6369, 6363, 0 },
	{ "blocklists/urlhaus-filter-2025-07-19/urlhaus-filter-suricata-sni-online.rules.zst", "suricata", 2859, 2853, 0 },
	{ "blocklists/x4bnet-vpn/ASN.txt", "lines", 0, 0, 0 },
	{ "intel/unit42-iocs/xHunt__xHunt_IOCs.csv", "csv", 57, 57, 0 },
	{ "intel/unit42-iocs/keybase__keybase_panels.txt", "csv", 2621, 2621, 0 },
	{ "intel/unit42-iocs/TA551__2020-11-05-TA551-IOCs-for-IcedID.txt", "lines", 113, 49, 0 },
	{ "reports/shadowserver/population_http_proxy.csv", "shadowserver", 3, 0, 0 },
	{ "reports/shadowserver/event4_sinkhole_http.csv", "shadowserver", 5, 5, 0 },
	{ "reports/shadowserver/event4_honeypot_ddos_amp.csv", "shadowserver", 5, 0, 0 },
	{ "reports/shadowserver/malware_url.csv", "shadowserver", 3, 3, 0 },
	{ "reports/intelmq-feeds/spamhaus__drop.txt", "netset", 6, 2, 0 },
	{ "logs/crowdsec-hub/nginx_http-logs/nginx_http-logs.log", NULL, 0, 0, 0 },
	{ "netblocks/README.md", NULL, 0, 0, 0 },
};

struct tally {
	unsigned n[3];
};

static bool count(void *ctx, const struct feed_record *r)
{
	((struct tally *)ctx)->n[r->fate]++;
	return true;
}

static bool read_file(const char *path, struct buf *out)
{
	char name[1024];
	const char *root = getenv("SIPAR_DATA");
	struct input *in;
	bool end = false;
	snprintf(name, sizeof(name), "%s/%s", root ? root : SOURCE_ROOT "/../shared/data", path);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	assert_int_equal(input_open(fd, -1, name, &in, NULL), OK);
	while (!end)
		assert_int_equal(input_read(in, 1 << 20, out, &end, NULL), OK);
	input_close(in);
	return true;
}

static void test_real_files(void **state)
{
	(void)state;
	unsigned found = 0;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct buf b = { 0 };
		struct tally t = { 0 };
		int sure;
		size_t used;
		if (!read_file(files[i].path, &b))
			continue;
		found++;
		const struct feed_format *f = feed_detect(span_head(buf_span(&b), 64 << 10), b.n <= 64 << 10, files[i].path, &sure);
		if (!f != !files[i].format || (f && strcmp(f->name, files[i].format)))
			fail_msg("%s: %s, not %s", files[i].path, f ? f->name : "nothing", files[i].format ? files[i].format : "nothing");
		if (f) {
			struct feed_parser *p = feed_parser_new(f, NULL);
			assert_int_equal(feed_parse(p, buf_span(&b), true, count, &t, &used, NULL), OK);
			feed_parser_free(p);
		}
		if (files[i].records) {
			assert_int_equal(t.n[0] + t.n[1] + t.n[2], files[i].records);
			assert_int_equal(t.n[FATE_CLAIMS], files[i].claims);
			assert_int_equal(t.n[FATE_REJECTED], files[i].rejected);
		}
		buf_release(&b);
	}
	if (!found)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_real_files) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
