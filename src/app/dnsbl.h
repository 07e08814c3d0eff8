/* DNSBL: the DNS face as the daemon has it: opened by the configuration, with its threads and its metrics, and told of decisions. */
#ifndef APP_DNSBL_H
#define APP_DNSBL_H

#include "app/config.h"
#include "base/buf.h"
#include "gate/node.h"

struct dnsbl;
/** @param clear  what anonymous askers may see. */
enum err dnsbl_start(const struct config *c, clearance clear, struct node *n, struct dnsbl **ret_dnsbl, struct fault *f) MUST_USE;
/** NULL is taken by all of these. */
void dnsbl_stop(struct dnsbl *d);
/** 0: there is none. */
unsigned dnsbl_port(const struct dnsbl *d);
/** Any thread. */
void dnsbl_set_clear(struct dnsbl *d, clearance clear);
/** Prometheus text, appended.  Any thread. */
void dnsbl_metrics(struct dnsbl *d, struct buf *out);

#endif
