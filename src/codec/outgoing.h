/* Outgoing: what a source says of a value, written for others: a row of CSV, an IntelMQ event, a STIX indicator.  (MISP: misp_event.h.)
 * What is written here is read by our own formats, and understood alike.
 *
 * Pure: whoever calls gives the UUID, which must be the same each time for the same thing. */
#ifndef CODEC_OUTGOING_H
#define CODEC_OUTGOING_H

#include "codec/feed.h"

struct outgoing {
	struct observable obs;
	uint8_t stance;        /**< indicator, sighting or false positive */
	uint8_t category;      /**< enum category */
	uint8_t confidence;    /**< 0..100, or CONFIDENCE_ABSENT */
	uint8_t tlp;           /**< enum tlp: audience of its lane */
	uint32_t seen;         /**< seconds since 1970 */
	uint32_t until;        /**< end of validity; 0: none */
	const char *source, *lane; /**< names; they need no escapes */
	const char *uuid;      /**< for STIX */
};

/** Appended; with a line end. */
void outgoing_csv_heading(struct buf *out);
void outgoing_csv(const struct outgoing *o, struct buf *out);
/** One event and a line end.  @return false: IntelMQ has no words for it (`*ret_what` says what: a static word), and nothing is appended. */
bool outgoing_intelmq(const struct outgoing *o, struct buf *out, const char **ret_what);
/** An indicator, without a comma or line end. */
void outgoing_stix(const struct outgoing *o, struct buf *out);

#endif
