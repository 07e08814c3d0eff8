/* Rounds: the threads of the daemon that pull each source when it is due. */
#ifndef PEER_ROUNDS_H
#define PEER_ROUNDS_H

#include "gate/node.h"

enum { ROUNDS_THREADS = 4 };

struct rounds;
struct rounds *rounds_new(struct node *n);
/** pulls.conf is looked at each second: what "sipar source" changes there takes effect by itself. */
enum err rounds_start(struct rounds *p, struct fault *f) MUST_USE;
/** Breaks off what is being fetched (nothing of it counts), waits for what is being made durable.  NULL is taken. */
void rounds_free(struct rounds *p);

/** Health of the sources that are pulled into lanes of `clear`, in the text format of Prometheus, appended.  Any thread. */
void rounds_metrics(struct rounds *p, clearance clear, struct buf *out);

#endif
