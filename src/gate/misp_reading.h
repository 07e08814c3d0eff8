/* MISP reading: the attributes of an event, read again from the bodies of its pieces, a few records at a time.
 *
 * Each attribute comes once, as the newest piece says it.  What does not stand any more comes as deleted: what is in older pieces
 * only, of an import that was replaced or a source that was removed, and what its source has taken back.
 *
 * Its UUID is that of the record when it came as MISP, else of version 5, of "TYPE|VALUE|CATEGORY" in the namespace of the event.
 * Memory: one body, and 8 octets for each attribute.  Threads: one, a reader of the table.
 */
#ifndef GATE_MISP_READING_H
#define GATE_MISP_READING_H

#include "gate/misp_events.h"

struct misp_reading;

/** @param pick  taken over. */
struct misp_reading *misp_reading_new(struct node *n, struct misp_pick *pick);
void misp_reading_free(struct misp_reading *r);
const struct misp_listed *misp_reading_of(const struct misp_reading *r);

/** The attribute is lent for the call. */
typedef void misp_attribute_visit(void *ctx, const struct misp_attribute *a);
/** The attributes of the next records, about `records` of them.  @return false: those were the last. */
bool misp_reading_more(struct misp_reading *r, unsigned records, misp_attribute_visit *visit, void *ctx);

/** The UUID of what is said in an event, when it did not come with one. */
void misp_attribute_uuid(const char *event_uuid, const struct observable *o, uint8_t category, char ret_uuid[UUID_TEXT]);
/** What a search finds by: a number made of it, as events have one. */
uint64_t misp_id_of(const char *uuid);

/** If it came as a MISP event and nothing of it has changed: the event as it came, appended, with a tag of its audience.  Before
 *  misp_reading_more().  @return false: it has to be written. */
bool misp_reading_original(struct misp_reading *r, struct buf *out);

#endif
