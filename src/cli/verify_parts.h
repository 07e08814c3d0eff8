/* For verify*.c alone: the three things that can be verified, each in a file of its own. */
#ifndef CLI_VERIFY_PARTS_H
#define CLI_VERIFY_PARTS_H

#include "cli/keys.h"
#include "cli/verb.h"

#define UNSET UINT64_MAX

struct verify_options {
	const char *dir, *body, *max_age, *url, *since, *save;
	struct option_list keys, witnesses;
	uint64_t quorum, threads;
	bool json, bodies;
};

/** A receipt, a node's directory, a lane from outside.  @return the exit code. */
int verify_receipt(struct verb_env *env, const struct verify_options *o, const char *path);
int verify_directory(struct verb_env *env, const struct verify_options *o);
int verify_lane(struct verb_env *env, const struct verify_options *o);

/** Say what does not hold; EXIT_FOUND. */
int verify_fails(struct verb_env *env, const struct verify_options *o, const char *what, const char *why);
/** Say what stood in the way of looking; EXIT_TROUBLE. */
int verify_trouble(struct verb_env *env, const char *why);
/** Text of others for a terminal: control characters become question marks. */
void verify_put_text(struct buf *out, struct span text);

/** Findings and progress of a long verification, as the callbacks of both kinds want it. */
struct verify_run {
	struct verb_env *env;
	bool json, bar;
};
void verify_finding(void *run, const char *text);
bool verify_progress(void *run, uint64_t done, uint64_t of);
/** Take the bar away. */
void verify_bar_ends(struct verify_run *run);

#endif
