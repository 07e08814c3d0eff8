/* Spared: what is never enforced on this host, whatever the feed says, so that a feed that is forged, or wrong, cannot cut it off.
 *
 *   the special-purpose ranges            view/protect.h
 *   what every node protects: root servers, public resolvers, large CDNs          view/builtin.h
 *   addresses of this host, its gateways and resolvers, the node that it asks     sys/host.h
 *   what the administrator says           --spare
 *
 * A prefix in which any of these lies is not enforced as a whole. */
#ifndef ENFORCE_SPARED_H
#define ENFORCE_SPARED_H

#include "enforce/values.h"
#include "view/cover.h"

enum { SPARED_MAX = 4096 };

/** Zero-initialised is empty. */
struct spared {
	unsigned n;
	struct spared_row {
		uint8_t address[16], octets, prefix;
		const char *why; /**< a constant */
	} row[SPARED_MAX];
	struct cover *cover; /**< private: spared_ready() */
};

void spared_release(struct spared *s);
/** One address or prefix.  @param why  a constant.  @return ERR_USAGE: it is none; ERR_FULL. */
enum err spared_add(struct spared *s, struct span text, const char *why, struct fault *f) MUST_USE;
/** @param octets  4 or 16.  One that is there already, or beyond the cap, is passed over. */
void spared_add_address(struct spared *s, const uint8_t *address, uint8_t octets, const char *why);
void spared_add_builtin(struct spared *s);
/** This host, as it is now. */
void spared_add_host(struct spared *s, const char *resolv_conf);
/** @param node  host name or address of the node: the resolver is asked. */
void spared_add_node(struct spared *s, const char *node);
/** Do they spare the same? */
bool spared_same(const struct spared *a, const struct spared *b);

/** After the last one is added and before the first is asked about. */
void spared_ready(struct spared *s);
/** @return why it is not enforced, a clause; NULL: it may be. */
const char *spared_why(const struct spared *s, const struct value *v);

#endif
