/* Node: one data directory, opened: the ledger, the table and the views folded from it.  The gate is the one way to write to it.
 *
 * DIR/  node.key node.pub  the key         ledger.db  the facts       table/  images, can be made anew
 *       sipar.conf         configuration   lock       who has it open sipar.sock  the running daemon's door
 */
#ifndef GATE_NODE_H
#define GATE_NODE_H

#include "gate/docket.h"
#include "gate/feed.h"
#include "gate/guard.h"
#include "gate/parties.h"
#include "ledger/ledger.h"
#include "table/table.h"
#include "view/reputation.h"

struct node;
struct fold;
struct stream;
struct consumers;

/** What is fixed when a node is made. */
struct node_options {
	const char *name;       /**< as ledger_create() */
	struct span passphrase; /**< of the key; empty: none */
};
/** Make a data directory: key, ledger with the default lanes (public tlp:clear, community tlp:green, members tlp:amber,
 *  restricted tlp:red, node tlp:red for what is said about sources, and decisions tlp:green).  @return ERR_EXISTS when there is a ledger already. */
enum err node_init(const char *dir, const struct node_options *o, struct fault *f) MUST_USE;
/** Take the lock, open, and fold the entries behind those that table and views were saved with.
 *  @param wait_ms  how long to wait for another process that has it.
 *  @return OK; ERR_BUSY: another process has it; ERR_NOTFOUND: not a data directory. */
enum err node_open(const char *dir, unsigned wait_ms, struct node **ret_node, struct fault *f) MUST_USE;
/** Open to read only, beside whoever has it open and without waiting for anybody: the ledger, the table as it was saved last, and in
 *  memory what is in the ledger behind that, as the daemon answers at this moment.  What others write later is not seen but in
 *  the ledger: open again when ledger_last() is no longer node_seen().  Nothing in DIR is changed; the writers of gate/ get
 *  ERR_FORBIDDEN from the ledger.
 *  @return OK; ERR_NOTFOUND; ERR_CORRUPT, ERR_UNSUPPORTED: the table cannot be used, an opening by node_open() makes it anew. */
enum err node_open_reader(const char *dir, struct node **ret_node, struct fault *f) MUST_USE;
/** The last ledger entry that the answers are of. */
uint64_t node_seen(struct node *n);
void node_close(struct node *n);

struct ledger *node_ledger(struct node *n);
struct table *node_table(struct node *n);
/** The decisions. */
struct docket *node_docket(struct node *n);
/** The protected register, which the docket asks; see guard_configure(). */
struct guard *node_guard(struct node *n);
/** Who may ask under a name. */
struct parties *node_parties(struct node *n);
const char *node_dir(const struct node *n);
/** What the lanes say, as events. */
struct stream *node_stream(struct node *n);

/** The feeds of feeds.conf as they are at this moment; the caller's to drop.  Any thread. */
const struct feeds *node_feeds(struct node *n);
typedef enum err feeds_change(void *ctx, struct feeds *feeds, struct fault *f);
/** Change them: `change` gets a copy, which is written to feeds.conf, durable, and takes the place of the set that faces see.
 *  @return what `change` returned, or ERR_IO: nothing has changed. */
enum err node_feeds_change(struct node *n, feeds_change *change, void *ctx, struct fault *f) MUST_USE;
/** Who wants to know that they have changed; called by the thread that did it.  At most NODE_LISTENERS, before others use the node. */
enum { NODE_LISTENERS = 8 };
void node_on_feeds(struct node *n, void (*call)(void *ctx), void *ctx);
/** Who has what of them. */
struct consumers *node_consumers(struct node *n);

/** For the writers of gate/: the fold, theirs alone until node_write_end(). */
struct fold *node_write_begin(struct node *n);
void node_write_end(struct node *n);

/** Say something about a source: gate, ledger, fold, publish.  Returns when every face sees it. */
enum err node_source_change(struct node *n, const struct source_change *c, struct fault *f) MUST_USE;

/** A report of hits; see docket_hits().  What it says was met counts as of then when this returns. */
enum err node_hits(struct node *n, const struct speaker *who, const struct hits_report *r, struct hits_taken *ret_taken, struct fault *f) MUST_USE;

/** A new lane; see ledger_lane_create().  Every face sees it when it returns. */
enum err node_lane_create(struct node *n, const struct lane *wanted, struct lane *ret_lane, struct fault *f) MUST_USE;
/** Who wants to know that there is a new lane; called by the thread that made it.  At most NODE_LISTENERS, before others use the node. */
void node_on_lanes(struct node *n, void (*call)(void *ctx), void *ctx);
/** Who wants to know that views or table have changed; called by the thread that has changed them, after node_write_end(), and so must be
 *  quick.  At most NODE_LISTENERS, before others use the node. */
void node_on_change(struct node *n, void (*call)(void *ctx), void *ctx);
/** No more, when this returns; others do not use the node any more. */
void node_off_change(struct node *n, void *ctx);
/** Take a parcel into a mirrored lane; see ledger_mirror(), and gate/mirror.h for those of o->objects.  Sources that it speaks of and that are not there
 *  yet are added, as "PEER.SOURCE".  When it returns, what it says is in table and views.  @return as ledger_mirror(); with an error and
 *  ret_done->state MIRROR_GREW the entries are there, and count when all is folded again. */
enum err node_mirror(struct node *n, const struct mirror_order *o, struct span parcel, struct mirror_done *ret_done, struct fault *f) MUST_USE;
/** Say something of a peer, as an entry of the lane "node" (ENTRY_PEER; peer/peers.h has its body).  When it forgets lanes, or takes them again, what was told
 *  in them counts no more, or again, when this returns.  With an error and *ret_said true the entry is there. */
enum err node_say_peer(struct node *n, struct span body, bool *ret_said, struct fault *f) MUST_USE;
/** Mirrored lanes of which nothing counts.  Any thread. */
clearance node_forgotten(struct node *n);
/** What pulls mirrored lanes while the daemon runs (peer/puller.h), for the verbs that ask about it; NULL: nothing does. */
struct puller;
void node_set_puller(struct node *n, struct puller *p);
struct puller *node_puller(struct node *n);

/** Erase the body of an entry; see ledger_erase().  When it returns, what was claimed with it counts no more: everything is
 *  folded again for that, while readers go on with the table of before and writers wait. */
enum err node_erase(struct node *n, uint64_t number, const char *reason, uint64_t *ret_number, struct fault *f) MUST_USE;
/** Apply the retention of a lane, or of all (`lane` LANES_MAX); see ledger_prune() and node_erase(). */
enum err node_prune(struct node *n, uint8_t lane, int64_t now_ms, uint64_t *ret_pruned, struct fault *f) MUST_USE;

/** Digest of all that answers depend on; see fold_digest().  Writers wait meanwhile. */
enum err node_digest(struct node *n, uint8_t ret_digest[32], struct fault *f) MUST_USE;
/** Fold every entry of the ledger again, and publish the result in one statement; readers go on with the old table until
 *  then, writers wait.  The digests are of before and after: when they differ, the old table was wrong. */
enum err node_rebuild(struct node *n, uint8_t ret_before[32], uint8_t ret_after[32], struct fault *f) MUST_USE;

#endif
