/* Which decisions a bouncer asks for: the query parameters of CrowdSec's local API, and what they let through. */
#ifndef FACE_HTTP_LAPI_FILTER_H
#define FACE_HTTP_LAPI_FILTER_H

#include "gate/list.h"

enum { LAPI_VALUE_MAX = 2100, LAPI_WORDS_MAX = 500 };

struct lapi_filter {
	char value[LAPI_VALUE_MAX];        /**< what is asked about; "": everything */
	bool exactly;                 /**< by scope and value: that itself, not what covers it */
	bool inside;                  /**< contains=false: what lies in it, and not what covers it */
	uint8_t kinds;                /**< KINDS_* of the scopes; ip and range are told apart by these: */
	bool ip, range;
	bool ban, captcha;
	bool startup;
	bool others;                  /**< only decisions of other origins are wanted */
	uint64_t limit;               /**< at most so many; 0: all */
	char containing[LAPI_WORDS_MAX + 1], without[LAPI_WORDS_MAX + 1]; /**< words with commas: one of them is in the scenario, none is */
};

/** "a=b&c=d", percent-encoded.  As with CrowdSec, the stream is of addresses and ranges unless it is asked for others.
 *  @param stream  of /v1/decisions/stream; else of /v1/decisions.
 *  @return ERR_USAGE: there is no such parameter; ERR_SYNTAX, ERR_RANGE: it does not take the value.  The fault names the parameter. */
enum err lapi_filter_read(struct span query, bool stream, struct lapi_filter *ret_filter, struct fault *f) MUST_USE;
bool lapi_filter_wants(const struct lapi_filter *f, const struct list_value *v);

/** "sipar/phishing": what stands for CrowdSec's scenario. */
const char *lapi_scenario(const struct list_value *v);

#endif
