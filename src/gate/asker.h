/* Asker: who asks a face, what they may see, and what they may do.
 *
 * Default deny: a right that no row gives is not there, and a lane outside `clear` does not exist for the asker. */
#ifndef GATE_ASKER_H
#define GATE_ASKER_H

#include "ledger/entry.h"

enum { PARTY_NAME_MAX = 63 };

/** What a token is for.  Nobody has more than one with one token. */
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

struct asker {
	char party[PARTY_NAME_MAX + 1]; /**< "": nobody that is known */
	char token[16];                 /**< its public part, for logs and limits; "" */
	enum role role;
	clearance clear;
};

bool role_may(enum role role, enum right right);
/** "reader" ...; "none". */
const char *role_name(enum role role);
/** @return ROLE_NONE: no such role. */
enum role role_parse(struct span name);

#endif
