/* Decisions: what is to be blocked, for how long, for which of a closed set of reasons, and who said so.
 *
 * A decision begins as a proposal; enough approvals (gate/docket.h holds them to the node's policy) put it in force; it is over when its
 * lease ends, when somebody unblocks it, or when it is suspended until a person has looked.  All of that are entries
 * (ENTRY_DECISION) of one lane, with one JSON object each.  This is the fold of them without the values, which are in the table of
 * view/force.h: same entries, same decisions.
 *
 * {"op":"propose","action":"block","reason":"phishing","exact":true,"until":1767225600,"enacts":true,"by":"aisha","why":"...",
 *  "evidence":"...","policy":"...","values":["evil.example","*.x.example","198.51.100.7"]}
 * {"op":"approve","of":[12],"enacts":true,"by":"bilal","why":""}       op refuse, suspend: likewise, without "enacts"
 * {"op":"unblock","of":[12],"by":"bilal","why":""}                     a decision with all its values
 * {"op":"unblock","of":[12,15],"by":"...","why":"...","values":["evil.example"]}   one value, and the decisions that lose it
 * {"op":"expire","of":[3,4],"at":1767225600}
 * {"op":"protect","until":0,"by":"...","why":"...","values":[...]}      op unprotect: likewise
 *
 * Keys in this order, those without a value left out; "of" are indexes of proposals in the lane: one for
 * approve, refuse, suspend and an unblock of a whole decision.  The party is that of the entry. */
#ifndef VIEW_DECISION_H
#define VIEW_DECISION_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/category.h"
#include "codec/observable.h"

/** There is no other reason, and no free text that could be one: this is no tool for censorship. */
enum reason { REASON_PHISHING, REASON_MALWARE, REASON_C2, REASON_DGA, REASON_BOTNET, REASON_EXPLOITATION, REASONS };

enum { LEASE_MAX_S = 184 * 86400, REASONS_ALL = (1 << REASONS) - 1 };

struct reason_row {
	const char *name;         /**< "phishing", "malware", "c2", "dga", "botnet", "exploitation" */
	enum category category;
	uint32_t lease_s;         /**< when nobody says how long */
};
/** Never NULL for a reason. */
const struct reason_row *reason_row(enum reason r);
/** By name, or a name or alias of its category ("c2-server").  @return REASONS: it is none. */
enum reason reason_find(struct span name);
/** "phishing,c2", or "all", to a mask.  @return ERR_USAGE, with the word and the list of those that there are. */
enum err reasons_parse(struct span text, uint32_t *ret_mask, struct fault *f) MUST_USE;

enum action { ACTION_BLOCK, ACTION_CHALLENGE, ACTION_PROTECT, ACTIONS };
/** "block", "challenge", "protect". */
const char *action_name(enum action a);

enum op { OP_PROPOSE, OP_APPROVE, OP_REFUSE, OP_SUSPEND, OP_UNBLOCK, OP_EXPIRE, OP_PROTECT, OP_UNPROTECT, OPS };
const char *op_name(enum op o);

enum { OP_OF_MAX = 4096, OP_TEXT_MAX = 1024 /**< octets of by, why, evidence and policy each */ };

/** One entry's body. */
struct decision_op {
	enum op op;
	uint8_t action, reason;
	uint32_t until_s;           /**< 0: none (protect only) */
	uint32_t at_s;              /**< of expire */
	bool enacts;
	bool exact;                 /**< names among the values do not mean what is below them */
	struct span by, why, evidence, policy; /**< UTF-8 */
	const uint64_t *of;
	unsigned n_of;
	struct span values;         /**< JSON: the octets inside the brackets; see decision_value() */
	unsigned n_values;
};

/** Append the one encoding of it. */
void decision_op_write(const struct decision_op *op, struct buf *out);
/** Strict; spans point into `body` or, when they were escaped, into `store`, which is cleared first, as `of` does.
 *  @return ERR_SYNTAX, ERR_RANGE with a sentence. */
enum err decision_op_read(struct span body, struct buf *store, struct decision_op *ret_op, struct fault *f) MUST_USE;

