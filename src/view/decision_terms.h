/* The terms of a proposal, as people write them. */
#ifndef VIEW_DECISION_TERMS_H
#define VIEW_DECISION_TERMS_H

#include "view/decision.h"

/** Empty: not said.  Lent. */
struct decision_terms {
	struct span reason;   /**< needed: a name or alias */
	struct span lease;    /**< "14d", "36h", "2mo"; by default the reason's */
	struct span action;   /**< "block" (by default), "challenge" */
	struct span why;
	bool exact;
};

/** A proposal with these terms, from `now_s` on, without values and evidence.  @return ERR_USAGE with a clause that names what is wrong. */
enum err decision_propose(const struct decision_terms *t, uint32_t now_s, struct decision_op *ret_op, struct fault *f) MUST_USE;

#endif
