/* Role: what a token of a party is for, and the rights that go with it.
 *
 * Default deny: a right that no row of role.c gives is not there. */
#ifndef VIEW_ROLE_H
#define VIEW_ROLE_H

#include "base/span.h"

/** Nobody has more than one with one token. */
enum role {
	ROLE_NONE,          /**< of nobody that is known: reads what anonymous askers may see */
	ROLE_READER,
	ROLE_REPORTER,      /**< tells: objects, sightings, hits; takes back what its own party has told */
	ROLE_ANALYST,       /**< as reporter; takes back what others have told, proposes decisions */
	ROLE_APPROVER,      /**< as analyst; approves */
	ROLE_ADMINISTRATOR, /**< as reader; parties, tokens, sources, peers */
	ROLE_AUDITOR,       /**< as reader; who did what, and who has had what */
	ROLES,
};
enum right {
	RIGHT_READ = 1, RIGHT_REPORT = 2, RIGHT_RETRACT = 4, RIGHT_PROPOSE = 8, RIGHT_APPROVE = 16, RIGHT_ADMINISTER = 32, RIGHT_AUDIT = 64,
};

bool role_may(enum role role, enum right right);
/** "reader" ...; "none". */
const char *role_name(enum role role);
/** @return ROLE_NONE: no such role. */
enum role role_parse(struct span name);

#endif
