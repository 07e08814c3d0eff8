/* Passphrase: of the node's key, from wherever the operator keeps it. */
#ifndef SYS_PASSPHRASE_H
#define SYS_PASSPHRASE_H

#include "base/err.h"
#include "base/span.h"

enum { PASSPHRASE_MAX = 1023 };

struct passphrase {
	size_t n;
	uint8_t octets[PASSPHRASE_MAX + 2]; /* with a newline, and one more that shows that there is more */
};

/** In this order: the file sipar-passphrase in $CREDENTIALS_DIRECTORY (systemd LoadCredential), the file that
 *  $SIPAR_PASSPHRASE_FILE names, the terminal (without echo; twice when `new`).  One newline at the end of a file is not part
 *  of it.
 *  @return OK: wipe it with passphrase_wipe(); ERR_FORBIDDEN: none of them is there, or it is empty, or both times differ;
 *          ERR_RANGE: longer than PASSPHRASE_MAX; ERR_IO. */
enum err passphrase_get(bool new, struct passphrase *ret_passphrase, struct fault *f) MUST_USE;
/** Does passphrase_get() have a file, so that nobody at a terminal is asked? */
bool passphrase_unattended(void);
void passphrase_wipe(struct passphrase *p);

#endif
