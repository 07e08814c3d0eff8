/* Categories: a closed list in the words of the RSIT classification and IntelMQ, with what each face needs of them. */
#ifndef CODEC_CATEGORY_H
#define CODEC_CATEGORY_H

#include "base/span.h"

enum category {
	CAT_UNKNOWN, /**< "blacklist": on a list, the list does not say why */
	CAT_SPAM,
	CAT_PHISHING,
	CAT_FRAUD,
	CAT_MALWARE,  /**< malware-distribution, and the hashes of malware */
	CAT_C2,       /**< c2-server */
	CAT_BOTNET,   /**< infected-system */
	CAT_DGA,      /**< dga-domain */
	CAT_SCANNER,
	CAT_BRUTE_FORCE,
	CAT_EXPLOIT,
	CAT_DDOS,
	CAT_PROXY,    /**< proxies and VPN exits */
	CAT_TOR,
	CAT_HIJACKED, /**< netblocks run by criminals: DROP lists */
	CAT_SPYWARE,  /**< targeted surveillance */
	CAT_COUNT
};

struct category_row {
	const char *name;      /**< the one name that Sipar prints: "c2-server" */
	uint8_t dns_code;      /**< last octet of the DNSBL answer 127.0.0.x; 2 is the general one */
	uint16_t lifetime_d;   /**< days until a claim on an address has decayed to its floor */
	uint16_t speed_x10;    /**< decay speed delta of the MISP polynomial, times 10 */
	const char *aliases;   /**< other spellings, blank-separated: "c2 cc command-and-control c&c" */
};

extern const struct category_row category_rows[CAT_COUNT];

/** The row of a category; that of CAT_UNKNOWN for a number out of range.  Never NULL. */
static inline const struct category_row *category_row(enum category c)
{
	return &category_rows[(unsigned)c < CAT_COUNT ? c : CAT_UNKNOWN];
}

/** By name or alias, ASCII case ignored, '_' and ' ' as '-'.  @return CAT_COUNT when it is none. */
enum category category_find(struct span name);

/** Like category_find(), for words inside longer labels: STIX indicator_types and labels, malware families, MISP tags,
 *  abuse.ch threat types.  @return CAT_UNKNOWN when nothing in it is known. */
enum category category_guess(struct span label);

#endif
