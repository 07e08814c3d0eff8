/* Asker: who asks a face, what they may see, and what they may do.
 *
 * Default deny: a right that no role gives is not there, and a lane outside `clear` does not exist for the asker. */
#ifndef GATE_ASKER_H
#define GATE_ASKER_H

#include "ledger/entry.h"
#include "view/party.h"
#include "view/role.h"

struct asker {
	char party[PARTY_NAME_MAX + 1]; /**< "": nobody that is known */
	char token[TOKEN_ID_DIGITS + 6]; /**< its public part, for logs and limits; "" */
	enum role role;
	clearance clear;
};

#endif
