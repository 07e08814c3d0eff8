/* Lists: what is in a feed, written in the forms that resolvers, firewalls, sensors and programs read.
 *
 * A form is a row of list_formats.  Writing is pure: items in, octets out, a piece at a time.  What a form has no way to say is left out, and
 * counted in the last line.  Where a form has no word for what is to be done, only blocks are in it: a challenge must not become a block. */
#ifndef GATE_LIST_H
#define GATE_LIST_H

#include "codec/prefixes.h"
#include "gate/feed.h"

struct list;

enum list_action { LIST_BLOCK, LIST_CHALLENGE, LIST_PASS };

/** One thing that a list says. */
struct list_value {
	struct observable o;   /**< without wildcard */
	bool self, below;      /**< of a domain: the name, the names below it; of others `self` alone */
	enum list_action action;
	uint32_t reasons;      /**< bit r for enum reason r */
	bool gone;             /**< of changes: it is not in the feed any more; no action, no reasons */
};

struct list_format {
	const char *ending, *media;
	const char *what;      /**< for people */
	uint8_t kinds;         /**< KINDS_*: that it has a form for */
	bool tells_action;     /**< it tells blocks from challenges */
	bool tells_changes;    /**< it has a form for changes */
	void (*begin)(struct list *l, struct buf *out);
	/** @return false: it cannot say this one. */
	bool (*value)(struct list *l, const struct list_value *v, struct buf *out);
	void (*end)(struct list *l, struct buf *out);
};
/** Ended by one without an ending. */
extern const struct list_format list_formats[];
/** NULL: there is none. */
const struct list_format *list_format_find(struct span ending);

/** One list that is being written.  Zero-initialised, then the first group set by the caller. */
struct list {
	const struct list_format *format;
	const struct feed *feed;
	uint64_t serial;
	int64_t time_ms;       /**< of the serial; 0: not known */
	bool asked_since;      /**< what has changed since `since` was asked for ... */
	bool complete;         /**< ... or this is everything that is in the feed */
	uint64_t since;

	uint64_t beyond;       /**< keys that are in the feed, but behind the cap of the list */
	uint64_t n, left_out;  /**< keys that were written; that the form cannot say */
	bool values_begun;     /**< private, as all below */
	unsigned n_written;
	uint64_t next_id;
	struct prefixes prefixes;
	struct buf chunk[2];
	unsigned n_chunk[2];
};

void list_release(struct list *l);
void list_begin(struct list *l, struct buf *out);
/** What is gone, of changes, comes before everything else: all items once with list_gone(), then all with list_put().  Of a complete list
 *  list_put() alone. */
void list_gone(struct list *l, const struct feed_item *item, struct buf *out);
void list_put(struct list *l, const struct feed_item *item, struct buf *out);
void list_end(struct list *l, struct buf *out);

/** "phishing c2", with something else between them. */
void list_put_reasons(uint32_t reasons, const char *between, struct buf *out);
/** Up to two values of a key: of a domain two where the name and those below it have another force.
 *  @return how many. */
unsigned list_values(const struct table_key *k, struct force_pair is, struct list_value ret_values[2]);

#endif
