/* Any octets as a query to a zone with something listed, over both transports. */
#include <stdlib.h>

#include "codec/dns_message.h"
#include "face/dns.h"
#include "view/reputation.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct meaning meaning;
	static struct table_view view;
	static struct dns_zone *zone;
	if (!zone) {
		struct source_set *sources = source_set_new();
		must(source_apply(sources, &(struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("feodo") }, NULL));
		meaning = (struct meaning){ .sources = sources, .rules = rules_new() };
		view = (struct table_view){ .n = 1, .seed = { 1, 2 }, .context = &meaning };
		view.level[0] = some_claims(view.seed, source_find(sources, SPAN_LIT("feodo"))->number);
		struct dns_options o = { .zone = "bl.sipar.test", .clear = CLEARANCE_ALL, .min_score = 1, .ttl_s = 1 };
		must(dns_zone_new(&o, &zone, NULL));
	}
	static const size_t limits[] = { DNS_PLAIN_MAX, DNS_UDP_MAX, UINT16_MAX };
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		struct dns_counters count = { 0 };
		size_t room = limits[i] < DNS_REPLY_MAX ? limits[i] : DNS_REPLY_MAX;
		uint8_t *out = malloc(room);
		size_t n = dns_reply(zone, &view, 1000, span_of(data, size), limits[i], out, &count);
		if (n > room || (n > 0) != (count.dropped == 0) || (n && n < DNS_HEADER_SIZE))
			abort();
		free(out);
	}
	return 0;
}
