/* Parties: who may ask under a name, and the tokens by which they are known.  A fold of the ENTRY_PARTY entries of the lane "node", in order:
 * same entries, same parties.
 *
 * One JSON object each, keys sorted, no blanks, those that are not set left out, so that equal changes have equal octets:
 *
 * {"by":"aisha","clearance":"amber","contact":"soc@bank.example","name":"state-bank","op":"add","sector":"finance","title":"State Bank"}
 * {"clearance":"green","name":"state-bank","op":"set"}                       what it has takes the place of what was
 * {"name":"state-bank","op":"remove"}                                        its tokens end, too
 * {"cidr":"198.51.100.0/24","expires":1767225600,"hash":"<64 digits>","id":"abcdefghij","label":"siem","name":"state-bank","op":"token",
 *  "rate":600,"role":"reporter"}                                             op "certificate": likewise
 * {"id":"abcdefghij","name":"state-bank","op":"revoke"}
 *
 * "hash" of a token is the digest of token_hash(), of a certificate SHA-256 of its DER form: neither can be turned back into what opens a door.
 * Who did it is the party of the entry, and "by" the person. */
#ifndef VIEW_PARTY_H
#define VIEW_PARTY_H

#include "base/buf.h"
#include "base/err.h"
#include "view/role.h"

enum {
	PARTY_NAME_MAX = 63,
	PARTY_TEXT_MAX = 255,     /**< octets of a title, sector, contact, label and of who did it */
	PARTIES_MAX = 16384,      /**< removed ones, too */
	TOKENS_MAX = 1 << 20,     /**< ended ones, too */
	TOKEN_ID_DIGITS = 10,     /**< base32: 50 bits */
	TOKEN_SECRET_DIGITS = 35, /**< base32: 175 bits */
	TOKEN_CHECK_DIGITS = 6,
	TOKEN_TEXT = 6 + TOKEN_ID_DIGITS + TOKEN_SECRET_DIGITS + TOKEN_CHECK_DIGITS, /**< octets of a token: "sipar_" and these */
	TOKEN_CIDRS_MAX = 64,
	TOKEN_CIDR_TEXT_MAX = 4096,
	TOKEN_RATE_MAX = 1000000000,
};

/* ---- the text of a token ---- */

/** Does it look like a token of ours?  Any other key is somebody else's business. */
static inline bool token_is(struct span text)
{
	return span_starts(text, SPAN_LIT("sipar_"));
}
/** The digest by which a token is known, from its text without its last TOKEN_CHECK_DIGITS; those are the first 30 bits of the digest, so
 *  that a mistyped token is told from a wrong one, and a scanner for secrets finds hardly anything that is none.
 *  @param ret_id  its public part.  @return ERR_SYNTAX: length, digits or check do not hold. */
enum err token_hash(struct span text, char ret_id[TOKEN_ID_DIGITS + 1], uint8_t ret_hash[32]) MUST_USE;
/** The text of a token of these octets (7 of the public part, of which 50 bits are used, and 22 of the secret one, of which 175 are). */
void token_text(const uint8_t public[7], const uint8_t secret[22], char ret_text[TOKEN_TEXT + 1]);

/* ---- what is folded ---- */

struct party {
	char name[PARTY_NAME_MAX + 1]; /**< [a-z0-9._-]+ */
	char *title, *sector, *contact; /**< "": not said */
	uint8_t clearance;             /**< enum tlp, TLP_CLEAR .. TLP_RED: lanes up to it are open to the party */
	bool removed;
	int64_t since_ms;              /**< added, the last time */
};

/** Addresses from which a token is taken. */
struct token_net {
	uint8_t n, bits;     /**< octets of an address, 4 or 16; bits that must agree */
	uint8_t octets[16];
};

struct token {
	uint32_t party;      /**< place in the set */
	char id[TOKEN_ID_DIGITS + 1];
	bool certificate;    /**< of a client, by its fingerprint */
	bool revoked;        /**< or its party was removed */
	uint8_t role;        /**< enum role */
	uint8_t hash[32];
	uint32_t expires_s;  /**< 0: never */
	bool has_rate;
	uint32_t rate;       /**< requests a minute; 0: no limit */
	char *label, *cidr;  /**< "": none; any address */
	struct token_net *nets;
	unsigned n_nets;
	int64_t since_ms, over_ms; /**< made; revoked, 0: not yet */
};

struct party_set;
struct party_set *party_set_new(void);
void party_set_free(struct party_set *s);
/** In the order in which they came, removed ones too; places stay what they are. */
unsigned party_count(const struct party_set *s);
const struct party *party_at(const struct party_set *s, unsigned i);
/** By name, removed ones too.  NULL: none. */
const struct party *party_find(const struct party_set *s, struct span name);
unsigned token_count(const struct party_set *s);
const struct token *token_at(const struct party_set *s, unsigned i);
/** By public part; of a certificate by its fingerprint, the live one if there is one.  @return its place; TOKENS_MAX: none. */
unsigned token_find(const struct party_set *s, struct span id);
unsigned token_find_certificate(const struct party_set *s, const uint8_t fingerprint[32]);
/** May it be used from this address (4 or 16 octets in network order; n 0: not known)? */
bool token_allows(const struct token *t, const uint8_t *address, size_t n);

/* ---- changes ---- */

enum party_op { PARTY_ADD, PARTY_SET, PARTY_REMOVE, PARTY_TOKEN, PARTY_CERTIFICATE, PARTY_REVOKE, PARTY_OPS };

/** One entry's body.  Spans may be empty with has_... set only where that is said. */
struct party_change {
	enum party_op op;
	struct span name, by;
	bool has_title, has_sector, has_contact, has_clearance; /**< of add and set; sector and contact may be empty */
	struct span title, sector, contact;
	uint8_t clearance;   /**< enum tlp */
	struct span id;      /**< token, certificate, revoke */
	uint8_t hash[32];    /**< token, certificate */
	enum role role;
	uint32_t expires_s, rate;
	bool has_rate;
	struct span cidr, label;
};
/** Append the one encoding of it. */
void party_change_write(const struct party_change *c, struct buf *out);
/** Strict; spans point into `body` or, when they were escaped, into `store`, which is cleared first.
 *  @return ERR_SYNTAX with a sentence. */
enum err party_change_read(struct span body, struct buf *store, struct party_change *ret_change, struct fault *f) MUST_USE;

/** May this be done at this time?  @return ERR_SYNTAX, ERR_RANGE: a name or text that is none; ERR_EXISTS: party, token or certificate are there
 *  already; ERR_NOTFOUND: no such party or token; ERR_FULL. */
enum err party_check(const struct party_set *s, const struct party_change *c, int64_t time_ms, struct fault *f) MUST_USE;
/** Do it.  One that party_check() refuses changes nothing, and is answered as by it. */
enum err party_apply(struct party_set *s, const struct party_change *c, int64_t time_ms, struct fault *f) MUST_USE;

/* ---- as people write it ---- */

/** A name from a title: "State Bank of X" is state-bank-of-x.  @return ERR_SYNTAX: nothing is left of it. */
enum err party_name_made(struct span title, char ret_name[PARTY_NAME_MAX + 1], struct fault *f) MUST_USE;
/** "amber", "tlp:amber+strict".  @return ERR_USAGE. */
enum err party_clearance_parse(struct span text, uint8_t *ret_tlp, struct fault *f) MUST_USE;
/** "198.51.100.7, 2001:db8::/32": each in its canonical form, with commas, appended.  @return ERR_USAGE, ERR_FULL. */
enum err token_cidr_parse(struct span text, struct buf *out, struct fault *f) MUST_USE;

#endif
