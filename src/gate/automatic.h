/* Automatic decisions: by a policy of view/policy.h.
 *
 * What the node's table has that meets the policy, and is not protected and not in force already, becomes one decision, in force at once and signed as
 * the policy's (decision.policy), with a lease that is shorter than those of people; while it still meets it, it is renewed before it ends. */
#ifndef GATE_AUTOMATIC_H
#define GATE_AUTOMATIC_H

#include "gate/node.h"
#include "view/policy.h"

/** What the policy would decide now, in the form of decision_op.values, appended.  Imports do not end while the table is read.
 *  @param ret_n  values. */
enum err automatic_find(struct node *n, const struct policy *a, struct buf *values, unsigned *ret_n, struct fault *f) MUST_USE;
/** Decide it.  @param ret_n  values; 0: there was nothing to decide. */
enum err automatic_run(struct node *n, const struct policy *a, unsigned *ret_n, uint64_t *ret_index, struct fault *f) MUST_USE;

#endif
