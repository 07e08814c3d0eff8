/* Inside the DNS face: dns_reply() in two halves, so that the lookups of many queries can be done together between them. */
#ifndef FACE_DNS_ZONE_H
#define FACE_DNS_ZONE_H

#include "codec/dns_message.h"
#include "codec/observable.h"
#include "face/dns.h"
#include "view/force.h"
#include "view/reputation.h"

/** Last octet of 127.255.255.x: errors, which are never listings. */
enum dns_error_code { DNS_CODE_NO_KEY = 252, DNS_CODE_PUBLIC_RESOLVER = 254, DNS_CODE_RATE = 255 };

struct dns_asked {
	struct dns_query query;
	enum {
		ASKED_WRONG,   /**< an error, whose rcode is in `unlisted`; nothing but the header when that is DNS_NOERROR */
		ASKED_APEX,
		ASKED_NOTHING, /**< a name that cannot be listed */
		ASKED_PART,    /**< a name below which something may be listed */
		ASKED_TEST,    /**< always listed (RFC 5782 section 5) */
		ASKED_VALUE,   /**< look it up */
		ASKED_CODE,    /**< not to be answered, and told so by `code` */
	} what;
	enum dns_rcode unlisted; /**< rcode when it is not listed */
	enum dns_ede ede;
	bool proven;             /**< the asker is where he says that he is */
	bool limited, truncated; /**< over the rate; see dns_zone_limit() */
	uint8_t code;            /**< enum dns_error_code */
	uint8_t zone_at;         /**< octet of the name where the zone's begins */
	struct span from;        /**< address of the asker */
	struct observable value; /**< its key is in `key`, so this struct does not move */
	uint8_t key[DNS_NAME_MAX];
};

/** What was found about a value; of others it is not looked at. */
struct dns_found {
	const struct verdict *verdict;
	force force;
	uint32_t entry;
};

/** What anonymous askers may see. */
clearance dns_zone_clearance(const struct dns_zone *z);

/** Its keys; NULL: it has none. */
const struct dns_keys *dns_zone_keys(const struct dns_zone *z);

/** @return false: not to be answered. */
bool dns_zone_read(const struct dns_zone *z, const struct dns_now *now, const struct dns_asker *from, struct span query,
		   struct dns_asked *ret_asked, struct dns_counters *count) MUST_USE;

/** The asker's network is over its rate and this query is one of those that are told so: let the answer be short, and one that helps who
 *  truly asks there. */
void dns_zone_limit(const struct dns_zone *z, struct dns_asked *a);

/** @param found  of ASKED_VALUE; else not looked at.  The rest as dns_reply(). */
size_t dns_zone_write(const struct dns_zone *z, const struct dns_now *now, const struct dns_asked *a, const struct dns_found *found,
		      size_t limit, uint8_t *out, struct dns_counters *count);

#endif
