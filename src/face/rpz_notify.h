/* RPZ NOTIFY (RFC 1996): telling those who have a zone that it has changed.
 *
 * At most one message to a target is outstanding: what changes meanwhile is told when that one is acknowledged, or with the next repetition.
 * Repeated after 1, 2, 4 and 8 s; after five without an answer the target is left alone until the next change.  Signed for consumers, and then
 * only a signed answer counts.
 *
 * No sockets and no clock: messages and answers pass through. */
#ifndef FACE_RPZ_NOTIFY_H
#define FACE_RPZ_NOTIFY_H

#include "face/rpz_reply.h"

struct rpz_notify;
struct rpz_notify *rpz_notify_new(void);
void rpz_notify_free(struct rpz_notify *n);

/** The targets of a site: feed.notify and the consumers'.  All are due.  The site is not needed any more when it returns.
 *  @return how many. */
unsigned rpz_notify_targets(struct rpz_notify *n, const struct rpz_site *site);
/** There is a new serial. */
void rpz_notify_changed(struct rpz_notify *n, uint64_t serial);

struct rpz_notice {
	struct sockaddr_storage to;
	uint8_t message[RPZ_SHORT_MAX];
	size_t n;
};
/** The next message that is due, taken as sent.  @return false: none is due now. */
bool rpz_notify_next(struct rpz_notify *n, uint64_t now_ms, struct rpz_notice *ret_notice);
/** When the next one is due, at the latest; UINT64_MAX: when there is a change. */
uint64_t rpz_notify_when(const struct rpz_notify *n);

enum rpz_heard {
	RPZ_HEARD_NOTHING, /**< no answer to anything that is outstanding */
	RPZ_HEARD_YES,
	RPZ_HEARD_NO,      /**< the target has refused */
};
/** Octets that came from somewhere.
 *  @param ret_rcode  with RPZ_HEARD_NO; @param ret_first  it is the first time since the targets were set that this one says so */
enum rpz_heard rpz_notify_answer(struct rpz_notify *n, const struct sockaddr_storage *from, struct span octets, unsigned *ret_rcode,
				 bool *ret_first);
/** Targets that were left alone since the last call. */
unsigned rpz_notify_silent(struct rpz_notify *n);

#endif
