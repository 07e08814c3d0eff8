/* Object paths of STIX patterns, in the spellings that feeds really use, to what they are. */
#ifndef CODEC_STIX_PATH_H
#define CODEC_STIX_PATH_H

#include "base/span.h"

/** What the path of a comparison is. */
enum stix_what {
	STIX_OTHER,
	STIX_FILE,    /**< a property of a file that is no hash we know */
	STIX_TRAFFIC, /**< type, protocol or port: narrows an address or a name */
	STIX_ADDRESS, /**< ipv4-addr:value, ipv6-addr:value; prefixes too */
	STIX_HOST,    /**< domain-name:value, network-traffic:dst_ref.value and the like: a name or an address */
	STIX_URL,
	STIX_EMAIL,
	STIX_MD5,
	STIX_SHA1,
	STIX_SHA256,
	STIX_SHA512,
};

/** @param path  type, ':' and the components with '.' between: no quotes, no indices, lower case, e.g.
 * "file:hashes.sha-256". */
enum stix_what stix_path_what(struct span path);

#endif
