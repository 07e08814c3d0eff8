/* MISP events: the imports of the lanes, arranged as the events of a MISP feed.
 *
 * An event is what one source says in one lane, cut into parts that a MISP can take:
 *   - of a snapshot source part K is the Kth piece of its last import, and of those before it as far as that tells what is
 *     gone since (PAST_S, PAST_OCTETS); so an event stays the same one, and what its source no longer says is deleted in it;
 *   - of a source that adds, what came on one day (UTC), about PART_OCTETS in an event;
 *   - a MISP event that came as one file stays that event, with its UUID.
 * The UUID of the others is of version 5, of the name "ORIGIN#SOURCE#DAY.PART" or "ORIGIN#SOURCE#PART" in the namespace of URLs: the
 * same on each node that has the lane.
 *
 * The timestamp of an event rises with everything that changes what it says: an import, one that replaces it, a retraction, the
 * removal of the source, an erasure.  After a time that was shown, another change has a later one, so that who asks for what is newer
 * misses nothing.
 *
 * Nothing is stored: this is folded from the entries when it is first asked for, and follows them.  Memory: 20 octets for each
 * piece and about 200 for each event.  An event in a lane that a clearance does not show does not exist for it.
 *
 * Threads: any.
 */
#ifndef GATE_MISP_EVENTS_H
#define GATE_MISP_EVENTS_H

#include "codec/misp_event.h"
#include "gate/node.h"
#include "sys/uuid.h"

struct misp_events;

/** Follows `n` until it is freed.  Before others use the node, and after. */
struct misp_events *misp_events_new(struct node *n);
void misp_events_free(struct misp_events *m);

/** Take in what the node's answers are of by now.  @return as ledger_each(). */
enum err misp_events_follow(struct misp_events *m, struct fault *f) MUST_USE;

struct misp_piece {
	uint32_t number, import; /**< its (first) entry, and the first of its import */
	uint32_t time_s;         /**< when it was received */
	uint32_t stamp_s;        /**< the event's timestamp when it came in */
	uint32_t octets;
};

enum { MISP_INFO_MAX = 63 + LANE_NAME_MAX + 40 };

/** An event as it is at one moment; plain data. */
struct misp_listed {
	char uuid[UUID_TEXT], org_uuid[UUID_TEXT];
	char info[MISP_INFO_MAX + 1], org[NODE_NAME_MAX + 1], source[64];
	uint64_t id;
	uint32_t time_s, date_s;
	uint8_t lane, tlp;
	bool original;           /**< it came as a MISP event, of this UUID ... */
	bool as_it_came;         /**< ... and nothing of it has changed */
	const char *summary;     /**< of an original: see struct misp_event; lives as long as the events */
	bool over;               /**< nothing in it stands any more */
};
/** As the writer wants it; points into `l`. */
struct misp_event misp_listed_event(const struct misp_listed *l);

/** The next event that `clear` shows, from place *at on, which is 0 at first.  @return false: that was all. */
bool misp_events_next(struct misp_events *m, clearance clear, size_t *at, struct misp_listed *ret_listed);
bool misp_events_find(struct misp_events *m, clearance clear, struct span uuid, struct misp_listed *ret_listed);
bool misp_events_find_id(struct misp_events *m, clearance clear, uint64_t id, struct misp_listed *ret_listed);
/** The event that has the claims of an entry, and the piece of it that they are in. */
bool misp_events_of_entry(struct misp_events *m, clearance clear, uint64_t number, struct misp_listed *ret_listed, struct misp_piece *ret_piece);
/** A number that is another one when an event that `clear` shows has changed. */
uint64_t misp_events_state(struct misp_events *m, clearance clear);
/** How many there are, for metrics and tests. */
size_t misp_events_count(struct misp_events *m, clearance clear);

/** What is needed to read an event: its pieces, newest first. */
struct misp_pick {
	struct misp_listed listed;
	uint64_t floor;          /**< claims of imports before it are gone */
	bool retracts;           /**< its source has taken something back: ask the table */
	struct misp_piece *pieces; /**< the caller's to free */
	size_t n;
};
/** @return false: `clear` shows no such event. */
bool misp_events_pick(struct misp_events *m, clearance clear, struct span uuid, struct misp_pick *ret_pick);

#endif
