/* Zones: the threads of the RPZ face, and its feeds as they change. */
#ifndef APP_ZONES_H
#define APP_ZONES_H

#include "gate/node.h"
#include "sys/tls.h"

struct zones;
/** @param address, tls_address  NULL: not so; @param tls  for the second, borrowed. */
enum err zones_start(struct node *n, const char *address, const char *tls_address, struct tls_source *tls, struct zones **ret_zones, struct fault *f) MUST_USE;
/** 0: not so. */
unsigned zones_port(const struct zones *z);
unsigned zones_tls_port(const struct zones *z);
void zones_metrics(const struct zones *z, struct buf *out);
/** When nobody changes feeds or decisions any more.  NULL is taken. */
void zones_stop(struct zones *z);

#endif
