#include "face/dns_cookie.h"

#include "base/octets.h"

enum { CLIENT = 8, HASHED = 16, VERSION = 1, PAST_S = 3600, AHEAD_S = 300, DAY_S = 86400 };

struct siphash_seed dns_cookie_secret(const uint8_t octets[DNS_COOKIE_SECRET])
{
	struct siphash_seed s;
	memcpy(&s.k0, octets, 8);
	memcpy(&s.k1, octets + 8, 8);
	return s;
}

/* The secret of a day is a function of the day: no thread has to tell the others that it has changed. */
static struct siphash_seed of_day(struct siphash_seed own, uint32_t day)
{
	const uint32_t words[2][2] = { { day, 0 }, { day, 1 } };
	return (struct siphash_seed){ siphash24(own, words[0], 8), siphash24(own, words[1], 8) };
}

static uint64_t hash(struct siphash_seed secret, const uint8_t cookie[HASHED], struct span address)
{
	uint8_t in[HASHED + 16];
	memcpy(in, cookie, HASHED);
	memcpy(in + HASHED, address.p, address.n);
	return siphash24(secret, in, HASHED + address.n);
}

bool dns_cookie_valid(const struct dns_cookies *c, struct span cookie, struct span address, uint32_t now_s)
{
	if (cookie.n != DNS_COOKIE_MADE || cookie.p[CLIENT] != VERSION)
		return false;
	/* Serial numbers (RFC 1982): right in 2106, too. */
	uint32_t made_s = get_be32(cookie.p + CLIENT + 4);
	int32_t age_s = (int32_t)(now_s - made_s);
	if (age_s > PAST_S || age_s < -AHEAD_S)
		return false;
	uint64_t said;
	memcpy(&said, cookie.p + HASHED, 8);
	if (c->n == 0)
		return said == hash(of_day(c->own, made_s / DAY_S), cookie.p, address);
	for (unsigned i = 0; i < c->n; i++)
		if (said == hash(c->given[i], cookie.p, address))
			return true;
	return false;
}

void dns_cookie_make(const struct dns_cookies *c, const uint8_t client[8], struct span address, uint32_t now_s,
		     uint8_t ret[DNS_COOKIE_MADE])
{
	memcpy(ret, client, CLIENT);
	put_be32(ret + CLIENT, (uint32_t)VERSION << 24);
	put_be32(ret + CLIENT + 4, now_s);
	uint64_t made = hash(c->n ? c->given[0] : of_day(c->own, now_s / DAY_S), ret, address);
	memcpy(ret + HASHED, &made, 8);
}
