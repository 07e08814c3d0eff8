/* RPZ transfer: a whole zone (AXFR, RFC 5936), or what changed in it as one condensed difference (IXFR, RFC 1995), message by message.
 *
 * The zone is streamed as the docket gives it: nothing of it is kept here but, for a difference, the difference. */
#ifndef FACE_RPZ_TRANSFER_H
#define FACE_RPZ_TRANSFER_H

#include "face/rpz_reply.h"

/** Where the items of a feed come from: feed_read() and feed_read_since() of gate/feed.h, or a test's own. */
struct rpz_content {
	enum err (*each)(void *ctx, const struct feed *feed, feed_visit *visit, void *visit_ctx, uint64_t *ret_serial, struct fault *f);
	enum err (*since)(void *ctx, const struct feed *feed, uint64_t serial, feed_visit *visit, void *visit_ctx, uint64_t *ret_serial,
			  struct fault *f);
	void *ctx;
};

enum rpz_given { RPZ_GIVEN_SOA, RPZ_GIVEN_WHOLE, RPZ_GIVEN_DIFFERENCE };

/** How it ended, and what the asker has been given. */
struct rpz_result {
	enum rpz_given given;
	uint64_t serial;   /**< of the docket */
	uint64_t records, messages, left_out;
};

/** A whole message of `n` octets, signed.  `message` has RPZ_MESSAGE_MAX octets of room, and two in front of it are the callee's, for a length.
 *  @return false: it is not taken, and no more is wanted. */
typedef bool rpz_send(void *ctx, uint8_t *message, size_t n);

/** What plan->act RPZ_TRANSFER asks for, over TCP.
 *  @return ERR_CANCELLED: `send` has said no; or as feed_read(): then what was sent is not whole. */
enum err rpz_transfer(const struct rpz_content *content, const struct rpz_site *site, struct rpz_plan *plan, rpz_send *send, void *ctx,
		      struct rpz_result *ret_result, struct fault *f) MUST_USE;

/** A difference that fits in one message of `plan->limit` octets, over UDP; or one SOA, which says: ask by TCP.
 *  @param out  plan->limit octets.  @param ret_n  octets of the message. */
enum err rpz_transfer_datagram(const struct rpz_content *content, const struct rpz_site *site, struct rpz_plan *plan, uint8_t *out, size_t *ret_n, struct rpz_result *ret_result, struct fault *f) MUST_USE;

#endif
