/* Control: the local door of a running daemon, DIR/sipar.sock (mode 0600).
 *
 * A verb is run by the daemon with the caller's own standard descriptors and working directory, which the socket passes
 * (SCM_RIGHTS): so output, progress and pipes are as if it had run in the caller's process.
 *   caller: magic (8 octets), octets of arguments (u32), their number (u32), with 4 descriptors;
 *           then the arguments, each with a NUL
 *   daemon: one octet, the exit code
 * A caller that goes away cancels its verb.
 */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include "base/err.h"
#include "gate/node.h"

/** Have the daemon of `dir` run a verb, with these descriptors as its standard ones.
 *  @return OK with its exit code; ERR_NOTFOUND: no daemon listens there; ERR_IO. */
enum err control_call(const char *dir, const int standard[3], int argc, char **argv, int *ret_code, struct fault *f) MUST_USE;

struct control;
/** Listen; a socket left by a daemon that died is replaced (the caller holds the lock of the directory). */
enum err control_open(struct node *n, struct control **ret_control, struct fault *f) MUST_USE;
/** Accept and run until control_stop(); each caller gets a thread. */
void control_run(struct control *c);
/** Any thread.  Verbs under way are cancelled. */
void control_stop(struct control *c);
/** Waits for the verbs to end. */
void control_close(struct control *c);

#endif
