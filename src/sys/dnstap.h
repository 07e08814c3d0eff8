/* dnstap (https://dnstap.info): one frame, what a resolver was asked or has answered (protobuf-c).  Who asked is not read. */
#ifndef SYS_DNSTAP_H
#define SYS_DNSTAP_H

#include "base/err.h"
#include "base/span.h"

enum dnstap_type { DNSTAP_OTHER, DNSTAP_CLIENT_QUERY, DNSTAP_CLIENT_RESPONSE };

struct dnstap {
	enum dnstap_type type;
	uint64_t at_s;       /**< seconds since 1970: of the response, or of the query; 0: it does not say */
	struct span message; /**< of the DNS: the response, or the query; empty when there is none */
	void *memory;        /**< private */
};

/** @return ERR_SYNTAX: it is no dnstap.  Pure; any thread. */
enum err dnstap_read(struct span frame, struct dnstap *ret_tap, struct fault *f) MUST_USE;
void dnstap_release(struct dnstap *tap);

#endif
