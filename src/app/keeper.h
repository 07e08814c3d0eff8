/* Keeper: a thread that does what is due without anybody asking: the retention of the lanes, at the start and each hour; the large
 * merges of the table, after changes. */
#ifndef APP_KEEPER_H
#define APP_KEEPER_H

#include "gate/node.h"

struct keeper;
enum err keeper_start(struct node *n, struct keeper **ret_keeper, struct fault *f) MUST_USE;
/** Ends a merge, waits for the rest of what it is doing.  NULL is taken. */
void keeper_stop(struct keeper *k);

#endif
