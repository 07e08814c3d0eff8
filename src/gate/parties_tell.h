/* Parties and tokens as others are told of them: JSON objects, for the command line and HTTP.  Nothing that opens a door is in them. */
#ifndef GATE_PARTIES_TELL_H
#define GATE_PARTIES_TELL_H

#include "gate/parties.h"

/** Number i of the set that is held: {"name":"state-bank","title":"...","sector":"...","contact":"...","clearance":"amber","since":"...",
 *  "removed":false,"tokens":2}; tokens that are live, without a newline. */
void parties_put_party(const struct party_set *s, unsigned i, int64_t now_ms, struct buf *out);
/** {"id":"...","party":"...","role":"reader","kind":"token","label":"...","cidr":["..."],"expires":"..." or null,"rate":600 or null,
 *  "state":"valid","since":"...","last_used":"..." or null}; of a certificate "fingerprint", too. */
void parties_put_token(const struct parties *p, const struct party_set *s, unsigned i, int64_t now_ms, struct buf *out);
/** "valid", "expired", "revoked". */
const char *token_state(const struct token *t, int64_t now_ms);

#endif
