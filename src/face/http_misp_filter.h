/* MISP filter: what a search (restSearch) asks for, from the JSON of its body. Pure.
 *
 * A filter is a string or number, a list of them (any of them), or {"OR":[],"AND":[],"NOT":[]}; "!" before a word negates it, and '%' in a
 * word stands for any octets.  null, false where a word is meant, and "" are as if the filter were not there.  Filters that MISP has and a
 * node cannot know of (sharing groups, galaxies, objects ...) are not looked at, as MISP does not look at those that it does not know.
 */
#ifndef FACE_HTTP_MISP_FILTER_H
#define FACE_HTTP_MISP_FILTER_H

#include "codec/misp_event.h"

enum { MISP_TERMS_MAX = 5000, MISP_WORDS_MAX = 64 };

enum misp_format { MISP_JSON, MISP_CSV, MISP_TEXT, MISP_COUNT };

struct misp_term {
	struct span text;
	enum { TERM_ANY, TERM_ALL, TERM_NONE } how;
};
struct misp_terms {
	struct misp_term *v;
	size_t n, cap;
};

struct misp_filter {
	enum misp_format format;
	struct misp_terms value, type, category, tags, uuid, eventid, org, info;
	uint32_t from_s, to_s;             /**< of the event's date; to_s UINT32_MAX: no end */
	uint32_t since_s, until_s;         /**< of the last change: of attributes, or of events in a search for these */
	uint32_t event_since_s, event_until_s; /**< of the event's last change */
	bool standing, deleted;            /**< which of them */
	bool has_to_ids, to_ids;
	bool no_warninglist, context, headerless, metadata, unpublished;
	uint64_t limit, page;              /**< limit 0: none; page from 1 */
	struct buf store;                  /**< what the texts point into */
};

/** @param now_s  for "5d" and the like.
 *  @return OK: misp_filter_release() it; ERR_SYNTAX, ERR_RANGE, ERR_UNSUPPORTED (a returnFormat), with a sentence. */
enum err misp_filter_read(struct span body, uint32_t now_s, struct misp_filter *ret_filter, struct fault *f) MUST_USE;
void misp_filter_release(struct misp_filter *m);

/** A word with '%' for any octets, ASCII case ignored. */
bool misp_like(struct span text, struct span pattern);
/** Do the terms let such a text pass?  No terms: yes. */
bool misp_terms_pass(const struct misp_terms *t, struct span text);
/** All that is said of the event, and not of its attributes. */
bool misp_filter_event(const struct misp_filter *m, const struct misp_event *e);
enum { MISP_PASSED_TIME = 1, MISP_PASSED_VALUE = 2, MISP_PASSED_UUID = 4 };
/** All that is said of attributes, but for the warning lists.  @param passed  bits of what was looked at already. */
bool misp_filter_attribute(const struct misp_filter *m, const struct misp_event *e, const struct misp_attribute *a, unsigned passed);
/** Are the values that are asked for all exact ones, so that a table has them? */
bool misp_filter_is_exact(const struct misp_filter *m);

#endif
