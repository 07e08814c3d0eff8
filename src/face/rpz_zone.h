/* RPZ zone: a feed of decisions as the records of a response policy zone (draft-vixie-dnsop-dns-rpz-00), and records as messages.
 *
 *   evil.example                   evil.example.ZONE                 CNAME TARGET
 *   what is below it               *.evil.example.ZONE               CNAME TARGET
 *   198.51.100.0/24                24.0.100.51.198.rpz-ip.ZONE       CNAME TARGET     (answers with such an address)
 *   2001:db8::7                    128.7.zz.db8.2001.rpz-ip.ZONE     CNAME TARGET
 *   protected, when it is served   the same                          CNAME rpz-passthru.
 *
 * TARGET is "." (NXDOMAIN), "*." (NODATA), "rpz-drop." or the name of a walled garden.  Left out: challenges, names of one label (a
 * top-level domain is nobody's to block) or that would read as another trigger, prefixes of no length, owners that would be longer than 255
 * octets, and what is neither a name nor an address.
 *
 * Pure: no socket, no clock, no memory but that of a difference. */
#ifndef FACE_RPZ_ZONE_H
#define FACE_RPZ_ZONE_H

#include "base/buf.h"
#include "codec/dns_message.h"
#include "gate/feed.h"

struct rpz_zone {
	struct dns_name origin;
	uint8_t target[DNS_NAME_MAX];
	uint8_t target_n;
	bool passthru;
	uint32_t ttl_s, refresh_s;
	uint64_t raised; /**< by how much its serial is above that of the docket: feed.raised */
};

/** @return ERR_SYNTAX, ERR_RANGE: the zone's name, or the garden's, is none. */
enum err rpz_zone_make(const struct feed *feed, struct rpz_zone *ret_zone, struct fault *f) MUST_USE;

enum { RPZ_MESSAGE_MAX = 65535, RPZ_RECORD_MAX = 600 /**< octets of the largest record */ };

/** What a record says. */
enum rpz_rule { RPZ_NONE, RPZ_BLOCK, RPZ_PASS };

/** Messages being filled with records, each given away when it is full.  To be zeroed but for what is public, then rpz_begin(). */
struct rpz_writer {
	/* public: what every message has */
	const struct rpz_zone *zone;
	uint16_t id, flags;      /**< flags of the answer */
	struct span question;    /**< name as asked, type, class */
	bool edns;
	uint8_t *out;            /**< room for a message */
	size_t room;             /**< octets at `out` */
	size_t reserve;          /**< of them, what `emit` needs for itself */
	/** A message of `n` octets is whole; `out` is free when it returns.  @return false: no more, please. */
	bool (*emit)(void *ctx, uint8_t *message, size_t n);
	void *ctx;
	/* to be read */
	uint64_t records, messages;
	uint64_t left_out;       /**< owners that are too long */
	bool stopped;            /**< emit has said so: the rest is not written */
	/* private */
	size_t n, end, last;
	uint16_t count;
};

void rpz_begin(struct rpz_writer *w);
/** @param serial  of the docket */
void rpz_put_soa(struct rpz_writer *w, uint64_t serial);
void rpz_put_ns(struct rpz_writer *w);
/** The records of one item as it is.  @return false: stopped. */
bool rpz_put_item(struct rpz_writer *w, const struct feed_item *item);
/** Records as rpz_difference has them.  @return false: stopped. */
bool rpz_put_records(struct rpz_writer *w, struct span records);
/** SOA in the authority section of an answer without any records; nothing else may be put. */
void rpz_put_negative(struct rpz_writer *w, uint64_t serial);
/** The rest.  @return false: stopped, now or before. */
bool rpz_end(struct rpz_writer *w);

/** Records that go and records that come; zeroed is empty. */
struct rpz_difference {
	struct buf gone, come;
	uint64_t records, left_out;
};
void rpz_difference_add(struct rpz_difference *d, const struct rpz_zone *z, const struct feed_item *item);
void rpz_difference_release(struct rpz_difference *d);
/** Records of an item as it is. */
unsigned rpz_count(const struct rpz_zone *z, const struct feed_item *item);

enum rpz_age { RPZ_SAME, RPZ_BEHIND, RPZ_NEVER /**< would be behind, but there was none such */, RPZ_AHEAD };
/** The serial of the docket that `wire` stands for in this zone, when `now` is the newest (RFC 1982).
 *  @param ret_serial  set when it is RPZ_SAME or RPZ_BEHIND. */
enum rpz_age rpz_serial(const struct rpz_zone *z, uint32_t wire, uint64_t now, uint64_t *ret_serial);

#endif
