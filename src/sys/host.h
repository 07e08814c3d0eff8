/* What this machine needs to be reached and to reach others: its addresses, its gateways, its resolvers.  Linux. */
#ifndef SYS_HOST_H
#define SYS_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/** @param octets  4 or 16.  An IPv4 address that is mapped into IPv6 is visited as IPv4. */
typedef void host_visit(void *ctx, const uint8_t *address, uint8_t octets);

/** Addresses of all interfaces, and of the other ends of point-to-point links. */
void host_addresses(host_visit *visit, void *ctx);
/** Next hops of the routing tables (the first 256 KiB of each: default routes stand first). */
void host_gateways(host_visit *visit, void *ctx);
/** "nameserver" lines of such a file. */
void host_resolvers(const char *resolv_conf, host_visit *visit, void *ctx);
/** What a name, or an address as text, stands for; asks the resolver. */
void host_find(const char *name, host_visit *visit, void *ctx);

/** The same of texts: /proc/net/route, /proc/net/ipv6_route, resolv.conf. */
void host_gateways4_in(struct span text, host_visit *visit, void *ctx);
void host_gateways6_in(struct span text, host_visit *visit, void *ctx);
void host_resolvers_in(struct span text, host_visit *visit, void *ctx);

#endif
