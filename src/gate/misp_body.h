/* Bodies of entries, read for misp_events.c and misp_reading.c. */
#ifndef GATE_MISP_BODY_H
#define GATE_MISP_BODY_H

#include "gate/node.h"
#include "sys/uuid.h"

/** The octets of a UUID; all 0 when it is none. */
void misp_uuid_octets(const char *text, uint8_t ret_uuid[16]);
/** A number made of all of them, never 0. */
uint64_t misp_uuid_number(const uint8_t uuid[16]);

/** The body that begins with entry `number`, all of it when it lies in several, appended.
 *  @param ret_entry  its first; the caller's: entry_release().
 *  @return as ledger_body(), ledger_entry(). */
enum err misp_body_read(struct ledger *l, uint64_t number, struct entry *ret_entry, struct buf *out) MUST_USE;

/** A MISP event that a body is, as a whole. */
struct misp_head {
	char uuid[UUID_TEXT];
	uint32_t time_s, date_s; /**< 0: not said */
	char *summary;           /**< see struct misp_event; the caller's to free */
};
/** @param tlp  audience of the lane: a tag says it, unless there is one that is as strict.  @return false: it is not one. */
bool misp_body_head(struct ledger *l, uint64_t number, uint8_t tlp, struct misp_head *ret_head);
/** The body as it came, appended, with that tag.  @return false: it has something that is not to be passed on, or is gone. */
bool misp_body_original(struct ledger *l, uint64_t number, uint8_t tlp, struct buf *out);

/** Could records of such an entry take something back? */
bool misp_body_may_retract(const struct entry *e);
/** Whether records of entry `number` take something back; `visit` is told the entries, as far as they are known, in which the same
 *  source and lane has said it.  The thread is a reader of the table. */
typedef void misp_entry_visit(void *ctx, uint64_t number);
bool misp_body_retractions(struct node *n, uint8_t lane, const char *source, uint64_t number, misp_entry_visit *visit, void *ctx);

#endif
