/* Any octets as a request, over all transports, with and without a signature that is good. */
#include <netinet/in.h>
#include <stdlib.h>

#include "base/address.h"
#include "face/rpz_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct rpz_site *site, const struct sockaddr_storage *from, struct span request)
{
	for (enum rpz_way way = RPZ_UDP; way <= RPZ_TLS; way++) {
		struct rpz_plan plan;
		uint8_t *out = malloc(RPZ_SHORT_MAX);
		size_t n;
		rpz_reply(site, from, way, 40, request, out, RPZ_SHORT_MAX, &n, &plan);
		if (n > RPZ_SHORT_MAX || (plan.act == RPZ_SEND) != (n > 0) || (plan.act == RPZ_TRANSFER && !plan.allowed) ||
		    (plan.allowed && plan.zone >= site->n))
			abort();
		rpz_plan_release(&plan);
		free(out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct feeds feeds;
	static struct rpz_site site;
	static struct sockaddr_storage from;
	static struct tsig_key *key;
	if (!key) {
		static const struct consumer consumer = { .feed = "isp", .name = "nayatel", .secret = "0123456789abcdef0123456789abcde" };
		socklen_t n;
		feeds.n = feeds.n_consumers = 1;
		feeds.v[0] = (struct feed){ .name = "isp", .type = FEED_RPZ, .zone = "rpz.example", .allow = "192.0.2.1" };
		feeds.consumer[0] = consumer;
		if (rpz_site_make(&feeds, &site, NULL) || address_parse("192.0.2.1:1", &from, &n, NULL) ||
		    tsig_key_new("nayatel.isp", span_of(consumer.secret, FEED_SECRET), &key, NULL))
			abort();
	}
	ask(&site, &from, span_of(data, size));
	uint8_t request[MESSAGE_MAX];
	size_t n = size;
	struct tsig asker = { .key = key };
	if (size < DNS_HEADER_SIZE || size > sizeof(request) - 512)
		return 0;
	memcpy(request, data, size);
	if (tsig_sign(&asker, request, &n, sizeof(request)))
		ask(&site, &from, span_of(request, n));
	return 0;
}
