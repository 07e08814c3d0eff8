/* Parties of a node, opened: their entries in the lane "node", the fold of them (view/party.h), and what each of them may see.
 *
 *   party, token ──▶ fits what is there? ──▶ ledger (lane "node") ──▶ party set ──▶ authentication of every face
 *
 * A change takes effect for whoever asks after it has returned: a token that was revoked opens nothing any more.
 *
 * A party sees the lanes whose audience is at or below its clearance and that have no members, or have it among them.  What is said about
 * sources and parties (the lane "node") is seen by administrators and auditors alone.
 *
 * When a token was used last is no fact that others must be able to verify: it is kept in DIR/tokens.used, which is written from time to time.
 *
 * Threads: any; changes are made one at a time. */
#ifndef GATE_PARTIES_H
#define GATE_PARTIES_H

#include "gate/asker.h"
#include "gate/docket.h"
#include "ledger/ledger.h"

/** Lane of what is said about sources and parties. */
#define NODE_LANE "node"

struct parties;
/** Open, and fold the lane.  @param dir  the data directory.  @return as ledger_body(); ERR_CORRUPT: an entry that cannot be folded. */
enum err parties_open(const char *dir, bool writable, struct ledger *l, struct parties **ret_parties, struct fault *f) MUST_USE;
/** NULL is taken. */
void parties_close(struct parties *p);
/** There may be another lane. */
void parties_lanes(struct parties *p);

/** Say something about a party or a token.  @param who  who does it; c->by is taken from there.
 *  @return OK: durable, folded, and kept to by every face; ERR_FORBIDDEN: opened to be read; or as party_check(), ledger_wait(). */
enum err parties_say(struct parties *p, const struct speaker *who, const struct party_change *c, struct fault *f) MUST_USE;
/** A new token: the change has party, role and what else there is; id and hash are made.
 *  @param ret_text  the token, which is nowhere else: the caller overwrites it when it has been handed over. */
enum err parties_token_new(struct parties *p, const struct speaker *who, struct party_change *c, char ret_text[TOKEN_TEXT + 1], struct fault *f)
	MUST_USE;
/** The certificate of a client is as good as a token: c->hash is its fingerprint; an id is made.  @param ret_id  what revokes it. */
enum err parties_certificate_new(struct parties *p, const struct speaker *who, struct party_change *c, char ret_id[TOKEN_ID_DIGITS + 1],
				 struct fault *f) MUST_USE;

/** Requests a minute of tokens that do not say; 0, as at first: no limit.  Before others use it. */
void parties_set_rate(struct parties *p, uint32_t a_minute);
/** Who comes with this token?  Its use is noted.
 *  @param peer  the address, as text.  @param ret_asker  on success; clear has what the party sees, without what everybody may; pace
 *               whether it is one too many, of what the token may (this one is counted).
 *  @return OK; ERR_FORBIDDEN, always: the fault says why, for the log alone (it names the public part of the token, and nothing else of it). */
enum err parties_authenticate(struct parties *p, struct span token, const char *peer, int64_t now_ms, struct asker *ret_asker, struct fault *f)
	MUST_USE;
/** The same by the SHA-256 of a client's certificate (DER), which somebody else has verified. */
enum err parties_certificate(struct parties *p, const uint8_t fingerprint[32], const char *peer, int64_t now_ms, struct asker *ret_asker,
			     struct fault *f) MUST_USE;
/** One who came with a token or a certificate some time ago, and is being answered since: is it still good, and what does the party see
 *  by now?  The address is not looked at again.
 *  @param id  asker.token.  @return OK; ERR_FORBIDDEN: it was revoked, or has expired. */
enum err parties_still(struct parties *p, const char *id, int64_t now_ms, clearance *ret_clear) MUST_USE;
/** What everybody sees who is shown the lanes for this level (enum tlp): those without members, but the lane of the node itself. */
clearance parties_everybody(struct ledger *l, uint8_t tlp);
/** What a party sees with a token of this role.  @return 0: there is no such party. */
clearance parties_clear(struct parties *p, const char *name, enum role role);

/** The parties, for as long as they are held: nobody changes them meanwhile, and nobody is authenticated behind one who wants to. */
const struct party_set *parties_hold(struct parties *p);
void parties_let(struct parties *p);
/** When token `i` of the set was used last; 0: never.  While it is held. */
int64_t parties_used(const struct parties *p, unsigned i);
/** Write DIR/tokens.used, if there is something new. */
enum err parties_save(struct parties *p, struct fault *f) MUST_USE;

#endif
