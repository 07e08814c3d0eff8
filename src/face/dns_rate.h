/* How many answers a network gets over UDP, where anybody can write any address on a question: /24 of IPv4, /56 of IPv6.
 *
 * A bucket of tokens for each network, in a table of fixed size that belongs to one worker: no lock, and no growth under a flood of made-up
 * addresses.  The place of a network is a keyed hash, so nobody can aim at the place of another. */
#ifndef FACE_DNS_RATE_H
#define FACE_DNS_RATE_H

#include "base/siphash.h"
#include "base/span.h"

struct dns_rate;

enum { DNS_RATE_MAX = 1000000 };

/** @param rate  answers a second, 1 .. DNS_RATE_MAX; as many may come at once. */
struct dns_rate *dns_rate_new(unsigned rate, struct siphash_seed seed);
void dns_rate_free(struct dns_rate *r);

enum dns_rated {
	DNS_RATE_FINE,
	DNS_RATE_DROP, /**< over the rate */
	DNS_RATE_SLIP, /**< over it, too, but told: every second one, so that who truly asks there hears of it */
};
/** Count one answer.
 *  @param address  4 or 16 octets.  @param now_ms  of a clock that may turn over, and may be set. */
enum dns_rated dns_rate_take(struct dns_rate *r, struct span address, uint32_t now_ms);

#endif
