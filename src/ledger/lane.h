/* Lane: its audience and retention, as its first entry says them. */
#ifndef LEDGER_LANE_H
#define LEDGER_LANE_H

#include "ledger/entry.h"

/** Is it one that can be made, or mirrored (l->peer is set)?  @return ERR_SYNTAX: name, realm or members; ERR_RANGE: the audience. */
enum err lane_check(const struct lane *l, struct fault *f) MUST_USE;
/** Body of the ENTRY_LANE that founds a lane, canonical JSON, members that are not set left out:
 *  {"audience":"tlp:green","lane":"name","members":["a","b"],"origin":"node.example/lanes/name","realm":"production",
 *  "retention":31536000} */
void lane_body(const struct lane *l, struct buf *out);

/** Such a body, read back: audience, members, name (of the lane there), origin ("" in one of the first version), realm, retention; the rest is
 *  zero.  Strict: the body must be what lane_body() writes.  @return ERR_SYNTAX. */
enum err lane_read(struct span body, struct lane *ret_lane, struct fault *f) MUST_USE;
/** Its name where it was made: without those of the peers that it came by. */
const char *lane_first_name(const struct lane *l);
/** Is it a name for a peer: 1 to PEER_NAME_MAX of [a-z0-9-]? */
bool peer_name_ok(struct span name);

/** Under what the ledger keeps the keys that sign a lane: the realm for our own, "NODE REALM" for those of others. */
enum { RING_MAX = NODE_NAME_MAX + 1 + LANE_REALM_MAX };
void lane_ring(const struct lane *l, char ret_ring[RING_MAX + 1]);

/** "12mo", "90d", "36h", "2y", "1w", "45m", "30s", "forever": seconds (a month 30.44 days, a year 365.25); 0: for ever.
 *  @return ERR_SYNTAX; ERR_RANGE: above 100 years. */
enum err retention_parse(struct span text, uint32_t *ret_seconds, struct fault *f) MUST_USE;
/** The shortest of these that is exact; "forever" for 0. */
void retention_put(uint32_t seconds, struct buf *out);
/** Members as given, "b, a,b": sorted, each once, "a,b".  Names are [a-z0-9._-]+.  @return ERR_SYNTAX, ERR_RANGE. */
enum err members_parse(struct span text, char ret_members[LANE_MEMBERS_MAX + 1], struct fault *f) MUST_USE;

/** Is it the name of a node: a URL without a scheme, of [a-z0-9.:/-], no "/" at its ends or beside another? */
bool node_name_ok(struct span name);
/** A name that goes with a public key: who has lost the one does not go on under the other. */
void node_name_made(const uint8_t public[32], char ret_name[NODE_NAME_MAX + 1]);

#endif
