/* For agent*.c alone: what the node says (agent.c) and what the kernel has (agent_kernel.c). */
#ifndef ENFORCE_AGENT_PARTS_H
#define ENFORCE_AGENT_PARTS_H

#include "enforce/agent.h"
#include "enforce/notebook.h"
#include "enforce/ranges.h"
#include "enforce/spared.h"
#include "sys/fetch.h"
#include "sys/nft.h"

enum { AGENT_KEY_MAX = 512, AGENT_URL_MAX = 900 };

enum set_id { BLOCK4, BLOCK6, NET4, NET6, CHALLENGE4, CHALLENGE6, SETS, RANGE_SETS = SETS - NET4 };

enum away { HERE, AWAY /* and all stays */, DROPPED };

struct agent {
	const struct agent_options *o;
	struct fetcher *fetcher;
	struct nft *nft;
	struct notebook *notebook;
	struct values *values;
	struct spared *spared, *node; /* all; the addresses of the node, as they were found last */
	struct ranges have[RANGE_SETS]; /* in the kernel */
	struct notebook_head head;

	enum away away;
	bool reached, heard_once;
	bool must_compare, must_settle, whole;
	bool capped;                /* the node has no changes of this feed to tell: it is asked for all, with an ETag */
	bool ranges_changed;
	uint32_t generation;        /* of the rule set behind our last change */
	int64_t saved_heard_s;
	uint64_t looked_ms, compared_ms, compare_took_ms;
	bool state_changed;
	uint32_t mark;              /* of the pass through the values that is under way */

	struct buf pending;         /* struct value: that the kernel is to be given */
	size_t added, removed;      /* of the transaction that is gathered */
	bool made;                  /* a table, set or rule that was missing */
	struct fetch_extra extra;
	char key[AGENT_KEY_MAX + 32], enforced[64], host[256], url[AGENT_URL_MAX], trouble[400];
};

void agent_tell(struct agent *a, const struct agent_event *e);
/* Nothing is gathered for the next transaction. */
void agent_begin(struct agent *a);
enum set_id agent_set_of(const struct value *v);
extern const struct nft_set agent_sets[SETS];
/* An address of a plain set is to leave the kernel. */
void agent_gather_removal(struct agent *a, enum set_id id, const uint8_t *first, const uint8_t *last);
/* It is to be found again by the next opening. */
void agent_remember(struct agent *a, const struct value *v);
/* Make the kernel so: with the changes of an answer alone (removals of addresses are gathered already); with all that should be there beside what
 * was applied; with all that should be there beside what the kernel says it has. */
enum err agent_apply(struct agent *a, struct fault *f) MUST_USE;
enum err agent_settle(struct agent *a, struct fault *f) MUST_USE;
enum err agent_reconcile(struct agent *a, struct fault *f) MUST_USE;

#endif
