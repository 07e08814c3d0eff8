/* Output: a file that a verb writes.  It is written beside its name, made durable, and then put in its place: nobody reads half of it, and nothing is left of
 * what fails.  "-" is env->out. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/verb.h"

struct output {
	struct verb_env *env;
	const char *name; /**< borrowed */
	int fd, error;    /**< error: errno of a write that failed */
	struct buf beside;
};

/** @return ERR_IO; then there is nothing to end. */
enum err output_begin(struct verb_env *env, const char *name, struct output *ret_output, struct fault *f) MUST_USE;
/** @param output  struct output.  @return false: it cannot be written, or nobody waits for it any more. */
bool output_put(void *output, struct span octets) MUST_USE;
/** @param e  how it went so far: with another than OK the file is taken away again.  @return ERR_FULL, ERR_IO, or `e`. */
enum err output_end(struct output *o, enum err e, struct fault *f) MUST_USE;

#endif
