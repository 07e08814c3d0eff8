/* Verbs: what a user types after "sipar".  One file and one row in verbs[] each.
 *
 * A verb runs in the process that has the data directory open: the one that was started, or the daemon, which then gets the
 * caller's descriptors, arguments and working directory.  So it writes to env->out and env->err, never to stdout, opens files
 * relative to env->cwd, and asks verb_cancelled() on long work.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <signal.h>

#include "base/buf.h"
#include "base/err.h"
#include "gate/node.h"

/** Exit codes that all verbs share; check uses 1 for "found" (scan, as grep(1), for the opposite). */
enum { EXIT_FINE = 0, EXIT_FOUND = 1, EXIT_TROUBLE = 2, EXIT_USAGE = 64 };

struct verb_env {
	const char *dir;     /**< data directory as given */
	struct node *node;   /**< open, or NULL for verbs without VERB_NODE */
	int in, out, err;    /**< descriptors; not closed by the verb */
	int cwd;             /**< directory for relative paths, or AT_FDCWD */
	int caller;          /**< socket of the caller when run by the daemon, else -1 */
	bool without_node;   /**< set by a verb with VERB_NODE that looks at its command line and finds that it needs none */
	int write_error;     /**< errno of the first write to `out` that failed; verb_run() tells it */
	/** Run another verb where the data directory is open, as main() would, with in, out and err of this env; for verbs that are not
	 *  run there themselves (NULL for others).  @return its exit code. */
	int (*run)(const struct verb_env *env, int argc, char **argv);
};

struct verb {
	const char *name;
	const char *summary;   /**< one line */
	const char *usage;     /**< what stands behind the name: "[OPTION...] VALUE..." */
	const char *details;   /**< paragraphs for --help */
	unsigned flags;
	/** argv[0] is the verb's name.  Returns the exit code.  With VERB_NODE and env->node NULL: only look whether the command
	 *  line is right (EXIT_FINE or EXIT_USAGE); argv may be changed.  One that sets env->without_node then is called once more
	 *  with that set and no node, to do its work. */
	int (*run)(struct verb_env *env, int argc, char **argv);
	void (*options)(struct buf *out); /**< appends its option lines for --help and the man page */
};

enum { VERB_NODE = 1 /**< needs the data directory open, here or by the daemon */ };

/** Is the one who waits for the answer gone? */
bool verb_cancelled(const struct verb_env *env);
/** Make control characters question marks: names of files and the like may hold what a terminal would obey. */
void verb_visible(char *text);
/** "sipar: TEXT\n" to env->err, made visible. */
void verb_complain(const struct verb_env *env, const char *fmt, ...) PRINTF(2, 3);
/** How a verb ends: nothing but EXIT_FINE when `e` is OK, else "sipar: TEXT" of the fault and its exit code. */
int verb_end(const struct verb_env *env, enum err e, const struct fault *f);
/** For a verb that runs until it is told to stop, in a process of its own: SIGINT, SIGTERM and SIGHUP are read from the descriptor that is returned
 *  (signalfd(2)), until pthread_sigmask(SIG_SETMASK, ret_before, NULL). */
int verb_signals(sigset_t *ret_before) MUST_USE;
/** Write `b` to a descriptor and empty it.  @return 0, or the errno of the write that failed. */
int verb_write(int fd, struct buf *b);
/** Write out what is gathered for env->out and empty it.  @return false when it cannot be written any more. */
bool verb_out(struct verb_env *env, struct buf *b);
/** v->run() with its exit code made EXIT_TROUBLE, and told, when output was lost (a closed pipe is no loss). */
int verb_run(const struct verb *v, struct verb_env *env, int argc, char **argv);
/** The whole --help text of a verb. */
void verb_help(const struct verb *v, struct buf *out);

/** The verbs of cli/ in the order of the help, ended by NULL (app/ adds its own). */
extern const struct verb *const cli_verbs[];

#endif
