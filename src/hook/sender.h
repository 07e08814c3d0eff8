/* Sender: a thread for each hook that sends what the stream has for it, and goes on where the receiver has taken the last.
 *
 * The cursor is written down after the receiver's 2xx, durable, before the next delivery: none is lost, and one is sent again (with the same
 * webhook-id, and events with the same ids) when the node is killed between the two.  A delivery that is not taken is sent again after a pause that
 * grows, for as long as it takes; 410 switches the hook off.  DIR/hooks is looked at each second, so that verbs and editors need tell nobody. */
#ifndef HOOK_SENDER_H
#define HOOK_SENDER_H

#include "gate/node.h"
#include "hook/hooks.h"

struct sender;
enum err sender_start(struct node *n, struct sender **ret_sender, struct fault *f) MUST_USE;
/** Breaks off what is being sent; NULL is fine. */
void sender_stop(struct sender *s);

/** How far behind its lanes a hook is, in entries; 0: up to date. */
uint64_t hook_behind(struct ledger *l, const struct hook *h, const struct hook_state *state);
/** Metrics of the hooks whose lanes `clear` shows, appended. */
void hooks_metrics(struct node *n, clearance clear, struct buf *out);

#endif
