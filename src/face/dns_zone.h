/* Inside the DNS face: dns_reply() in two halves, so that the lookups of many queries can be done together between them. */
#ifndef FACE_DNS_ZONE_H
#define FACE_DNS_ZONE_H

#include "codec/dns_message.h"
#include "codec/observable.h"
#include "face/dns.h"
#include "view/reputation.h"

struct dns_asked {
	struct dns_query query;
	enum {
		ASKED_WRONG,   /**< an error, whose rcode is in `unlisted` */
		ASKED_APEX,
		ASKED_NOTHING, /**< a name that cannot be listed */
		ASKED_PART,    /**< a name below which something may be listed */
		ASKED_TEST,    /**< always listed (RFC 5782 section 5) */
		ASKED_VALUE,   /**< look it up */
	} what;
	enum dns_rcode unlisted; /**< rcode when it is not listed */
	enum dns_ede ede;
	uint8_t zone_at;         /**< octet of the name where the zone's begins */
	struct observable value; /**< its key is in `key`, so this struct does not move */
	uint8_t key[DNS_NAME_MAX];
};

/** What anonymous askers may see. */
clearance dns_zone_clearance(const struct dns_zone *z);

/** @return false: not to be answered. */
bool dns_zone_read(const struct dns_zone *z, struct span query, struct dns_asked *ret_asked) MUST_USE;

/** @param v  of ASKED_VALUE; else not looked at.  The rest as dns_reply(). */
size_t dns_zone_write(const struct dns_zone *z, const struct dns_asked *a, const struct verdict *v,
		      const struct source_set *sources, uint32_t now_s, size_t limit, uint8_t *out, struct dns_counters *count);

#endif