/** The next value of op.values, which is shortened by it; `text` is canonical, as obs_format() writes it.
 *  @return false: there is none (or, of octets that nobody wrote, no observable). */
bool decision_value(struct span *values, uint8_t store[OBS_KEY_MAX], struct observable *ret_value);
/** Append one to a list that is being made for op.values. */
void decision_value_put(struct buf *values, const struct observable *o);

enum decision_state {
	DECISION_PROPOSED,  /**< waits for approvals */
	DECISION_ACTIVE,
	DECISION_SUSPENDED, /**< not in force until it is approved anew */
	DECISION_REFUSED,
	DECISION_RETRACTED, /**< unblocked: the last of its values, too */
	DECISION_EXPIRED,
	DECISION_STATES
};
const char *decision_state_name(enum decision_state s);

enum { DECISION_VOICES_MAX = 8 };

/** Who said something about a decision. */
struct voice {
	const char *party, *by, *why;
	int64_t time_ms;
	uint8_t op;      /**< enum op */
	uint64_t index;  /**< of the entry, in the lane */
};

/** A decision; texts are its own. */
struct decision {
	uint64_t index;         /**< of the proposal in the lane: its name is "decisions/INDEX" */
	uint64_t number;        /**< entry of the proposal */
	uint64_t enacted;       /**< entry that put it in force, the last time; 0: none has */
	uint8_t action, reason, state;
	uint32_t until_s;
	int64_t since_ms;       /**< in force from; 0: never was */
	int64_t over_ms;        /**< refused, retracted, expired, suspended; 0: not yet */
	uint64_t n_values, n_out; /**< of them single ones that were unblocked */
	const char *first;      /**< its first value */
	const char *evidence, *policy;
	uint64_t hits, hits_peak;  /**< that were reported, over all and in one period */
	uint32_t hits_periods, hit_last_s; /**< periods with hits; the end of the last one */
	unsigned n_voices;      /**< the proposal is the first; when there are more than have room, the last one is replaced */
	struct voice voice[DECISION_VOICES_MAX];
};

struct decision_set;
struct decision_set *decision_set_new(void);
void decision_set_free(struct decision_set *s);
size_t decision_count(const struct decision_set *s);
/** In the order of proposals. */
const struct decision *decision_at(const struct decision_set *s, size_t i);
/** By index in the lane.  NULL: there is none. */
const struct decision *decision_find(const struct decision_set *s, uint64_t index);
/** By the entry that put it in force (claim.entry of the decisions' table).  NULL: none. */
const struct decision *decision_enacted(const struct decision_set *s, uint64_t number);

/** Where an op stands. */
struct decision_entry {
	uint64_t number, index;
	int64_t time_ms;
	const char *party;
};
/** May this be done?  For the gate before it is written, and for the fold.  Does not look at policy, protection or the table.
 *  @return ERR_SYNTAX, ERR_RANGE: a text of it has a control character, is not UTF-8 or too long; ERR_NOTFOUND: no such proposal; ERR_FORBIDDEN: it is not in a state for it, or the party has spoken already. */
enum err decision_check(const struct decision_set *s, const struct decision_op *op, const char *party, struct fault *f) MUST_USE;
/** Do it, for the states of decisions.  One that decision_check() refuses changes nothing, and is answered as by it. */
enum err decision_apply(struct decision_set *s, const struct decision_op *op, const struct decision_entry *e, struct fault *f) MUST_USE;
/** It was met `n` times in the `seconds` from `from_s` on.  One that there is not is passed over. */
void decision_hit(struct decision_set *s, uint64_t index, uint32_t from_s, uint32_t seconds, uint64_t n);
/** How often it was approved since it was last suspended. */
unsigned decision_approvals(const struct decision *d);
/** The distinct parties among who proposed it and who approved it since then; the one of `party` counted too (NULL: none). */
unsigned decision_parties(const struct decision *d, const char *party);
/** Active ones whose lease ends at `at_s` or before; at most `room` indexes.  @return how many. */
unsigned decision_due(const struct decision_set *s, uint32_t at_s, uint64_t *ret_index, unsigned room);
/** When the next one ends; 0: never. */
uint32_t decision_next_end(const struct decision_set *s);

#endif
