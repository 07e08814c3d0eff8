/* Decisions as others are told of them: JSON objects, for the command line and HTTP. */
#ifndef VIEW_DECISION_TELL_H
#define VIEW_DECISION_TELL_H

#include "view/decision.h"

/** {"decision":"decisions/12","state":"active","action":"block","reason":"phishing","first":"evil.example","values":1,"unblocked":0,"since":...,"until":...,
 *  "over":...,"hits":0,"hits_peak":0,"hit_last":...,"evidence":"...","policy":"...","voices":[{"said":"propose","party":"...","by":"...","why":"...","at":"...",
 *  "entry":"decisions/12"}],"all":["evil.example"]}, without a newline.  Times are RFC 3339 or null; evidence and policy only when there are some.
 *  @param lane    its name.  @param values  as of decision_op.values: "all"; empty: not there. */
void decision_put(const char *lane, const struct decision *d, struct span values, struct buf *out);

#endif
