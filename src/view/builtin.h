/* Built in: what every node protects besides the special-purpose ranges of protect.h, so that the mistakes that have been made before
 * cannot be made again on a node without any list: the root and TLD servers, public resolvers, the networks of the large
 * CDNs, and names that millions share.
 *
 * Addresses are as their operators publish them (the sources stand with the rows); warning lists have more of them, and newer. */
#ifndef VIEW_BUILTIN_H
#define VIEW_BUILTIN_H

#include "base/span.h"

/** @param covers  COVER_*; @param what  what it is, a clause for people: "a root server (root-servers.org)" */
typedef void builtin_visit(void *ctx, struct span value, unsigned covers, const char *what);
/** Each value, canonical or at least as obs_parse() takes it. */
void builtin_each(builtin_visit *visit, void *ctx);

/** What a name is by what it says itself, a clause: a name of one label, a public suffix, a special-use name (RFC 6761), the domain of a
 *  government's body ("nadra.gov.pk").  NULL: none of it.  The documentation names (.example) and ".test" are none: everything that
 *  teaches or tests Sipar uses them. */
const char *builtin_name(struct span name);

#endif
