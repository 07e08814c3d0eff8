/* The agent: keeps sets of the kernel's nftables equal to a feed of a node.
 *
 * A round asks the node what has changed since the serial that is enforced here, and makes the kernel's sets so, removals first, in one
 * transaction; then it remembers (enforce/notebook.h).  The next request tells the node that serial, so it knows when an unblocking has
 * arrived.  When others have changed the rule set (its generation tells), and at agent_compare(), the sets are read
 * and put right; sets that are too large to be read are emptied and filled in one transaction.
 *
 * When the node cannot be reached, what is enforced stays for the time of grace; then, as configured, what was enforced for less than a
 * day when the node was heard of last goes, or all, or nothing.  When the node is back, it comes back.
 *
 * Library code: it tells what happens by `tell`.  One thread. */
#ifndef ENFORCE_AGENT_H
#define ENFORCE_AGENT_H

#include "base/err.h"
#include "base/span.h"

enum agent_offline { OFFLINE_KEEP, OFFLINE_DROP_YOUNG, OFFLINE_DROP_ALL };
enum { AGENT_OLD_S = 86400, AGENT_SPARE_MAX = 32, AGENT_PRIORITY = -10 /**< of the chains: before the filter rules of others */ };

enum agent_what {
	AGENT_ENFORCED,  /**< serial, added, removed, values, took_us */
	AGENT_REPAIRED,  /**< likewise: somebody else had changed the sets or rules */
	AGENT_SPARED,    /**< value and text: why it is not enforced */
	AGENT_AWAY,      /**< text: why the node does not answer, or not as it should; once */
	AGENT_DROPPED,   /**< removed, values: the time of grace is over */
	AGENT_BACK,      /**< serial */
	AGENT_TROUBLE,   /**< text: the kernel or the state refuses; once for each text */
	AGENT_WOULD,     /**< dry run: text is "add block4 198.51.100.7" */
};

struct agent_event {
	enum agent_what what;
	uint64_t serial, took_us;
	size_t added, removed, values; /**< of the sets: ranges count once, and a set that is emptied, too */
	const char *value, *text;
};

struct agent_options {
	const char *url;           /**< of the node: "http://node.example:8300/" */
	const char *feed;
	const char *key;           /**< NULL: none */
	const char *family, *table;
	const char *state;         /**< directory */
	const char *resolv_conf;
	const char *spare[AGENT_SPARE_MAX];
	unsigned n_spare;
	bool no_rules, dry_run;
	enum agent_offline offline;
	int64_t grace_s;
	void (*tell)(void *ctx, const struct agent_event *e);
	bool (*cancelled)(void *ctx); /**< asked while the node is waited for */
	void *ctx;
};

struct agent;
/** Opens state and kernel; changes nothing yet.  `o` and its texts live as long as the agent.
 *  @return ERR_USAGE: an option says what it cannot; or as nft_open(), notebook_open(). */
enum err agent_new(const struct agent_options *o, struct agent **ret_agent, struct fault *f) MUST_USE;
void agent_free(struct agent *a);

/** The next round reads the sets, and takes the whole feed when `whole`. */
void agent_compare(struct agent *a, bool whole);
/** One round.  @param ret_again  there was something: do the next one at once.
 *  @return OK, the node not reached included (see `tell`); ERR_FORBIDDEN, ERR_NOTFOUND: the node refuses the key or has no such feed, and nothing was ever
 *          enforced from it; ERR_CANCELLED; ERR_FULL, ERR_IO ...: the kernel or the state refuses, and it will be tried again;
 *          ERR_EXISTS: a set of that name belongs to somebody else. */
enum err agent_round(struct agent *a, bool *ret_again, struct fault *f) MUST_USE;
/** Was the node reached by the last round? */
bool agent_reached(const struct agent *a);

#endif
