/* The fewest prefixes of a range: at its low end stands the largest prefix that begins there and does not go beyond the high
 * end; take it off and go on.  Its size doubles until the middle and halves after it, so that an IPv4 range has at most
 * 2 * 32 - 2 = 62. */
#include "codec/range.h"

typedef unsigned __int128 address; /* wide enough for IPv6; IPv4 is in its low 32 bits */

static address address_of(const struct observable *o)
{
	address a = 0;
	for (unsigned i = 0; i < o->n; i++)
		a = a << 8 | o->key[i];
	return a;
}

static enum err claim_prefix(struct draft *d, address a, unsigned host_bits, unsigned bits)
{
	uint8_t key[16];
	struct observable o = { .n = (uint16_t)(bits / 8), .key = key };
	if (host_bits) {
		o.kind = bits == 32 ? OBS_CIDR4 : OBS_CIDR6;
		o.prefix = (uint8_t)(bits - host_bits);
	} else {
		o.kind = bits == 32 ? OBS_IPV4 : OBS_IPV6;
	}
	for (unsigned i = o.n; i--; a >>= 8)
		key[i] = (uint8_t)a;
	return draft_claim_obs(d, &o);
}

static enum err claim_range(struct draft *d, address low, address high, unsigned bits)
{
	unsigned before = d->r.n_claims;
	for (enum err e = OK; !e;) {
		unsigned host_bits = 0;
		address mask = 1; /* 2^(host_bits + 1) - 1 */
		while (host_bits < bits && !(low & mask) && (low | mask) <= high) {
			host_bits++;
			mask = mask << 1 | 1;
		}
		e = claim_prefix(d, low, host_bits, bits);
		address end = low | (host_bits < 128 ? ((address)1 << host_bits) - 1 : ~(address)0);
		if (e) {
			while (d->r.n_claims > before)
				draft_drop(d);
			return fault_set(&d->fault, ERR_FULL, "the range needs more than %d prefixes", FEED_CLAIMS_MAX);
		}
		if (end >= high)
			break;
		low = end + 1;
	}
	return OK;
}

enum err range_claim_ends(struct draft *d, struct span first, struct span last)
{
	uint8_t stores[2][OBS_KEY_MAX];
	struct observable low, high;
	if (obs_parse(span_trim(first), stores[0], &low, NULL) || obs_parse(span_trim(last), stores[1], &high, NULL) ||
	    (low.kind != OBS_IPV4 && low.kind != OBS_IPV6))
		return ERR_SYNTAX;
	if (high.kind != low.kind)
		return high.kind == OBS_IPV4 || high.kind == OBS_IPV6 ?
			       fault_set(&d->fault, ERR_RANGE, "the range has an IPv4 and an IPv6 end") :
			       ERR_SYNTAX;
	if (address_of(&low) > address_of(&high))
		return fault_set(&d->fault, ERR_RANGE, "the range ends before it begins");
	return claim_range(d, address_of(&low), address_of(&high), low.n * 8);
}

enum err range_claim(struct draft *d, struct span text)
{
	/* From the right: a name in front may hold dashes and colons. */
	size_t dash = text.n, colon = 0;
	while (dash && text.p[dash - 1] != '-')
		dash--;
	if (!dash)
		return ERR_SYNTAX;
	struct span first = span_head(text, dash - 1), last = span_from(text, dash);
	enum err e = range_claim_ends(d, first, last);
	for (size_t i = 0; i < first.n; i++)
		if (first.p[i] == ':')
			colon = i + 1;
	if (e == ERR_SYNTAX && colon)
		e = range_claim_ends(d, span_from(first, colon), last);
	return e;
}
