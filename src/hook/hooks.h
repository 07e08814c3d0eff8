/* Hooks: receivers to whom the stream is sent as it comes (webhooks), and how far each has it.
 *
 * DIR/hooks/NAME.conf, mode 0600, is what the operator has said: "name = value" lines url, lanes, secret.  DIR/hooks/NAME.state is how it goes, written
 * by whoever sends: cursor, and what there is to tell people.  Both are replaced as a whole.  A receiver has had what is below the cursor. */
#ifndef HOOK_HOOKS_H
#define HOOK_HOOKS_H

#include "base/buf.h"
#include "base/err.h"
#include "gate/stream.h"

enum {
	HOOKS_MAX = 32, HOOK_NAME_MAX = 31, HOOK_URL_MAX = 1023, HOOK_LANES_MAX = 1023, HOOK_SECRET_MIN = 24, HOOK_SECRET_MAX = 64,
	HOOK_ERROR_MAX = 199,
};

struct hook {
	char name[HOOK_NAME_MAX + 1];   /**< [a-z0-9._-]+ */
	char url[HOOK_URL_MAX + 1];     /**< http or https, without a user name */
	char lanes[HOOK_LANES_MAX + 1]; /**< with commas */
	uint8_t secret[HOOK_SECRET_MAX]; /**< of the signatures; hook_wipe() it */
	unsigned n_secret;
	bool off;                       /**< nothing is sent */
};
struct hook_state {
	char cursor[STREAM_CURSOR_MAX + 1];
	uint64_t events, batches;       /**< taken by the receiver */
	unsigned failures;              /**< in a row */
	uint64_t failed;                /**< in all */
	int64_t taken_ms, failed_ms;    /**< when last; 0: never */
	char error[HOOK_ERROR_MAX + 1]; /**< of the last failure; "" when there was none since */
	bool gone;                      /**< the receiver has said 410: nothing is sent until the hook is enabled again */
};

bool hook_name_ok(struct span name);
/** @return ERR_USAGE: it is not as above. */
enum err hook_check(const struct hook *h, struct fault *f) MUST_USE;
/** "whsec_" and base64, or any other octets as they are.  @return ERR_RANGE: not 24 to 64 octets of secret. */
enum err hook_secret_parse(struct span text, struct hook *h, struct fault *f) MUST_USE;
/** "whsec_..." */
void hook_secret_put(const struct hook *h, struct buf *out);
/** A new one. */
void hook_secret_new(struct hook *h);
void hook_wipe(struct hook *h);

/** The hooks of a data directory, by name; none when there is no DIR/hooks.  @param ret_hooks  HOOKS_MAX.  What is wrong in a file is told by
 *  `complain` (may be NULL), and the file left out. */
enum err hooks_read(const char *dir, struct hook *ret_hooks, unsigned *ret_n, void (*complain)(void *ctx, const char *text), void *ctx,
		    struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND; ERR_USAGE: what is in the file is not right; ERR_FORBIDDEN: others may read it. */
enum err hook_read(const char *dir, const char *name, struct hook *ret_hook, struct fault *f) MUST_USE;
/** Durable when OK.  A new one begins at `state`; NULL: it is there already and stays where it is.
 *  @return ERR_EXISTS: with `state`, and there is one of the name; ERR_FULL. */
enum err hook_write(const char *dir, const struct hook *h, const struct hook_state *state, struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND. */
enum err hook_remove(const char *dir, const char *name, struct fault *f) MUST_USE;
enum err hook_state_read(const char *dir, const char *name, struct hook_state *ret_state, struct fault *f) MUST_USE;
/** Durable when OK.  Nothing is written (and OK answered) when the hook was removed meanwhile. */
enum err hook_state_write(const char *dir, const char *name, const struct hook_state *state, struct fault *f) MUST_USE;

#endif
