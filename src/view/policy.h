/* Policies: what an administrator wrote down of automatic decisions; nothing is decided by a machine but by one of these.
 *
 * A policy names a reason and what it takes: a score, sources that agree, categories, kinds.  gate/automatic.h decides by it. */
#ifndef VIEW_POLICY_H
#define VIEW_POLICY_H

#include "codec/feed.h"
#include "view/decision.h"

enum { POLICY_NAME_MAX = 63, POLICIES_MAX = 16, POLICY_LEASE_MAX_S = 7 * 86400, POLICY_VALUES_MAX = 100000 };

struct policy {
	char name[POLICY_NAME_MAX + 1];
	uint8_t reason, min_score, min_sources, kinds; /**< enum reason; 1..100; independent groups that agree; KINDS_* */
	uint8_t audience;     /**< enum tlp: claims in lanes for this level or a wider one are looked at, but in none with members */
	uint32_t categories;  /**< the strongest evidence is of one of these; 0: that of the reason */
	uint32_t lease_s;
	uint32_t max;         /**< values of one decision at most; the highest scores first */
};

struct policies {
	unsigned n;
	struct policy v[POLICIES_MAX];
};

/** "NAME reason=phishing min_score=95 sources=2 categories=phishing,fraud kinds=domain for=3d max=1000 audience=amber": one more.
 *  Defaults: min_score 90, sources 2, the category of the reason, names and addresses, 3 days, 1,000 values, and
 *  green: those who see a decision may know what it is made of.
 *  @return ERR_USAGE with a sentence; ERR_EXISTS; ERR_FULL. */
enum err policies_add(struct policies *p, struct span text, struct fault *f) MUST_USE;
/** The form that policies_add() takes. */
void policy_put(const struct policy *p, struct buf *out);

#endif
