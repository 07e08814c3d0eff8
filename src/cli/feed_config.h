/* The lines by which resolvers, firewalls and programs take a feed: "sipar feed show NAME --config WHICH". */
#ifndef CLI_FEED_CONFIG_H
#define CLI_FEED_CONFIG_H

#include "base/buf.h"
#include "gate/feed.h"

struct feed_place {
	const char *host;             /**< address of this node, without brackets */
	unsigned rpz_port, rpz_tls_port, http_port; /**< 0: that face is off */
	const char *consumer;         /**< NULL: one that has yet to get a key */
};

/** "unbound, bind, ... and curl", for people. */
void feed_config_names(struct buf *out);
/** Do the lines say that the zone comes over TLS: because the feed is given so alone, or since there is no other face? */
bool feed_config_by_tls(const struct feed *feed, const struct feed_place *p);
/** Append the lines.  @return ERR_USAGE: there is no such configuration, or the feed is not of a type for it, or over TLS, which it cannot; ERR_NOTFOUND: its face
 *  is off. */
enum err feed_config_put(const char *which, const struct feed *feed, const struct feed_place *p, struct buf *out, struct fault *f) MUST_USE;

#endif
