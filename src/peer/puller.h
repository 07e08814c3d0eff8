/* Puller: the threads of the daemon that pull each source when it is due. */
#ifndef PEER_PULLER_H
#define PEER_PULLER_H

#include "gate/node.h"

enum { PULLER_THREADS = 4 };

struct puller;
struct puller *puller_new(struct node *n);
/** pulls.conf is looked at each second: what "sipar source" changes there takes effect by itself. */
enum err puller_start(struct puller *p, struct fault *f) MUST_USE;
/** Breaks off what is being fetched (nothing of it counts), waits for what is being made durable.  NULL is taken. */
void puller_free(struct puller *p);

/** Health of the sources that are pulled into lanes of `clear`, in the text format of Prometheus, appended.  Any thread. */
void puller_metrics(struct puller *p, clearance clear, struct buf *out);

#endif
