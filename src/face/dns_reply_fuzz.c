/* Any octets as a query to zones with something listed and something decided, over both transports: one for everybody, one with keys
 * and codes, where the rate is exceeded, too. */
#include <stdlib.h>

#include "face/dns_told.h"
#include "face/dns_zone.h"
#include "sys/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(enum err e)
{
	if (e)
		abort();
}

static struct image *some_claims(struct siphash_seed seed, uint16_t source)
{
	static const uint8_t address[] = { 198, 51, 100, 7 }, prefix6[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	const struct table_key keys[] = {
		{ .kind = OBS_IPV4, .n = 4, .p = address },
		{ .kind = OBS_CIDR6, .prefix = 32, .n = 16, .p = prefix6 },
		{ .kind = OBS_DOMAIN, .n = 12, .p = (const uint8_t *)"evil.example" },
	};
	const struct claim c = { .seen = 1, .source = source, .category = CAT_C2, .confidence = 100, .stance = STANCE_INDICATOR };
	struct batch *b = batch_new(seed, "/tmp", 1 << 16);
	struct image *m;
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		must(batch_add(b, &keys[i], &c, NULL));
	must(batch_stamp(b, 1, 0, NULL));
	must(batch_finish(b, NULL, &m, NULL, NULL));
	batch_free(b);
	return m;
}

static struct image *some_decisions(struct siphash_seed seed)
{
	static const uint8_t address[] = { 203, 0, 113, 9 };
	const struct table_key keys[] = {
		{ .kind = OBS_DOMAIN, .n = 15, .p = (const uint8_t *)"blocked.example" },
		{ .kind = OBS_MD5, .n = 16, .p = (const uint8_t *)"0123456789abcdef" },
		{ .kind = OBS_IPV4, .n = 4, .p = address },
	};
	struct batch *b = batch_new(seed, "/tmp", 1 << 16);
	struct image *m;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		const struct claim c = { .seen = 1, .category = REASON_C2, .stance = i < 2 ? ACTION_BLOCK : ACTION_PROTECT };
		must(batch_add(b, &keys[i], &c, NULL));
	}
	must(batch_stamp(b, 1, 0, NULL));
	must(batch_finish(b, NULL, &m, NULL, NULL));
	batch_free(b);
	return m;
}

static bool any_name(void *ctx, uint32_t entry, uint64_t *ret_index, uint32_t *ret_until_s)
{
	*ret_index = entry;
	*ret_until_s = entry;
	return true;
}

static void no_place(void *ctx, unsigned place)
{
}

static struct meaning meaning;
static struct table_view view, decided;
static struct dns_zone *zones[2];
static const struct dns_decisions decisions = { .decision = any_name };
static struct dns_now now;

static void prepare(void)
{
	static const struct dns_key key = { "consumer", SPAN_LIT("0123456789abcdef0123456789abcdef01234567") };
	sys_key_init();
	struct source_set *sources = source_set_new();
	must(source_apply(sources, &(struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("feodo") }, NULL));
	meaning = (struct meaning){ .sources = sources, .rules = rules_new() };
	view = (struct table_view){ .n = 1, .seed = { 1, 2 }, .context = &meaning };
	view.level[0] = some_claims(view.seed, source_find(sources, SPAN_LIT("feodo"))->number);
	decided = (struct table_view){ .n = 1, .seed = { 1, 2 } };
	decided.level[0] = some_decisions(decided.seed);
	struct dns_options o = { .zone = "bl.sipar.test", .clear = CLEARANCE_ALL, .min_score = 1, .ttl_s = 1,
				 .cookie_secret = "00112233445566778899aabbccddeeff" };
	must(dns_zone_new(&o, &zones[0], NULL));
	o.keyed = o.error_codes = true;
	o.txt_url = "https://cert.example/?";
	must(dns_zone_new(&o, &zones[1], NULL));
	dns_zone_set_keys(zones[1], &key, 1, no_place, NULL);
	now = (struct dns_now){ .view = &view, .decided = &decided, .now_s = 1000, .tick_s = 1000, .told = dns_told_new(&decisions) };
}

static void over_the_rate(const struct dns_zone *z, const struct dns_asker *from, struct span query, uint8_t *out)
{
	struct dns_counters count = { 0 };
	struct dns_asked a;
	if (!dns_zone_read(z, &now, from, query, &a, &count))
		return;
	dns_zone_limit(z, &a);
	/* What it is told is not much more than what it has sent, but for a code's text. */
	if (a.what != ASKED_CODE && dns_zone_write(z, &now, &a, NULL, DNS_UDP_MAX, out, &count) > query.n + 20)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t limits[] = { DNS_PLAIN_MAX, DNS_UDP_MAX, UINT16_MAX };
	static const uint8_t address[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	if (!zones[0])
		prepare();
	for (size_t i = 0; i < 2 * COUNT_OF(limits); i++) {
		struct dns_counters count = { 0 };
		size_t limit = limits[i / 2], room = limit < DNS_REPLY_MAX ? limit : DNS_REPLY_MAX;
		const struct dns_asker from = { .address = span_of(address, i % 2 ? 4 : 16), .proven = limit > DNS_UDP_MAX };
		uint8_t *out = malloc(room);
		size_t n = dns_reply(zones[i % 2], &now, &from, span_of(data, size), limit, out, &count);
		if (n > room || (n > 0) != (count.dropped == 0) || (n && n < DNS_HEADER_SIZE))
			abort();
		if (limit == DNS_UDP_MAX)
			over_the_rate(zones[i % 2], &from, span_of(data, size), out);
		free(out);
	}
	return 0;
}
