/* A record in the making: what a reader of one line or row fills, with the room for its claims. */
#ifndef CODEC_DRAFT_H
#define CODEC_DRAFT_H

#include "codec/feed.h"

enum { DRAFT_KEYS_MAX = 32 << 10 /**< octets of all keys of one record */ };

/** One per parse call, on its stack; not initialised as a whole: draft_init(), then draft_begin() for each record. */
struct draft {
	struct feed_record r;
	uint8_t stance;    /**< of claims to come */
	size_t keys_used;
	struct fault fault;
	struct feed_claim claims[FEED_CLAIMS_MAX];
	uint8_t keys[DRAFT_KEYS_MAX];
};

void draft_init(struct draft *d, enum stance stance);

static inline void draft_begin(struct draft *d)
{
	d->keys_used = 0;
	d->r.n_claims = 0;
	d->r.tlp = TLP_UNSAID;
	d->r.id = (struct span){ NULL, 0 };
	d->r.fate = FATE_CLAIMS;
}

/** Add a claim about `text`.
 *  @return OK; else nothing is added and d->fault says why: see obs_parse(); ERR_FULL: the record has no more room. */
enum err draft_claim(struct draft *d, struct span text) MUST_USE;
/** The same for plain addresses, names and digests only, for hot paths; d->fault stays as it is. */
enum err draft_claim_plain(struct draft *d, struct span text) MUST_USE;
/** The same, about an observable that is at hand already; its key is copied. */
enum err draft_claim_obs(struct draft *d, const struct observable *o) MUST_USE;
/** Take the last claim back. */
void draft_drop(struct draft *d);

/** The fate of the record when nothing is claimed.  `what` is static. */
static inline void draft_skip(struct draft *d, const char *what)
{
	d->r.fate = FATE_SKIPPED;
	d->r.n_claims = 0;
	d->r.what = what;
}
void draft_reject(struct draft *d, const char *fmt, ...) PRINTF(2, 3);
/** Reject for what d->fault says, as the last draft_claim() left it. */
void draft_reject_fault(struct draft *d);

/** `text` for a message: at most 60 octets, control characters and what is not UTF-8 shown as '?'. */
const char *draft_quote(struct span text, char ret_text[64]);

#endif
