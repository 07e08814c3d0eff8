/* Blackhole routes (RFC 5635, RFC 7999): which of what is blocked may be announced over BGP, and how.
 *
 * In 2008 a blackhole for 208.65.153.0/24, meant for one country, took a service from the whole world.  So: single addresses alone, inside prefixes
 * that are registered to the operator and named in the configuration alone, with NO_EXPORT, and at most BLACKHOLES_MAX of them. */
#ifndef VIEW_BLACKHOLE_H
#define VIEW_BLACKHOLE_H

#include "base/buf.h"
#include "base/err.h"
#include "table/key.h"

enum { BLACKHOLES_MAX = 100, OWN_PREFIXES_MAX = 64 };

/** The operator's own prefixes. */
struct own_prefixes {
	unsigned n;
	struct {
		uint8_t kind, bits; /**< OBS_CIDR4 or OBS_CIDR6 */
		uint8_t octets[16];
	} v[OWN_PREFIXES_MAX];
};

/** "203.0.113.0/24", one more.  @return ERR_USAGE: no prefix, or one wider than anybody's (/8, /19 of IPv6); ERR_FULL. */
enum err own_prefixes_add(struct own_prefixes *own, struct span text, struct fault *f) MUST_USE;

/** May a route to that be announced?  @param out  NULL, or appended: why not, a clause. */
bool blackhole_allowed(const struct own_prefixes *own, const struct table_key *k, struct buf *out);
/** A line for ExaBGP's API: "announce route ADDRESS/LENGTH next-hop ... community [...]", or withdraw. */
void blackhole_put(const struct table_key *k, bool announce, const char *next_hop, struct buf *out);

#endif
