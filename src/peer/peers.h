/* Peers: the nodes whose lanes are mirrored here, as DIR/peers.conf has them (mode 0600: it holds their tokens).
 *
 *   peer NAME every=MS URL                 "-": it is not asked, its lanes come in files (join.h)
 *   key NAME 64 hexadecimal digits         one or more: those that the node signs with, oldest first
 *   lane NAME LANE                         as it is called there
 *   token NAME TOKEN                       what this node shows there; none: what everybody may have
 *
 * "#" begins a comment.  Written whole, by the verbs alone. */
#ifndef PEER_PEERS_H
#define PEER_PEERS_H

#include "gate/node.h"

enum { PEERS_MAX = 32, PEER_KEYS_MAX = 8, PEER_LANES_MAX = 32, PEER_URL_MAX = 512, PEER_TOKEN_MAX = 512, PEER_EVERY_MS = 2000 };

struct peer {
	char name[PEER_NAME_MAX + 1];
	char url[PEER_URL_MAX + 1];      /**< of the node, "https://hub.example/"; "": its lanes come in files */
	uint32_t every_ms;               /**< how often it is asked when nothing wakes us */
	unsigned n_keys, n_lanes;
	uint8_t key[PEER_KEYS_MAX][32];
	char lane[PEER_LANES_MAX][LANE_NAME_MAX + 1];
	char token[PEER_TOKEN_MAX + 1];  /**< secret; "": none */
};
/** Zero-initialised is none; peers_release() wipes the tokens. */
struct peers {
	struct peer *v;
	unsigned n;
};
void peers_release(struct peers *p);

/** Strict.  @param name  of the text, for faults.  @return ERR_USAGE, with name and line. */
enum err peers_parse(struct span text, const char *name, struct peers *ret_peers, struct fault *f) MUST_USE;
void peers_put(const struct peers *p, struct buf *out);
/** DIR/peers.conf; none when it is not there.  @return ERR_USAGE; ERR_FORBIDDEN: others may read it; ERR_IO. */
enum err peers_read(const char *dir, struct peers *ret_peers, struct fault *f) MUST_USE;
/** In place of what there was, durable. */
enum err peers_write(const char *dir, const struct peers *p, struct fault *f) MUST_USE;

/** NULL: there is none. */
struct peer *peers_find(struct peers *p, const char *name);
/** Is it whole and right?  @return ERR_USAGE. */
enum err peer_check(const struct peer *p, struct fault *f) MUST_USE;
/** Add, or replace the one of this name.  @return ERR_FULL; or as peer_check(). */
enum err peers_set(struct peers *p, const struct peer *peer, struct fault *f) MUST_USE;
bool peers_remove(struct peers *p, const char *name);
/** Names of lanes with commas.  @return ERR_USAGE. */
enum err peer_lanes_parse(struct peer *p, struct span text, struct fault *f) MUST_USE;

/** Say in the lane "node" what was done, as ENTRY_PEER: {"keys":[HEX],"lanes":[NAME],"name":NAME,"op":"add|set|remove|trust|forget","url":URL}, without
 *  secrets.  See node_say_peer() for what that does.  @param lane  of trust; else NULL: those of p. */
enum err peer_say(struct node *n, const char *op, const struct peer *p, const char *lane, struct fault *f) MUST_USE;

#endif
