/* Feeds: which part of what the node says goes into a snapshot, in the words of the configuration and of the command line. */
#ifndef APP_FEEDS_H
#define APP_FEEDS_H

#include "gate/export.h"

enum { FEED_NAME_MAX = 63, FEED_LANES_MAX = 511, FEEDS_MAX = 32 };

struct feed {
	char name[FEED_NAME_MAX + 1];    /**< [a-z0-9._-]+; "": none */
	char lanes[FEED_LANES_MAX + 1];  /**< names with commas; "": those of the audience */
	uint8_t audience;                /**< enum tlp: lanes for all that this level or a wider one has */
	uint8_t kinds, min_score;
	uint32_t categories;
};

struct config_feeds {
	unsigned n;
	struct feed v[FEEDS_MAX];
};

/** Everything that is for everybody. */
void feed_defaults(struct feed *feed);
/** One word of it: lanes, audience, kinds, categories or min_score.
 *  @return ERR_USAGE with a sentence: there is no such word, or it does not take the value. */
enum err feed_set(struct feed *feed, struct span word, struct span value, struct fault *f) MUST_USE;
/** "NAME word=value word=value": one more.  @return ERR_USAGE; ERR_EXISTS; ERR_FULL. */
enum err feeds_add(struct config_feeds *feeds, struct span text, struct fault *f) MUST_USE;
/** NULL: none of that name. */
const struct feed *feeds_find(const struct config_feeds *feeds, const char *name);
/** What the gate needs of it.  @return ERR_NOTFOUND: a lane that it names is not there. */
enum err feed_selection(const struct feed *feed, struct ledger *l, struct selection *ret_selection, struct fault *f) MUST_USE;

#endif
