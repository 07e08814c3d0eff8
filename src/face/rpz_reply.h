/* RPZ reply: what is to be done about the octets that somebody has sent, and who he is.  Pure.
 *
 * Served to whom: a consumer of the feed, whose key has signed the request (RFC 8945); without a signature, an address that is in
 * feed.allow.  All others get REFUSED, whether there is such a zone or not, so that a zone's name can be kept secret; who signs badly gets
 * NOTAUTH with the reason.  A feed may be given over TLS alone: then a transfer by another way is REFUSED, too. */
#ifndef FACE_RPZ_REPLY_H
#define FACE_RPZ_REPLY_H

#include <sys/socket.h>

#include "face/rpz_zone.h"
#include "sys/knot.h"

/** The feeds of type rpz as zones; immutable. */
struct rpz_site {
	const struct feeds *feeds;
	unsigned n;
	struct {
		struct rpz_zone zone;
		const struct feed *feed;
	} at[FEEDS_MAX];
};
/** @param feeds  borrowed.  @param f  the first feed that cannot be a zone, which is left out.  @return OK; ERR_SYNTAX, ERR_RANGE: there was one. */
enum err rpz_site_make(const struct feeds *feeds, struct rpz_site *ret_site, struct fault *f) MUST_USE;

enum rpz_act {
	RPZ_DROP,     /**< nothing */
	RPZ_SEND,     /**< what is in the caller's buffer, and that is all */
	RPZ_TRANSFER, /**< a zone, or what changed in it: face/rpz_transfer.h */
};

enum rpz_way { RPZ_UDP, RPZ_TCP, RPZ_TLS };

enum rpz_asked { RPZ_ASKED_OTHER, RPZ_ASKED_SOA, RPZ_ASKED_AXFR, RPZ_ASKED_IXFR };

enum { RPZ_NOTAUTH = 9 /**< rcode of what is not signed well */ };
enum { RPZ_WHO_MAX = FEED_NAME_MAX, RPZ_QUESTION_MAX = DNS_NAME_MAX + 4, RPZ_SHORT_MAX = 1232 /**< octets of an answer at once */ };

/** Room for everything that a transfer needs to know of its request. */
struct rpz_plan {
	enum rpz_act act;
	enum rpz_asked asked;
	enum rpz_way way;
	unsigned rcode;                /**< of what is sent */
	const char *why;               /**< when refused, a clause; else NULL */
	unsigned zone;                 /**< index in the site; when it is allowed */
	bool allowed;
	char who[RPZ_WHO_MAX + 1];     /**< the consumer's name, or the address; "" : not known */
	uint32_t serial;               /**< of IXFR: what the asker has */
	uint64_t newest;               /**< serial of the docket when it asked */
	uint16_t id, flags;            /**< flags of the answer */
	bool edns;
	size_t limit;                  /**< octets of an answer over UDP */
	uint8_t question[RPZ_QUESTION_MAX];
	uint16_t question_n;
	struct tsig tsig;
	struct tsig_key *key;          /**< of tsig */
};

/** What to do about a request.
 *  @param from  who sent it; @param way  how
 *  @param serial  newest of the docket
 *  @param out, room  for an answer: RPZ_SHORT_MAX octets at least; @param ret_n  its octets, with RPZ_SEND
 *  rpz_plan_release() in any case. */
void rpz_reply(const struct rpz_site *site, const struct sockaddr_storage *from, enum rpz_way way, uint64_t serial, struct span request,
	       uint8_t *out, size_t room, size_t *ret_n, struct rpz_plan *ret_plan);
void rpz_plan_release(struct rpz_plan *p);

/** A writer with all that a plan says; `out`, `room`, `emit` and `ctx` are the caller's. */
void rpz_plan_writer(const struct rpz_plan *p, const struct rpz_site *site, struct rpz_writer *ret_writer);
/** The whole answer that is one SOA.  @return octets; 0: it does not fit. */
size_t rpz_answer_soa(struct rpz_plan *p, const struct rpz_site *site, uint64_t serial, uint8_t *out, size_t room);

/** Is this address in a list of addresses and prefixes with commas? */
bool rpz_allows(const char *list, const struct sockaddr_storage *from);
/** But for the port. */
bool rpz_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/** An address without its port, for people: "198.51.100.7". */
void rpz_address_text(const struct sockaddr_storage *a, char ret_text[RPZ_WHO_MAX + 1]);

#endif
