/* Delivery: events as the body of a request, and its signature.  Pure.
 *
 * {"hook":"siem","node":"cert.example","events":[{"id":"public/3","event":"import","data":{...}},...]}
 *
 * Signed as Standard Webhooks has it: webhook-id, webhook-timestamp, and webhook-signature: "v1," and the base64 of HMAC-SHA256 over
 * ID.TIMESTAMP.BODY.  The id is made of where the delivery begins, so one that is sent again has the same. */
#ifndef HOOK_DELIVERY_H
#define HOOK_DELIVERY_H

#include "hook/hooks.h"

enum { DELIVERY_EVENTS = 200, DELIVERY_OCTETS = 256 << 10, DELIVERY_ID = 32 + 4, DELIVERY_FIELD_MAX = 120 };

struct delivery {
	struct buf body;
	unsigned events;          /**< 0: there is nothing to send */
	char id[DELIVERY_ID + 1]; /**< "msg_" and 32 digits */
	struct buf before;        /**< cursor where it begins, and */
	struct buf after;         /**< where it ends: both as text */
};
void delivery_release(struct delivery *d);

/** What the stream has behind the cursor, up to DELIVERY_EVENTS and about DELIVERY_OCTETS; the cursor is moved.
 *  @param d  zero, or used before.  @return as stream_next(); with an error nothing is to be sent. */
enum err delivery_fill(struct delivery *d, struct stream *s, clearance clear, struct stream_cursor *c, const char *node, const struct hook *h,
		       struct fault *f) MUST_USE;
/** The three header fields, "webhook-id: ..." and so on. */
void delivery_sign(const struct delivery *d, const struct hook *h, uint64_t time_s, char ret_field[3][DELIVERY_FIELD_MAX]);

/** How long to wait after so many failures in a row, in milliseconds: 1 s, and double each time up to 10 min, a quarter more or less.
 *  @param chance  any 32 bits.  @param asked_s  what the receiver has asked for (Retry-After), 0: nothing; never sooner than that, up to an hour. */
uint64_t delivery_wait_ms(unsigned failures, uint32_t asked_s, uint32_t chance);

#endif
