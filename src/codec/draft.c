#include "codec/draft.h"

#include "base/num.h"
#include "base/utf8.h"

#include <stdarg.h>

void draft_init(struct draft *d, enum stance stance)
{
	memset(&d->r, 0, sizeof(d->r));
	d->r.claims = d->claims;
	d->stance = (uint8_t)stance;
	draft_begin(d);
}

static void add(struct draft *d, const struct observable *o)
{
	d->claims[d->r.n_claims++] = (struct feed_claim){
		.obs = *o, .stance = d->stance, .confidence = CONFIDENCE_ABSENT, .kinds = KINDS_ALL,
	};
	d->keys_used += o->n;
}

static bool full(struct draft *d)
{
	if (d->r.n_claims < FEED_CLAIMS_MAX && DRAFT_KEYS_MAX - d->keys_used >= OBS_KEY_MAX)
		return false;
	fault_set(&d->fault, ERR_FULL, "one record names more than %d observables", FEED_CLAIMS_MAX);
	return true;
}

/* A digest, which lists of files hold nothing else than; obs_parse() would look for many other things in it first. */
static enum err parse_digest(struct span text, uint8_t *store, struct observable *o)
{
	enum obs_kind kind = text.n == 32  ? OBS_MD5 :
			     text.n == 40  ? OBS_SHA1 :
			     text.n == 64  ? OBS_SHA256 :
			     text.n == 128 ? OBS_SHA512 :
					     OBS_NONE;
	if (kind == OBS_NONE || hex_decode(text, store, text.n / 2))
		return ERR_SYNTAX;
	*o = (struct observable){ .kind = (uint8_t)kind, .n = (uint16_t)(text.n / 2), .key = store };
	return OK;
}

/* The forms of nearly all lines of lists, without a fault. */
static inline enum err parse_plain(struct span text, uint8_t *store, struct observable *o)
{
	return LIKELY(!obs_parse_plain(text, store, o)) ? OK : parse_digest(text, store, o);
}

enum err draft_claim(struct draft *d, struct span text)
{
	struct observable o;
	if (UNLIKELY(full(d)))
		return ERR_FULL;
	enum err e = parse_plain(text, d->keys + d->keys_used, &o);
	if (UNLIKELY(e))
		e = obs_parse(text, d->keys + d->keys_used, &o, &d->fault);
	if (LIKELY(!e))
		add(d, &o);
	return e;
}

enum err draft_claim_plain(struct draft *d, struct span text)
{
	struct observable o;
	if (UNLIKELY(d->r.n_claims >= FEED_CLAIMS_MAX || DRAFT_KEYS_MAX - d->keys_used < OBS_KEY_MAX))
		return ERR_FULL;
	enum err e = parse_plain(text, d->keys + d->keys_used, &o);
	if (LIKELY(!e))
		add(d, &o);
	return e;
}

enum err draft_claim_obs(struct draft *d, const struct observable *o)
{
	if (full(d))
		return ERR_FULL;
	struct observable copy = *o;
	copy.key = memcpy(d->keys + d->keys_used, o->key, o->n);
	add(d, &copy);
	return OK;
}

void draft_drop(struct draft *d)
{
	d->keys_used -= d->claims[--d->r.n_claims].obs.n;
}

void draft_reject(struct draft *d, const char *fmt, ...)
{
	va_list ap;
	char text[sizeof(d->fault.text)]; /* the arguments may point into the fault */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(d->fault.text, text, sizeof(text));
	d->r.fate = FATE_REJECTED;
	d->r.n_claims = 0;
	d->r.reason = d->fault.text;
}

void draft_reject_fault(struct draft *d)
{
	d->r.fate = FATE_REJECTED;
	d->r.n_claims = 0;
	d->r.reason = d->fault.text;
}

const char *draft_quote(struct span text, char ret_text[64])
{
	size_t n = text.n > 60 ? 60 : text.n, whole = utf8_valid_prefix(span_head(text, n));
	if (whole + 4 > n && n < text.n)
		n = whole; /* only the cut made it malformed */
	for (size_t i = 0; i < n; i++) {
		bool shown = text.p[i] >= ' ' && text.p[i] != 0x7f && (text.p[i] < 0x80 || i < whole);
		ret_text[i] = shown ? (char)text.p[i] : '?';
	}
	memcpy(ret_text + n, text.n > n ? "..." : "", text.n > n ? 4 : 1);
	return ret_text;
}
