/* make_logs LIST INDICATORS LOG OCTETS: a list of indicators (half addresses, a quarter names, URLs and digests) and lines of logs as a
 * firewall, a web server, a name server, an IDS and a virus scanner write them.  A line in a thousand has something that is listed.  Like real
 * ones the lines repeat themselves: most addresses and names are of a few thousand, the others are new.  The same each time. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static uint32_t mix(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

enum { TEXT = 128, CLIENTS = 60000, NAMES = 30000, TIME_0 = 1795600000 };

struct word {
	char s[TEXT];
};

static uint64_t indicators;

/* Indicator `i`, of the list. */
static struct word indicator(uint64_t i)
{
	struct word w;
	uint32_t a = mix((uint32_t)i * 2 + 1), b = mix(a);
	switch (i % 8) {
	case 0: case 1: case 2: case 3:
		snprintf(w.s, TEXT, "%u.%u.%u.%u", 11 + a % 80, a >> 8 & 255, a >> 16 & 255, 1 + (a >> 24) % 254);
		break;
	case 4: case 5:
		snprintf(w.s, TEXT, "%x%x.bad%u.example", a, b % 4096, b % 977);
		break;
	case 6:
		snprintf(w.s, TEXT, "http://%x.bad%u.example/%x/login.php", a, b % 977, b);
		break;
	default:
		snprintf(w.s, TEXT, "%08x%08x%08x%08x%08x%08x%08x%08x", a, b, mix(b), mix(b + 1), mix(b + 2), mix(b + 3), mix(b + 4), mix(b + 5));
	}
	return w;
}

static struct word of_kind(unsigned remainder)
{
	uint64_t i = next_random() % indicators;
	return indicator(i - i % 8 + remainder < indicators ? i - i % 8 + remainder : remainder);
}

static bool rarely(unsigned of)
{
	return next_random() % of == 0;
}

/* Low numbers more often than high ones. */
static uint32_t skewed(uint32_t n)
{
	uint32_t a = next_random() % n, b = next_random() % n;
	return (uint32_t)((uint64_t)a * b / n);
}

static struct word address(bool listed)
{
	struct word w;
	if (listed)
		return of_kind(0);
	uint32_t a = rarely(20) ? next_random() : mix(skewed(CLIENTS));
	snprintf(w.s, TEXT, "%u.%u.%u.%u", 100 + a % 90, a >> 8 & 255, a >> 16 & 255, a >> 24);
	return w;
}

static struct word name(bool listed)
{
	static const char *const tops[] = { "com", "net", "org", "example", "co.uk", "de", "io" };
	struct word w;
	if (listed)
		return of_kind(4);
	uint32_t a = rarely(20) ? next_random() : mix(skewed(NAMES));
	snprintf(w.s, TEXT, "%s%x.site%u.%s", a & 1 ? "www" : "cdn-", a >> 20, a >> 8 & 4095, tops[a % 7]);
	return w;
}

static int put_line(char *to, size_t room, uint32_t t)
{
	unsigned form = next_random() % 16;
	bool listed = rarely(1000);
	uint32_t r = next_random();
	unsigned h = t / 3600 % 24, m = t / 60 % 60, s = t % 60;
	if (form < 5)
		return snprintf(to, room, "Nov 25 %02u:%02u:%02u fw1 kernel: [%u.%06u] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00 SRC=%s "
				"DST=192.0.2.%u LEN=%u TOS=0x00 PREC=0x00 TTL=%u ID=%u PROTO=TCP SPT=%u DPT=%u WINDOW=1024 RES=0x00 SYN URGP=0\n",
				h, m, s, t, r % 1000000, address(listed).s, r % 200, 40 + r % 20, 30 + r % 90, r & 65535, r >> 16, r % 1000);
	if (form < 9)
		return snprintf(to, room, "%s - - [25/Nov/2026:%02u:%02u:%02u +0000] \"GET /static/%x/%u.%s HTTP/1.1\" %u %u \"%s%s%s\" \"Mozilla/5.0 (X11; Linux x86_64) "
				"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36\"\n",
				address(listed && r % 2).s, h, m, s, r % 65536, r % 99, r % 3 ? "js" : "png", r % 9 ? 200 : 404, r % 90000,
				listed && r % 2 == 0 ? "" : "https://", listed && r % 2 == 0 ? of_kind(6).s : name(false).s, listed && r % 2 == 0 ? "" : "/index.html");
	if (form < 12)
		return snprintf(to, room, "25-Nov-2026 %02u:%02u:%02u.%03u queries: info: client @0x7f%06x8 %s#%u (%s): query: %s IN A +E(0)K (192.0.2.53)\n", h, m, s,
				r % 1000, r & 0xffffff, address(false).s, 1024 + r % 60000, name(false).s, name(listed).s);
	if (form < 15)
		return snprintf(to, room, "{\"timestamp\":\"2026-11-25T%02u:%02u:%02u.%06u+0000\",\"flow_id\":%u%u,\"in_iface\":\"eth1\",\"event_type\":\"tls\",\"src_ip\":\"%s\","
				"\"src_port\":%u,\"dest_ip\":\"%s\",\"dest_port\":443,\"proto\":\"TCP\",\"tls\":{\"subject\":\"CN=%s\",\"sni\":\"%s\",\"version\":\"TLS 1.3\","
				"\"ja3\":{\"hash\":\"%08x%08x%08x%08x\"}}}\n",
				h, m, s, r % 1000000, r, next_random(), address(false).s, r >> 16, address(listed).s, name(false).s, name(false).s, mix(r % 40), mix(r % 40 + 1),
				mix(r % 40 + 2), mix(r % 40 + 3));
	return snprintf(to, room, "Wed Nov 25 %02u:%02u:%02u 2026 -> /srv/mail/%u/%x.eml(%s:%u): %s\n", h, m, s, r % 900, next_random(),
			listed ? of_kind(7).s : "d41d8cd98f00b204e9800998ecf8427e", r % 90000, listed ? "Win.Trojan.Agent FOUND" : "OK");
}

static FILE *open_to_write(const char *path)
{
	FILE *f = fopen(path, "w");
	if (!f) {
		perror(path);
		exit(2);
	}
	return f;
}

int main(int argc, char **argv)
{
	static char line[4096];
	uint64_t octets = 0, wanted;
	if (argc != 5 || num_parse_u64(span_str(argv[2]), 1u << 30, &indicators) || indicators < 8 || num_parse_u64(span_str(argv[4]), 1ull << 40, &wanted)) {
		fprintf(stderr, "Usage: make_logs LIST INDICATORS LOG OCTETS\n");
		return 64;
	}
	FILE *list = open_to_write(argv[1]), *log = open_to_write(argv[3]);
	for (uint64_t i = 0; i < indicators; i++)
		fprintf(list, "%s\n", indicator(i).s);
	for (uint64_t i = 0; octets < wanted; i++) {
		int n = put_line(line, sizeof(line), TIME_0 + (uint32_t)(i / 300));
		fwrite(line, 1, (size_t)n, log);
		octets += (uint64_t)n;
	}
	return fclose(list) || fclose(log);
}
