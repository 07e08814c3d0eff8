/* Collector: the threads of the daemon that pull each source when it is due. */
#ifndef PEER_COLLECTOR_H
#define PEER_COLLECTOR_H

#include "gate/node.h"

enum { COLLECTOR_THREADS = 4 };

struct collector;
struct collector *collector_new(struct node *n);
/** pulls.conf is looked at each second: what "sipar source" changes there takes effect by itself. */
enum err collector_start(struct collector *p, struct fault *f) MUST_USE;
/** Breaks off what is being fetched (nothing of it counts), waits for what is being made durable.  NULL is taken. */
void collector_free(struct collector *p);

/** Health of the sources that are pulled into lanes of `clear`, in the text format of Prometheus, appended.  Any thread. */
void collector_metrics(struct collector *p, clearance clear, struct buf *out);

#endif
