/* DNS messages as libknot reads them, and their signatures (TSIG, RFC 8945, hmac-sha256).
 *
 * What is written is the caller's: these functions read requests and answers, check who signed them, and put a signature at the end of
 * a message that is otherwise whole.
 */
#ifndef SYS_KNOT_H
#define SYS_KNOT_H

#include "base/err.h"
#include "base/span.h"

enum { MESSAGE_MAX = 4096 /**< octets of a message that is read */, MESSAGE_NAME_MAX = 255 };
enum { TSIG_NAME_MAX = 255, TSIG_MAC_MAX = 32 };

/** Extended rcodes of RFC 8945 section 3; what is not signed with a known key is answered with rcode NOTAUTH and one of these. */
enum tsig_error { TSIG_FINE = 0, TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22 };

/** A shared secret and its name. */
struct tsig_key;
/** @param name  "nayatel.isp-rpz", letters in lower case.  @return ERR_SYNTAX: no name of a key. */
enum err tsig_key_new(const char *name, struct span secret, struct tsig_key **ret_key, struct fault *f) MUST_USE;
void tsig_key_free(struct tsig_key *k);
/** Octets that a signature takes at most; NULL: 0. */
size_t tsig_room(const struct tsig_key *k);

/** A conversation in one key: each message's signature covers that of the one before.  Zeroed: nothing is signed. */
struct tsig {
	const struct tsig_key *key; /**< borrowed; NULL: none */
	uint8_t mac[TSIG_MAC_MAX];  /**< of the last message; of the request at first */
	uint8_t mac_n;
	bool later;                 /**< an answer was signed already */
	enum tsig_error error;      /**< TSIG_BADTIME is told in a signed answer */
	uint64_t request_time_s;
};

/** A message that was read.  Names are in wire form. */
struct message {
	uint16_t id, flags;       /**< flags: as they came, with opcode and rcode */
	uint8_t opcode, rcode;
	bool response;
	bool sound;               /**< read to its end, with one question; what follows is set only then */
	uint16_t type, class;
	uint16_t question_n;      /**< octets of the question behind the header */
	uint8_t name_n;
	uint8_t name[MESSAGE_NAME_MAX]; /**< of the question, lower case */
	bool edns;
	uint8_t edns_version;
	uint16_t edns_size;
	bool has_serial;
	uint32_t serial;          /**< of the first SOA in the authority section */
	bool is_signed;
	char key_name[TSIG_NAME_MAX + 1]; /**< lower case, no final dot; "" : one that no text of ours can be */
	void *packet;             /**< private */
	uint8_t wire[MESSAGE_MAX];
};

/** @return false: no message at all (shorter than a header, longer than MESSAGE_MAX).  message_release() in any case. */
bool message_read(struct span octets, struct message *ret) MUST_USE;
void message_release(struct message *m);

/** Who asked?  Begins the conversation of the answer in ret_tsig.
 *  @return TSIG_FINE: it was signed with this key, just now. */
enum tsig_error message_check(const struct message *m, const struct tsig_key *key, struct tsig *ret_tsig);
/** Is this an answer to what tsig_sign() signed last? */
bool message_answers(const struct message *m, const struct tsig *sent);

/** Sign a message of `*n` octets, in place; its count of additional records is raised.  Without a key nothing is done.
 *  @param room  octets at `msg`.  @return false: it does not fit. */
bool tsig_sign(struct tsig *t, uint8_t *msg, size_t *n, size_t room) MUST_USE;
/** Append what says that `m` was not signed well: a record without a signature (BADKEY, BADSIG). */
bool tsig_refuse(const struct message *m, enum tsig_error error, uint8_t *msg, size_t *n, size_t room) MUST_USE;

#endif
