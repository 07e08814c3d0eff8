#include "view/decision_terms.h"

#include "ledger/lane.h"

enum err decision_propose(const struct decision_terms *t, uint32_t now_s, struct decision_op *ret_op, struct fault *f)
{
	enum reason r = reason_find(t->reason);
	if (r == REASONS)
		return fault_set(f, ERR_USAGE, "one of the reasons phishing, malware, c2, dga, botnet and exploitation is needed");
	uint32_t lease_s = reason_row(r)->lease_s;
	if (t->lease.n && (retention_parse(t->lease, &lease_s, f) || !lease_s || lease_s > LEASE_MAX_S))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not a time up to %d days, like 14d or 36h", SPAN_ARG(span_head(t->lease, 40)),
				 LEASE_MAX_S / 86400);
	bool challenge = span_is(t->action, "challenge");
	if (t->action.n && !challenge && !span_is(t->action, "block"))
		return fault_set(f, ERR_USAGE, "the action \"" SPAN_FMT "\" is neither block nor challenge", SPAN_ARG(span_head(t->action, 40)));
	if (t->why.n > OP_TEXT_MAX)
		return fault_set(f, ERR_USAGE, "why it is, is said in %d octets at most", OP_TEXT_MAX);
	*ret_op = (struct decision_op){ .op = OP_PROPOSE, .action = challenge ? ACTION_CHALLENGE : ACTION_BLOCK, .reason = (uint8_t)r, .exact = t->exact,
					.until_s = now_s + lease_s, .why = t->why };
	return OK;
}
