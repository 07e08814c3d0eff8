/* Edge: verbs that answer from a snapshot file instead of a data directory (check, why, scan: --snapshot FILE). */
#ifndef CLI_EDGE_H
#define CLI_EDGE_H

#include "cli/option.h"
#include "cli/verb.h"
#include "view/snapshot.h"

/** What was given of --snapshot, --key and --verify. */
struct edge_options {
	const char *snapshot;      /**< NULL: the data directory answers */
	struct option_list keys;
	bool verify;
};

#define EDGE_ROWS(o)                                                                                                   \
	{ 0, "snapshot", "FILE", "answer from this snapshot; no data directory is needed", OPTION_TEXT, &(o)->snapshot, 0 }, \
	{ 'k', "key", "KEY", "snapshot: this key must have signed it: hexadecimal digits, name+id+base64, or a file with it", \
	  OPTION_LIST, &(o)->keys, 0 },                                                                                    \
	{ 0, "verify", NULL, "snapshot: verify all of it first, not only what is read", OPTION_FLAG, &(o)->verify, 0 }

/** For the run() of a verb with VERB_NODE that looks at its command line: do the options go together?  Tells the caller that no
 *  data directory is needed when there is a snapshot. */
enum err edge_look(struct verb_env *env, const struct edge_options *o, struct fault *f) MUST_USE;
/** Open it; says by whom it is signed when that was not asked for and a person sits there.  @return as keys_read(), snapshot_open(). */
enum err edge_open(struct verb_env *env, const struct edge_options *o, struct snapshot **ret_snapshot, struct fault *f) MUST_USE;

#endif
