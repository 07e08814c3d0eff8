/* Node: one data directory, opened: the ledger, the table and the views folded from it.  The gate is the one way to write to it.
 *
 * DIR/  node.key node.pub  the key         ledger.db  the facts       table/  images, can be made anew
 *       sipar.conf         configuration   lock       who has it open sipar.sock  the running daemon's door
 */
#ifndef GATE_NODE_H
#define GATE_NODE_H

#include "ledger/ledger.h"
#include "table/table.h"
#include "view/reputation.h"

struct node;
struct fold;

/** Make a data directory: key, ledger with the default lanes (public tlp:clear, community tlp:green, members tlp:amber,
 *  restricted tlp:red, and node tlp:red for what is said about sources).  @return ERR_EXISTS when there is a ledger already. */
enum err node_init(const char *dir, struct fault *f) MUST_USE;
/** Take the lock, open, and fold what the table does not have yet.
 *  @param wait_ms  how long to wait for another process that has it.
 *  @return OK; ERR_BUSY: another process has it; ERR_NOTFOUND: not a data directory. */
enum err node_open(const char *dir, unsigned wait_ms, struct node **ret_node, struct fault *f) MUST_USE;
void node_close(struct node *n);

struct ledger *node_ledger(struct node *n);
struct table *node_table(struct node *n);
const char *node_dir(const struct node *n);

/** For the writers of gate/: the fold, theirs alone until node_write_end(). */
struct fold *node_write_begin(struct node *n);
void node_write_end(struct node *n);

/** Lane of what is said about sources. */
#define NODE_LANE "node"

/** Say something about a source: gate, ledger, fold, publish.  Returns when every face sees it. */
enum err node_source_change(struct node *n, const struct source_change *c, struct fault *f) MUST_USE;

/** Drop the table of a directory that nobody has open, and fold every entry again. */
enum err node_rebuild(const char *dir, struct fault *f) MUST_USE;

#endif
