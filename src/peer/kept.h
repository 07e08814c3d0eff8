/* Kept: which events of a MISP have been imported, and what each of them says.  DIR/pulls/SOURCE.events:
 *
 *   cursor 1764000000                        everything up to this timestamp is here (of a server that is asked by time)
 *   event 11111111-2222-4333-8444-555555555551 1764000000
 *   domain evil.example                      what it says: kind and canonical text of an observable
 *
 * It is what a newer version of an event, or its leaving the feed, is held against: what nobody says any more is taken back.
 */
#ifndef PEER_KEPT_H
#define PEER_KEPT_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/misp_index.h"
#include "codec/observable.h"

struct kept_event {
	char uuid[MISP_UUID + 1];
	uint64_t timestamp;
	struct buf says; /**< lines "KIND TEXT\n", each once, sorted */
	bool marked;     /**< of the caller: it is in the manifest */
};
struct kept {
	unsigned n, cap, sorted; /**< private: v[0 .. sorted) are in the order of their uuids */
	struct kept_event *v;
	uint64_t cursor;
};

void kept_release(struct kept *k);
/** NULL: it is not kept.  Valid until the next kept_add() or kept_find(). */
struct kept_event *kept_find(struct kept *k, struct span uuid);
/** One that is not kept yet, or more than MISP_EVENTS_MAX of them (NULL).  Valid as that of kept_find(). */
struct kept_event *kept_add(struct kept *k, struct span uuid);
/** Those that `gone` says so of. */
void kept_remove(struct kept *k, bool (*gone)(const struct kept_event *e));

/** A line for `says` (one that is there already does no harm until kept_sort()). */
void kept_say(struct buf *says, const struct observable *o);
/** Lines in order, each once. */
void kept_sort(struct buf *says);

/** What all events of now say, for asking. */
struct kept_said;
struct kept_said *kept_said_new(const struct kept *k);
void kept_said_free(struct kept_said *s);
/** Is the line (without its end) said by one of them? */
bool kept_said(const struct kept_said *s, struct span line);

/** @return ERR_SYNTAX with the line. */
enum err kept_parse(struct span text, struct kept *k, struct fault *f) MUST_USE;
void kept_format(const struct kept *k, struct buf *out);
/** A file that is not there, or is damaged, is empty: then all events are imported again. */
enum err kept_read(const char *dir, const char *source, struct kept *k, struct fault *f) MUST_USE;
enum err kept_write(const char *dir, const char *source, const struct kept *k, struct fault *f) MUST_USE;

#endif
